//! Whatever goes wrong, an apply ends, what it reports is what is so, nothing is made twice, nobody else's is touched, and a second
//! one without faults does the rest: random plans under random faults.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
    time::Duration,
};

use meshform::{
    apply::{Because, Event, Fate, Options, Outcome, Work, apply},
    controller::Client,
    mesh::{self, DeclaredMesh, Field, LiveInstance, LiveMesh, NodeState, Peer, Value},
    plan::{Permissions, Plan, Request, Step, plan},
    sandbox::{self, Exchange, Server},
};
use proptest::{prelude::*, sample, test_runner::TestRunner};
use tokio::time::timeout;

use super::{SLOW, faults, settings, start, took_effect};
use crate::{
    harness::{DIALECTS, block_on, cases, connect_with},
    laws::{Mesh, Style, declare_so, is_impossible, mesh, rename, story, styles, words},
};

/// No run of so few requests takes longer, however often they fail.
const BOUND: Duration = Duration::from_mins(1);

/// A way from one mesh to another, and what goes wrong on it.
#[derive(Clone)]
struct Case {
    before: Mesh,
    after: Mesh,
    styles: Vec<Style>,
    rename: Option<(sample::Index, sample::Index)>,
    faults: Vec<String>,
    seed: u64,
    /// Whether they strike already while the mesh is read.
    from_the_start: bool,
    /// How long a request is tried, in milliseconds.
    patience: u64,
    parallelism: usize,
    /// Whether rows stay for a while after their removal was asked for.
    lingers: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after, styles, rename, faults, seed, from_the_start, patience, parallelism, lingers } = self;
        writeln!(f, "before {}\nafter {}", words(before), words(after))?;
        writeln!(f, "faults {} of seed {seed}, also while reading: {from_the_start}", faults.join(" "))?;
        writeln!(f, "patience {patience} ms, {parallelism} at once, rows linger: {lingers}, rename {rename:?}")?;
        write!(f, "styles {styles:?}")
    }
}

/// A fault as `meshform sandbox --fault` has it.
fn fault() -> impl Strategy<Value = String> {
    let what = prop_oneof![
        5 => sample::select(&["429,retry-after=0", "500", "502", "503", "503,retry-after=0", "504", "html", "html-200"][..]),
        3 => sample::select(&["reset-before", "reset-after", "truncated"][..]),
        // Each costs the time that a client waits for an answer.
        1 => sample::select(&["silence", "silence-after"][..]),
    ];
    let share = prop_oneof![8 => sample::select(&["5%", "20%", "40%"][..]), 1 => sample::select(&["70%", "100%"][..])];
    let how_often = prop_oneof![1 => share.prop_map(str::to_owned), 1 => (1..=4_u8).prop_map(|number| format!("#{number}"))];
    let which = prop_oneof![
        2 => sample::select(&["", ":GET/api/v2/"][..]),
        8 => sample::select(&[":writes", ":POST", ":PATCH", ":/api/v2/instances/"][..]),
    ];
    (what, how_often, which).prop_map(|(what, how_often, which)| format!("{what}:{how_often}{which}"))
}

fn drawn(dialect: mesh::Dialect) -> impl Strategy<Value = Case> {
    let size = prop_oneof![12 => Just(4usize), 1 => Just(12)];
    let meshes = size.prop_flat_map(move |size| (mesh(dialect, size), mesh(dialect, size)));
    let rename = prop::option::weighted(0.2, any::<(sample::Index, sample::Index)>());
    let wrong = (prop::collection::vec(fault(), 1..=4), any::<u64>(), prop::bool::weighted(0.15));
    let patience = sample::select(&[0_u64, 20, 100][..]);
    let how = (patience, sample::select(&[1_usize, 10][..]), prop::bool::weighted(0.2));
    (meshes, styles(), rename, wrong, how).prop_map(
        |((before, after), styles, rename, (faults, seed, from_the_start), (patience, parallelism, lingers))| Case {
            before,
            after,
            styles,
            rename,
            faults,
            seed,
            from_the_start,
            patience,
            parallelism,
            lingers,
        },
    )
}

/// An apply under faults, as it was seen.
struct Run {
    plan: Plan,
    outcome: Outcome,
    /// Of each step that was under way: the requests that were answered meanwhile, by their place in the journal.
    spans: BTreeMap<usize, Range<usize>>,
    before: LiveMesh,
    after: LiveMesh,
    journal: Vec<Exchange>,
}

