//! How far a saved plan has come, and who else changed what it is about.
//!
//! Of each instance the states are known through which its own steps take it. What is live has to be one of them: what was seen, what
//! the plan leaves behind, or one between. Anything else is another hand, and the plan is stale.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt, mem,
};

use super::{Leaving, Saved, Seen};
use crate::{
    mesh::{Dialect, Field, LiveMesh, Peer, Topology, Value, fold},
    plan::{Permissions, Request, Step, cut_off},
};

/// How far a plan has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The steps that are done.
    pub done: BTreeSet<usize>,
    /// The ids of the rows that the plan made, by hostname.
    pub ids: BTreeMap<String, i64>,
}

/// Something that another hand changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Whose.
    pub hostname: String,
    /// The field; `instance` where it is about the instance itself.
    pub field: String,
    /// What the plan counts on: what was seen, or what its own steps leave behind.
    pub seen: String,
    /// What the controller has.
    pub live: String,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hostname, field, seen, live } = self;
        if field == INSTANCE {
            write!(f, "{hostname} {live}")
        } else {
            write!(f, "{hostname}: {field} is {live}, and the plan counts on {seen}")
        }
    }
}

const INSTANCE: &str = "instance";

static FLAG_OFF: Value = Value::Bool(false);

impl Saved {
    /// The instances on which jobs run by now that steps which are not done would cut off; none where those are drained, or cutting
    /// them off was allowed.
    pub fn busy(&self, live: &LiveMesh, done: &BTreeSet<usize>) -> Vec<&str> {
        let Permissions { disrupt, drain, .. } = self.origin.permissions;
        if disrupt || drain {
            return Vec::new();
        }
        let is_left = |step: &&Step| !done.contains(&step.id);
        let cuts = |step: &&Step| step.action == Request::Remove || step.body.iter().any(|(field, _)| !field.is_scalar());
        let left = self.plan.steps.iter().filter(is_left).filter(cuts);
        // A removal waits for the jobs by itself; it is who lets go of it that does not.
        let lets_go = left.clone().any(|step| step.action != Request::Remove);
        let left: HashSet<&str> =
            left.filter(|step| lets_go || step.action != Request::Remove).map(|step| step.hostname.as_str()).collect();
        let behind = self.plan.disruptions.iter().filter(|d| left.contains(d.by.as_str())).flat_map(|d| &d.behind);
        let lost = self.plan.cut_off.iter().filter(|lost| lost.by.iter().any(|by| left.contains(by.as_str()))).map(|lost| &lost.hostname);
        let cut: HashSet<&str> = behind.chain(lost).map(String::as_str).chain(left.iter().copied()).collect();
        let is_busy = |name: &&str| live.instances.get(*name).is_some_and(|instance| instance.jobs_running > 0);
        self.plan.reconnected.iter().map(String::as_str).filter(|name| cut.contains(name)).filter(is_busy).collect()
    }

    /// The ready nodes that what is not held would cut off by now, though nothing was to be.
    pub fn cut_off(&self, now: &Topology, done: &BTreeSet<usize>) -> Vec<String> {
        if self.origin.permissions.no_hold {
            return Vec::new();
        }
        let runs = self.plan.steps.iter().filter(|step| step.held.is_none() && !done.contains(&step.id));
        let (may_lose, connected) = (self.plan.may_lose(), now.connected(|_, _| false));
        // Of a ready node without a path nobody knows what it hangs on.
        let listens = |name: &str| {
            let seen = self.seen.get(name).and_then(Option::as_ref);
            seen.is_some_and(|seen| matches!(seen.fields.get(&Field::ListenerPort), Some(Value::Port(Some(_)))))
        };
        let takes_away = |step: &Step| step.action == Request::Remove || step.body.contains(&(Field::ListenerPort, Value::Port(None)));
        let going: Vec<&str> = runs.clone().filter(|step| takes_away(step)).map(|step| step.hostname.as_str()).collect();
        let carriers_go = going.iter().any(|name| listens(name));
        let awaited: HashSet<&str> = self.plan.holds.iter().flat_map(|hold| &hold.until).map(String::as_str).collect();
        // What does not listen and dials none of them carries none of them.
        let hidden = now.nodes.keys().filter(|name| !now.established.is_empty() && (carriers_go || !going.is_empty() && listens(name)));
        let hidden = hidden.filter(|name| now.is_ready(name) && !now.is_control_plane(name) && !connected.contains(name.as_str()));
        let hidden = hidden.filter(|name| !may_lose.contains(*name) && !awaited.contains(name.as_str()));
        cut_off(runs, now, &may_lose).into_iter().chain(hidden.cloned()).collect()
    }

