//! The planner's laws over random pairs of meshes, against a small model of the server's rules: whatever order the plan's edges
//! allow, no request is refused, whoever has a path before and after has one meanwhile unless the plan names it, links that nobody
//! declares survive, and the end is as declared.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use meshform::{
    mesh::{
        Capabilities, Declared, DeclaredMesh, DeclaredState, DeclaredType, Dialect, Field, Listed, ListenerPort, LiveInstance, LiveMesh,
        NodeType, Peer, Value,
    },
    plan::{Permissions, Plan, Reason, Request, Selection, Step, plan, plan_selected},
};
use proptest::{prelude::*, sample, test_runner::TestRunner};

use super::harness::{HERE, cases, given, live_instance};

const PORTS: [i64; 2] = [27199, 27200];

/// An instance as far as links go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) hop: bool,
    pub(crate) port: Option<i64>,
    pub(crate) flag: bool,
    /// Whether a control node dials it without the flag, as an installer's command makes it.
    pub(crate) linked: bool,
    pub(crate) peers: BTreeSet<String>,
}

/// How an instance is declared.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each field that can be left out")]
pub(crate) struct Style {
    /// Fields that are left out.
    no_port: bool,
    no_flag: bool,
    no_peers: bool,
    /// Whether peers are written as `host:port`.
    by_address: bool,
    /// Whether it is somebody else's, once it is there.
    foreign: bool,
}

pub(crate) type Mesh = BTreeMap<String, Node>;

/// A mesh of up to so many instances that the server would hold, each there or not.
pub(crate) fn mesh(dialect: Dialect, size: usize) -> impl Strategy<Value = Mesh> {
    let node = (
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.8),
        prop::option::weighted(0.8, prop::bool::weighted(0.15)),
        prop::bool::weighted(0.35),
        prop::collection::vec(any::<sample::Index>(), 0..=2),
    );
    prop::collection::vec(node, 0..=size).prop_map(move |nodes| {
        let name = |i: usize| format!("n{i}");
        let listens = |i: usize| nodes.get(i).is_some_and(|(there, _, port, ..)| *there && port.is_some());
        let mut mesh = Mesh::new();
        for (i, (_, hop, port, flag, peers)) in nodes.iter().enumerate().filter(|(_, (there, ..))| *there) {
            let back = |j: usize| mesh.get(&name(j)).is_some_and(|other: &Node| other.peers.contains(&name(i)));
            let mutual = |j: usize| dialect == Dialect::Addresses && back(j);
            let peers = peers.iter().map(|peer| peer.index(nodes.len()));
            let peers = peers.filter(|j| *j != i && listens(*j) && !mutual(*j)).map(name).collect();
            let port = port.map(|second| PORTS[usize::from(second)]);
            mesh.insert(name(i), Node { hop: *hop, port, flag: *flag && port.is_some(), linked: false, peers });
        }
        mesh
    })
}

/// How instances are declared, over and over.
pub(crate) fn styles() -> impl Strategy<Value = Vec<Style>> {
    let few = || prop::bool::weighted(0.1);
    let style = (few(), few(), few(), any::<bool>(), prop::bool::weighted(0.15));
    let style =
        style.prop_map(|(no_port, no_flag, no_peers, by_address, foreign)| Style { no_port, no_flag, no_peers, by_address, foreign });
    prop::collection::vec(style, 8)
}

/// The style of an instance by its number.
fn style(name: &str, styles: &[Style]) -> Style {
    let digits = name.trim_start_matches('n').split('.').next().unwrap_or_default();
    let number: Option<usize> = digits.parse().ok();
    number.and_then(|number| styles.get(number.checked_rem(styles.len())?)).cloned().unwrap_or_default()
}

/// Whether an instance is not declared at all: it is there, and it is somebody else's.
pub(crate) fn is_foreign(before: &Mesh, name: &str, styles: &[Style]) -> bool {
    before.contains_key(name) && style(name, styles).foreign
}

/// Who takes the place of whom: the drawn ones, if there are such.
pub(crate) type Rename = Option<(String, String)>;

pub(crate) fn rename(before: &Mesh, after: &Mesh, styles: &[Style], drawn: Option<(sample::Index, sample::Index)>) -> Rename {
    let (new_index, old_index) = drawn?;
    let ours = |name: &&String| !is_foreign(before, name, styles);
    let new: Vec<&String> = after.keys().filter(ours).collect();
    let old: Vec<&String> = before.keys().filter(ours).filter(|name| !after.contains_key(*name)).collect();
    if new.is_empty() || old.is_empty() {
        return None;
    }
    Some((new[new_index.index(new.len())].clone(), old[old_index.index(old.len())].clone()))
}

