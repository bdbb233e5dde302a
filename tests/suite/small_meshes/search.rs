//! The least number of requests between two meshes, found by search over the states of the model, under the conditions that a
//! plan has too: nothing is refused, no link is made that neither mesh has, whoever is to be kept has a path all the time. What
//! stays on the same port is not closed in between, and what stays of the same type is not removed.

use std::collections::HashMap;

use meshform::mesh::Dialect;

use super::model::{COUNT, Call, Port, Row, Rows, Server, Set, Verb, bit, members, reachable};

pub(super) struct Search<'p> {
    pub(super) dialect: Dialect,
    pub(super) before: &'p Rows,
    pub(super) after: &'p Rows,
    /// Who must have a path after each request.
    pub(super) keep: Set,
    /// Whether a link that goes for good is dropped by its owner, and never just lost with its far end or that one's listener.
    pub(super) drops: bool,
}

/// What a search may send: requests of every kind, or the smallest changes there are. What is possible at all is possible by the
/// smallest ones: additions first, then what takes away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Whole,
    Smallest,
}

/// The states that were seen, each with the request that led to it and the state before.
type Seen = HashMap<u32, Option<(u32, Call)>>;

impl Search<'_> {
    /// A way with fewer requests, if there is one: the shortest.
    pub(super) fn shorter(&self, requests: usize) -> Option<Vec<Call>> {
        (self.bound(self.before)..requests).find_map(|limit| self.within(limit, Size::Whole))
    }

    /// Any way at all.
    pub(super) fn any(&self) -> Option<Vec<Call>> {
        self.within(usize::MAX, Size::Smallest)
    }

    /// The shortest way with at most so many requests.
    fn within(&self, limit: usize, size: Size) -> Option<Vec<Call>> {
        let replaced = (0..COUNT).filter(|i| is_replaced(self.before[*i], self.after[*i])).fold(0, |set, i| set | bit(i));
        if replaced & self.keep != 0 {
            return None;
        }
        let mut seen = Seen::from([(key(self.before), None)]);
        let mut layer = vec![*self.before];
        let mut sent = 0;
        while !layer.is_empty() {
            if seen.contains_key(&key(self.after)) {
                return Some(self.way(&seen));
            }
            sent += 1;
            let mut next_layer = Vec::new();
            for rows in layer {
                for (call, next) in self.next(&rows, size) {
                    if limit < usize::MAX && self.bound(&next) + sent > limit {
                        continue;
                    }
                    seen.entry(key(&next)).or_insert_with(|| {
                        next_layer.push(next);
                        Some((key(&rows), call))
                    });
                }
            }
            layer = next_layer;
        }
        None
    }

    /// The requests that lead to the end.
    fn way(&self, seen: &Seen) -> Vec<Call> {
        let mut calls = Vec::new();
        let mut at = key(self.after);
        while let Some(Some((before, call))) = seen.get(&at) {
            calls.push(*call);
            at = *before;
        }
        calls.reverse();
        calls
    }

    /// What one request can make of a state.
    fn next(&self, rows: &Rows, size: Size) -> Vec<(Call, Rows)> {
        let calls = (0..COUNT).flat_map(|i| self.calls(rows, i, size));
        let answered = calls.filter_map(|call| {
            let mut server = Server::new(*rows).send(self.dialect, &call).ok()?;
            if call.verb == Verb::Remove {
                server = server.send(self.dialect, &Call::new(Verb::Wait, call.at)).ok()?;
            }
            Some((call, server.rows))
        });
        answered.filter(|(call, next)| self.keep & !reachable(next) == 0 && !(self.drops && self.loses(rows, call.at, next))).collect()
    }

    /// Whether others lose links for good.
    fn loses(&self, rows: &Rows, at: usize, next: &Rows) -> bool {
        let others = (0..COUNT).filter(|i| *i != at).filter_map(|i| Some((rows[i]?, next[i]?, self.after[i])));
        others.into_iter().any(|(now, next, after)| now.peers & !next.peers & !after.map_or(0, |after| after.peers) != 0)
    }

    /// The requests about one instance that may be of use.
    fn calls(&self, rows: &Rows, i: usize, size: Size) -> Vec<Call> {
        let (before, after) = (self.before[i], self.after[i]);
        match (rows[i], after) {
            (None, None) => Vec::new(),
            (None, Some(after)) if size == Size::Smallest => vec![Call { hop: Some(after.hop), ..Call::new(Verb::Create, i) }],
            (None, Some(after)) => {
                let create = |row: Row| Call { hop: Some(after.hop), ..says(Verb::Create, i, None, row) };
                self.values(rows, i).into_iter().map(create).collect()
            }
            (Some(now), after) => {
                let goes = after.is_none_or(|after| after.hop != now.hop);
                let stays_open = before.zip(after).is_some_and(|(before, after)| before.hop == after.hop && before.port == after.port);
                let useful = |row: &Row| {
                    let differ = usize::from(row.port != now.port) + usize::from(row.flag != now.flag && row.port.is_some());
                    let changes = differ + usize::try_from((row.peers ^ now.peers).count_ones()).expect("at most three");
                    (!stays_open || row.port == now.port) && changes > 0 && (changes == 1 || size == Size::Whole)
                };
                let values = self.values(rows, i).into_iter().filter(useful);
                let patches = values.map(|row| says(Verb::Patch, i, Some(now), row));
                patches.chain(goes.then(|| Call::new(Verb::Remove, i))).collect()
            }
        }
    }

    /// Every value of an instance between those that it has before and after: also no listener, no flag and no peers.
    fn values(&self, rows: &Rows, i: usize) -> Vec<Row> {
        let sides = || [self.before[i], self.after[i]].into_iter().flatten();
        let ports = [None, Some(Port::First), Some(Port::Second)];
        let ports = ports.into_iter().filter(|port| port.is_none() || sides().any(|side| side.port == *port));
        let listening = members(0b111).filter(|far| rows[*far].is_some_and(|row| row.port.is_some())).fold(0, |set, far| set | bit(far));
        let now = rows[i].map_or(0, |row| row.peers);
        let peers = sides().fold(0, |set, side| set | side.peers) & listening | now;
        let flagged = sides().any(|side| side.flag);
        let mut values = Vec::new();
        for port in ports {
            for flag in [false, true].into_iter().filter(|flag| !flag || flagged && port.is_some()) {
                let sets = (0..8).filter(|set| set & !peers == 0);
                values.extend(sets.map(|peers| Row { hop: true, port, flag, peers }));
            }
        }
        values
    }

    /// A number of requests that no way from here to the end can do without.
    pub(super) fn bound(&self, rows: &Rows) -> usize {
        (0..COUNT).map(|i| self.bound_of(rows, i)).sum()
    }

    /// The requests about one instance that no way can do without.
    fn bound_of(&self, rows: &Rows, i: usize) -> usize {
        match (rows[i], self.after[i]) {
            (None, None) => 0,
            (None, Some(_)) | (Some(_), None) => 1,
            (Some(now), Some(after)) if now.hop != after.hop => 2,
            (Some(now), Some(after)) => self.for_listener(now, after).max(self.for_links(rows, now, after)),
        }
    }

    fn for_listener(&self, now: Row, after: Row) -> usize {
        let closes = now.port.is_some() && now.port != after.port;
        // The hostnames dialect refuses to close what control nodes dial, so the flag goes first.
        let flag_first = usize::from(closes && now.flag && self.dialect == Dialect::Hostnames);
        match (now.port, after.port) {
            (Some(_), Some(_)) if closes => 2 + flag_first,
            _ if closes => 1 + flag_first,
            (old, new) => usize::from(old != new || now.flag != after.flag),
        }
    }

    fn for_links(&self, rows: &Rows, now: Row, after: Row) -> usize {
        let missing = after.peers & !now.peers;
        let left = now.peers & !after.peers;
        let fades = |far: &usize| self.is_replaced_or_gone(rows, *far) || self.dialect == Dialect::Addresses && self.closes(rows, *far);
        let dropped = members(left).any(|far| self.drops || !fades(&far));
        let renewed = || members(now.peers & after.peers);
        if self.dialect == Dialect::Hostnames && renewed().any(|far| !self.is_replaced_or_gone(rows, far) && self.closes(rows, far)) {
            return 2;
        }
        let again = renewed().any(|far| self.is_replaced_or_gone(rows, far) || self.closes(rows, far));
        usize::from(missing != 0 || dropped || again)
    }

    fn is_replaced_or_gone(&self, rows: &Rows, far: usize) -> bool {
        self.after[far].is_none() || is_replaced(rows[far], self.after[far])
    }

    /// Whether a listener has yet to close.
    fn closes(&self, rows: &Rows, far: usize) -> bool {
        rows[far].zip(self.after[far]).is_some_and(|(now, after)| now.port.is_some() && now.port != after.port)
    }
}

fn is_replaced(now: Option<Row>, after: Option<Row>) -> bool {
    now.zip(after).is_some_and(|(now, after)| now.hop != after.hop)
}

/// A state as a number: for each instance eight bits.
fn key(rows: &Rows) -> u32 {
    rows.iter().fold(0, |key, row| {
        let port = |row: &Row| row.port.map_or(0, |port| if port == Port::First { 1 } else { 2 });
        let row = row.map_or(0, |row| 1 | u32::from(row.hop) << 1 | port(&row) << 2 | u32::from(row.flag) << 4 | u32::from(row.peers) << 5);
        key << 8 | row
    })
}

/// A request that says what differs, and nothing else.
fn says(verb: Verb, at: usize, now: Option<Row>, row: Row) -> Call {
    let mut call = Call::new(verb, at);
    if now.map(|now| now.port) != Some(row.port) {
        call.listen = row.port.into();
    }
    if now.map(|now| now.flag) != Some(row.flag) {
        call.flag = Some(row.flag);
    }
    if now.map(|now| now.peers) != Some(row.peers) {
        call.peers = Some(row.peers);
    }
    call
}
