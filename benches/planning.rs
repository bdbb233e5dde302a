//! How long it takes to plan and to show a plan, and how much memory: it has to grow with instances and peers alone, whatever the
//! shape of the mesh. A changed port and a ring are the exceptions, and rings are in the last shape.
//!
//! `cargo bench --bench planning`; `config::load` has its rows in `reading`.

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use meshform::{
    controller::ServerInfo,
    mesh::{
        Capabilities, CapacityAdjustment, Declared, DeclaredMesh, DeclaredType, Dialect, Given, ListenerPort, LiveAddress, LiveInstance,
        LiveMesh, NodeState, NodeType, Peer, Place,
    },
    plan::{Permissions, Plan, plan},
    render,
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const HERE: Place = Place { file: 0, line: 1, column: 1 };
const PORT: i64 = 27199;

/// How the instances dial each other.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// All dial one of two hops.
    Star,
    /// Executions dial the hop of their rack, those dial the core.
    Tiers,
    /// Each dials the next one; every tenth closes a ring of ten.
    Chain,
}

const SHAPES: [Shape; 3] = [Shape::Star, Shape::Tiers, Shape::Chain];
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

fn name(i: usize) -> String {
    format!("node-{i:06}.mesh.example.com")
}

/// What an instance dials; with `moved` half of the instances dial something else.
fn peers(shape: Shape, i: usize, count: usize, moved: bool) -> Vec<usize> {
    let other = usize::from(moved && i.is_multiple_of(2));
    match shape {
        Shape::Star if i < 2 => Vec::new(),
        Shape::Star => vec![(i + other) % 2],
        Shape::Tiers if i < 10 => Vec::new(),
        Shape::Tiers if i < 10 + count / 50 => vec![(i + other) % 10],
        Shape::Tiers => vec![10 + (i / 49 + other) % (count / 50)],
        Shape::Chain => {
            let closes = i % 10 == 9;
            let next = if i + 1 < count && !closes { Some(i + 1) } else { None };
            let ring = closes.then(|| i - 9);
            let on = (closes && i + 1 < count).then_some(i + 1);
            next.into_iter().chain(ring).chain(on).filter(|j| !(moved && *j == i + 1 && i % 10 == 4)).collect()
        }
    }
}

/// Whether control nodes dial it.
fn has_flag(shape: Shape, i: usize) -> bool {
    match shape {
        Shape::Star => i < 2,
        Shape::Tiers => i < 10,
        Shape::Chain => i.is_multiple_of(10),
    }
}

fn declared(shape: Shape, count: usize, moved: bool) -> DeclaredMesh {
    let mut mesh = DeclaredMesh { files: vec!["mesh.yaml".into()], ..DeclaredMesh::default() };
    for i in 0..count {
        let given = |value| Given { value, place: HERE };
        let mut instance = Declared::new(HERE);
        instance.node_type = Some(Given { value: DeclaredType::Execution, place: HERE });
        instance.enabled = Some(given(true));
        instance.capacity_adjustment = Some(Given { value: "1".parse::<CapacityAdjustment>().expect("a share"), place: HERE });
        instance.listener_port = Some(Given { value: Some(ListenerPort::try_from(PORT).expect("a port")), place: HERE });
        instance.peers_from_control_nodes = Some(given(has_flag(shape, i)));
        let names = peers(shape, i, count, moved).into_iter().map(|peer| Given { value: name(peer).parse().expect("a peer"), place: HERE });
        instance.peers = Some(Given { value: names.collect(), place: HERE });
        mesh.instances.insert(name(i).parse().expect("a hostname"), instance);
    }
    mesh
}

