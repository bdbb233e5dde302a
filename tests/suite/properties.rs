//! The planner and the executor together, over real HTTP: random pairs of meshes against the simulated controllers, which know
//! nothing of the planner, or with `MESHFORM_TEST_CONTROLLER=URL` against a real and throw-away one.
//!
//! Each transition is applied in an order drawn from those that the plan's edges allow, or stopped after some steps and planned
//! again. `MESHFORM_TEST_CASES=N` sets how many there are.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    env,
    hash::{BuildHasher, Hasher, RandomState},
    io::{Write, stderr},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use meshform::{
    apply::{Event, Options, Outcome, Work, apply},
    controller::{Client, Credentials, Secret, Settings},
    mesh::{self, BaseUrl, DeclaredMesh, Expected, LiveMesh},
    plan::{Permissions, Plan, Step, plan, saved::Saved},
    sandbox::{self, Server},
};
use proptest::{prelude::*, sample::Index, strategy::ValueTree, test_runner::TestRunner};
use serde_json::Value as Json;

use super::{
    harness::{DIALECTS, block_on, cases, connect_with, saved},
    laws::{Mesh, Node, Style, declare_so, is_impossible, mesh, rename, story, styles, target, words},
};

/// A way from one mesh to another, and how it is gone.
#[derive(Debug)]
struct Transition {
    before: Mesh,
    after: Mesh,
    styles: Vec<Style>,
    rename: Option<(Index, Index)>,
    /// The order that is drawn.
    order: Vec<Index>,
    /// After how many steps it is stopped and planned again, if at all.
    stop: Option<Index>,
}

fn transitions(dialect: mesh::Dialect) -> impl Strategy<Value = Transition> {
    // Most are small, where knots are tightest; some are as large as a site.
    let size = prop_oneof![6 => Just(6usize), 3 => Just(12), 1 => Just(40)];
    let meshes = size.prop_flat_map(move |size| (mesh(dialect, size), mesh(dialect, size)));
    let rename = prop::option::weighted(0.3, any::<(Index, Index)>());
    let order = prop::collection::vec(any::<Index>(), 16);
    let stop = prop::option::weighted(0.3, any::<Index>());
    (meshes, styles(), rename, order, stop).prop_map(|((before, after), styles, rename, order, stop)| Transition {
        before,
        after,
        styles,
        rename,
        order,
        stop,
    })
}

/// The steps in an order drawn from those that their edges allow.
fn in_drawn_order<'s>(steps: &'s [Step], order: &[Index]) -> Vec<&'s Step> {
    let mut waiting: Vec<&Step> = steps.iter().collect();
    let mut done: BTreeSet<usize> = BTreeSet::new();
    let mut drawn: Vec<&Step> = Vec::new();
    let mut order = order.iter().cycle();
    while !waiting.is_empty() {
        let ready: Vec<usize> = (0..waiting.len()).filter(|i| waiting[*i].after.iter().all(|id| done.contains(id))).collect();
        let step = waiting.remove(ready[order.next().expect("it cycles").index(ready.len())]);
        done.insert(step.id);
        drawn.push(step);
    }
    drawn
}

/// Each after the one before it; `ids` are those of rows that are there and that the plan made.
fn in_a_row<'s>(steps: impl IntoIterator<Item = &'s Step>, ids: &BTreeMap<String, i64>) -> Vec<Step> {
    let numbered = (1..).zip(steps);
    let again = |id: usize, step: &Step| {
        let instance = step.instance.or_else(|| ids.get(&step.hostname).copied());
        Step { id, after: (id > 1).then(|| id - 1).into_iter().collect(), instance, ..step.clone() }
    };
    numbered.map(|(id, step)| again(id, step)).collect()
}