    /// Which steps are done already on this mesh; else what another hand changed, by hostname.
    pub fn resume(&self, live: &LiveMesh) -> Result<Progress, Vec<Moved>> {
        let mut check = Check::new(self, live);
        check.settle();
        let mut moved: Vec<Moved> = check.rows.iter().filter(|row| row.at.is_none()).flat_map(|row| check.moved(row)).collect();
        moved.extend(check.new_dialers(live));
        if moved.is_empty() { Ok(check.progress()) } else { Err(moved) }
    }
}

/// An instance: its steps, how it was and how it is.
struct Row<'a> {
    name: &'a str,
    steps: Vec<&'a Step>,
    seen: Option<&'a Seen>,
    live: Option<Seen>,
    /// How many of its steps are done at the most; none where it is in no state that the plan knows.
    at: Option<usize>,
}

/// A state that the plan knows.
#[derive(Clone)]
struct State<'a> {
    there: bool,
    leaving: Option<Leaving>,
    /// The id that its row has, or the one that it cannot have.
    is: Option<i64>,
    is_not: Option<i64>,
    /// What is known of it; of one that the plan made what it said.
    fields: BTreeMap<Field, &'a Value>,
    /// The step whose body has its peers.
    named_by: usize,
}

/// In what a live instance is other than a state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Difference {
    Gone,
    There,
    MadeAgain,
    Leaving,
    Field(Field),
}

struct Check<'a> {
    saved: &'a Saved,
    rows: Vec<Row<'a>>,
    /// By the number of the step; the first is nobody's.
    done: Vec<bool>,
    /// The steps with which links to an instance end by themselves.
    ends: HashMap<&'a str, Vec<usize>>,
    /// The instances whose addresses come and go here, so that one of them may be named otherwise for a while.
    renamed: HashSet<&'a str>,
    /// The rows to look at again when a step turns out not to be done.
    behind: Vec<Vec<usize>>,
}

impl<'a> Check<'a> {
    fn new(saved: &'a Saved, live: &LiveMesh) -> Self {
        let steps = &saved.plan.steps;
        let mut of: HashMap<&str, Vec<&Step>> = HashMap::new();
        let (mut ends, mut renamed): (HashMap<&str, Vec<usize>>, HashSet<&str>) = (HashMap::new(), HashSet::new());
        for step in steps {
            of.entry(&step.hostname).or_default().push(step);
            let port = step.body.iter().find(|(field, _)| *field == Field::ListenerPort).map(|(_, port)| port);
            let closes = port == Some(&Value::Port(None)) && saved.is_by_address();
            if step.action == Request::Remove || closes && step.action == Request::Patch {
                ends.entry(&step.hostname).or_default().push(step.id);
            }
            if port.is_some() || step.action != Request::Patch {
                renamed.insert(&step.hostname);
            }
        }
        let mut done = vec![true; steps.len() + 1];
        let mut rows = Vec::new();
        for (name, seen) in &saved.seen {
            let live = live.instances.get(name).map(|instance| Seen::of(instance, live));
            let steps = of.remove(name.as_str()).unwrap_or_default();
            rows.push(Row { name, at: Some(steps.len()), steps, seen: seen.as_ref(), live });
        }
        // What is left are scalars of control nodes, which make nothing stale.
        let is_done = |step: &Step| {
            let live = live.instances.get(&step.hostname).map(|instance| Seen::of(instance, live));
            live.is_some_and(|live| step.body.iter().all(|(field, value)| live.fields.get(field) == Some(value)))
        };
        for step in steps.iter().filter(|step| of.contains_key(step.hostname.as_str()) && !is_done(step)) {
            done.get_mut(step.id).into_iter().for_each(|done| *done = false);
        }
        let mut check = Self { saved, rows, done, ends, renamed, behind: vec![Vec::new(); steps.len() + 1] };
        check.find_behind();
        check
    }

    /// Whoever waits for a step, and whoever dials something whose links end with it.
    fn find_behind(&mut self) {
        for (i, row) in self.rows.iter().enumerate() {
            let bodies = row.steps.iter().flat_map(|step| &step.body).map(|(_, value)| value);
            let named = bodies.filter_map(|value| if let Value::Peers(peers) = value { Some(peers) } else { None });
            let dialled = named.chain(row.seen.map(Seen::peers)).flatten();
            let ends = dialled.filter_map(|peer| self.ends.get(peer.hostname.as_str())).flatten();
            for step in row.steps.iter().flat_map(|step| &step.after).chain(ends) {
                if let Some(rows) = self.behind.get_mut(*step) {
                    rows.push(i);
                }
            }
        }
    }

    fn is_done(&self, step: usize) -> bool {
        self.done.get(step) == Some(&true)
    }

