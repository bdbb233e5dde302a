//! Rows are no connections: moves from mesh to mesh where a node goes on with its old configuration until its install bundle is
//! run, in any order and late. Apply by apply, no ready node that stays loses its last path on the wire, and in the end all is as
//! declared.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use meshform::{
    apply::{Event, Options, Outcome, Work, apply},
    controller::Client,
    mesh::{self, DeclaredMesh, Field, LiveMesh, Value},
    plan::{
        Permissions, Plan, Request, Step, plan,
        saved::{Progress, Saved},
    },
    sandbox::{self, Links, Server},
};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{TestCaseError, TestRunner},
};
use serde_json::Value as Json;

use super::{
    harness::{DIALECTS, block_on, cases, connect_with, origin},
    laws::{Mesh, Style, declare_so, is_impossible, mesh, reachable, rename, story, styles, target, words},
    properties::settings,
};

/// What a node's own configuration says since its bundle was run: where it listens, and what it dials at which port.
type Config = (Option<i64>, BTreeSet<(String, i64)>);

/// What is really connected: the nodes by their own configurations, the control nodes by the controller's rows.
struct Wire<'s> {
    server: &'s Server,
    configs: BTreeMap<String, Config>,
    /// The ports of the rows.
    ports: BTreeMap<String, Option<i64>>,
    /// The links between nodes that the controller saw connected once.
    seen: BTreeSet<(String, String)>,
}

/// The nodes with their states, and the links, as the controller has them.
struct Rows {
    states: BTreeMap<String, String>,
    controls: BTreeSet<String>,
    links: Vec<(String, String)>,
}