/// Who has a path to the control plane, by nodes and links as the controller shows them.
fn reachable(topology: &Json) -> BTreeSet<String> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let list = |key: &str| topology[key].as_array().cloned().unwrap_or_default();
    let leaving: BTreeSet<String> =
        list("nodes").iter().filter(|n| n["node_state"] == "deprovisioning").map(|n| text(&n["hostname"])).collect();
    let mut neighbours: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for link in list("links") {
        let (source, target) = (text(&link["source"]), text(&link["target"]));
        if leaving.contains(&source) || leaving.contains(&target) {
            continue;
        }
        neighbours.entry(source.clone()).or_default().push(target.clone());
        neighbours.entry(target).or_default().push(source);
    }
    let controls = list("nodes").into_iter().filter(|n| n["node_type"] == "control").map(|n| text(&n["hostname"]));
    let mut open: Vec<String> = controls.collect();
    let mut reached = BTreeSet::new();
    while let Some(name) = open.pop() {
        if reached.insert(name.clone()) {
            open.extend(neighbours.get(&name).into_iter().flatten().cloned());
        }
    }
    reached
}

/// A controller, and how its nodes and links are seen without asking it over HTTP, if they can be.
struct Target<'s> {
    client: Client,
    server: Option<&'s Server>,
}

impl Target<'_> {
    async fn read(&self, declared: &DeclaredMesh) -> LiveMesh {
        self.client.read(&Expected::declared(declared)).await.expect("the mesh can be read")
    }

    /// What is there with this suffix, as far as it can be removed.
    async fn rest(&self, suffix: &str) -> Mesh {
        let live = self.read(&DeclaredMesh::default()).await;
        live.instances.keys().filter(|name| name.ends_with(suffix)).map(|name| (name.clone(), Node::default())).collect()
    }

    async fn plan(&self, declared: &DeclaredMesh) -> Plan {
        plan(declared, &self.read(declared).await, self.client.server().capabilities, &no_hold())
    }

    /// Runs steps; all have to be done, and whoever shall keep a path has one after each.
    async fn run(&self, steps: &[Step], parallelism: usize, keep: &BTreeSet<String>) -> Result<(), String> {
        let lost = RefCell::new(Vec::new());
        let on_event = |event: Event<'_>| {
            if let (Event::Done(step), Some(server)) = (event, self.server) {
                let reached = reachable(&server.topology());
                lost.borrow_mut().extend(keep.difference(&reached).map(|name| format!("{name} after {}", step.id)));
            }
        };
        let outcome = applied(steps, &self.client, parallelism, on_event).await;
        let lost = lost.into_inner();
        match () {
            () if !outcome.is_success() => Err(format!("{outcome:?}")),
            () if !lost.is_empty() => Err(format!("no path: {lost:?}")),
            () => Ok(()),
        }
    }

    /// Brings the controller to a mesh; `None` where there is no way through the API.
    async fn bring(&self, declared: &DeclaredMesh, transition: &Transition) -> Result<Option<Plan>, String> {
        let live = self.read(declared).await;
        let capabilities = self.client.server().capabilities;
        let first = plan(declared, &live, capabilities, &no_hold());
        if !first.refused.is_empty() {
            let known = first.refused.iter().all(|r| is_impossible(&r.reason));
            return if known { Ok(None) } else { Err(story(&first)) };
        }
        let fail = |what: String| format!("{what}{}", story(&first));
        let before = self.server.map(|server| reachable(&server.topology())).unwrap_or_default();
        // Who has no path in the end is no promise; found by what the plan says.
        let lost: BTreeSet<&str> = first.disrupted().into_iter().chain(first.cut_off.iter().map(|lost| lost.hostname.as_str())).collect();
        let removed = first.changes.iter().filter(|c| c.action == meshform::plan::Action::Remove).map(|c| c.hostname.as_str());
        let lost: BTreeSet<&str> = lost.into_iter().chain(removed).collect();
        let keep: BTreeSet<String> = before.into_iter().filter(|name| !lost.contains(name.as_str())).collect();
        let drawn = in_drawn_order(&first.steps, &transition.order);
        let nothing = BTreeMap::new();
        match transition.stop {
            Some(stop) if !drawn.is_empty() => {
                let cut = stop.index(drawn.len());
                self.run(&in_a_row(drawn[..cut].iter().copied(), &nothing), 1, &keep).await.map_err(fail)?;
                if transition.order.get(2).is_some_and(|index| index.index(2) == 0) {
                    // The very plan goes on where it was.
                    let text = saved(declared, &live, capabilities).to_text();
                    let saved = Saved::parse(&text).map_err(|e| fail(e.to_string()))?;
                    let progress = saved.resume(&self.read(declared).await);
                    let progress = progress.map_err(|moved| fail(format!("stale after a stop at {cut}: {moved:?}")))?;
                    if let Some(step) = drawn[..cut].iter().find(|step| !progress.done.contains(&step.id)) {
                        return Err(fail(format!("{} was done before a stop at {cut}", step.id)));
                    }
                    let rest = saved.plan.steps.iter().filter(|step| !progress.done.contains(&step.id));
                    self.run(&in_a_row(rest, &progress.ids), 10, &BTreeSet::new())
                        .await
                        .map_err(|e| fail(format!("{e} after going on from a stop at {cut}, done {:?}", progress.done)))?;
                }
                let second = self.plan(declared).await;
                self.run(&second.steps, 10, &BTreeSet::new())
                    .await
                    .map_err(|e| format!("{e} after a stop at {cut}{}{}", story(&second), story(&first)))?;
            }
            _ if transition.order.first().is_some_and(|index| index.index(4) == 0) => {
                self.run(&first.steps, 10, &BTreeSet::new()).await.map_err(fail)?;
            }
            _ => self.run(&in_a_row(drawn, &nothing), 1, &keep).await.map_err(fail)?,
        }
        let left = self.plan(declared).await;
        if left.changes.is_empty() && left.refused.is_empty() {
            Ok(Some(first))
        } else {
            Err(format!("left over {}{}", story(&left), story(&first)))
        }
    }
}

