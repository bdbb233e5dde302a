//! Which holds are over, by what the controller sees now.

use std::collections::BTreeSet;

use super::{Hold, Request, Step};
use crate::mesh::{Field, Topology, Value};

/// The holds, by index, whose nodes all have a path of established links that none of these held steps breaks. A node that is not
/// ready any more holds nothing.
pub fn released<'s>(held: impl IntoIterator<Item = &'s Step>, holds: &[Hold], now: &Topology) -> BTreeSet<usize> {
    let (mut gone, mut closed, mut unflagged) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for step in held {
        let name = step.hostname.as_str();
        let says = |wanted: (Field, Value)| step.body.contains(&wanted);
        gone.extend((step.action == Request::Remove).then_some(name));
        closed.extend(says((Field::ListenerPort, Value::Port(None))).then_some(name));
        unflagged.extend(says((Field::PeersFromControlNodes, Value::Bool(false))).then_some(name));
    }
    let breaks = |source: &str, target: &str| {
        [source, target].iter().any(|end| gone.contains(end))
            || closed.contains(target)
            || unflagged.contains(target) && now.is_control_plane(source)
    };
    let connected = now.connected(breaks);
    let is_over = |hold: &Hold| hold.until.iter().all(|name| !now.is_ready(name) || connected.contains(name.as_str()));
    holds.iter().enumerate().filter(|(_, hold)| is_over(hold)).map(|(i, _)| i).collect()
}
