//! Peers that are named by patterns: once all files are read, a pattern becomes the instances and external peers that it matches.

use std::{collections::BTreeMap, rc::Rc};

use crate::mesh::PeerName;

use super::{
    Code, Finding, Findings, Span,
    file::Draft,
    finding::short,
    names::{NameList, takes_out_nothing},
    reader::{At, Peers},
};

/// How many names all patterns with wildcards together may be held against: fifty patterns of a mesh of 100,000.
const MAX_LOOKS: usize = 5_000_000;

/// What is left of [`MAX_LOOKS`], so that a small file cannot make a run take for ever.
pub(super) struct Looks(usize);

impl Default for Looks {
    fn default() -> Self {
        Self(MAX_LOOKS)
    }
}

impl Looks {
    /// Whether so many more names may be looked at; the first time that they may not is a finding at this place.
    pub(super) fn spend(&mut self, count: usize, span: Span, findings: &mut Findings) -> bool {
        let Some(left) = self.0.checked_sub(count) else {
            if self.0 > 0 {
                let finding = Finding::error(Code::TooMany, span, "up to here patterns are held against more than five million names");
                findings.push(finding.help("use ranges, or the `defaults` of each site, in place of so many patterns with `*` and `?`"));
            }
            self.0 = 0;
            return false;
        };
        self.0 = left;
        true
    }
}

/// How many peers the patterns of all lists may give; what more there are make more links than a mesh may have.
const MAX_FOUND: usize = 4_000_000;

/// Replaces the patterns in every list of peers by what they match.
pub(super) fn resolve(draft: &mut Draft, looks: &mut Looks, findings: &mut Findings) {
    let mut lists: BTreeMap<*const NameList<PeerName>, Peers> = BTreeMap::new();
    for peers in draft.blocks.iter().filter_map(|block| block.fields.peers.as_ref()).filter(|peers| !peers.value.is_plain()) {
        lists.entry(Rc::as_ptr(&peers.value)).or_insert_with(|| Rc::clone(&peers.value));
    }
    if lists.is_empty() {
        return;
    }
    let mut known: Vec<PeerName> = draft
        .blocks
        .iter()
        .filter(|block| !block.is_leaving())
        .flat_map(|block| block.names.iter().map(|name| PeerName::Instance(name.value.clone())))
        .chain(draft.settings.external.names.iter().map(|name| name.value.clone()))
        .collect();
    known.sort();
    known.dedup();
    let known: Vec<(String, PeerName)> = known.into_iter().map(|name| (name.to_string(), name)).collect();
    let all_known = !draft.incomplete && draft.broken_names.is_empty();
    // In the order of the configuration, whatever the addresses of the lists are.
    let mut in_order: Vec<_> = lists.iter().map(|(list, peers)| (first_span(peers), *list, Rc::clone(peers))).collect();
    in_order.sort_by_key(|(span, ..)| *span);
    let mut found = 0;
    for (span, list, peers) in in_order {
        if found > MAX_FOUND || span.is_some_and(|span| !looks.spend(peers.wild.len() * known.len(), span, findings)) {
            return;
        }
        let resolved = resolve_list(&peers, &known, all_known, findings);
        found += resolved.names.len();
        lists.insert(list, Rc::new(resolved));
    }
    for peers in draft.blocks.iter_mut().filter_map(|block| block.fields.peers.as_mut()) {
        if let Some(resolved) = lists.get(&Rc::as_ptr(&peers.value)) {
            peers.value = Rc::clone(resolved);
        }
    }
}

fn first_span(peers: &NameList<PeerName>) -> Option<Span> {
    peers.wild.iter().chain(&peers.without).map(|item| item.span).min()
}

/// One list: a name that is matched twice, or stands there already, counts once.
fn resolve_list(peers: &NameList<PeerName>, known: &[(String, PeerName)], all_known: bool, findings: &mut Findings) -> NameList<PeerName> {
    let mut names: BTreeMap<PeerName, At<PeerName>> = BTreeMap::new();
    let mut order: Vec<PeerName> = Vec::new();
    let mut add = |name: &At<PeerName>| {
        names.entry(name.value.clone()).or_insert_with(|| {
            order.push(name.value.clone());
            name.clone()
        });
    };
    peers.names.iter().for_each(&mut add);
    for item in &peers.wild {
        let mut hits = known.iter().filter(|(text, _)| item.value.matches(text)).peekable();
        if hits.peek().is_none() && all_known {
            let message = format!("no instance matches peer `{}`", short(item.value.as_str()));
            let finding = Finding::error(Code::UnknownPeer, item.span, message);
            findings.push(finding.help("correct it: a pattern names declared instances, and peers that `external` lists by name"));
        }
        for (_, name) in hits {
            add(&At { value: name.clone(), span: item.span });
        }
    }
    let mut kept: Vec<At<PeerName>> = order.iter().filter_map(|name| names.remove(name)).collect();
    for item in &peers.without {
        let all = kept.len();
        kept.retain(|name| !item.value.matches(&name.value.to_string()));
        if kept.len() == all && all_known {
            findings.push(takes_out_nothing(&item.value, item.span));
        }
    }
    NameList { names: kept, wild: peers.wild.clone(), without: peers.without.clone(), resolved: true }
}
