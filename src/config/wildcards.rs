//! Peers that are named by patterns: once all files are read, a pattern becomes the instances and external peers that it matches.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use crate::mesh::{Hostname, Pattern, PeerName};

use super::{
    Code, Finding, Findings,
    file::Draft,
    finding::short,
    looks::Looks,
    name_findings::idle_mark,
    names::NameList,
    reader::{At, Peers},
};

/// How many peers the patterns of all lists may give: no mesh has more links.
const MAX_FOUND: usize = 4_000_000;

/// Replaces the patterns in every list of peers by what they match. Where it cannot, that is an error: the mesh then means nothing.
pub(super) fn resolve(draft: &mut Draft, looks: &mut Looks, findings: &mut Findings) {
    let mut lists: BTreeMap<*const NameList<PeerName>, Peers> = BTreeMap::new();
    // What shall not exist dials nobody.
    let staying = draft.blocks.iter().filter(|block| !block.is_leaving());
    for peers in staying.filter_map(|block| block.fields.peers.as_ref()).filter(|peers| !peers.value.is_plain()) {
        lists.entry(Arc::as_ptr(&peers.value)).or_insert_with(|| Arc::clone(&peers.value));
    }
    if lists.is_empty() {
        return;
    }
    let known = known(draft);
    let all_known = draft.all_known();
    let mut resolver = Resolver { known: &known, hits: HashMap::new(), found: 0, all_known, looks, findings };
    // In the order of the configuration, whatever the addresses of the lists are.
    let mut in_order: Vec<_> = lists.iter().map(|(list, peers)| (*list, Arc::clone(peers))).collect();
    in_order.sort_by_key(|(_, peers)| peers.wild.iter().chain(&peers.without).map(|item| item.span).min());
    for (list, peers) in in_order {
        let Some(with_names) = resolver.list(&peers) else { return };
        lists.insert(list, Arc::new(with_names));
    }
    for peers in draft.blocks.iter_mut().filter_map(|block| block.fields.peers.as_mut()) {
        if let Some(resolved) = lists.get(&Arc::as_ptr(&peers.value)) {
            peers.value = Arc::clone(resolved);
        }
    }
}

/// Everything that a pattern can mean, as a text and as the peer: declared instances that shall exist, and external peers.
fn known(draft: &Draft) -> Vec<(String, PeerName)> {
    let staying = draft.blocks.iter().filter(|block| !block.is_leaving());
    let declared = staying.flat_map(|block| block.names.iter().map(|name| PeerName::Instance(name.value.clone())));
    let mut known: Vec<PeerName> = declared.chain(draft.settings.external.names.iter().map(|name| name.value.clone())).collect();
    known.sort();
    known.dedup();
    known.into_iter().map(|name| (name.to_string(), name)).collect()
}

struct Resolver<'a> {
    known: &'a [(String, PeerName)],
    /// What each pattern matches, by index; many lists have the same pattern.
    hits: HashMap<Pattern, Arc<[usize]>>,
    found: usize,
    all_known: bool,
    looks: &'a mut Looks,
    findings: &'a mut Findings,
}

impl Resolver<'_> {
    /// One list: a name that is matched twice, or stands there already, counts once. None where there is too much to look at.
    fn list(&mut self, peers: &NameList<PeerName>) -> Option<NameList<PeerName>> {
        let mut names: Vec<(String, At<PeerName>)> = peers.names.iter().map(|name| (name.value.to_string(), name.clone())).collect();
        // An instance is one peer, by whichever of its names.
        let mut hosts: HashSet<Hostname> = peers.names.iter().map(|name| name.value.host().clone()).collect();
        for item in &peers.wild {
            for i in self.matched(item)?.iter() {
                if let Some((text, name)) = self.known.get(*i).filter(|(_, name)| hosts.insert(name.host().clone())) {
                    names.push((text.clone(), At { value: name.clone(), span: item.span }));
                }
            }
        }
        let before = names.len();
        let marked = !peers.without.is_empty();
        let spoken_of: HashSet<String> = names.iter().filter(|_| marked).map(|(text, _)| text.clone()).collect();
        for item in &peers.without {
            if !self.looks.spend(&item.value, names.len(), item.span, self.findings) {
                return None;
            }
            let all = names.len();
            names.retain(|(text, _)| !item.value.matches(text));
            let idle = idle_mark(&item.value, item.span, all, names.len(), |name| spoken_of.contains(name));
            if let Some(finding) = idle.filter(|_| self.all_known) {
                self.findings.push(finding);
            }
            if names.is_empty() && before > 0 && self.all_known {
                let message = format!("`!{}` leaves nothing of what the other items name", short(item.value.as_str()));
                let finding = Finding::error(Code::UnknownPeer, item.span, message);
                self.findings.push(finding.help("correct it, or write `peers: []` if no peers are meant"));
            }
        }
        let names = names.into_iter().map(|(_, name)| name).collect();
        Some(NameList { names, wild: peers.wild.clone(), without: peers.without.clone(), resolved: true })
    }

    fn matched(&mut self, item: &At<Pattern>) -> Option<Arc<[usize]>> {
        let hits = if let Some(hits) = self.hits.get(&item.value) {
            Arc::clone(hits)
        } else {
            if !self.looks.spend(&item.value, self.known.len(), item.span, self.findings) {
                return None;
            }
            let matching = self.known.iter().enumerate().filter(|(_, (text, _))| item.value.matches(text));
            let hits: Arc<[usize]> = matching.map(|(i, _)| i).collect();
            self.hits.insert(item.value.clone(), Arc::clone(&hits));
            hits
        };
        if hits.is_empty() && self.all_known {
            let message = format!("no instance matches peer `{}`", short(item.value.as_str()));
            let finding = Finding::error(Code::UnknownPeer, item.span, message);
            self.findings.push(finding.help("correct it: a pattern names declared instances, and peers that `external` lists by name"));
        }
        self.found += hits.len();
        if self.found > MAX_FOUND {
            let message = "with this pattern the mesh has more than four million links from instances to peers";
            self.findings.push(Finding::error(Code::TooMany, item.span, message).help("name the peers more narrowly"));
            return None;
        }
        Some(hits)
    }
}