impl Wire<'_> {
    fn rows(&self) -> Rows {
        let topology = self.server.topology();
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let list = |key: &str| topology[key].as_array().cloned().unwrap_or_default();
        let (nodes, links) = (list("nodes"), list("links"));
        let controls = nodes.iter().filter(|n| n["node_type"] == "control").map(|n| text(&n["hostname"])).collect();
        let states = nodes.iter().map(|n| (text(&n["hostname"]), text(&n["node_state"]))).collect();
        Rows { states, controls, links: links.iter().map(|l| (text(&l["source"]), text(&l["target"]))).collect() }
    }

    fn port(&self, name: &str) -> Option<i64> {
        self.ports.get(name).copied().flatten()
    }

    /// What the configuration of a node would be by the rows.
    fn by_rows(&self, rows: &Rows, name: &str) -> Config {
        let dials = rows.links.iter().filter(|(source, _)| source == name);
        (self.port(name), dials.filter_map(|(_, target)| Some((target.clone(), self.port(target)?))).collect())
    }

    /// Who has a path to the control plane on the wire, over links that were seen or over all.
    fn connected(&self, only_seen: bool) -> BTreeSet<String> {
        let rows = self.rows();
        let listens = |name: &str, port: i64| {
            rows.states.contains_key(name) && self.configs.get(name).is_some_and(|(listens, _)| *listens == Some(port))
        };
        let mut neighbours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, (_, dials)) in self.configs.iter().filter(|(name, _)| rows.states.contains_key(*name)) {
            let counts = |far: &String| !only_seen || self.seen.contains(&(name.clone(), far.clone()));
            for (far, _) in dials.iter().filter(|(far, port)| listens(far, *port) && counts(far)) {
                neighbours.entry(name).or_default().push(far);
                neighbours.entry(far).or_default().push(name);
            }
        }
        let from_control = rows.links.iter().filter(|(source, _)| rows.controls.contains(source)).map(|(_, target)| target.as_str());
        let mut open: Vec<&str> = from_control.filter(|name| self.port(name).is_some_and(|port| listens(name, port))).collect();
        let mut connected = BTreeSet::new();
        while let Some(name) = open.pop() {
            if connected.insert(name.to_owned()) {
                open.extend(neighbours.get(name).into_iter().flatten());
            }
        }
        connected
    }

    fn ready_and_connected(&self) -> BTreeSet<String> {
        let states = self.rows().states;
        self.connected(true).into_iter().filter(|name| states.get(name).is_some_and(|state| state == "ready")).collect()
    }

    /// The nodes whose bundle is to be run.
    fn due(&self) -> Vec<String> {
        let rows = self.rows();
        let is_due = |name: &&String| !rows.controls.contains(*name) && self.configs.get(*name) != Some(&self.by_rows(&rows, name));
        rows.states.keys().filter(is_due).cloned().collect()
    }

    /// Runs the bundle of a node, and before it those of all that it dials, as the plan's list has it.
    fn run_bundle(&mut self, name: &str, under_way: &mut BTreeSet<String>) {
        if !under_way.insert(name.to_owned()) {
            return;
        }
        let rows = self.rows();
        let config = self.by_rows(&rows, name);
        for (far, _) in config.1.iter().filter(|(far, _)| !rows.controls.contains(far)) {
            if self.due().contains(far) {
                self.run_bundle(far, under_way);
            }
        }
        self.configs.insert(name.to_owned(), config);
        self.look();
    }

    /// Lets the controller see who is connected to whom, and who is not there.
    fn look(&mut self) {
        let (rows, connected) = (self.rows(), self.connected(false));
        let is_up = |(source, target): &&(String, String)| {
            let port = self.port(target).filter(|port| self.configs.get(target).is_some_and(|(listens, _)| *listens == Some(*port)));
            let config = self.configs.get(source);
            let dials = |port| config.is_some_and(|(_, dials)| dials.contains(&(target.clone(), port)));
            connected.contains(target) && port.is_some_and(|port| rows.controls.contains(source) || dials(port))
        };
        let up: Vec<(String, String)> = rows.links.iter().filter(is_up).cloned().collect();
        for (source, target) in up {
            self.server.establish(&source, &target).expect("the nodes are there");
            self.seen.insert((source, target));
        }
        for (name, state) in rows.states.iter().filter(|(name, _)| !rows.controls.contains(*name)) {
            match (connected.contains(name), state.as_str()) {
                (true, "installed" | "unavailable") => self.server.set_state(name, "ready", "").expect("the node is there"),
                (false, "ready") => self.server.set_state(name, "unavailable", "no heartbeat").expect("the node is there"),
                _ => {}
            }
        }
    }

    fn run_some(&mut self, drawn: &mut dyn Iterator<Item = Index>) {
        let due = self.due();
        if let Some(name) = drawn.next().filter(|_| !due.is_empty()).map(|index| index.get(&due).clone()) {
            self.run_bundle(&name, &mut BTreeSet::new());
        }
    }

    /// What a step that was done means for what is connected.
    fn follow(&mut self, step: &Step) {
        if let Some((_, Value::Port(port))) = step.body.iter().find(|(field, _)| *field == Field::ListenerPort) {
            self.ports.insert(step.hostname.clone(), *port);
        }
        if step.action == Request::Remove {
            // Whatever has this name next is another node.
            self.configs.remove(&step.hostname);
            self.seen.retain(|(source, target)| *source != step.hostname && *target != step.hostname);
        }
    }

    fn run_all(&mut self) {
        while let Some(name) = self.due().first().cloned() {
            self.run_bundle(&name, &mut BTreeSet::new());
        }
    }
}

/// A controller, what is connected to it, and what is drawn.
struct World<'w> {
    client: Client,
    wire: RefCell<Wire<'w>>,
    seen: &'w Seen,
    drawn: RefCell<Box<dyn Iterator<Item = Index> + 'w>>,
    /// The plan of the round before, saved.
    saved: RefCell<Option<Saved>>,
}