/// Declares a mesh in these styles. What is there and not in it shall go, unless it is somebody else's.
pub(crate) fn declare_so(
    dialect: Dialect,
    before: &Mesh,
    mesh: &Mesh,
    styles: &[Style],
    rename: Option<&(String, String)>,
) -> DeclaredMesh {
    let mut declared = DeclaredMesh::default();
    let target = target(dialect, before, mesh, styles, rename);
    for (name, node) in mesh.iter().filter(|(name, _)| !is_foreign(before, name, styles)) {
        let style = style(name, styles);
        let mut instance = Declared::new(HERE);
        instance.node_type = Some(given(if node.hop { DeclaredType::Hop } else { DeclaredType::Execution }));
        let port = given(node.port.map(|port| ListenerPort::try_from(port).expect("a port")));
        instance.listener_port = (!style.no_port).then_some(port);
        instance.peers_from_control_nodes = (!style.no_flag).then_some(given(node.flag));
        let written = |peer: &String| match target.get(peer).and_then(|far| far.port) {
            Some(port) if style.by_address => format!("{peer}:{port}"),
            _ => peer.clone(),
        };
        let peers = node.peers.iter().map(|p| given(written(p).parse().expect("a peer"))).collect();
        instance.peers = (!style.no_peers).then_some(given(peers));
        instance.replaces = rename.filter(|(new, _)| new == name).map(|(_, old)| given(old.parse().expect("a hostname")));
        declared.instances.insert(name.parse().expect("a hostname"), instance);
    }
    let goes = |name: &&String| !mesh.contains_key(*name) && !is_foreign(before, name, styles);
    for name in before.keys().filter(goes).filter(|name| rename.is_none_or(|(_, old)| old != *name)) {
        let mut instance = Declared::new(HERE);
        instance.node_state = given(DeclaredState::Deprovisioning);
        declared.instances.insert(name.parse().expect("a hostname"), instance);
    }
    declared
}

/// What a declaration in these styles asks for: what is left out stays as it is, the flag goes with its listener, and a link that
/// nobody declares ends with what it leads to.
pub(crate) fn target(dialect: Dialect, before: &Mesh, declared: &Mesh, styles: &[Style], rename: Option<&(String, String)>) -> Mesh {
    let mut target = Mesh::new();
    let names: BTreeSet<&String> = before.keys().chain(declared.keys()).collect();
    for name in &names {
        let live = before.get(*name).cloned();
        if is_foreign(before, name, styles) {
            target.extend(live.map(|live| ((*name).clone(), live)));
            continue;
        }
        let Some(node) = declared.get(*name) else { continue };
        let style = style(name, styles);
        let live = live.unwrap_or_default();
        let port = if style.no_port { live.port } else { node.port };
        let flag = if style.no_flag { live.flag && port.is_some() } else { node.flag };
        let peers = if style.no_peers { live.peers } else { node.peers.clone() };
        target.insert((*name).clone(), Node { hop: node.hop, port, flag, linked: live.linked, peers });
    }
    let there: BTreeSet<String> = target.keys().cloned().collect();
    // One direction is enough, and the newer dialect allows no more.
    let back = |name: &String, new: &String| dialect == Dialect::Addresses && target.get(new).is_some_and(|new| new.peers.contains(name));
    let dialled_back: BTreeSet<String> = rename.iter().flat_map(|(new, _)| target.keys().filter(|name| back(name, new))).cloned().collect();
    for (name, node) in &mut target {
        if let Some((new, old)) = rename
            && node.peers.remove(old)
            && new != name
            && !dialled_back.contains(name)
        {
            node.peers.insert(new.clone());
        }
        node.peers.retain(|peer| there.contains(peer));
    }
    target
}

fn instance(id: i64, name: &str, node: &Node, node_type: NodeType) -> LiveInstance {
    let peers = node.peers.iter().map(Peer::named).collect();
    live_instance(id, name, node_type, node.port, node.flag, peers)
}

/// The mesh and the control node that dials some of it.
pub(crate) fn live(mesh: &Mesh) -> LiveMesh {
    let node_type = |node: &Node| if node.hop { NodeType::Hop } else { NodeType::Execution };
    let instances = (2..).zip(mesh).map(|(id, (name, node))| (name.clone(), instance(id, name, node, node_type(node))));
    let peers = mesh.iter().filter(|(_, n)| n.flag || n.linked).map(|(name, _)| name.clone()).collect();
    let control = Node { peers, ..Node::default() };
    let control = ("control".to_owned(), instance(1, "control", &control, NodeType::Control));
    LiveMesh { instances: instances.chain([control]).collect(), ..LiveMesh::default() }
}

