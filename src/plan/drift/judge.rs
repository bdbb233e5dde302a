//! Drift or pending: by what a controller remembers of one instance.
//!
//! Back from what is there, change by change, as long as each leads to the one after it: if the declared value is met, somebody
//! left it behind, which is drift. If an account that applies the configuration is met first, or the making of the instance, what is
//! declared came later, and is pending. What does not lead back to either is unknown.

use std::collections::BTreeSet;

use crate::mesh::{Act, Capabilities, Dialect, Event, Field, Value};

use super::{Known, Unknown, Verdict};

/// What comes of it.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// The newest change that leads to what is there, or the making of the instance.
    pub(super) change: Option<Known>,
    /// Whether somebody's hand made what is there.
    pub(super) by_hand: bool,
}

impl Judged {
    /// A verdict about which nothing else is known.
    pub(super) fn bare(verdict: Verdict) -> Self {
        Self { verdict, change: None, by_hand: false }
    }

    pub(super) fn unknown(unknown: Unknown) -> Self {
        Self::bare(Verdict::Unknown(unknown))
    }
}

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
        let is_of_listener = matches!(field, Field::ListenerPort | Field::PeersFromControlNodes);
        // AWX 23.8 and later: that a listener is closed, and the flag with it, is not recorded.
        let closes_unseen = self.capabilities.dialect == Dialect::Addresses && is_of_listener;
        // On hosts awx-manage changes addresses, and no change of those is recorded.
        let mut is_sure = !closes_unseen || self.listens && self.capabilities.kubernetes;
        let mut newest: Option<&Event> = None;
        // Some change did not lead to the one after it: nobody's name stands for what is there.
        let mut lost = false;
        // What it was before the changes so far; none where that is not recorded.
        let mut now = Some(live);
        for (i, event) in self.events.iter().enumerate() {
            match &event.act {
                Act::Set { field: set, before, after } if *set == field => {
                    if before.is_none() && self.was_sent_before(field, after, i) {
                        // It may have been closed in between, which nobody would have recorded.
                        if *declared == Value::Port(None) {
                            (is_sure, newest) = (false, newest.or(Some(event)));
                        }
                        continue;
                    }
                    if now.is_some_and(|now| now != after) {
                        (is_sure, lost) = (false, newest.is_none());
                    } else if !lost {
                        newest = newest.or(Some(event));
                    }
                    if after == declared {
                        // Nobody knows who left it, but for a change since then.
                        return if newest.is_some() { drift(field, declared, live, newest) } else { Judged::unknown(Unknown::Gap) };
                    }
                    if self.is_applied(event) {
                        return self.pending(is_sure, newest);
                    }
                    if before.as_ref() == Some(declared) {
                        return drift(field, declared, live, newest);
                    }
                    now = before.as_ref();
                }
                // A listener that opens takes its flag from the same request.
                Act::Set { field: Field::ListenerPort, .. } if closes_unseen && !self.sets_at(field, event) => is_sure = false,
                Act::Unreadable => is_sure = false,
                Act::Created(made) => {
                    let made = made.iter().find(|(known, _)| *known == field).map(|(_, value)| value);
                    let leads_on = now.is_some_and(|now| made.is_none_or(|made| made == now));
                    return self.made_by(event, is_sure && leads_on, newest);
                }
                _ => {}
            }
        }
        self.forgotten(newest)
    }

    /// Whether a field was set by the request that an event is of.
    fn sets_at(&self, field: Field, event: &Event) -> bool {
        let is_it = |other: &&Event| other.time == event.time && matches!(&other.act, Act::Set { field: set, .. } if *set == field);
        self.events.iter().any(|other| is_it(&other))
    }

    /// Whether an older change of a field set the same value already. AWX 23.8 and later record `listener_port` and
    /// `peers_from_control_nodes` whenever they are in a request, changed or not.
    fn was_sent_before(&self, field: Field, value: &Value, event: usize) -> bool {
        let mut older = self.events.iter().skip(event + 1);
        let before = older.find_map(|event| match &event.act {
            Act::Set { field: set, after, .. } if *set == field => Some(after),
            _ => None,
        });
        before == Some(value)
    }

    /// What is declared came after all that is known of the field.
    pub(super) fn pending(&self, is_sure: bool, newest: Option<&Event>) -> Judged {
        let verdict = if is_sure { Verdict::Pending } else { Verdict::Unknown(Unknown::Gap) };
        // Without a name for who applies everybody's hand could be that one.
        let by_hand = !self.applied_by.is_empty() && newest.is_some_and(|event| !self.is_applied(event));
        Judged { verdict, change: newest.map(known), by_hand }
    }

    /// The declared value was not met since the instance was made. Where somebody removed it and made it again it is that hand's.
    pub(super) fn made_by(&self, made: &Event, is_sure: bool, newest: Option<&Event>) -> Judged {
        let change = newest.unwrap_or(made);
        if self.came_back && is_sure && !self.is_applied(made) {
            return Judged { verdict: Verdict::Drift { web_form: false }, change: Some(known(change)), by_hand: true };
        }
        let judged = self.pending(is_sure, newest);
        Judged { change: Some(known(change)), ..judged }
    }

    /// What is remembered ends before anything was met.
    pub(super) fn forgotten(&self, newest: Option<&Event>) -> Judged {
        Judged { verdict: Verdict::Unknown(Unknown::Pruned), ..self.pending(false, newest) }
    }

    /// Of an instance that is on its way out: who asked for that.
    pub(super) fn leaving(&self) -> Judged {
        let asked = self.events.iter().find(|event| event.act == Act::Leaving);
        asked.map_or_else(|| Judged::unknown(Unknown::Pruned), |event| self.by(event))
    }

    /// Of an instance that is there, owned and not declared: who made it. Whoever applies made all that was ever declared, so that
    /// nothing can be told as long as nobody says who that is.
    pub(super) fn made(&self) -> Judged {
        match self.creation() {
            None => Judged::unknown(Unknown::Pruned),
            Some(event) if self.applied_by.is_empty() => Judged { change: Some(known(event)), ..Judged::unknown(Unknown::Applier) },
            Some(event) => self.by(event),
        }
    }

    /// Of an instance that is declared not to be there: whoever wrote that knew of it, unless it went and somebody made it again.
    pub(super) fn made_again(&self) -> Judged {
        match self.creation() {
            Some(event) if self.came_back => self.by(event),
            made => Judged { change: made.map(known), ..Judged::bare(Verdict::Pending) },
        }
    }

    fn creation(&self) -> Option<&Event> {
        self.events.iter().find(|event| matches!(event.act, Act::Created(_)))
    }

    /// By who did something that left the declared state behind.
    pub(super) fn by(&self, event: &Event) -> Judged {
        let by_hand = !self.is_applied(event);
        let verdict = if by_hand { Verdict::Drift { web_form: false } } else { Verdict::Pending };
        Judged { verdict, change: Some(known(event)), by_hand }
    }

    pub(super) fn is_applied(&self, event: &Event) -> bool {
        event.actor.as_deref().is_some_and(|actor| self.applied_by.contains(actor))
    }
}

pub(super) fn known(event: &Event) -> Known {
    let before = if let Act::Set { before, .. } = &event.act { before.clone() } else { None };
    Known { actor: event.actor.clone(), time: event.time, before }
}

/// The declared value was left behind by a hand.
fn drift(field: Field, declared: &Value, live: &Value, newest: Option<&Event>) -> Judged {
    let by_form = matches!(field, Field::Enabled | Field::ManagedByPolicy);
    let web_form = by_form && *declared == Value::Bool(false) && *live == Value::Bool(true);
    Judged { verdict: Verdict::Drift { web_form }, change: newest.map(known), by_hand: true }
}