fn planned(declared: &DeclaredMesh, live: &LiveMesh, client: &Client) -> Plan {
    plan(declared, live, client.server().capabilities, &Permissions { no_hold: true, ..Permissions::default() })
}

async fn read(client: &Client) -> LiveMesh {
    client.read_all().await.expect("nothing fails now")
}

/// Does a plan while nothing goes wrong.
async fn bring(client: &Client, plan: &Plan) -> Result<(), String> {
    let mut outcome = Outcome::new();
    apply(&Work::new(&plan.steps, &plan.holds), client, &Options::default(), &mut outcome, |_| {}).await;
    if outcome.is_success() && !outcome.is_waiting() { Ok(()) } else { Err(format!("without faults: {outcome:?}{}", story(plan))) }
}

/// Plans and applies while requests fail; `None` if the mesh could not even be read, or has no plan.
async fn run(case: &Case, declared: &DeclaredMesh, server: &Server, calm: &Client) -> Result<Option<Run>, String> {
    let faults = faults(&case.faults);
    // A busy machine may be late, which only those cases have to bear that wait for silence to end.
    let is_silent = case.faults.iter().any(|fault| fault.starts_with("silence"));
    if case.from_the_start {
        server.set_faults(&faults, case.seed);
    }
    let another = if case.from_the_start || is_silent {
        let answer = if is_silent { Duration::from_millis(50) } else { SLOW };
        let Ok(client) = connect_with(settings(server, answer, Duration::from_millis(case.patience))).await else { return Ok(None) };
        Some(client)
    } else {
        None
    };
    let client = another.as_ref().unwrap_or(calm);
    let Ok(live) = client.read_all().await else { return Ok(None) };
    let plan = planned(declared, &live, client);
    if !plan.refused.is_empty() {
        let known = plan.refused.iter().all(|refusal| is_impossible(&refusal.reason));
        return if known { Ok(None) } else { Err(story(&plan)) };
    }
    if !case.from_the_start {
        server.set_faults(&faults, case.seed);
    }
    let short = Duration::from_millis(40);
    let options = Options { parallelism: case.parallelism, settle: short, replace: short, look_every: short, ..Options::default() };
    let spans: RefCell<BTreeMap<usize, Range<usize>>> = RefCell::default();
    let on_event = |event: Event<'_>| {
        let now = server.journal().len();
        match event {
            Event::Started(step) => drop(spans.borrow_mut().insert(step.id, now..usize::MAX)),
            Event::Done(step) | Event::Failed(step, _) | Event::Held(step, _) => {
                spans.borrow_mut().entry(step.id).and_modify(|span| span.end = now);
            }
            Event::Waiting(_) | Event::Unseen(_) => {}
        }
    };
    let mut outcome = Outcome::new();
    let work = Work::new(&plan.steps, &plan.holds);
    let ended = timeout(BOUND, apply(&work, client, &options, &mut outcome, on_event)).await;
    server.set_faults(&[], 0);
    ended.map_err(|_elapsed| format!("it does not end: {outcome:?}{}", story(&plan)))?;
    let after = read(calm).await;
    let journal = server.journal();
    Ok(Some(Run { plan, outcome, spans: spans.into_inner(), before: live, after, journal }))
}

/// Whether a field of a row, other than what it dials, has a value.
fn has(row: &LiveInstance, field: Field, value: &Value) -> bool {
    match (field, value) {
        (Field::NodeType, Value::Type(node_type)) => row.node_type == *node_type,
        (Field::Enabled, Value::Bool(value)) => row.enabled == *value,
        (Field::ManagedByPolicy, Value::Bool(value)) => row.managed_by_policy == *value,
        (Field::PeersFromControlNodes, Value::Bool(value)) => row.peers_from_control_nodes == *value,
        (Field::CapacityAdjustment, Value::Decimal(value)) => row.capacity_adjustment == *value,
        (Field::ListenerPort, Value::Port(port)) => row.listener_port == *port,
        _ => false,
    }
}

impl Run {
    fn fate(&self, step: &Step) -> &Fate {
        self.outcome.fate(step.id).expect("an outcome has a fate for each step")
    }

    fn row(&self, hostname: &str) -> Option<&LiveInstance> {
        self.after.instances.get(hostname)
    }