    /// Begins with everything done and takes away what cannot be, until nothing more has to go.
    fn settle(&mut self) {
        let mut open: BTreeSet<usize> = (0..self.rows.len()).collect();
        while !open.is_empty() {
            for i in mem::take(&mut open) {
                let Some(row) = self.rows.get(i) else { continue };
                let Some(before) = row.at else { continue };
                let at = self.states(row).filter(|(k, state)| *k <= before && self.differences(state, row).is_empty()).last();
                let at = at.map(|(k, _)| k);
                // Of one that another hand changed the steps are left as done, so that nobody else is blamed for it.
                let undone = at.map_or(&[][..], |at| row.steps.get(at..before).unwrap_or_default());
                for id in undone.iter().map(|step| step.id) {
                    self.done.get_mut(id).into_iter().for_each(|done| *done = false);
                    open.extend(self.behind.get(id).into_iter().flatten());
                }
                if let Some(row) = self.rows.get_mut(i) {
                    row.at = at;
                }
            }
        }
    }

    /// The states of an instance with the number of its steps that are done in each, as far as all that these wait for is done.
    fn states<'s>(&'s self, row: &'s Row<'a>) -> impl Iterator<Item = (usize, State<'a>)> + 's {
        let mut state = State::seen(row.seen);
        let first = state.clone();
        let ready = row.steps.iter().take_while(|step| step.after.iter().all(|id| self.is_done(*id)));
        let later = (1..).zip(ready).map(move |(k, step)| {
            state.take(step, row.seen, self.saved.is_by_address());
            (k, state.clone())
        });
        [(0, first)].into_iter().chain(later)
    }

    fn differences(&self, state: &State<'a>, row: &Row<'a>) -> Vec<Difference> {
        let live = match (&row.live, state.there) {
            (None, false) => return Vec::new(),
            // What is on its way out may be gone at any moment.
            (None, true) if state.leaving.is_some() => return Vec::new(),
            (None, true) => return vec![Difference::Gone],
            (Some(_), false) => return vec![Difference::There],
            (Some(live), true) => live,
        };
        if state.is.is_some_and(|id| id != live.id) || state.is_not == Some(live.id) {
            return vec![Difference::MadeAgain];
        }
        let leaving = (state.leaving != live.leaving).then_some(Difference::Leaving);
        let differs = |(field, known): &(&Field, &&Value)| match (known, live.fields.get(field)) {
            // A row that goes while it is read can have lost its links already.
            (Value::Peers(_), Some(Value::Peers(_))) if state.leaving.is_some() && live.leaving.is_some() => false,
            (Value::Peers(known), Some(Value::Peers(_))) => !self.same_peers(known, live.peers(), state.named_by),
            (known, found) => found != Some(known),
        };
        let fields = state.fields.iter().filter(differs).map(|(field, _)| Difference::Field(*field));
        leaving.into_iter().chain(fields).collect()
    }

    /// Whether an instance dials what it should, but for links that ended by themselves.
    fn same_peers(&self, known: &BTreeSet<Peer>, live: &BTreeSet<Peer>, named_by: usize) -> bool {
        if known == live {
            return true;
        }
        let key = |peer: &'_ Peer| (peer.hostname.clone(), peer.address.clone().filter(|_| !self.renamed.contains(peer.hostname.as_str())));
        let found: BTreeSet<_> = live.iter().map(key).collect();
        let wanted: BTreeSet<_> = known.iter().map(key).collect();
        found.is_subset(&wanted) && wanted.difference(&found).all(|(far, _)| self.may_lack(far, named_by))
    }

    /// Whether a link that was there, or was set by this step, may have ended by itself since then.
    fn may_lack(&self, far: &str, named_by: usize) -> bool {
        // Of what a body names control nodes alone are not seen; of what was seen they are left out already.
        let is_control = named_by > 0 && !self.saved.seen.contains_key(far);
        is_control || self.ends.get(far).into_iter().flatten().any(|step| *step > named_by && self.is_done(*step))
    }

    /// In what an instance differs from the nearest state that it could be in.
    fn moved(&self, row: &Row<'a>) -> Vec<Moved> {
        let weight = |differences: &[Difference]| match differences {
            // That it is there or not counts more than all of its fields.
            [Difference::Gone | Difference::There | Difference::MadeAgain] => Field::ALL.len() + 2,
            fields => fields.len(),
        };
        let all = self.states(row).map(|(_, state)| (self.differences(&state, row), state));
        let Some((differences, state)) = all.min_by_key(|(differences, _)| weight(differences)) else { return Vec::new() };
        let live = |field| row.live.as_ref().and_then(|live| live.fields.get(&field));
        let moved = |difference| {
            let state_word = |leaving: Option<Leaving>| {
                let word = match leaving {
                    None => "installed",
                    Some(Leaving::Deprovisioning) => "deprovisioning",
                    Some(Leaving::DeprovisionFail) => "deprovision-fail",
                };
                word.to_owned()
            };
            let leaving = row.live.as_ref().and_then(|live| live.leaving);
            let there = if state.there { "there" } else { "not there" }.to_owned();
            let (field, seen, live) = match difference {
                Difference::Gone => (INSTANCE, there, "is gone".to_owned()),
                Difference::There => (INSTANCE, there, "is there already".to_owned()),
                Difference::MadeAgain => (INSTANCE, there, "was removed and made again".to_owned()),
                Difference::Leaving => ("node_state", state_word(state.leaving), state_word(leaving)),
                Difference::Field(field) => (field.name(), text(state.fields.get(&field).copied()), text(live(field))),
            };
            Moved { hostname: row.name.to_owned(), field: field.to_owned(), seen, live }
        };
        differences.into_iter().map(moved).collect()
    }

    /// Who dials by now what is still to be taken away, and did not when the plan was made.
    fn new_dialers(&self, live: &LiveMesh) -> Vec<Moved> {
        let goes = |far: &Peer| self.ends.get(far.hostname.as_str()).into_iter().flatten().any(|step| !self.is_done(*step));
        let unseen = live.instances.iter().filter(|(name, row)| !row.node_type.is_control_plane() && !self.saved.seen.contains_key(*name));
        let dialers = unseen.flat_map(|(name, row)| row.peers.iter().filter(|peer| goes(peer)).map(move |peer| (name, peer)));
        let moved = |(name, peer): (&String, &Peer)| Moved {
            hostname: name.clone(),
            field: Field::Peers.name().to_owned(),
            seen: format!("no link to {}", peer.hostname),
            live: peer.declared().to_owned(),
        };
        dialers.map(moved).collect()
    }

    fn progress(&self) -> Progress {
        let ids = self.rows.iter().filter_map(|row| {
            let made = row.steps.iter().take(row.at?).any(|step| step.action == Request::Create);
            let live = row.live.as_ref().filter(|_| made)?;
            Some((row.name.to_owned(), live.id))
        });
        // That no job runs any more can be seen in no row: only what came after it tells.
        let went_on: BTreeSet<usize> =
            self.saved.plan.steps.iter().filter(|step| self.is_done(step.id)).flat_map(|step| step.after.iter().copied()).collect();
        let counts = |step: &&Step| self.is_done(step.id) && (step.action != Request::Idle || went_on.contains(&step.id));
        let done = self.saved.plan.steps.iter().filter(counts).map(|step| step.id);
        Progress { done: done.collect(), ids: ids.collect() }
    }
}

