//! Reading a mesh: what is read by differences is what a full list gives, whatever is declared, and takes no more requests and rows
//! than it has to.

use std::{
    cell::Cell,
    net::{Ipv4Addr, SocketAddr},
    sync::Mutex,
    thread,
    time::Duration,
};

use meshform::{
    controller::Client,
    mesh::{CapacityAdjustment, Declared, DeclaredMesh, DeclaredType, Expected, Field, ListenerPort, NodeType, Peer, Value},
    sandbox::{self, Dialect, Exchange, Server},
};
use proptest::{prelude::*, sample::Index, test_runner::TestRunner};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use super::{
    harness::{Bench, DIALECTS, Front, HERE, block_on, cases, connect_with, given, request},
    properties::settings,
};

/// How an instance is, and what is declared of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own")]
#[derive(Clone, Debug)]
struct Node {
    hop: bool,
    /// In hundredths.
    capacity: i64,
    policy: bool,
    enabled: bool,
    port: Option<i64>,
    flag: bool,
    peers: Vec<Index>,
    jobs: i64,
    state: Option<&'static str>,
    /// The fields that are declared as they are, in this order: capacity, policy, port, flag; the others are not, or otherwise.
    known: [Option<bool>; 4],
}

fn node() -> impl Strategy<Value = Node> {
    // Few values, so that there are commonest ones, and odd ones.
    let capacity = prop_oneof![6 => Just(100_i64), 4 => Just(75), 1 => 0..1000_i64];
    let port = prop_oneof![3 => Just(None), 3 => Just(Some(27199)), 1 => (1024..65536_i64).prop_map(Some)];
    let rare = |flag| prop::bool::weighted(flag);
    let state = prop_oneof![
        9 => Just(None),
        1 => prop::sample::select(vec!["unavailable", "provisioning", "provision-fail", "deprovisioning", "deprovision-fail"]).prop_map(Some)
    ];
    let declared = || prop_oneof![4 => Just(Some(true)), 1 => Just(Some(false)), 2 => Just(None)];
    let known = [declared(), declared(), declared(), declared()];
    let jobs = prop_oneof![5 => Just(0_i64), 1 => 1..4_i64];
    let kind = (any::<bool>(), capacity, rare(0.8), rare(0.9), port, any::<bool>());
    (kind, prop::collection::vec(any::<Index>(), 0..3), jobs, state, known).prop_map(
        |((hop, capacity, policy, enabled, port, flag), peers, jobs, state, known)| Node {
            hop,
            capacity,
            policy,
            enabled,
            port,
            flag: flag && port.is_some(),
            peers,
            jobs,
            state,
            known,
        },
    )
}

/// What is declared: what is not known is declared to be something else, or nothing.
fn declared(nodes: &[Node], is_declared: &[bool]) -> DeclaredMesh {
    let mut mesh = DeclaredMesh::default();
    for (i, node) in nodes.iter().enumerate().filter(|(i, _)| is_declared.get(*i).copied().unwrap_or(true)) {
        let mut instance = Declared::new(HERE);
        let [capacity, policy, port, flag] = node.known;
        let hundredths = |right| if right { node.capacity } else { (node.capacity + 7) % 1000 };
        let capacity = capacity.map(hundredths).and_then(|value| CapacityAdjustment::try_from(Decimal::new(value, 2)).ok());
        instance.node_type = Some(given(if node.hop { DeclaredType::Hop } else { DeclaredType::Execution }));
        instance.capacity_adjustment = capacity.map(given);
        instance.managed_by_policy = policy.map(|right| given(node.policy == right));
        let other = |right| if right { node.port } else { node.port.map_or(Some(27199), |_| None) };
        instance.listener_port = port.map(|right| given(other(right).and_then(|port| ListenerPort::try_from(port).ok())));
        instance.peers_from_control_nodes = flag.map(|right| given(node.flag == right));
        mesh.instances.insert(name(i).parse().expect("a hostname"), instance);
    }
    mesh
}