    /// Whether a request is a write of a step's instance.
    fn is_of(&self, exchange: &Exchange, step: &Step) -> bool {
        let id = step.instance.or_else(|| self.row(&step.hostname).map(|row| row.id));
        let created = exchange.body.as_ref().and_then(|body| body.get("hostname")).and_then(|hostname| hostname.as_str());
        match exchange.method.as_str() {
            "POST" => step.action == Request::Create && created == Some(&step.hostname),
            "PATCH" => id.is_some_and(|id| exchange.path.ends_with(&format!("/instances/{id}/"))),
            _ => false,
        }
    }

    /// The writes of a step that did something, sent while it was under way.
    fn effects(&self, step: &Step) -> usize {
        let span = self.spans.get(&step.id).cloned().unwrap_or_default();
        let meanwhile = self.journal.get(span.start..span.end.min(self.journal.len())).unwrap_or_default();
        meanwhile.iter().filter(|exchange| took_effect(exchange) && self.is_of(exchange, step)).count()
    }

    /// What became of a step is what is said of it.
    fn judge(&self, step: &Step) -> Result<(), String> {
        let (fate, effects, row) = (self.fate(step), self.effects(step), self.row(&step.hostname));
        let is_there = step.instance.is_some_and(|id| row.is_some_and(|row| row.id == id));
        let is_leaving = row.is_some_and(|row| row.node_state.is_leaving());
        let fail = |what: &str| Err(format!("step {} of {}: {fate:?}, but {what}", step.id, step.hostname));
        match (fate, step.action) {
            (Fate::Unknown, _) => fail("it was not left in the middle"),
            (Fate::NotAttempted(Because::Held(_) | Because::Busy(_) | Because::Stopped(_)), _) => {
                fail("nothing holds it and nobody stopped")
            }
            (Fate::NotAttempted(_), _) if self.spans.contains_key(&step.id) => fail("it was started"),
            (Fate::NotAttempted(Because::Failed(name)), _) => {
                let has_failed = |other: &Step| other.hostname == *name && matches!(self.fate(other), Fate::Failed(_));
                if self.plan.steps.iter().any(has_failed) { Ok(()) } else { fail("that one did not fail") }
            }
            (Fate::NotAttempted(Because::Waits(name)), _) => {
                let waits = |other: &Step| other.hostname == *name && matches!(self.fate(other), Fate::Waiting(_));
                if self.plan.steps.iter().any(waits) { Ok(()) } else { fail("that one does not wait") }
            }
            (Fate::Waiting(_), Request::Wait) | (Fate::Done, Request::Idle) => Ok(()),
            (Fate::Waiting(_), _) => fail("it is no wait"),
            (Fate::Failed(error), _) if effects > 0 && !error.leaves_open() => fail("it was done"),
            (Fate::Done, Request::Create) if effects != 1 => fail(&format!("it was made {effects} times")),
            (Fate::Done, Request::Create) if row.is_none() => fail("it is not there"),
            (Fate::Done, Request::Patch) if effects == 0 => fail("no change of it was done"),
            (Fate::Done, Request::Create | Request::Patch) => self.judge_row(step),
            (Fate::Done, Request::Remove) if effects == 0 => fail("no removal of it was done"),
            (Fate::Done, Request::Remove) if is_there && !is_leaving => fail("it is there and stays"),
            (Fate::Done, Request::Wait) if is_there => fail("it is there"),
            (Fate::Failed(_), _) | (Fate::Done, Request::Remove | Request::Wait) => Ok(()),
        }
    }

    /// An instance is as its last step made it. What it dials counts only where all of its steps were done: a listener that goes in
    /// between takes links with it that a later step sets again.
    fn judge_row(&self, step: &Step) -> Result<(), String> {
        let steps: Vec<&Step> = self.plan.steps.iter().filter(|other| other.hostname == step.hostname).collect();
        let was_sent = |other: &&&Step| !matches!(self.fate(other), Fate::NotAttempted(_));
        if steps.iter().rfind(was_sent).is_some_and(|last| last.id != step.id) {
            return Ok(());
        }
        let all_done = steps.iter().all(|other| *self.fate(other) == Fate::Done);
        let row = self.row(&step.hostname).ok_or_else(|| format!("{} is not there", step.hostname))?;
        let is_so = |field: Field, value: &Value| match value {
            Value::Peers(peers) => !all_done || self.dials(row, peers),
            _ => has(row, field, value),
        };
        let wrong = step.body.iter().find(|(field, value)| !is_so(*field, value));
        wrong.map_or(Ok(()), |(field, value)| Err(format!("{} has not {field} {value:?} of step {}: {row:?}", step.hostname, step.id)))
    }

