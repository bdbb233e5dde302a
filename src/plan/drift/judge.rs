//! Drift or pending: by what a controller remembers of one field.
//!
//! Back from what is there, change by change, as long as each leads to the one after it: if the declared value is met, somebody
//! left it behind, which is drift. If an account that applies the configuration is met first, or the making of the instance, what is
//! declared came later, and is pending.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::mesh::{Act, Capabilities, Dialect, Event, FarEnd, Field, Peer, Value};

use super::{Known, Unknown, Verdict};

/// The links that one request changes are recorded one by one, within this time.
const ONE_REQUEST: SignedDuration = SignedDuration::from_secs(2);

/// AWX 23.7 and 24.6: the form keeps so many peers of an instance that is saved.
const PEERS_OF_FORM: usize = 25;

/// A verdict and the newest change that is known.
pub(super) type Judged = (Verdict, Option<Known>);

/// What is known of one instance, and of who applies.
pub(super) struct Memory<'a> {
    /// Its changes, the newest first.
    pub(super) events: &'a [Event],
    pub(super) capabilities: Capabilities,
    /// Whether it has a listener.
    pub(super) listens: bool,
    /// Whether its hostname had another row before.
    pub(super) came_back: bool,
    /// The accounts that apply the configuration.
    pub(super) applied_by: &'a BTreeSet<&'a str>,
}

impl Memory<'_> {
    /// Of a field that is there.
    pub(super) fn field(&self, field: Field, declared: &Value, live: &Value) -> Judged {
        match (declared, live) {
            (Value::Peers(declared), Value::Peers(live)) => self.peers(declared, live),
            _ => self.value(field, declared, live),
        }
    }

    fn value(&self, field: Field, declared: &Value, live: &Value) -> Judged {
        let mut newest: Option<Known> = None;
        // What it was before the changes so far; none where that is not recorded.
        let mut now = Some(live);
        // AWX 23.8 and later: that a listener is closed, and the flag with it, is not recorded.
        let is_of_listener = matches!(field, Field::ListenerPort | Field::PeersFromControlNodes);
        let closes_unseen = self.capabilities.dialect == Dialect::Addresses && is_of_listener;
        // On hosts awx-manage changes addresses, and no change of those is recorded.
        let mut is_sure = !closes_unseen || self.listens && self.capabilities.kubernetes;
        for event in self.events {
            match &event.act {
                Act::Set { field: set, before, after } if *set == field => {
                    is_sure &= now.is_none_or(|now| now == after);
                    if after == declared {
                        return if newest.is_some() { left(field, declared, live, newest) } else { (Verdict::Unknown(Unknown::Gap), None) };
                    }
                    newest.get_or_insert_with(|| known(event, before.clone()));
                    if self.is_applied(event) {
                        return (sure(is_sure), newest);
                    }
                    if before.as_ref() == Some(declared) {
                        return left(field, declared, live, newest);
                    }
                    now = before.as_ref();
                }
                Act::Set { field: Field::ListenerPort, .. } if closes_unseen => is_sure = false,
                Act::Created => {
                    return self.made_by(event, is_sure && now.is_some(), newest);
                }
                _ => {}
            }
        }
        let verdict = if newest.is_none() { Verdict::Unknown(Unknown::Pruned) } else { sure(is_sure && now.is_some()) };
        (verdict, newest)
    }

    fn peers(&self, declared: &BTreeSet<Peer>, live: &BTreeSet<Peer>) -> Judged {
        let ends = |peers: &BTreeSet<Peer>| peers.iter().cloned().map(FarEnd::Known).collect::<BTreeSet<_>>();
        let (wanted, mut now) = (ends(declared), ends(live));
        let mut newest: Option<Known> = None;
        let links: Vec<&Event> =
            self.events.iter().filter(|event| matches!(event.act, Act::Linked(_) | Act::Unlinked(_) | Act::Created)).collect();
        for request in links.chunk_by(|a, b| a.actor == b.actor && a.time.duration_since(b.time) < ONE_REQUEST) {
            for event in request {
                let leads_on = match &event.act {
                    Act::Linked(end) => now.remove(end),
                    Act::Unlinked(end) => now.insert(end.clone()),
                    _ => true,
                };
                if !leads_on {
                    return (Verdict::Unknown(Unknown::Gap), newest);
                }
            }
            let Some(event) = request.first() else { continue };
            let before: Option<BTreeSet<Peer>> =
                now.iter().map(|end| if let FarEnd::Known(peer) = end { Some(peer.clone()) } else { None }).collect();
            newest.get_or_insert_with(|| known(event, before.map(Value::Peers)));
            // On hosts awx-manage makes and drops links, and none of that is recorded.
            let is_sure = self.capabilities.kubernetes;
            if let Some(made) = request.iter().find(|event| event.act == Act::Created) {
                return self.made_by(made, is_sure, newest);
            }
            if self.is_applied(event) {
                return (sure(is_sure), newest);
            }
            if now == wanted {
                let web_form = live.len() == PEERS_OF_FORM && declared.is_superset(live);
                return (Verdict::Drift { web_form }, newest);
            }
        }
        (if newest.is_none() { Verdict::Unknown(Unknown::Pruned) } else { sure(self.capabilities.kubernetes) }, newest)
    }

    /// The declared value was not met since the instance was made. Where somebody removed it and made it again it is that hand's.
    fn made_by(&self, event: &Event, is_sure: bool, newest: Option<Known>) -> Judged {
        let known = newest.or_else(|| Some(known(event, None)));
        if self.came_back && !self.is_applied(event) { (Verdict::Drift { web_form: false }, known) } else { (sure(is_sure), known) }
    }

    /// Of an instance that is on its way out: who asked for that.
    pub(super) fn leaving(&self) -> Judged {
        self.find(&Act::Leaving).map_or((Verdict::Unknown(Unknown::Pruned), None), |event| self.by(event))
    }

    /// Of an instance that is there, owned and not declared: who made it. Whoever applies made all that was ever declared, so that
    /// nothing can be told as long as nobody says who that is.
    pub(super) fn made(&self) -> Judged {
        match self.find(&Act::Created) {
            None => (Verdict::Unknown(Unknown::Pruned), None),
            Some(event) if self.applied_by.is_empty() => (Verdict::Unknown(Unknown::Applier), Some(known(event, None))),
            Some(event) => self.by(event),
        }
    }

    fn find(&self, act: &Act) -> Option<&Event> {
        self.events.iter().find(|event| event.act == *act)
    }

    /// By who did something that left the declared state behind.
    pub(super) fn by(&self, event: &Event) -> Judged {
        let verdict = if self.is_applied(event) { Verdict::Pending } else { Verdict::Drift { web_form: false } };
        (verdict, Some(known(event, None)))
    }

    fn is_applied(&self, event: &Event) -> bool {
        event.actor.as_deref().is_some_and(|actor| self.applied_by.contains(actor))
    }
}

/// The declared value was left behind by a hand.
fn left(field: Field, declared: &Value, live: &Value, newest: Option<Known>) -> Judged {
    let by_form = matches!(field, Field::Enabled | Field::ManagedByPolicy);
    let web_form = by_form && *declared == Value::Bool(false) && *live == Value::Bool(true);
    (Verdict::Drift { web_form }, newest)
}

fn sure(is_sure: bool) -> Verdict {
    if is_sure { Verdict::Pending } else { Verdict::Unknown(Unknown::Gap) }
}

fn known(event: &Event, before: Option<Value>) -> Known {
    Known { actor: event.actor.clone(), time: event.time, before }
}
