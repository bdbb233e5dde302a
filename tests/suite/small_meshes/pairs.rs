//! All pairs of small meshes, up to what cannot matter: which instance is which, and which of the two types and ports is which.
//! Names may matter to a planner that breaks ties by them, so each pair gets them by its number: all of them come up.

use meshform::mesh::Dialect;

use super::model::{COUNT, Port, Row, Rows, Set, bit, members};

/// A mesh and what shall become of it.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// Its place among all pairs.
    pub(super) number: usize,
    pub(super) before: Rows,
    pub(super) after: Rows,
}

/// What an instance is before and after, its peers aside.
type Shape = (Option<Row>, Option<Row>);

/// What each instance dials.
type Peers = [Set; COUNT];

const ORDERS: [[usize; COUNT]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// All pairs with up to two instances, and of those with three each one that is a multiple of the stride.
pub(super) fn pairs(dialect: Dialect, stride: usize) -> impl Iterator<Item = Pair> {
    let shapes = shapes();
    let count = shapes.len();
    let triples = (0..count).flat_map(move |i| (i..count).flat_map(move |j| (j..count).map(move |k| [i, j, k])));
    let mut next = 0;
    triples.flat_map(move |triple| {
        let family = Family::new(dialect, triple.map(|i| shapes[i]), triple);
        let first = next;
        next += family.len();
        let stride = if family.has_three() { stride } else { 1 };
        let start = first.next_multiple_of(stride);
        (start..next).step_by(stride).filter_map(move |number| family.pair(number, number - first))
    })
}

/// All shapes; the first is that of an instance that is on neither side. What was listens on the first port, if it listens.
fn shapes() -> Vec<Shape> {
    let silent = Row { hop: true, port: None, flag: false, peers: 0 };
    let listening = Row { port: Some(Port::First), ..silent };
    let rows = [None, Some(silent), Some(listening), Some(Row { flag: true, ..listening })];
    let mut shapes = Vec::new();
    for before in rows {
        for after in rows {
            shapes.push((before, after));
            let both = before.zip(after);
            let other_port = both.filter(|(before, _)| before.port.is_some()).and_then(|(_, after)| {
                let port = after.port?.other();
                Some(Row { port: Some(port), ..after })
            });
            let kept_type = [other_port].into_iter().flatten();
            let other_type = both.map(|(_, after)| after).into_iter().chain(other_port).map(|row| Row { hop: !row.hop, ..row });
            shapes.extend(kept_type.chain(other_type).map(|after| (before, Some(after))));
        }
    }
    shapes
}

/// The pairs whose instances have certain shapes.
struct Family {
    shapes: [Shape; COUNT],
    before: Vec<Peers>,
    after: Vec<Peers>,
    /// The orders of the instances that leave the shapes as they are.
    same: Vec<[usize; COUNT]>,
}

impl Family {
    fn new(dialect: Dialect, shapes: [Shape; COUNT], triple: [usize; COUNT]) -> Self {
        let same = ORDERS.into_iter().filter(|order| (0..COUNT).all(|i| triple[order[i]] == triple[i])).collect();
        let (before, after) = (shapes.map(|shape| shape.0), shapes.map(|shape| shape.1));
        Self { shapes, before: all_peers(dialect, &before), after: all_peers(dialect, &after), same }
    }

    fn len(&self) -> usize {
        self.before.len() * self.after.len()
    }

    fn has_three(&self) -> bool {
        self.shapes.iter().all(|(before, after)| before.is_some() || after.is_some())
    }

    /// One of them; none where another one differs by the order of its instances alone.
    fn pair(&self, number: usize, i: usize) -> Option<Pair> {
        let (before, after) = (self.before[i / self.after.len()], self.after[i % self.after.len()]);
        let turned = |order: &[usize; COUNT]| (in_order(before, *order), in_order(after, *order));
        if self.same.iter().any(|order| turned(order) < (before, after)) {
            return None;
        }
        let with = |side: [Option<Row>; COUNT], peers: Peers| {
            let mut rows = side;
            for (row, peers) in rows.iter_mut().zip(peers) {
                *row = row.map(|row| Row { peers, ..row });
            }
            rows
        };
        let before = with(self.shapes.map(|shape| shape.0), before);
        let after = with(self.shapes.map(|shape| shape.1), after);
        Some(Pair { number, before, after }.named())
    }
}

/// Everything that instances may dial.
fn all_peers(dialect: Dialect, rows: &Rows) -> Vec<Peers> {
    let listening = members(0b111).filter(|i| rows[*i].is_some_and(|row| row.port.is_some())).fold(0, |set, i| set | bit(i));
    let may = |i: usize| if rows[i].is_some() { listening & !bit(i) } else { 0 };
    let mutual = |peers: &Peers| members(0b111).any(|i| members(peers[i]).any(|far| peers[far] & bit(i) != 0));
    let sets = |i: usize| (0..8).filter(move |set| set & !may(i) == 0);
    let all = sets(0).flat_map(|a| sets(1).flat_map(move |b| sets(2).map(move |c| [a, b, c])));
    all.filter(|peers| dialect == Dialect::Hostnames || !mutual(peers)).collect()
}

fn set_in_order(set: Set, order: [usize; COUNT]) -> Set {
    members(set).fold(0, |turned, i| turned | bit(order[i]))
}

fn in_order(peers: Peers, order: [usize; COUNT]) -> Peers {
    let mut turned = [0; COUNT];
    for i in 0..COUNT {
        turned[order[i]] = set_in_order(peers[i], order);
    }
    turned
}

impl Pair {
    pub(super) fn has_three(&self) -> bool {
        self.before.iter().zip(&self.after).all(|(before, after)| before.is_some() || after.is_some())
    }

    /// The same with names, types and ports by its number.
    fn named(self) -> Self {
        let drawn = mixed(self.number);
        let order = ORDERS[drawn % ORDERS.len()];
        let others = |i: usize| (drawn >> (8 + i) & 1 == 1, drawn >> (16 + i) & 1 == 1);
        let named = |rows: &Rows| {
            let mut named = [None; COUNT];
            for i in 0..COUNT {
                let (other_type, other_port) = others(i);
                named[order[i]] = rows[i].map(|row| Row {
                    hop: row.hop != other_type,
                    port: row.port.map(|port| if other_port { port.other() } else { port }),
                    flag: row.flag,
                    peers: set_in_order(row.peers, order),
                });
            }
            named
        };
        Self { number: self.number, before: named(&self.before), after: named(&self.after) }
    }
}

/// A number that looks drawn, always the same for the same one.
fn mixed(number: usize) -> usize {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 31
}