impl World<'_> {
    fn draw(&self, count: usize) -> usize {
        self.drawn.borrow_mut().next().map_or(0, |index| index.index(count))
    }

    fn run_some(&self) {
        self.wire.borrow_mut().run_some(&mut *self.drawn.borrow_mut());
    }

    /// The plan, or the one of the round before with what it did already, where nothing moved that it counts on.
    async fn planned(&self, declared: &DeclaredMesh, live: &LiveMesh) -> Result<(Plan, Progress), String> {
        let capabilities = self.client.server().capabilities;
        let now = self.client.topology().await.map_err(|error| error.to_string())?;
        let before = self.saved.borrow_mut().take().filter(|_| self.draw(2) == 0);
        if let Some(saved) = before
            && let Ok(progress) = saved.resume(live)
            && saved.cut_off(&now, &progress.done).is_empty()
        {
            self.seen.went_on.set(self.seen.went_on.get() + 1);
            return Ok((saved.plan, progress));
        }
        let plan = plan(declared, live, capabilities, &Permissions::default());
        if plan.is_allowed() && plan.held() > 0 {
            *self.saved.borrow_mut() = Some(Saved::new(origin(capabilities, Permissions::default()), plan.clone(), declared, live));
        }
        Ok((plan, Progress::default()))
    }

    /// Plans and applies once; whoever is ready, stays, is `reachable` in the end and is not named must not lose its path.
    async fn apply_once(&self, declared: &DeclaredMesh, reachable: &BTreeSet<String>, wait: Duration) -> Result<Option<Plan>, String> {
        let live = self.client.read_all().await.map_err(|error| error.to_string())?;
        self.wire.borrow_mut().ports = live.instances.iter().map(|(name, instance)| (name.clone(), instance.listener_port)).collect();
        let (plan, Progress { done, ids }) = self.planned(declared, &live).await?;
        if !plan.refused.is_empty() {
            let known = plan.refused.iter().all(|r| is_impossible(&r.reason));
            return if known { Ok(None) } else { Err(story(&plan)) };
        }
        let may_lose = plan.may_lose();
        let is_kept = |name: &String| !may_lose.contains(name) && reachable.contains(name);
        let keep: RefCell<BTreeSet<String>> = RefCell::new(self.wire.borrow().ready_and_connected().into_iter().filter(is_kept).collect());
        let wrong = RefCell::new(Vec::new());
        let so_far = RefCell::new(done.clone());
        let on_event = |event: Event<'_>| {
            if matches!(event, Event::Waiting(_)) {
                // Somebody runs a bundle while apply waits.
                self.run_some();
                // What that takes away is nobody's doing here.
                let connected = self.wire.borrow().connected(true);
                keep.borrow_mut().retain(|name| connected.contains(name));
            }
            let Event::Done(step) = event else { return };
            so_far.borrow_mut().insert(step.id);
            let early = step.after.iter().filter(|id| !so_far.borrow().contains(id)).map(|id| format!("{} before {id}", step.id));
            wrong.borrow_mut().extend(early);
            self.wire.borrow_mut().follow(step);
            let connected = self.wire.borrow().connected(true);
            wrong.borrow_mut().extend(keep.borrow().difference(&connected).map(|name| format!("{name} has no path after {}", step.id)));
        };
        let mut outcome = Outcome::new();
        let options = Options { parallelism: 1, wait, look_every: Duration::from_millis(1), ..Options::default() };
        let work = Work { done, made: ids, may_lose: may_lose.clone(), ..Work::new(&plan.steps, &plan.holds) };
        apply(&work, &self.client, &options, &mut outcome, on_event).await;
        let wrong = wrong.into_inner();
        self.seen.held.set(self.seen.held.get() + usize::from(outcome.counts(&plan.steps).held > 0));
        match () {
            () if !outcome.is_success() => Err(format!("{outcome:?}{}", story(&plan))),
            () if !wrong.is_empty() => Err(format!("{wrong:?}\nholds {:?}{}", plan.holds, story(&plan))),
            () => Ok(Some(plan)),
        }
    }
}

#[derive(Default)]
struct Seen {
    held: Cell<usize>,
    went_on: Cell<usize>,
    moves: Cell<usize>,
}

#[derive(Debug)]
struct Story {
    meshes: Vec<Mesh>,
    styles: Vec<Style>,
    rename: Option<(Index, Index)>,
    drawn: Vec<Index>,
}

