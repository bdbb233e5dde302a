//! A server of up to three instances: what it does with one request, by the rules that were measured on AWX 24.6.1 and 23.7.0.
//! Written from those, not from the planner, so that a wrong belief in the planner is not shared here.

use meshform::mesh::Dialect;

/// How many instances a mesh has at most.
pub(super) const COUNT: usize = 3;

/// Their hostnames.
pub(super) const NAMES: [&str; COUNT] = ["a", "b", "c"];

/// A set of instances, a bit each.
pub(super) type Set = u8;

pub(super) fn bit(i: usize) -> Set {
    1 << i
}

pub(super) fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..COUNT).filter(move |i| set & bit(*i) != 0)
}

pub(super) fn names(set: Set) -> String {
    members(set).map(|i| NAMES[i]).collect::<Vec<_>>().join(" ")
}

/// One of two ports, both from 1024, so that either dialect takes them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Port {
    First,
    Second,
}

impl Port {
    pub(super) const ALL: [Self; 2] = [Self::First, Self::Second];

    pub(super) fn number(self) -> i64 {
        match self {
            Self::First => 27199,
            Self::Second => 27200,
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// An instance that is there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Row {
    pub(super) hop: bool,
    pub(super) port: Option<Port>,
    pub(super) flag: bool,
    pub(super) peers: Set,
}

/// A mesh.
pub(super) type Rows = [Option<Row>; COUNT];

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Patch,
    Remove,
    /// No request: what follows is sent once the row is gone.
    Wait,
}

/// What a request says about the listener.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Listen {
    Unsaid,
    Null,
    On(Port),
}

impl From<Option<Port>> for Listen {
    fn from(port: Option<Port>) -> Self {
        port.map_or(Self::Null, Self::On)
    }
}

/// One request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) at: usize,
    pub(super) verb: Verb,
    pub(super) hop: Option<bool>,
    pub(super) listen: Listen,
    pub(super) flag: Option<bool>,
    pub(super) peers: Option<Set>,
}

impl Call {
    /// A request that says nothing yet.
    pub(super) fn new(verb: Verb, at: usize) -> Self {
        Self { at, verb, hop: None, listen: Listen::Unsaid, flag: None, peers: None }
    }
}

/// The state of the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) rows: Rows,
    /// What a row dials that was asked to go. Its links count for nothing any more, yet until somebody waited for it the row may
    /// still be there: with its name taken, and dialling.
    going: [Option<Set>; COUNT],
    /// The rows that were made since the start.
    pub(super) made: Set,
}

/// Why the server refuses a request.
pub(super) type Refused = &'static str;

impl Server {
    pub(super) fn new(rows: Rows) -> Self {
        Self { rows, going: [None; COUNT], made: 0 }
    }

    /// The state after a request, or why it is refused.
    pub(super) fn send(self, dialect: Dialect, call: &Call) -> Result<Self, Refused> {
        match call.verb {
            Verb::Create => self.create(dialect, call),
            Verb::Patch => self.patch(dialect, call),
            Verb::Remove => self.remove(call.at),
            Verb::Wait => self.wait(call.at),
        }
    }

    fn create(mut self, dialect: Dialect, call: &Call) -> Result<Self, Refused> {
        if self.rows[call.at].is_some() || self.going[call.at].is_some() {
            return Err("the hostname is taken");
        }
        let port = match call.listen {
            Listen::On(port) => Some(port),
            Listen::Null | Listen::Unsaid => None,
        };
        let mut flag = call.flag.unwrap_or(false);
        if flag && port.is_none() {
            // The addresses dialect drops the flag without a word where no port is said.
            if dialect == Dialect::Hostnames || call.listen == Listen::Null {
                return Err("the flag needs a listener");
            }
            flag = false;
        }
        if let Some(peers) = call.peers {
            self.may_dial(dialect, call.at, peers)?;
        }
        self.rows[call.at] = Some(Row { hop: call.hop.unwrap_or(false), port, flag, peers: call.peers.unwrap_or(0) });
        self.made |= bit(call.at);
        Ok(self)
    }

    fn patch(mut self, dialect: Dialect, call: &Call) -> Result<Self, Refused> {
        let mut row = self.rows[call.at].ok_or("it is not there")?;
        if call.hop.is_some_and(|hop| hop != row.hop) {
            return Err("a type cannot change");
        }
        if let Some(peers) = call.peers {
            self.may_dial(dialect, call.at, peers)?;
            row.peers = peers;
        }
        match (row.port, call.listen) {
            (Some(old), Listen::On(new)) if old != new => return Err("a port cannot become another one"),
            (Some(_), Listen::Null) => {
                self.close(dialect, call.at)?;
                row = Row { port: None, flag: false, ..row };
            }
            (_, Listen::On(new)) => row.port = Some(new),
            (_, Listen::Null | Listen::Unsaid) => {}
        }
        row.flag = call.flag.unwrap_or(row.flag);
        if row.flag && row.port.is_none() {
            return Err("the flag needs a listener");
        }
        self.rows[call.at] = Some(row);
        Ok(self)
    }

