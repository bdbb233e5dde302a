//! The same for `peers`, which the controller records link by link.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::mesh::{Act, Dialect, Event, FarEnd, Field, Peer, Value};

use super::{
    Known, Verdict,
    judge::{Judged, Memory, known},
};

/// The links that one request changes are recorded one after the other, a few milliseconds apart; two requests take longer.
const WITHIN_A_REQUEST: SignedDuration = SignedDuration::from_millis(50);

/// AWX 23.7 and 24.6: the web form keeps so many peers of an instance that is saved.
const PEERS_OF_FORM: usize = 25;

impl Memory<'_> {
    pub(super) fn peers(&self, declared: &BTreeSet<Peer>, live: &BTreeSet<Peer>) -> Judged {
        let ends = |peers: &BTreeSet<Peer>| peers.iter().cloned().map(FarEnd::Known).collect::<BTreeSet<_>>();
        let (wanted, mut now) = (ends(declared), ends(live));
        let links: Vec<&Event> = self.events.iter().filter(|event| self.is_of_links(event)).collect();
        let mut newest: Option<(&Event, Option<Value>)> = None;
        // Who applies was met: what is before only has to lead to it.
        let mut applied = false;
        // On hosts awx-manage makes and drops links, and none of that is recorded.
        let mut is_sure = self.capabilities.kubernetes;
        // Links that went with what they led to, and links that were made since then, perhaps in their place.
        let (mut gone, mut made_since) = (0, 0);
        for request in links.chunk_by(|later, earlier| is_of_one_request(later, earlier)) {
            for event in request {
                match &event.act {
                    Act::Linked(end @ FarEnd::Gone(_)) if applied && !now.contains(end) => gone += 1,
                    // A link to what is gone went with that, and nobody recorded it.
                    Act::Linked(end) if !now.remove(end) => return told(self.pending(false, None), newest.as_ref()),
                    Act::Linked(_) if gone == 0 => made_since += 1,
                    Act::Unlinked(end) if !now.insert(end.clone()) => return told(self.pending(false, None), newest.as_ref()),
                    Act::Unreadable => is_sure = false,
                    _ => {}
                }
            }
            let Some(event) = request.iter().copied().find(|event| event.act != Act::Unreadable) else { continue };
            newest = newest.or_else(|| Some((event, before(&now))));
            let change = newest.as_ref().map(|(event, _)| *event);
            let by_applier = self.is_applied(event);
            // What was dialled and is gone could have been what is declared.
            is_sure &= applied || by_applier || now.iter().all(|end| matches!(end, FarEnd::Known(_)));
            // More went than came: some of it went after who applies was there.
            is_sure &= gone <= made_since || declared.is_subset(live);
            if let Some(made) = request.iter().find(|event| matches!(event.act, Act::Created(_))) {
                let leads_on = now.iter().all(|end| matches!(end, FarEnd::Gone(_)));
                if applied {
                    return told(self.pending(is_sure && leads_on, change), newest.as_ref());
                }
                return match change.filter(|change| !request.contains(change)) {
                    None => self.made_by(made, is_sure && leads_on, None),
                    later => told(self.made_by(made, is_sure && leads_on, later), newest.as_ref()),
                };
            }
            applied |= by_applier;
            if !applied && now == wanted {
                let web_form = live.len() == PEERS_OF_FORM && declared.is_superset(live);
                return told(Judged { verdict: Verdict::Drift { web_form }, change: change.map(known), by_hand: true }, newest.as_ref());
            }
        }
        let change = newest.as_ref().map(|(event, _)| *event);
        told(if applied { self.pending(is_sure, change) } else { self.forgotten(change) }, newest.as_ref())
    }

    /// Whether an event is about what an instance dials.
    fn is_of_links(&self, event: &Event) -> bool {
        match &event.act {
            // AWX 23.0 to 23.7 record that control nodes dial an instance as if it dialled them, and their pods come and go.
            Act::Linked(FarEnd::Gone(_)) | Act::Unlinked(FarEnd::Gone(_)) => {
                self.capabilities.dialect != Dialect::Hostnames || !self.is_of_flag(event)
            }
            Act::Linked(_) | Act::Unlinked(_) | Act::Created(_) | Act::Unreadable => true,
            _ => false,
        }
    }

    /// Whether a link came or went with the flag, by the same request or for a new control node, for which nobody asks.
    fn is_of_flag(&self, event: &Event) -> bool {
        let of_flag = |other: &&Event| match &other.act {
            Act::Set { field, .. } => *field == Field::PeersFromControlNodes,
            Act::Created(made) => made.contains(&(Field::PeersFromControlNodes, Value::Bool(true))) && other.time >= event.time,
            _ => false,
        };
        event.actor.is_none() || self.events.iter().filter(of_flag).any(|other| is_close(event, other))
    }
}

/// A create makes links and drops none.
fn is_of_one_request(later: &Event, earlier: &Event) -> bool {
    let drops = matches!(later.act, Act::Unlinked(_)) && matches!(earlier.act, Act::Created(_));
    let is_odd = later.act == Act::Unreadable || earlier.act == Act::Unreadable;
    is_close(later, earlier) && !drops && !is_odd
}

/// Whether two events can be of one request.
fn is_close(one: &Event, other: &Event) -> bool {
    one.actor == other.actor && one.time.duration_since(other.time).abs() < WITHIN_A_REQUEST
}

/// The peers that there were, where all of them are still there.
fn before(now: &BTreeSet<FarEnd>) -> Option<Value> {
    let peers = now.iter().map(|end| if let FarEnd::Known(peer) = end { Some(peer.clone()) } else { None });
    peers.collect::<Option<BTreeSet<_>>>().map(Value::Peers)
}

/// With what there was before the newest request.
fn told(judged: Judged, newest: Option<&(&Event, Option<Value>)>) -> Judged {
    let change = newest.map(|(event, before)| Known { before: before.clone(), ..known(event) });
    Judged { change: change.or(judged.change), ..judged }
}