/// Who has a path to the control plane; every node relays, and a link carries both ways.
pub(crate) fn reachable(mesh: &Mesh) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> = mesh.iter().filter(|(_, n)| n.flag || n.linked).map(|(name, _)| name.clone()).collect();
    let mut open: Vec<String> = reached.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let dialled = mesh.get(&name).into_iter().flat_map(|n| n.peers.iter().cloned());
        let dialling = mesh.iter().filter(|(_, n)| n.peers.contains(&name)).map(|(other, _)| other.clone());
        for next in dialled.chain(dialling).collect::<Vec<_>>() {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

/// All links of a mesh, by who dials whom.
fn links(mesh: &Mesh) -> BTreeSet<(String, String)> {
    mesh.iter().flat_map(|(name, node)| node.peers.iter().map(|peer| (name.clone(), peer.clone()))).collect()
}

/// What a server does with one request, or why it refuses.
fn send(mesh: &mut Mesh, dialect: Dialect, step: &Step) -> Result<(), String> {
    let name = &step.hostname;
    let before = mesh.get(name).cloned();
    match (step.action, &before) {
        (Request::Create, Some(_)) => return Err(format!("{name} is there already")),
        (Request::Patch | Request::Remove, None) => return Err(format!("{name} is not there")),
        (Request::Wait, Some(_)) => return Err(format!("{name} would be waited for without end")),
        (Request::Wait, None) | (Request::Idle, _) => return Ok(()),
        (Request::Remove, Some(_)) => {
            mesh.remove(name);
            forget(mesh, name);
            return Ok(());
        }
        (Request::Create, None) | (Request::Patch, Some(_)) => {}
    }
    let mut node = before.clone().unwrap_or_default();
    let mut names_peers = false;
    for (field, value) in &step.body {
        match (field, value) {
            (Field::NodeType, Value::Type(node_type)) => node.hop = *node_type == NodeType::Hop,
            (Field::ListenerPort, Value::Port(port)) => {
                if port.is_some() && node.port.is_some() && *port != node.port {
                    return Err(format!("{name} changes its port at once"));
                }
                node.port = *port;
            }
            (Field::PeersFromControlNodes, Value::Bool(flag)) => node.flag = *flag,
            (Field::Peers, Value::Peers(peers)) => {
                node.peers = peers.iter().map(|p| p.hostname.clone()).collect();
                names_peers = true;
            }
            _ => {}
        }
    }
    if before.as_ref().is_some_and(|before| before.hop != node.hop) {
        return Err(format!("{name} changes its type"));
    }
    for peer in node.peers.iter().filter(|_| names_peers) {
        let other = mesh.get(peer).ok_or_else(|| format!("{name} peers to {peer}, which is not there"))?;
        if other.port.is_none() {
            return Err(format!("{name} peers to {peer}, which does not listen"));
        }
        if dialect == Dialect::Addresses && other.peers.contains(name) {
            return Err(format!("{name} and {peer} peer to each other"));
        }
    }
    if before.as_ref().is_some_and(|b| b.port.is_some()) && node.port.is_none() {
        close(mesh, dialect, name, &mut node, before.is_some_and(|b| b.flag))?;
    }
    if node.flag && node.port.is_none() {
        return Err(format!("{name} has the flag and no listener"));
    }
    mesh.insert(name.clone(), node);
    Ok(())
}

/// Every link to an instance ends.
fn forget(mesh: &mut Mesh, name: &str) {
    for other in mesh.values_mut() {
        other.peers.remove(name);
    }
}

/// A listener goes: the older dialect refuses while anybody dials it, the newer one cuts every link to it.
fn close(mesh: &mut Mesh, dialect: Dialect, name: &str, node: &mut Node, flagged: bool) -> Result<(), String> {
    let dialled = node.linked || mesh.values().any(|other| other.peers.contains(name));
    if dialect == Dialect::Hostnames {
        return if dialled || flagged { Err(format!("the listener of {name} goes while it is dialled")) } else { Ok(()) };
    }
    forget(mesh, name);
    (node.flag, node.linked) = (false, false);
    Ok(())
}

/// A mesh in a few words.
pub(crate) fn words(mesh: &Mesh) -> String {
    let node = |(name, node): (&String, &Node)| {
        let port = node.port.map(|port| format!(" :{port}")).unwrap_or_default();
        let words = [(node.hop, " hop"), (node.flag, " flag"), (node.linked, " linked")];
        let words: String = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
        let peers: Vec<&str> = node.peers.iter().map(String::as_str).collect();
        format!("{name}{words}{port} > {}", peers.join(" "))
    };
    mesh.iter().map(node).collect::<Vec<_>>().join("; ")
}

/// The steps of a plan in a few words.
pub(crate) fn story(plan: &Plan) -> String {
    let value = |value: &Value| match value {
        Value::Peers(peers) => peers.iter().map(Peer::declared).collect::<Vec<_>>().join(","),
        Value::Port(port) => port.map_or("null".into(), |port| port.to_string()),
        other => format!("{other:?}"),
    };
    let step = |step: &Step| {
        let body: Vec<String> = step.body.iter().map(|(field, v)| format!("{field}={}", value(v))).collect();
        format!("{} {:?} {} {} after {:?}", step.id, step.action, step.hostname, body.join(" "), step.after)
    };
    let steps: Vec<String> = plan.steps.iter().map(step).collect();
    let refused: Vec<String> = plan.refused.iter().map(|r| format!("refused {}: {}", r.hostname, r.reason)).collect();
    format!("\n{}\n{}\ndisrupted {:?}", steps.join("\n"), refused.join("\n"), plan.disrupted())
}

/// The mesh before and after, how it is declared and what control nodes dial by themselves, who takes whose place, and the order
/// that is drawn.
type Case = (Mesh, Mesh, (Vec<Style>, Vec<bool>, Vec<bool>), Option<(sample::Index, sample::Index)>, Vec<sample::Index>);

/// What has no way through the API.
pub(crate) fn is_impossible(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::FlagWithoutListener
            | Reason::ListenerInUse(_)
            | Reason::PeerDoesNotListen(_)
            | Reason::MutualPeers(_)
            | Reason::Undeclared(_)
    )
}