    /// Whether a row dials these peers, but for those that the plan removes.
    fn dials(&self, row: &LiveInstance, peers: &BTreeSet<Peer>) -> bool {
        let goes = |peer: &Peer| self.plan.steps.iter().any(|step| step.action == Request::Remove && step.hostname == peer.hostname);
        row.peers.is_subset(peers) && peers.difference(&row.peers).all(goes)
    }

    /// Every write belongs to a step that was under way, and none was refused; `false` if the machine was too slow to tell.
    fn writes_are_of_steps(&self, begin: usize) -> Result<bool, String> {
        let writes = self
            .journal
            .iter()
            .enumerate()
            .skip(begin)
            .filter(|(_, exchange)| exchange.method != "GET" && exchange.path.contains("/instances/"));
        for (at, exchange) in writes {
            let owners: Vec<&Step> = self.plan.steps.iter().filter(|step| self.is_of(exchange, step)).collect();
            let during = |step: &&&Step| self.spans.get(&step.id).is_some_and(|span| span.contains(&at));
            if !owners.iter().any(|step| during(&step)) {
                // It was on its way when its client gave it up.
                let was_sent = owners.iter().any(|step| self.spans.get(&step.id).is_some_and(|span| span.end <= at));
                return if was_sent { Ok(false) } else { Err(format!("nobody was to send {exchange}")) };
            }
            if exchange.fault.is_none() && exchange.status >= 400 {
                return Err(format!("{exchange} {:?}", exchange.body));
            }
        }
        Ok(true)
    }

    /// Instances that the plan does not name are as they were.
    fn others_are_as_before(&self) -> Result<(), String> {
        let named: BTreeSet<&str> = self.plan.steps.iter().map(|step| step.hostname.as_str()).collect();
        let touched: BTreeSet<&str> = self.plan.touches.iter().map(|touch| touch.hostname.as_str()).collect();
        let fixed = |row: &LiveInstance| {
            // The flags of others decide what control nodes dial.
            let peers = if row.node_type == mesh::NodeType::Control { BTreeSet::new() } else { row.peers.clone() };
            LiveInstance { node_state: NodeState::Present("ready".into()), peers, ..row.clone() }
        };
        let others = |mesh: &LiveMesh| -> BTreeMap<String, LiveInstance> {
            let others = mesh.instances.iter().filter(|(name, _)| !named.contains(name.as_str()) && !touched.contains(name.as_str()));
            others.map(|(name, row)| (name.clone(), fixed(row))).collect()
        };
        let (before, after) = (others(&self.before), others(&self.after));
        if before == after { Ok(()) } else { Err(format!("not named, and not as before: {before:?}\n{after:?}")) }
    }
}

/// How often each hostname was created.
fn created(journal: &[Exchange]) -> BTreeMap<String, usize> {
    let mut created = BTreeMap::new();
    for exchange in
        journal.iter().filter(|exchange| exchange.method == "POST" && exchange.path.ends_with("/instances/") && took_effect(exchange))
    {
        let hostname = exchange.body.as_ref().and_then(|body| body["hostname"].as_str()).unwrap_or_default();
        *created.entry(hostname.to_owned()).or_default() += 1;
    }
    created
}

/// What was seen of all cases.
#[derive(Debug, Default)]
struct Seen {
    /// Nothing to apply: the mesh could not be read, or there is no way through the API.
    unread: Cell<usize>,
    applied: Cell<usize>,
    /// With writes that took effect when their client had given them up, so that nothing can be said.
    late: Cell<usize>,
    struck: Cell<usize>,
    /// Steps, by their fate.
    done: Cell<usize>,
    failed: Cell<usize>,
    open: Cell<usize>,
    not_attempted: Cell<usize>,
    /// Writes that took effect and whose answer was lost.
    lost: Cell<usize>,
}

impl Seen {
    fn count(&self, run: &Run, begin: usize) {
        let add = |cell: &Cell<usize>, more| cell.set(cell.get() + more);
        add(&self.applied, 1);
        let strikes = |exchange: &&Exchange| exchange.fault.is_some();
        add(&self.struck, usize::from(run.journal.iter().skip(begin).any(|exchange| strikes(&exchange))));
        for step in &run.plan.steps {
            match run.fate(step) {
                Fate::Done => add(&self.done, 1),
                Fate::Failed(error) if error.leaves_open() => add(&self.open, 1),
                Fate::Failed(_) => add(&self.failed, 1),
                _ => add(&self.not_attempted, 1),
            }
        }
        add(&self.lost, run.journal.iter().skip(begin).filter(|exchange| took_effect(exchange) && strikes(exchange)).count());
    }
}