fn name(i: usize) -> String {
    format!("n-{i:03}.example.com")
}

/// Makes the instances, each with peers among those before it.
async fn make(client: &Client, server: &Server, nodes: &[Node]) {
    for (i, node) in nodes.iter().enumerate() {
        let peers = node.peers.iter().filter_map(|peer| {
            let earlier = i.checked_sub(1).map(|last| peer.index(last + 1))?;
            nodes[earlier].port.is_some().then(|| Peer::named(name(earlier)))
        });
        let mut peers: std::collections::BTreeSet<Peer> = peers.collect();
        // The one that nodes outside can dial.
        if i % 5 == 4 && server.topology().to_string().contains("mesh-ingress") {
            peers.insert(Peer::named("mesh-ingress".to_owned()));
        }
        let body = vec![
            (Field::NodeType, Value::Type(if node.hop { NodeType::Hop } else { NodeType::Execution })),
            (Field::CapacityAdjustment, Value::Decimal(Decimal::new(node.capacity, 2))),
            (Field::ManagedByPolicy, Value::Bool(node.policy)),
            (Field::Enabled, Value::Bool(node.enabled)),
            (Field::ListenerPort, Value::Port(node.port)),
            (Field::PeersFromControlNodes, Value::Bool(node.flag)),
            (Field::Peers, Value::Peers(peers.into_iter().collect())),
        ];
        client.create(&name(i), &body).await.expect("it is made");
        if !node.hop {
            server.set_jobs(&name(i), node.jobs);
        }
    }
    for (i, node) in nodes.iter().enumerate() {
        if let Some(state) = node.state {
            server.set_state(&name(i), state, "").expect("the node is there");
        }
    }
}

fn start(settings: sandbox::Settings) -> Server {
    Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).expect("a free port")
}

/// Whether all instances are listed, whatever they have.
fn lists_all(exchange: &Exchange) -> bool {
    exchange.path.contains("/instances/?") && !exchange.path.contains("or__") && !exchange.path.contains("page_size=1")
}

fn what_is_read_is_what_is_there(dialect: Dialect) {
    let (read, empty) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: cases(60), failure_persistence: None, ..ProptestConfig::default() };
    let meshes = prop_oneof![2 => 0..12_usize, 1 => 12..60_usize]
        .prop_flat_map(|size| (prop::collection::vec(node(), size), prop::collection::vec(prop::bool::weighted(0.8), size), any::<bool>()));
    let law = |(nodes, is_declared, ingress): (Vec<Node>, Vec<bool>, bool)| {
        let ingress = ingress && dialect == Dialect::Addresses;
        // Those on their way out stay.
        let removal_delay = Duration::from_hours(1);
        let server = start(sandbox::Settings { dialect, ingress, removal_delay, ..sandbox::Settings::default() });
        let declared = declared(&nodes, &is_declared);
        let (by_differences, full, exchanges) = block_on(async {
            let client = connect_with(settings(&server.url(), "admin", "password")).await.expect("the sandbox answers");
            make(&client, &server, &nodes).await;
            let since = server.journal().len();
            let by_differences = client.read(&Expected::declared(&declared)).await.expect("a mesh");
            let exchanges = server.journal().split_off(since);
            (by_differences, client.read_all().await.expect("a mesh"), exchanges)
        });
        prop_assert_eq!(by_differences, full);
        let listed = exchanges.iter().find(|exchange| lists_all(exchange));
        prop_assert!(listed.is_none(), "{listed:?}");
        read.set(read.get() + 1);
        empty.set(empty.get() + usize::from(nodes.is_empty()));
        Ok(())
    };
    TestRunner::new(config).run(&meshes, law).unwrap_or_else(|error| panic!("{error}"));
    assert!(empty.get() * 4 < read.get(), "{} of {} had no instances", empty.get(), read.get());
}

#[test]
fn what_is_read_by_differences_is_what_is_there_with_addresses() {
    what_is_read_is_what_is_there(Dialect::Addresses);
}

