//! Which instances a plan is about: what was left out, and what else is left out because it needs that.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    CutOff, KeptDrift, Refusal, Step, Unmatched,
    nodes::{Node, Nodes, Removal},
};
use crate::mesh::{DeclaredMesh, Hostname, Listed, LiveMesh, PatternList};

/// The instances to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `--only`: these, or all where it is not given.
    pub only: Option<PatternList>,
    /// `--exclude`: not these.
    pub exclude: PatternList,
    /// `--keep-drift`: not what somebody changed by hand.
    pub kept: KeptDrift,
}

impl Selection {
    /// Whether it leaves nothing out.
    pub fn is_all(&self) -> bool {
        self.only.is_none() && self.exclude.items().is_empty() && self.kept.is_empty()
    }

    /// The patterns of `--only` and `--exclude` that no instance matches, declared or live.
    pub fn unmatched(&self, declared: &DeclaredMesh, live: &LiveMesh) -> Vec<Unmatched> {
        let is_there = |name: &str| declared.instances.contains_key(name) || live.instances.contains_key(name);
        let names = || declared.instances.keys().map(Hostname::as_str).chain(live.instances.keys().map(String::as_str));
        let lists = [("--only", self.only.as_ref()), ("--exclude", Some(&self.exclude))];
        let items = lists.into_iter().flat_map(|(key, list)| list.into_iter().flat_map(PatternList::items).map(move |item| (key, item)));
        items.filter(|(_, item)| !names_one(item, is_there, names())).map(|(key, item)| Unmatched::new(key, item, None)).collect()
    }

    /// Whether an instance is looked at.
    pub fn has(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.names(name).is_some()) && self.exclude.names(name).is_none()
    }
}

/// An instance whose change is left out although it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which instance.
    pub hostname: String,
    /// What it needs, which is left out.
    pub needs: String,
}

/// What a plan without some instances leaves out.
pub(super) struct Closure {
    /// Everything that is left out.
    pub(super) out: HashSet<String>,
    /// What of it was selected, and why it is left out all the same.
    because: BTreeMap<String, String>,
}

impl Closure {
    /// Whatever is declared here or owned, and was not selected. What is neither changes only where something else needs it.
    pub(super) fn of(nodes: &Nodes<'_>, selection: &Selection) -> Self {
        // But what is excluded by name stays as it is, whoever's it is.
        let excluded = |node: &Node<'_>| selection.exclude.names(node.name).is_some() || selection.kept.instances.contains(node.name);
        let outside = |node: &&Node<'_>| is_ours(node) && !selection.has(node.name) || excluded(node);
        Self { out: nodes.list.iter().filter(outside).map(|node| node.name.to_owned()).collect(), because: BTreeMap::new() }
    }

    /// Leaves out every instance with a step that waits for one that is left out, and those whose links one that is left out would
    /// have to let go or set again.
    pub(super) fn close(&mut self, nodes: &Nodes<'_>, steps: &[Step]) {
        let out = self.out.clone();
        let ours = |step: &&Step| out.contains(&step.hostname) || nodes.get(&step.hostname).is_some_and(is_ours);
        let of: HashMap<usize, &str> = steps.iter().filter(ours).map(|step| (step.id, step.hostname.as_str())).collect();
        let with_steps: BTreeSet<&str> = of.values().copied().collect();
        let goes = |far: &Node<'_>| far.comes_back() || far.removal().is_some();
        loop {
            let mut more: BTreeMap<String, String> = BTreeMap::new();
            for step in steps.iter().filter(ours).filter(|step| !self.out.contains(&step.hostname)) {
                let is_out = |name: &&str| self.out.contains(*name) || more.contains_key(*name);
                if let Some(needs) = step.after.iter().filter_map(|id| of.get(id).copied()).find(is_out) {
                    more.entry(step.hostname.clone()).or_insert_with(|| needs.to_owned());
                }
            }
            for node in nodes.list.iter().filter(|node| with_steps.contains(node.name) && self.out.contains(node.name)) {
                for peer in node.live.iter().flat_map(|live| &live.peers).filter(|peer| !self.out.contains(&peer.hostname)) {
                    if nodes.get(&peer.hostname).is_some_and(goes) {
                        more.entry(peer.hostname.clone()).or_insert_with(|| node.name.to_owned());
                    }
                }
            }
            for node in nodes.list.iter().filter(|node| !self.out.contains(node.name)) {
                let successor = node.removal().and_then(Removal::successor).filter(|new| self.out.contains(*new));
                if let Some(new) = successor {
                    more.entry(node.name.to_owned()).or_insert_with(|| new.to_owned());
                }
            }
            if more.is_empty() {
                return;
            }
            for (hostname, needs) in more {
                self.leave_out(hostname, needs);
            }
        }
    }

    /// Leaves out what takes away a path that comes back only by something that is left out; false if there is no such thing.
    pub(super) fn keep_paths<'p>(&mut self, cut_off: impl Iterator<Item = &'p CutOff>) -> bool {
        let mut found = false;
        for CutOff { hostname, by } in cut_off {
            for by in by {
                if !self.out.contains(by) {
                    self.leave_out(by.clone(), format!("the new path of {hostname}"));
                    found = true;
                }
            }
        }
        found
    }

    /// Leaves out what cannot be done only because something is kept; false if there is no such thing.
    pub(super) fn give_up<'r>(&mut self, refused: impl Iterator<Item = &'r Refusal>) -> bool {
        let mut found = false;
        for Refusal { hostname, .. } in refused {
            if !self.out.contains(hostname) {
                self.leave_out(hostname.clone(), "what is left alone".to_owned());
                found = true;
            }
        }
        found
    }

    fn leave_out(&mut self, hostname: String, needs: String) {
        self.out.insert(hostname.clone());
        self.because.insert(hostname, needs);
    }

    /// What was selected and is left out all the same.
    pub(super) fn left_out(self) -> Vec<LeftOut> {
        self.because.into_iter().map(|(hostname, needs)| LeftOut { hostname, needs }).collect()
    }
}

/// Whether an item names any of some instances.
pub(super) fn names_one<'n>(item: &Listed, is_there: impl Fn(&str) -> bool, mut names: impl Iterator<Item = &'n str>) -> bool {
    match item.pattern.expand() {
        Some(expanded) => expanded.iter().any(|name| is_there(name)),
        None => names.any(|name| item.pattern.matches(name)),
    }
}

/// Whether an instance is declared here, or goes because it is owned.
fn is_ours(node: &Node<'_>) -> bool {
    node.declared.is_some() || node.removal().is_some()
}