/// Whether something goes and comes again, so that a path may be away meanwhile.
fn has_restarts(before: &Mesh, target: &Mesh) -> bool {
    let both = before.iter().filter_map(|(name, node)| Some((node, target.get(name)?)));
    let restarts = |(before, after): (&Node, &Node)| {
        before.hop != after.hop || before.port.is_some() && after.port.is_some() && before.port != after.port
    };
    let turned = links(before).into_iter().any(|(a, b)| links(target).contains(&(b, a)));
    both.into_iter().any(restarts) || turned
}

/// Runs a plan in an order drawn from those that its edges allow: nothing is refused, who shall keep a path keeps it unless the plan
/// says so, and no strange link is made.
fn walk(
    now: &mut Mesh,
    plan: &Plan,
    dialect: Dialect,
    choices: &[sample::Index],
    keep: &BTreeSet<String>,
    known: &BTreeSet<(String, String)>,
) -> Result<(), String> {
    let lost_meanwhile = plan.disrupted();
    let mut waiting: Vec<&Step> = plan.steps.iter().collect();
    let mut done: BTreeSet<usize> = BTreeSet::new();
    let mut choices = choices.iter().cycle();
    while !waiting.is_empty() {
        let ready: Vec<usize> = (0..waiting.len()).filter(|i| waiting[*i].after.iter().all(|id| done.contains(id))).collect();
        if ready.is_empty() {
            return Err(format!("a ring among {waiting:?}"));
        }
        let step = waiting.remove(ready[choices.next().expect("it cycles").index(ready.len())]);
        send(now, dialect, step).map_err(|error| format!("{error} after {done:?}"))?;
        let reached = reachable(now);
        let lost: Vec<&String> = keep.difference(&reached).filter(|name| !lost_meanwhile.contains(name.as_str())).collect();
        if !lost.is_empty() {
            return Err(format!("{lost:?} lost after {} and {done:?}", step.id));
        }
        let strange: Vec<_> = links(now).difference(known).cloned().collect();
        if !strange.is_empty() {
            return Err(format!("{strange:?} made by {}", step.id));
        }
        done.insert(step.id);
    }
    Ok(())
}