/// What waits for install bundles has a law of its own.
fn no_hold() -> Permissions {
    Permissions { no_hold: true, ..Permissions::default() }
}

pub(crate) fn settings(url: &str, username: &str, password: &str) -> Settings {
    let credentials = Credentials::Basic { username: username.into(), password: Secret::new(password) };
    Settings::new(BaseUrl::parse(url).expect("a URL"), credentials)
}

/// Runs steps as if nothing held them.
pub(crate) async fn applied(steps: &[Step], client: &Client, parallelism: usize, on_event: impl FnMut(Event<'_>)) -> Outcome {
    let mut outcome = Outcome::new();
    let options = Options { parallelism, ..Options::default() };
    apply(&Work::new(steps, &[]), client, &options, &mut outcome, on_event).await;
    outcome
}

/// What was seen of all transitions.
#[derive(Default)]
struct Seen {
    applied: Cell<usize>,
    disrupted: Cell<usize>,
    requests: Cell<usize>,
    needed: Cell<usize>,
}

impl Seen {
    fn count(&self, plan: &Plan) {
        let add = |cell: &Cell<usize>, more| cell.set(cell.get() + more);
        add(&self.applied, 1);
        add(&self.disrupted, usize::from(!plan.disruptions.is_empty()));
        add(&self.requests, plan.writes());
        add(&self.needed, plan.steps.iter().map(|step| step.hostname.as_str()).collect::<BTreeSet<_>>().len());
    }
}

fn every_transition_converges(dialect: sandbox::Dialect) {
    let model = match dialect {
        sandbox::Dialect::Addresses => mesh::Dialect::Addresses,
        sandbox::Dialect::Hostnames => mesh::Dialect::Hostnames,
    };
    let seen = Seen::default();
    let mut runner = TestRunner::new(ProptestConfig { cases: cases(1000), failure_persistence: None, ..ProptestConfig::default() });
    let law = |transition: Transition| {
        let Transition { before, after, styles, .. } = &transition;
        // Rows that stay for a while after their removal was asked for show what refers to them too long.
        let removal_delay =
            if transition.order.get(1).is_some_and(|index| index.index(3) == 0) { Duration::from_millis(2) } else { Duration::ZERO };
        let settings_of_server = sandbox::Settings { dialect, removal_delay, ..sandbox::Settings::default() };
        let server = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings_of_server).expect("a free port");
        let rename = rename(before, after, styles, transition.rename);
        let first = declare_so(model, &Mesh::new(), before, &[], None);
        let then = declare_so(model, before, after, styles, rename.as_ref());
        let brought = block_on(async {
            let client = connect_with(settings(&server.url(), "admin", "password")).await.expect("the sandbox answers");
            let target = Target { client, server: Some(&server) };
            target.bring(&first, &transition).await?;
            target.bring(&then, &transition).await
        });
        let told = || format!("\nbefore {}\nafter {}\nrename {rename:?}", words(before), words(after));
        match brought {
            Ok(plan) => plan.iter().for_each(|plan| seen.count(plan)),
            Err(error) => prop_assert!(false, "{error}{}", told()),
        }
        let refused: Vec<_> = server.journal().into_iter().filter(|e| e.status >= 400 && e.method != "GET").collect();
        prop_assert!(refused.is_empty(), "{refused:?}{}", told());
        Ok(())
    };
    runner.run(&transitions(model), law).unwrap_or_else(|error| panic!("{error}"));
    // Otherwise the law would hold of next to nothing.
    let half = usize::try_from(cases(1000)).expect("a number") / 2;
    assert!(seen.applied.get() > half, "{} were applied", seen.applied.get());
    assert!(seen.disrupted.get() * 4 < seen.applied.get(), "{} of {} disrupt somebody", seen.disrupted.get(), seen.applied.get());
    // A second request of an instance is the exception, though every mesh here is full of rings and changed ports.
    assert!(seen.requests.get() * 10 < seen.needed.get() * 15, "{} requests for {} instances", seen.requests.get(), seen.needed.get());
}