fn live(shape: Shape, count: usize) -> LiveMesh {
    let instance = |id: usize, node_type, port: Option<i64>, flag, peers: Vec<usize>| LiveInstance {
        id: i64::try_from(id).expect("a number"),
        node_type,
        node_state: NodeState::Present("ready".into()),
        enabled: true,
        capacity_adjustment: 1.into(),
        managed_by_policy: true,
        listener_port: port,
        peers_from_control_nodes: flag,
        managed: false,
        jobs_running: 0,
        peers: peers.into_iter().map(|peer| Peer::named(name(peer))).collect(),
        addresses: port
            .map(|port| LiveAddress {
                id: i64::try_from(id).expect("a number"),
                host: name(id),
                port,
                protocol: "tcp".into(),
                is_internal: false,
                canonical: true,
            })
            .into_iter()
            .collect(),
    };
    let nodes =
        (0..count).map(|i| (name(i), instance(i, NodeType::Execution, Some(PORT), has_flag(shape, i), peers(shape, i, count, false))));
    let flagged = (0..count).filter(|i| has_flag(shape, *i)).collect();
    let control = ("control-1".to_owned(), instance(count, NodeType::Control, None, false, flagged));
    LiveMesh { instances: nodes.chain([control]).collect(), ..LiveMesh::default() }
}

const CAPABILITIES: Capabilities = Capabilities { dialect: Dialect::Addresses, kubernetes: true, by_hand: false };

fn planned(declared: &DeclaredMesh, live: &LiveMesh) -> Plan {
    let plan = plan(declared, live, CAPABILITIES, &Permissions::default());
    assert!(plan.refused.is_empty());
    plan
}

fn cases() -> impl Iterator<Item = (Shape, usize)> {
    SHAPES.into_iter().flat_map(|shape| SIZES.map(|size| (shape, size)))
}

fn args() -> Vec<String> {
    cases().map(|(shape, size)| format!("{shape:?} {size}")).collect()
}

fn case(arg: &str) -> (Shape, usize) {
    cases().find(|(shape, size)| format!("{shape:?} {size}") == arg).expect("one of them")
}

#[divan::bench(args = args(), max_time = 3)]
fn a_new_mesh(bencher: Bencher<'_, '_>, arg: &str) {
    let (shape, size) = case(arg);
    let (declared, live) = (declared(shape, size, false), live(shape, 0));
    bencher.counter(ItemsCount::new(size)).bench(|| planned(&declared, &live));
}

#[divan::bench(args = args(), max_time = 3)]
fn nothing_to_do(bencher: Bencher<'_, '_>, arg: &str) {
    let (shape, size) = case(arg);
    let (declared, live) = (declared(shape, size, false), live(shape, size));
    assert!(planned(&declared, &live).is_empty());
    bencher.counter(ItemsCount::new(size)).bench(|| planned(&declared, &live));
}

#[divan::bench(args = args(), max_time = 3)]
fn moved_to_other_peers(bencher: Bencher<'_, '_>, arg: &str) {
    let (shape, size) = case(arg);
    let (declared, live) = (declared(shape, size, true), live(shape, size));
    bencher.counter(ItemsCount::new(size)).bench(|| planned(&declared, &live));
}

/// A hop loses its flag and dials another one: whoever is behind it holds that until the new link is established.
#[divan::bench(args = args(), max_time = 3)]
fn held_until_connected(bencher: Bencher<'_, '_>, arg: &str) {
    let (shape, size) = case(arg);
    let (mut declared, mut live) = (declared(shape, size, false), live(shape, size));
    let rows = live.instances.iter();
    live.established = rows.flat_map(|(name, row)| row.peers.iter().map(|peer| (name.clone(), peer.hostname.clone()))).collect();
    if let Some(hop) = declared.instances.values_mut().next() {
        let peer = Given { value: name(1).parse().expect("a peer"), place: HERE };
        hop.peers_from_control_nodes = Some(Given { value: false, place: HERE });
        hop.peers = Some(Given { value: vec![peer], place: HERE });
    }
    bencher.counter(ItemsCount::new(size)).bench(|| planned(&declared, &live));
}

#[divan::bench(args = args(), max_time = 3)]
fn shown_as_text(bencher: Bencher<'_, '_>, arg: &str) {
    let (shape, size) = case(arg);
    let (declared, live) = (declared(shape, size, true), live(shape, size));
    let plan = planned(&declared, &live);
    let server = ServerInfo {
        url: "https://awx.example.com".into(),
        version: "24.6.1".into(),
        install_uuid: "0".into(),
        capabilities: CAPABILITIES,
    };
    let view = render::plan::View { plan: &plan, declared: &declared, server: &server, from: None, paths: "mesh", unfolded: false };
    bencher.counter(ItemsCount::new(size)).bench(|| render::plan::text(&view));
}
