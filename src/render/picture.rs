//! The touched part of a mesh as a Mermaid picture in Markdown: who changes, whom they dial and who dials them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::{
    mesh::{DeclaredMesh, Field, Peer, PeerName, Value, fold},
    plan::{
        Action, Effect,
        drift::{Verdict, What},
    },
};

use super::{drift, plan, safe::mermaid, words::few};

/// More than so many nodes, or links, no picture shows.
const MOST: (usize, usize) = (40, 120);

/// How many characters of a name a node shows.
const NAME: usize = 80;

/// How a node is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Create,
    Update,
    Replace,
    Remove,
    Other,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Remove => "remove",
            Self::Other => "other",
        }
    }
}

/// What becomes of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    Kept,
    New,
    Gone,
}

/// Readable on light and dark pages.
const STYLES: &str = "  classDef create fill:#dafbe1,stroke:#1a7f37,color:#000
  classDef update fill:#fff8c5,stroke:#9a6700,color:#000
  classDef replace fill:#ffebe9,stroke:#cf222e,color:#000,stroke-dasharray:4
  classDef remove fill:#ffebe9,stroke:#cf222e,color:#000
  classDef other fill:#eaeef2,stroke:#6e7781,color:#000
";

/// All control nodes together, which no hostname is.
const CONTROL: &str = "";

/// What a plan changes; nothing where it changes nothing.
pub(super) fn plan(view: &plan::View<'_>) -> Option<String> {
    let mut graph = Graph::default();
    for change in &view.plan.changes {
        let class = match change.action {
            Action::Create => Class::Create,
            Action::Update => Class::Update,
            Action::Replace => Class::Replace,
            Action::Remove => Class::Remove,
        };
        graph.nodes.insert(change.hostname.clone(), (class, ""));
        for field in &change.changes {
            graph.changed(&change.hostname, field.field, field.before.as_ref(), &field.after);
        }
    }
    for touch in &view.plan.touches {
        let link = if touch.effect == Effect::SetAgain { Link::Kept } else { Link::Gone };
        graph.links.insert((touch.hostname.clone(), touch.peer.clone()), link);
    }
    let removes = view.plan.changes.iter().any(|change| change.action == Action::Remove);
    let more = if removes { " Links that go with a removed instance alone are not shown." } else { "" };
    let legend = format!(
        "Green is created, yellow updated, red removed or made again, grey only near it. Thick links are new, dotted ones go.{more}"
    );
    graph.drawn(view.declared, &legend)
}

/// What is not as declared; nothing where all of it is.
pub(super) fn drift(view: &drift::View<'_>) -> Option<String> {
    let mut graph = Graph::default();
    for finding in view.drift.findings.iter().filter(|finding| !matches!(finding.verdict, Verdict::Ignored { .. })) {
        let class = match finding.what {
            What::Field { .. } => Class::Update,
            What::Missing(_) => Class::Create,
            What::Extra(_) => Class::Remove,
        };
        let verdict = finding.verdict.code();
        let known = graph.nodes.entry(finding.hostname.clone()).or_insert((class, verdict));
        // Of several the one that weighs most, which is the first by its name.
        *known = (*known).min((class, verdict));
        if let What::Field { field, declared, live } = &finding.what {
            graph.changed(&finding.hostname, *field, Some(live), declared);
        }
    }
    graph.drawn(
        view.declared,
        "Yellow differs, green is declared and not there, red shall not be there, grey is only near it. Thick links are declared and not there, dotted ones are not declared.",
    )
}

#[derive(Default)]
struct Graph {
    nodes: BTreeMap<String, (Class, &'static str)>,
    links: BTreeMap<(String, String), Link>,
    /// Whose declared links need not be looked at: by name, and whether it is about the control nodes' link.
    known: BTreeSet<(String, bool)>,
}

impl Graph {
    /// The links of a field that differs.
    fn changed(&mut self, hostname: &str, field: Field, before: Option<&Value>, after: &Value) {
        let none = BTreeSet::new();
        match (field, before, after) {
            (Field::Peers, before, Value::Peers(after)) => {
                let before = if let Some(Value::Peers(before)) = before { before } else { &none };
                self.known.insert((hostname.to_owned(), false));
                for (peers, other, link) in [(before, after, Link::Gone), (after, before, Link::New)] {
                    for peer in peers {
                        let link = if other.contains(peer) { Link::Kept } else { link };
                        self.link(hostname, peer, link);
                    }
                }
            }
            (Field::PeersFromControlNodes, before, Value::Bool(after)) => {
                self.known.insert((hostname.to_owned(), true));
                let link = match (before == Some(&Value::Bool(true)), *after) {
                    (false, true) => Link::New,
                    (true, false) => Link::Gone,
                    _ => return,
                };
                self.links.insert((CONTROL.to_owned(), hostname.to_owned()), link);
            }
            _ => {}
        }
    }