#[test]
fn what_is_read_by_differences_is_what_is_there_with_hostnames() {
    what_is_read_is_what_is_there(Dialect::Hostnames);
}

const MESH: &str = "
defaults: {enabled: true, managed_by_policy: true}
instances:
  - {hostname: hop.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true, capacity_adjustment: 1.0}
  - {hostname: 'exec-[01:30].example.com', capacity_adjustment: 0.75, peers: [hop.example.com]}
";

/// A controller that has the mesh, with nothing in its journal but the applying of it.
fn applied(dialect: Dialect) -> Bench {
    let mut bench = Bench::new(dialect);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes -q").expect(0);
    bench.writes();
    bench
}

#[test]
fn what_is_as_declared_is_not_listed() {
    for dialect in DIALECTS {
        let bench = applied(dialect);
        let since = bench.requests();
        assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes. 31 instances are as declared."));
        let rows: usize = bench.journal().split_off(since).iter().map(|exchange| exchange.rows).sum();
        // The hop and the control node are too few to be asked about on their own; one is listed with the count.
        assert!(rows <= 4, "{dialect}: {rows} rows were listed");
    }
}

#[test]
fn a_plan_without_changes_for_700_instances_takes_twelve_requests() {
    let bench = Bench::new(DIALECTS[0]);
    let hops = "{hostname: 'hop-[001:050].example.com', node_type: hop, listener_port: 27199, capacity_adjustment: 1.0}";
    bench.file("mesh.yaml", &format!("instances: [{hops}, {{hostname: 'exec-[001:650].example.com', capacity_adjustment: 0.75}}]"));
    let _ = bench.run("apply mesh.yaml --yes -q").expect(0);
    let since = bench.requests();
    assert!(bench.run("plan mesh.yaml").expect(0).contains("No changes."));
    let asked = bench.journal().split_off(since);
    let asked: Vec<String> = asked
        .iter()
        .map(ToString::to_string)
        .filter(|line| !["/login/", "/logout/", "/tokens/"].iter().any(|path| line.contains(path)))
        .collect();
    assert!(asked.len() <= 12, "{asked:#?}");
}

/// Where so many differ that a page does not hold them.
#[test]
fn a_mesh_that_is_not_at_all_as_declared_is_read_whole() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect);
        bench.file("mesh.yaml", "instances: [{hostname: 'exec-[001:450].example.com', capacity_adjustment: 0.75}]");
        let _ = bench.run("apply mesh.yaml --yes -q --parallelism 50").expect(0);
        bench.file("mesh.yaml", "instances: [{hostname: 'exec-[001:450].example.com', capacity_adjustment: 0.5}]");
        let since = bench.requests();
        assert!(bench.run("plan mesh.yaml").expect(0).contains("450 to update"));
        let journal = bench.journal().split_off(since);
        assert!(!journal.iter().any(lists_all));
        // None is listed twice; three are the control node's, one with the count, and one where the dialect is found by a row.
        let rows: usize = journal.iter().map(|exchange| exchange.rows).sum();
        assert!((450..=453).contains(&rows), "{dialect}: {rows} rows were listed");
    }
}

/// A saved plan brings along what all instances had.
#[test]
fn a_saved_plan_is_looked_over_without_listing_all() {
    for dialect in DIALECTS {
        let bench = applied(dialect);
        bench.file("mesh.yaml", &MESH.replace("exec-[01:30]", "exec-[01:31]"));
        let _ = bench.run("plan mesh.yaml --out mesh.plan").expect(0);
        let since = bench.requests();
        let _ = bench.run("apply mesh.plan --yes").expect(0);
        let rows: usize = bench.journal().split_off(since).iter().map(|exchange| exchange.rows).sum();
        assert!(rows <= 4, "{dialect}: {rows} rows were listed");
    }
}

