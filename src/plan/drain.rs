//! Draining (`--drain`): before a node is cut off, connected otherwise, made again or removed it takes on no more jobs, and the plan
//! goes on when none runs on it. Afterwards it is enabled again; who does not declare `enabled` is refused, since a run that ends half
//! way would leave it off for ever.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CutOff, Disruption, Request, Step,
    nodes::{Node, Nodes},
};
use crate::mesh::{Field, NodeType, Value};

/// The nodes to drain, and those that cannot be.
#[derive(Default)]
pub(super) struct Drain {
    nodes: BTreeSet<String>,
    /// Those of which nobody declares whether they are enabled.
    pub(super) undeclared: Vec<String>,
}

impl Drain {
    /// Which of the nodes that are cut off or connected otherwise, or removed, can be drained: what executes no jobs needs no draining.
    pub(super) fn of(nodes: &Nodes<'_>, reconnected: &[String]) -> Self {
        let executes =
            |node: &Node<'_>| node.live.is_some_and(|live| live.node_type == NodeType::Execution && !live.node_state.is_leaving());
        let removed = nodes.list.iter().filter(|node| node.removal().is_some()).map(|node| node.name);
        let all: BTreeSet<&str> = reconnected.iter().map(String::as_str).chain(removed).collect();
        let mut drain = Self::default();
        for node in all.into_iter().filter_map(|name| nodes.get(name)).filter(|node| executes(node)) {
            // What goes needs nobody to enable it again.
            let comes_back = node.removal().is_some() || node.wanted().is_some_and(|declared| declared.enabled.is_some());
            if comes_back {
                drain.nodes.insert(node.name.to_owned());
            } else {
                drain.undeclared.push(node.name.to_owned());
            }
        }
        drain
    }

    /// Puts the draining before what cuts a node off, and the enabling after it.
    pub(super) fn put_in(&self, nodes: &Nodes<'_>, disruptions: &[Disruption], cut_off: &[CutOff], steps: Vec<Step>) -> Vec<Step> {
        let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for name in &self.nodes {
            waits.entry(name).or_default().insert(name);
        }
        let behind = disruptions.iter().flat_map(|d| d.behind.iter().map(move |name| (&d.by, name)));
        let lost = cut_off.iter().flat_map(|lost| lost.by.iter().map(move |by| (by, &lost.hostname)));
        for (by, name) in behind.chain(lost).filter(|(_, name)| self.nodes.contains(*name)) {
            waits.entry(by).or_default().insert(name);
        }
        let cuts = |step: &Step| step.action == Request::Remove || step.action == Request::Patch && !is_scalar(step);
        // Of each node the steps that wait for its draining, by their place among the old ones.
        let mut cutting: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, step) in steps.iter().enumerate().filter(|(_, step)| cuts(step)) {
            for name in waits.get(step.hostname.as_str()).into_iter().flatten() {
                cutting.entry(name).or_default().push(i);
            }
        }
        let mut writer = Writer { steps: Vec::new(), idle: BTreeMap::new() };
        for (name, cutting) in &cutting {
            // What is held is drained when it is let go.
            let held = cutting.iter().map(|i| steps.get(*i).and_then(|step| step.held)).min().flatten();
            if let (Some(node), Some(first)) = (nodes.get(name), cutting.first().and_then(|i| steps.get(*i))) {
                writer.drain(node, first, held);
            }
        }
        let before = writer.steps.len();
        let mut cut_by: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (name, i) in cutting.iter().flat_map(|(name, steps)| steps.iter().map(move |i| (*name, *i))) {
            cut_by.entry(i).or_default().push(name);
        }
        for (i, step) in steps.into_iter().enumerate() {
            let idle = cut_by.get(&i).into_iter().flatten().filter_map(|name| writer.idle.get(*name));
            let after: BTreeSet<usize> = step.after.iter().map(|id| id + before).chain(idle.copied()).collect();
            let mut body = step.body;
            // That it is enabled is said at the end.
            if step.action == Request::Patch && writer.idle.contains_key(step.hostname.as_str()) {
                for (_, value) in body.iter_mut().filter(|(field, _)| *field == Field::Enabled) {
                    *value = Value::Bool(false);
                }
            }
            writer.steps.push(Step { id: step.id + before, after: after.into_iter().collect(), body, ..step });
        }
        for (name, cutting) in &cutting {
            if let Some(node) = nodes.get(name) {
                writer.enable(node, &cutting.iter().map(|i| i + 1 + before).collect::<Vec<_>>());
            }
        }
        writer.steps
    }
}

fn is_scalar(step: &Step) -> bool {
    step.body.iter().all(|(field, _)| field.is_scalar())
}

struct Writer {
    steps: Vec<Step>,
    /// The step after which a node is idle.
    idle: BTreeMap<String, usize>,
}

impl Writer {
    fn drain(&mut self, node: &Node<'_>, cutting: &Step, held: Option<usize>) {
        let mut after = Vec::new();
        let step = |id, action, body, after: &[usize], why: &str| Step {
            id,
            hostname: node.name.to_owned(),
            instance: node.live.map(|live| live.id),
            action,
            body,
            after: after.to_vec(),
            place: cutting.place,
            why: why.to_owned(),
            held,
        };
        if node.live.is_some_and(|live| live.enabled) {
            let id = self.steps.len() + 1;
            self.steps.push(step(
                id,
                Request::Patch,
                vec![(Field::Enabled, Value::Bool(false))],
                &after,
                "takes on no jobs before it is cut off",
            ));
            after.push(id);
        }
        let id = self.steps.len() + 1;
        self.steps.push(step(id, Request::Idle, Vec::new(), &after, "its jobs end first"));
        self.idle.insert(node.name.to_owned(), id);
    }

    /// Enables a node that stays again once all that cut it off is done, and its own last step is.
    fn enable(&mut self, node: &Node<'_>, cutting: &[usize]) {
        let is_declared_on = node.wanted().and_then(|declared| declared.enabled).is_some_and(|enabled| enabled.value);
        let made_again = self.steps.iter().any(|step| step.hostname == node.name && step.action == Request::Create);
        if !is_declared_on || made_again || node.removal().is_some() {
            return;
        }
        let own = self.steps.iter().filter(|step| step.hostname == node.name).map(|step| step.id);
        let after: BTreeSet<usize> = own.chain(cutting.iter().copied()).collect();
        let mut last = self.steps.iter().filter(|step| after.contains(&step.id));
        let held = last.clone().find_map(|step| step.held);
        let Some(place) = last.next_back().map(|step| step.place) else { return };
        let id = self.steps.len() + 1;
        self.steps.push(Step {
            id,
            hostname: node.name.to_owned(),
            instance: node.live.map(|live| live.id),
            action: Request::Patch,
            body: vec![(Field::Enabled, Value::Bool(true))],
            after: after.into_iter().collect(),
            place,
            why: "takes on jobs again".to_owned(),
            held,
        });
    }
}
