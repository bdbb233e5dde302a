//! Draining (`--drain`): before a node is cut off, connected otherwise, made again or removed it takes on no more jobs, and the plan
//! goes on when none runs on it. Afterwards it is enabled again; who does not declare `enabled` is refused, since a run that ends half
//! way would leave it off for ever.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

    /// Puts the draining before what cuts a node off, and the enabling after it. What is held is drained for by itself: nobody stays
    /// disabled until install bundles are run.
    pub(super) fn put_in(&self, nodes: &Nodes<'_>, disruptions: &[Disruption], cut_off: &[CutOff], steps: &[Step]) -> Vec<Step> {
        let cut_by = self.cut_by(disruptions, cut_off);
        let mut writer = Writer::default();
        // What is held comes after all that is not.
        for part in steps.chunk_by(|a, b| a.held.is_some() == b.held.is_some()) {
            let mut cutting: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
            for step in part.iter().filter(|step| step.action == Request::Remove || step.action == Request::Patch && !is_scalar(step)) {
                // On what was made just now no job runs.
                let drained = cut_by.get(step.hostname.as_str()).into_iter().flatten().filter(|name| !writer.made.contains(**name));
                for name in drained {
                    cutting.entry(name).or_default().push(step);
                }
            }
            let nodes: Vec<(&Node<'_>, &Vec<&Step>)> =
                cutting.iter().filter_map(|(name, cutting)| Some((nodes.get(name)?, cutting))).collect();
            let idle: BTreeMap<&str, usize> = nodes.iter().map(|(node, cutting)| (node.name, writer.drain(node, cutting))).collect();
            let mut waits: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (name, step) in cutting.iter().flat_map(|(name, steps)| steps.iter().map(move |step| (*name, step.id))) {
                waits.entry(step).or_default().extend(idle.get(name));
            }
            for step in part {
                writer.copy(step, waits.get(&step.id).map(Vec::as_slice).unwrap_or_default(), idle.contains_key(step.hostname.as_str()));
            }
            for (node, cutting) in &nodes {
                writer.enable(node, cutting);
            }
        }
        writer.steps
    }

    /// For each instance the nodes to drain that its steps cut off: itself, and who is behind it.
    fn cut_by<'p>(&'p self, disruptions: &'p [Disruption], cut_off: &'p [CutOff]) -> BTreeMap<&'p str, BTreeSet<&'p str>> {
        let behind = disruptions.iter().flat_map(|d| d.behind.iter().map(move |name| (&d.by, name)));
        let lost = cut_off.iter().flat_map(|lost| lost.by.iter().map(move |by| (by, &lost.hostname)));
        let mut cut_by: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (by, name) in
            self.nodes.iter().map(|name| (name, name)).chain(behind).chain(lost).filter(|(_, name)| self.nodes.contains(*name))
        {
            cut_by.entry(by).or_default().insert(name);
        }
        cut_by
    }
}

fn is_scalar(step: &Step) -> bool {
    step.body.iter().all(|(field, _)| field.is_scalar())
}

/// Writes the steps anew, each with another number.
#[derive(Default)]
struct Writer {
    steps: Vec<Step>,
    /// The new number of each old step.
    number: HashMap<usize, usize>,
    /// The last new step of each instance.
    last: HashMap<String, usize>,
    /// The instances that are made again.
    made: BTreeSet<String>,
}

impl Writer {
    fn push(&mut self, step: Step) -> usize {
        let id = self.steps.len() + 1;
        self.last.insert(step.hostname.clone(), id);
        if step.action == Request::Create {
            self.made.insert(step.hostname.clone());
        }
        self.steps.push(Step { id, ..step });
        id
    }

    fn copy(&mut self, step: &Step, idle: &[usize], is_drained: bool) {
        let after: BTreeSet<usize> = step.after.iter().filter_map(|id| self.number.get(id)).chain(idle).copied().collect();
        let mut body = step.body.clone();
        // That it is enabled is said at the end.
        if step.action == Request::Patch && is_drained {
            for (_, value) in body.iter_mut().filter(|(field, _)| *field == Field::Enabled) {
                *value = Value::Bool(false);
            }
        }
        let id = self.push(Step { after: after.into_iter().collect(), body, ..step.clone() });
        self.number.insert(step.id, id);
    }

    /// A step of a node that is drained because of another one, after its own last one.
    fn own(&mut self, node: &Node<'_>, cutting: &Step, action: Request, enabled: Option<bool>, after: &[usize], why: &str) -> usize {
        let after: BTreeSet<usize> = self.last.get(node.name).into_iter().chain(after).copied().collect();
        self.push(Step {
            id: 0,
            hostname: node.name.to_owned(),
            instance: node.live.map(|live| live.id),
            action,
            body: enabled.map(|enabled| (Field::Enabled, Value::Bool(enabled))).into_iter().collect(),
            after: after.into_iter().collect(),
            place: cutting.place,
            why: why.to_owned(),
            held: cutting.held,
        })
    }

    /// Gives the step after which the node is idle.
    fn drain(&mut self, node: &Node<'_>, cutting: &[&Step]) -> usize {
        let Some(first) = cutting.first() else { return 0 };
        // What was done before this part may have enabled it.
        let is_on = if self.last.contains_key(node.name) { is_declared_on(node) } else { None };
        if is_on.unwrap_or(node.live.is_some_and(|live| live.enabled)) {
            self.own(node, first, Request::Patch, Some(false), &[], "takes on no jobs before it is cut off");
        }
        self.own(node, first, Request::Idle, None, &[], "its jobs end first")
    }

    /// Enables a node that stays again once all that cut it off is done, and its own last step is.
    fn enable(&mut self, node: &Node<'_>, cutting: &[&Step]) {
        let Some(last) = cutting.last() else { return };
        if is_declared_on(node) == Some(true) && !self.made.contains(node.name) && node.removal().is_none() {
            let after: Vec<usize> = cutting.iter().filter_map(|step| self.number.get(&step.id)).copied().collect();
            self.own(node, last, Request::Patch, Some(true), &after, "takes on jobs again");
        }
    }
}

/// Whether a node is declared to be enabled, where that is declared.
fn is_declared_on(node: &Node<'_>) -> Option<bool> {
    Some(node.wanted()?.enabled?.value)
}