async fn hold(case: &Case, dialect: mesh::Dialect, server: &Server, seen: &Seen) -> Result<(), String> {
    let Case { before, after, styles, .. } = case;
    // Patience matters only where something fails.
    let calm = connect_with(settings(server, SLOW, Duration::from_millis(case.patience))).await.expect("the sandbox answers");
    let first = planned(&declare_so(dialect, &Mesh::new(), before, &[], None), &read(&calm).await, &calm);
    if !first.refused.is_empty() {
        return Ok(());
    }
    bring(&calm, &first).await?;
    let rename = rename(before, after, styles, case.rename);
    let declared = declare_so(dialect, before, after, styles, rename.as_ref());
    let begin = server.journal().len();
    let result = run(case, &declared, server, &calm).await?;
    server.set_faults(&[], 0);
    let Some(run) = result else {
        seen.unread.set(seen.unread.get() + 1);
        let writes = server
            .journal()
            .into_iter()
            .skip(begin)
            .filter(|exchange| exchange.method != "GET" && exchange.path.contains("/instances/"))
            .count();
        return if writes == 0 { Ok(()) } else { Err("it wrote without a plan".to_owned()) };
    };
    let told = |error: String| {
        let fates = run.plan.steps.iter().map(|step| format!("\n{} {:?} {:?}", step.id, run.spans.get(&step.id), run.fate(step)));
        let requests = run.journal.iter().enumerate().skip(begin);
        let requests = requests.map(|(at, e)| format!("\n{at} {e} {}", e.body.as_ref().map(ToString::to_string).unwrap_or_default()));
        format!("{error}{}\nfates{}\nrequests{}", story(&run.plan), fates.collect::<String>(), requests.collect::<String>())
    };
    seen.count(&run, begin);
    if run.writes_are_of_steps(begin).map_err(&told)? {
        run.plan.steps.iter().try_for_each(|step| run.judge(step)).map_err(&told)?;
    } else {
        seen.late.set(seen.late.get() + 1);
    }
    run.others_are_as_before().map_err(&told)?;

    let second = planned(&declared, &run.after, &calm);
    let again = |error: String| told(format!("{error}\nthe second plan{}", story(&second)));
    if !second.refused.is_empty() {
        return Err(again("what is left is refused".to_owned()));
    }
    bring(&calm, &second).await.map_err(again)?;
    let left = planned(&declared, &read(&calm).await, &calm);
    if !left.changes.is_empty() || !left.refused.is_empty() {
        return Err(again(format!("left over{}", story(&left))));
    }
    let creates = run.plan.steps.iter().filter(|step| step.action == Request::Create);
    let wanted: BTreeMap<String, usize> = creates.map(|step| (step.hostname.clone(), 1)).collect();
    let made = created(server.journal().get(begin..).unwrap_or_default());
    if made == wanted { Ok(()) } else { Err(again(format!("created {made:?}, planned {wanted:?}"))) }
}

fn what_is_reported_is_so(dialect: sandbox::Dialect) {
    let model = match dialect {
        sandbox::Dialect::Addresses => mesh::Dialect::Addresses,
        sandbox::Dialect::Hostnames => mesh::Dialect::Hostnames,
    };
    let seen = Seen::default();
    let config = ProptestConfig { cases: cases(500), failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() };
    let law = |case: Case| {
        let lingering = if case.lingers { Duration::from_millis(2) } else { Duration::ZERO };
        let server = start(dialect, lingering);
        block_on(hold(&case, model, &server, &seen)).map_err(TestCaseError::fail)
    };
    TestRunner::new(config).run(&drawn(model), law).unwrap_or_else(|error| panic!("{error}"));
    // Otherwise the law would hold of next to nothing.
    let count = usize::try_from(cases(500)).expect("a number");
    assert!(seen.applied.get() * 2 > count && seen.struck.get() * 3 > count && seen.late.get() * 10 < count, "{seen:?}");
    assert!(seen.done.get() > count && seen.failed.get() * 10 > count && seen.not_attempted.get() * 10 > count, "{seen:?}");
    assert!(seen.open.get() * 100 > count && seen.lost.get() * 10 > count, "{seen:?}");
}

#[test]
fn what_is_reported_is_so_with_addresses() {
    what_is_reported_is_so(DIALECTS[0]);
}

#[test]
fn what_is_reported_is_so_with_hostnames() {
    what_is_reported_is_so(DIALECTS[1]);
}