fn stories(dialect: mesh::Dialect) -> impl Strategy<Value = Story> {
    let size = prop_oneof![4 => Just(5usize), 2 => Just(10)];
    let meshes = size.prop_flat_map(move |size| prop::collection::vec(mesh(dialect, size), 2..=4));
    let rename = prop::option::weighted(0.3, any::<(Index, Index)>());
    let drawn = prop::collection::vec(any::<Index>(), 24);
    (meshes, styles(), rename, drawn).prop_map(|(meshes, styles, rename, drawn)| Story { meshes, styles, rename, drawn })
}

async fn live_through(story: &Story, model: mesh::Dialect, world: &World<'_>) -> Result<(), String> {
    let Story { meshes, styles, rename: drawn_rename, drawn: _ } = story;
    let mut now = Mesh::new();
    for (i, next) in meshes.iter().enumerate() {
        let (styles, rename) = if i == 0 { (&[][..], None) } else { (styles.as_slice(), rename(&now, next, styles, *drawn_rename)) };
        let declared = declare_so(model, &now, next, styles, rename.as_ref());
        let is_last = i + 1 == meshes.len();
        let then = target(model, &now, next, styles, rename.as_ref());
        // Who shall have no path is no promise.
        let reachable = reachable(&then);
        world.saved.borrow_mut().take();
        // The first mesh is connected whole, of those in between some bundles are run, of the last all in the end.
        for round in 0.. {
            let wait = Duration::from_millis(if world.draw(3) == 0 { 4 } else { 0 });
            let plan = world.apply_once(&declared, &reachable, wait).await;
            let Some(plan) = plan.map_err(|e| format!("{e}\nround {round} of {}", words(next)))? else { return Ok(()) };
            world.wire.borrow_mut().look();
            match () {
                () if i == 0 || is_last && round >= 20 => world.wire.borrow_mut().run_all(),
                () if !is_last && world.draw(3) == 0 => break,
                () => world.run_some(),
            }
            if plan.changes.is_empty() {
                break;
            }
            if round > 25 {
                return Err(format!("never done\nholds {:?}{}", plan.holds, self::story(&plan)));
            }
        }
        world.seen.moves.set(world.seen.moves.get() + 1);
        now = then;
        // What is still held is there.
        for name in world.client.read_all().await.map_err(|e| e.to_string())?.instances.keys().filter(|name| name.starts_with('n')) {
            now.entry(name.clone()).or_default();
        }
    }
    Ok(())
}

fn nobody_is_cut_off(dialect: sandbox::Dialect) {
    let model = match dialect {
        sandbox::Dialect::Addresses => mesh::Dialect::Addresses,
        sandbox::Dialect::Hostnames => mesh::Dialect::Hostnames,
    };
    let seen = Seen::default();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: cases(400),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    });
    let law = |story: Story| {
        let of_server = sandbox::Settings { dialect, links: Links::Adding, ..sandbox::Settings::default() };
        let server = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), of_server).expect("a free port");
        let wire = Wire { server: &server, configs: BTreeMap::new(), ports: BTreeMap::new(), seen: BTreeSet::new() };
        let lived = block_on(async {
            let client = connect_with(settings(&server.url(), "admin", "password")).await.expect("the sandbox answers");
            let drawn = Box::new(story.drawn.iter().copied().cycle());
            let world = World { client, wire: RefCell::new(wire), seen: &seen, drawn: RefCell::new(drawn), saved: RefCell::default() };
            live_through(&story, model, &world).await
        });
        let told = || story.meshes.iter().map(words).collect::<Vec<_>>().join("\nthen ");
        lived.map_err(|error| TestCaseError::fail(format!("{error}\nfirst {}", told())))
    };
    runner.run(&stories(model), law).unwrap_or_else(|error| panic!("{error}"));
    // Otherwise the law would hold of next to nothing.
    assert!(seen.went_on.get() > 0, "no saved plan went on");
    assert!(seen.held.get() * 100 > seen.moves.get(), "{} of {} moves had something held", seen.held.get(), seen.moves.get());
}

#[test]
fn nobody_is_cut_off_on_the_wire_with_addresses() {
    nobody_is_cut_off(DIALECTS[0]);
}

#[test]
fn nobody_is_cut_off_on_the_wire_with_hostnames() {
    nobody_is_cut_off(DIALECTS[1]);
}