impl<'a> State<'a> {
    fn seen(seen: Option<&'a Seen>) -> Self {
        Self {
            there: seen.is_some(),
            leaving: seen.and_then(|seen| seen.leaving),
            is: seen.map(|seen| seen.id),
            is_not: None,
            fields: seen.into_iter().flat_map(|seen| &seen.fields).map(|(field, value)| (*field, value)).collect(),
            named_by: 0,
        }
    }

    /// What a step makes of it.
    fn take(&mut self, step: &'a Step, seen: Option<&Seen>, by_address: bool) {
        match step.action {
            Request::Patch | Request::Idle => {}
            Request::Remove => self.leaving = Some(Leaving::Deprovisioning),
            Request::Wait => *self = Self { there: false, leaving: None, fields: BTreeMap::new(), ..self.clone() },
            Request::Create => {
                *self =
                    Self { there: true, leaving: None, is: None, is_not: seen.map(|seen| seen.id), fields: BTreeMap::new(), named_by: 0 }
            }
        }
        for (field, value) in &step.body {
            self.fields.insert(*field, value);
            match (field, value) {
                (Field::Peers, _) => self.named_by = step.id,
                // The flag goes along with the address that it is about.
                (Field::ListenerPort, Value::Port(None)) if by_address && step.action == Request::Patch => {
                    self.fields.insert(Field::PeersFromControlNodes, &FLAG_OFF);
                }
                _ => {}
            }
        }
    }
}

impl Saved {
    fn is_by_address(&self) -> bool {
        self.origin.controller.capabilities.dialect == Dialect::Addresses
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::Type(node_type)) => node_type.to_string(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Decimal(value)) => format!("{value:.2}"),
        Some(Value::Port(Some(port))) => port.to_string(),
        Some(Value::Peers(peers)) if !peers.is_empty() => fold(&peers.iter().map(Peer::declared).collect::<Vec<_>>()).join(", "),
        Some(Value::Peers(_)) => "none".to_owned(),
        Some(Value::Port(None)) | None => "null".to_owned(),
    }
}