/// The same mesh with longer hostnames.
fn with_suffix(mesh: &Mesh, suffix: &str) -> Mesh {
    let name = |name: &String| format!("{name}.{suffix}");
    mesh.iter().map(|(key, node)| (name(key), Node { peers: node.peers.iter().map(name).collect(), ..node.clone() })).collect()
}

/// From mesh to mesh on the controller of `MESHFORM_TEST_CONTROLLER`, if there is one: `MESHFORM_TEST_CASES` times (200).
#[test]
fn every_transition_converges_on_a_real_controller() {
    let Ok(url) = env::var("MESHFORM_TEST_CONTROLLER") else { return };
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let settings = settings(&url, &variable("CONTROLLER_USERNAME"), &variable("CONTROLLER_PASSWORD"));
    let suffix = format!("law-{:08x}.example.com", RandomState::new().build_hasher().finish() & 0xffff_ffff);
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let seen = Seen::default();
    let mut transition_count = 0;
    block_on(async {
        let client = connect_with(settings).await.expect("the controller answers");
        let dialect = client.server().capabilities.dialect;
        let target_controller = Target { client, server: None };
        let mut now = Mesh::new();
        let mut failure = None;
        while transition_count < cases(200) {
            let mut transition = transitions(dialect).new_tree(&mut runner).expect("a transition").current();
            transition.after = with_suffix(&transition.after, &suffix);
            let Transition { after, styles, .. } = &transition;
            let rename = rename(&now, after, styles, transition.rename);
            let declared = declare_so(dialect, &now, after, styles, rename.as_ref());
            match target_controller.bring(&declared, &transition).await {
                Ok(Some(plan)) => {
                    seen.count(&plan);
                    transition_count += u32::from(!plan.steps.is_empty());
                    now = target(dialect, &now, after, styles, rename.as_ref());
                }
                Ok(None) => {}
                Err(error) => {
                    failure = Some(format!("{error}\nbefore {}\nafter {}\nrename {rename:?}", words(&now), words(after)));
                    break;
                }
            }
        }
        let nothing = declare_so(dialect, &target_controller.rest(&suffix).await, &Mesh::new(), &[], None);
        let removal = target_controller.plan(&nothing).await;
        let outcome = applied(&removal.steps, &target_controller.client, 10, |_| {}).await;
        assert!(failure.is_none(), "{}", failure.unwrap_or_default());
        assert!(outcome.is_success(), "{outcome:?}");
    });
    let told = format!("{transition_count} transitions on {url}, none refused, all converged: {} requests\n", seen.requests.get());
    stderr().write_all(told.as_bytes()).expect("a terminal");
}

#[test]
fn every_transition_converges_with_addresses() {
    every_transition_converges(DIALECTS[0]);
}

#[test]
fn every_transition_converges_with_hostnames() {
    every_transition_converges(DIALECTS[1]);
}