    /// What a peer has to be. Judged by the state before the request, as the server does.
    fn may_dial(&self, dialect: Dialect, at: usize, peers: Set) -> Result<(), Refused> {
        for peer in members(peers) {
            let far = self.rows[peer].ok_or("a peer is not there")?;
            if peer == at {
                return Err("it peers to itself");
            }
            if far.port.is_none() {
                return Err("a peer does not listen");
            }
            if dialect == Dialect::Addresses && far.peers & bit(at) != 0 {
                return Err("two peer to each other");
            }
        }
        Ok(())
    }

    /// A listener goes: the hostnames dialect refuses that while it is dialled, also where the flag goes in the same request; the
    /// addresses dialect cuts every link to it without a word.
    fn close(&mut self, dialect: Dialect, at: usize) -> Result<(), Refused> {
        if dialect == Dialect::Addresses {
            self.cut(at);
            return Ok(());
        }
        let flagged = self.rows[at].is_some_and(|row| row.flag);
        let dials = self.rows.iter().flatten().map(|row| row.peers).chain(self.going.iter().flatten().copied());
        if flagged || dials.into_iter().any(|peers| peers & bit(at) != 0) {
            return Err("the listener is dialled");
        }
        Ok(())
    }

    fn remove(mut self, at: usize) -> Result<Self, Refused> {
        let row = self.rows[at].take().ok_or("it is not there")?;
        self.going[at] = Some(row.peers);
        self.cut(at);
        Ok(self)
    }

    fn wait(mut self, at: usize) -> Result<Self, Refused> {
        if self.rows[at].is_some() {
            return Err("what nobody asked to go is waited for");
        }
        self.going[at] = None;
        Ok(self)
    }

    /// Whatever was dialled is gone from everybody's peers.
    fn cut(&mut self, far: usize) {
        for row in self.rows.iter_mut().flatten() {
            row.peers &= !bit(far);
        }
    }
}

/// Who has a path to the control plane: every node relays, and a link carries both ways.
pub(super) fn reachable(rows: &Rows) -> Set {
    let there = || (0..COUNT).filter_map(|i| Some((i, rows[i]?)));
    let mut reached = there().filter(|(_, row)| row.flag).fold(0, |set, (i, _)| set | bit(i));
    loop {
        let next = there().fold(reached, |set, (i, row)| match (set & bit(i) != 0, set & row.peers != 0) {
            (true, _) => set | row.peers,
            (false, true) => set | bit(i),
            (false, false) => set,
        });
        if next == reached {
            return reached;
        }
        reached = next;
    }
}

/// Whether a mesh has a link that neither of two others has.
pub(super) fn has_stray_link(rows: &Rows, before: &Rows, after: &Rows) -> bool {
    (0..COUNT).filter_map(|i| Some((rows[i]?, before[i], after[i]))).any(|(row, before, after)| {
        let known = [before, after].into_iter().flatten().fold(0, |set, row| set | row.peers);
        let flagged = [before, after].into_iter().flatten().any(|row| row.flag);
        row.peers & !known != 0 || row.flag && !flagged
    })
}

/// `a hop :27199 flag > b c; b execution`.
pub(super) fn show(rows: &Rows) -> String {
    let shown: Vec<String> = (0..COUNT).filter_map(|i| rows[i].map(|row| show_row(i, row))).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join("; ") }
}

fn show_row(i: usize, row: Row) -> String {
    let mut words = vec![NAMES[i].to_owned(), if row.hop { "hop" } else { "execution" }.to_owned()];
    words.extend(row.port.map(|port| format!(":{}", port.number())));
    words.extend(row.flag.then(|| "flag".to_owned()));
    words.extend((row.peers != 0).then(|| format!("> {}", names(row.peers))));
    words.join(" ")
}

/// `patch a port null, peers [b c]`.
pub(super) fn show_call(call: &Call) -> String {
    let verb = match call.verb {
        Verb::Create => "create",
        Verb::Patch => "patch",
        Verb::Remove => "remove",
        Verb::Wait => "wait for",
    };
    let listen = match call.listen {
        Listen::Unsaid => None,
        Listen::Null => Some("port null".to_owned()),
        Listen::On(port) => Some(format!("port {}", port.number())),
    };
    let hop = call.hop.map(|hop| if hop { "hop" } else { "execution" }.to_owned());
    let flag = call.flag.map(|flag| format!("flag {flag}"));
    let peers = call.peers.map(|peers| format!("peers [{}]", names(peers)));
    let says: Vec<String> = [hop, listen, flag, peers].into_iter().flatten().collect();
    format!("{verb} {} {}", NAMES[call.at], says.join(", ")).trim_end().to_owned()
}