fn every_order_is_safe(dialect: Dialect) {
    let (planned, refused, disrupted) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let capabilities = Capabilities::new(dialect, true);
    let mut runner = TestRunner::new(ProptestConfig { cases: cases(1500), failure_persistence: None, ..ProptestConfig::default() });
    let extra = (styles(), prop::collection::vec(prop::bool::weighted(0.1), 8), prop::collection::vec(any::<bool>(), 8));
    let rename_strategy = prop::option::weighted(0.3, any::<(sample::Index, sample::Index)>());
    let drawn = (mesh(dialect, 8), mesh(dialect, 8), extra, rename_strategy, prop::collection::vec(any::<sample::Index>(), 16));
    let law = |(mut before, after, (styles, linked, chosen), drawn, choices): Case| {
        for (node, linked) in before.values_mut().zip(linked) {
            node.linked = linked && node.port.is_some() && !node.flag;
        }
        let rename = rename(&before, &after, &styles, drawn);
        let plan_of = |live_mesh: &Mesh| -> Plan {
            plan(&declare_so(dialect, &before, &after, &styles, rename.as_ref()), &live(live_mesh), capabilities, &Permissions::default())
        };
        let plan = plan_of(&before);
        let told = || {
            format!(
                "\nbefore {}\nafter {}\nrename {rename:?} foreign {:?}{}",
                words(&before),
                words(&after),
                before.keys().filter(|n| is_foreign(&before, n, &styles)).collect::<Vec<_>>(),
                story(&plan)
            )
        };
        if !plan.refused.is_empty() {
            prop_assert!(plan.refused.iter().all(|r| is_impossible(&r.reason)), "{}", told());
            refused.set(refused.get() + 1);
            return Ok(());
        }
        planned.set(planned.get() + 1);
        let declared = declare_so(dialect, &before, &after, &styles, rename.as_ref());
        let target = target(dialect, &before, &after, &styles, rename.as_ref());
        let keep: BTreeSet<String> = reachable(&before).intersection(&reachable(&target)).cloned().collect();
        let known: BTreeSet<(String, String)> = links(&before).union(&links(&target)).cloned().collect();
        let lost_meanwhile = plan.disrupted();
        prop_assert!(lost_meanwhile.is_empty() || has_restarts(&before, &target), "{lost_meanwhile:?} without a reason{}", told());
        disrupted.set(disrupted.get() + usize::from(!lost_meanwhile.is_empty()));
        // First a part of it, then the rest.
        let mut part = before.clone();
        let names = before.keys().chain(after.keys()).zip(chosen.iter().cycle()).filter(|(_, chosen)| **chosen);
        let only = names.map(|(name, _)| Listed { pattern: name.parse().expect("a pattern"), takes_out: false, place: HERE });
        let selection = Selection { only: Some(only.collect()), ..Selection::default() };
        let selected = plan_selected(&declared, &live(&before), capabilities, &Permissions::default(), &selection);
        if selected.refused.is_empty() {
            let strange =
                selected.steps.iter().find(|step| selection.only.as_ref().is_none_or(|only| only.names(&step.hostname).is_none()));
            let touched = |step: &Step| is_foreign(&before, &step.hostname, &styles) || style(&step.hostname, &styles).no_peers;
            prop_assert!(strange.is_none_or(touched), "{strange:?} was not selected{}", told());
            walk(&mut part, &selected, dialect, &choices, &keep, &known)
                .map_err(|error| TestCaseError::fail(format!("{error} of {selection:?}{}{}", story(&selected), told())))?;
            let rest = plan_of(&part);
            prop_assert!(rest.refused.is_empty(), "{}{}{}", story(&rest), story(&selected), told());
        }
        let mut now = before.clone();
        walk(&mut now, &plan, dialect, &choices, &keep, &known).map_err(|error| TestCaseError::fail(format!("{error}{}", told())))?;
        prop_assert!(now == target, "{} is not {}{}", words(&now), words(&target), told());
        let left = plan_of(&now);
        prop_assert!(left.changes.is_empty() && left.refused.is_empty(), "{} is left{}", story(&left), told());
        Ok(())
    };
    runner.run(&drawn, law).unwrap_or_else(|error| panic!("{error}"));
    // Otherwise the law would hold of next to nothing.
    assert!(planned.get() > refused.get(), "{} planned, {} refused", planned.get(), refused.get());
    assert!(disrupted.get() * 4 < planned.get(), "{} of {} disrupt somebody", disrupted.get(), planned.get());
}

#[test]
fn every_order_is_safe_with_addresses() {
    every_order_is_safe(Dialect::Addresses);
}

#[test]
fn every_order_is_safe_with_hostnames() {
    every_order_is_safe(Dialect::Hostnames);
}