/// AWX lets an instance have several canonical addresses (`awx-manage add_receptor_address --canonical`); which of them its row shows
/// nothing else tells.
#[test]
fn an_instance_with_two_canonical_addresses_is_listed() {
    let bench = Bench::new(DIALECTS[0]);
    bench.file("mesh.yaml", MESH);
    let _ = bench.run("apply mesh.yaml --yes -q --controller sandbox:state.json").expect(0);
    let mut kept: Json = serde_json::from_str(&bench.read("state.json")).expect("JSON");
    let addresses = kept["addresses"].as_array_mut().expect("a list");
    let mut second = addresses[0].clone();
    (second["id"], second["port"]) = (json!(900), json!(443));
    addresses.push(second);
    bench.file("state.json", &kept.to_string());
    for reading in ["auto", "full"] {
        let shown = bench.run(&format!("plan mesh.yaml --read {reading} --controller sandbox:state.json")).expect(0);
        assert!(shown.contains("No changes."), "{reading}: {shown}");
    }
}

#[test]
fn all_rows_are_listed_where_that_is_wanted() {
    let bench = applied(DIALECTS[0]);
    let since = bench.requests();
    assert!(bench.run("plan mesh.yaml --read full").expect(0).contains("No changes."));
    assert!(bench.journal().split_off(since).iter().any(lists_all));
}

/// Somebody changes something after the nodes were read, and before the rows are.
#[test]
fn what_changes_while_it_is_read_is_read_again() {
    type Change = (&'static str, &'static str, Json, &'static str);
    let changes: [Change; 5] = [
        ("PATCH", "/api/v2/instances/exec-30.example.com/", json!({"node_state": "deprovisioning"}), "1 to create"),
        ("PATCH", "/api/v2/instances/exec-30.example.com/", json!({"peers": [], "capacity_adjustment": "0.5"}), "1 to update"),
        ("PATCH", "/api/v2/instances/exec-30.example.com/", json!({"enabled": false, "capacity_adjustment": "0.5"}), "1 to update"),
        ("PATCH", "/api/v2/instances/exec-30.example.com/", json!({"managed_by_policy": false}), "1 to update"),
        ("PATCH", "/api/v2/instances/hop.example.com/", json!({"peers_from_control_nodes": false}), "1 to update"),
    ];
    for dialect in DIALECTS {
        for (method, path, body, wanted) in changes.clone() {
            let mut bench = applied(dialect);
            let url = bench.url();
            let is_done = Mutex::new(false);
            let what = body.to_string();
            let front = Front::new(bench.url(), move |_, asked, _| {
                let mut is_done = is_done.lock().expect("not poisoned");
                if asked.contains("or__") && !*is_done {
                    *is_done = true;
                    let (url, body) = (url.clone(), body.clone());
                    thread::spawn(move || request(&url, method, path, &body)).join().expect("it is changed");
                }
                None
            });
            bench.set("CONTROLLER_HOST", front.url());
            let shown = bench.run("plan mesh.yaml").expect(0);
            assert!(shown.contains(wanted), "{dialect}, {what}: {shown}");
        }
    }
}

/// What a server does not have, or not so, is read in the old way.
#[test]
fn a_server_that_refuses_is_read_row_by_row() {
    for dialect in DIALECTS {
        let bench = applied(dialect);
        for refused in ["unified_jobs/", "or__"] {
            for (status, body) in
                [(400, "{\"detail\": \"no\"}"), (403, "{\"detail\": \"no\"}"), (404, "<html>"), (414, "<html>"), (500, "<html>")]
            {
                let kind = if body.starts_with('{') { "application/json" } else { "text/html" };
                let front = Front::new(bench.url(), move |_, path, _| path.contains(refused).then(|| (status, kind, body.to_owned())));
                let since = bench.requests();
                let shown = bench.run(&format!("plan mesh.yaml --controller {}", front.url())).expect(0);
                assert!(shown.contains("No changes. 31 instances are as declared."), "{status} for {refused}: {shown}");
                assert!(bench.journal().split_off(since).iter().any(lists_all), "{status} for {refused}");
            }
        }
    }
}