    fn link(&mut self, hostname: &str, peer: &Peer, link: Link) {
        let key = (hostname.to_owned(), peer.hostname.clone());
        // Of two addresses of one instance the one that stays counts.
        self.links.entry(key).and_modify(|known| *known = (*known).min(link)).or_insert(link);
    }

    /// The declared links of and to what differs, as far as they are not known to change.
    fn declared(&mut self, mesh: &DeclaredMesh) {
        for (hostname, instance) in mesh.instances.iter().filter(|(_, instance)| instance.shall_exist()) {
            let is_touched = self.nodes.contains_key(hostname.as_str());
            let is_open = |control| !self.known.contains(&(hostname.to_string(), control));
            let mut links = Vec::new();
            for peer in instance.peers.iter().flat_map(|peers| &peers.value).filter(|_| is_open(false)) {
                let far = match &peer.value {
                    PeerName::Instance(far) => far.to_string(),
                    PeerName::Address { host, port: _ } if mesh.instances.contains_key(host.as_str()) => host.to_string(),
                    address @ PeerName::Address { .. } => address.to_string(),
                };
                if is_touched || self.nodes.contains_key(&far) {
                    links.push((hostname.to_string(), far));
                }
            }
            let is_flagged = instance.peers_from_control_nodes.is_some_and(|flag| flag.value);
            if is_touched && is_flagged && is_open(true) {
                links.push((CONTROL.to_owned(), hostname.to_string()));
            }
            for link in links {
                self.links.entry(link).or_insert(Link::Kept);
            }
        }
    }

    fn drawn(mut self, mesh: &DeclaredMesh, legend: &str) -> Option<String> {
        if self.nodes.is_empty() {
            return None;
        }
        self.declared(mesh);
        for (from, to) in self.links.keys() {
            for name in [from, to] {
                if !self.nodes.contains_key(name) {
                    self.nodes.insert(name.clone(), (Class::Other, ""));
                }
            }
        }
        let places = self.merged();
        let mut groups: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (name, place) in &places {
            groups.entry(*place).or_default().push(name);
        }
        let at = |name: &String| places.get(name.as_str()).copied().unwrap_or_default();
        let links: BTreeSet<(usize, usize, Link)> = self.links.iter().map(|((from, to), link)| (at(from), at(to), *link)).collect();
        if groups.len() > MOST.0 || links.len() > MOST.1 {
            let (nodes, links) = (self.nodes.len(), self.links.len());
            return Some(format!("The picture is too large to be shown: {nodes} nodes and {links} links.\n"));
        }
        let mut text = String::from("```mermaid\nflowchart LR\n");
        for (place, names) in &groups {
            let (class, verdict) = names.first().and_then(|name| self.nodes.get(*name)).copied().unwrap_or((Class::Other, ""));
            let verdict = if verdict.is_empty() { String::new() } else { format!("<br/>{verdict}") };
            let _ = writeln!(text, "  n{place}[\"{}{verdict}\"]:::{}", label(names), class.name());
        }
        for (from, to, link) in links {
            let arrow = match link {
                Link::Kept => "-->",
                Link::New => "==>",
                Link::Gone => "-.->",
            };
            let _ = writeln!(text, "  n{from} {arrow} n{to}");
        }
        let _ = writeln!(text, "{STYLES}```\n\n{legend}");
        Some(text)
    }

    /// The number of each node in the picture: those that are alike, and have the same neighbours, are one.
    fn merged(&self) -> BTreeMap<&str, usize> {
        let mut near: BTreeMap<&str, Vec<(bool, &str, Link)>> = BTreeMap::new();
        for ((from, to), link) in &self.links {
            near.entry(from).or_default().push((true, to, *link));
            near.entry(to).or_default().push((false, from, *link));
        }
        let mut numbers = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (name, look) in &self.nodes {
            let mut near = near.remove(name.as_str()).unwrap_or_default();
            near.sort_unstable();
            let next = numbers.len();
            let place = *numbers.entry((name == CONTROL, *look, near)).or_insert(next);
            places.insert(name.as_str(), place);
        }
        places
    }
}

/// Names of nodes that are one in the picture.
fn label(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    if names == [CONTROL] {
        return "control nodes".to_owned();
    }
    few(&fold(names), SHOWN, |name| mermaid(&name.chars().take(NAME).collect::<String>()))
}
