//! Overrides: fields of instances that are declared elsewhere, changed for a while.
//!
//! A block of which an override names some instances is split, so that the instances of a block stay alike and every check
//! sees what will really be declared.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use jiff::civil::Date;

use crate::mesh::{Field, Hostname, Listed, Pattern};

use super::{
    Code, Finding, Findings, Span,
    fields::Fields,
    file::Draft,
    finding::short,
    instance::{Block, Overridden},
    keys::{self, Level},
    looks::Looks,
    name_findings::idle_mark,
    nearest::nearest,
    reader::{At, Entry, Reader},
    tree::NodeId,
};

/// An item of `overrides`.
#[derive(Clone)]
pub(super) struct Override {
    /// Which instances.
    pub(super) hostname: Vec<At<Listed>>,
    /// What it gives.
    pub(super) fields: Fields,
    /// Why.
    pub(super) reason: Option<At<String>>,
    /// The last day for which it is meant.
    pub(super) until: Option<At<Date>>,
    /// Whether some of it could not be read.
    broken: bool,
}

impl<'a> Reader<'a, '_> {
    /// Reads a list of overrides.
    pub(super) fn overrides(&mut self, entry: Entry<'a>, draft: &mut Draft) {
        for (id, entries) in self.mappings(entry, "overrides", "write each override as an item: `- hostname: ...`") {
            self.one_override(id, &entries, draft);
        }
    }

    fn one_override(&mut self, id: NodeId, entries: &[Entry<'a>], draft: &mut Draft) {
        let before = self.errors;
        let mut fields = Fields::default();
        let (mut hostname, mut reason, mut until) = (None, None, None);
        for entry in entries {
            match entry.name {
                "hostname" => hostname = Some(self.pattern_or_list(*entry)),
                "reason" => reason = self.words(*entry, "a text"),
                "until" => until = self.date(*entry),
                name if Level::Override.has(name) => {
                    fields.take(self, *entry);
                }
                _ => self.other_key(entry.key, Level::Override),
            }
        }
        let broken = self.errors > before;
        match hostname {
            Some(hostname) => {
                if fields.given().is_empty() && !broken {
                    let finding = self.error(Code::EmptyOverride, id, "this override changes no field".to_owned());
                    self.push(finding.help("give the fields that it changes, or remove it"));
                }
                draft.overrides.push(Override { hostname, fields, reason, until, broken });
            }
            None if entries.iter().any(|entry| keys::misspelt(entry.name, Level::Override) == Some("hostname")) => {}
            None => {
                let finding = self.error(Code::NoHostname, id, "this override has no `hostname`".to_owned());
                self.push(finding.help("say which instances it is for: a hostname, a pattern or a list of them"));
            }
        }
    }
}

/// An instance of the draft: its block, and its index among the names of that.
type Place = (usize, usize);

/// The declared instances by hostname.
struct Known<'a> {
    places: HashMap<&'a str, Place>,
    /// The hostnames in order, once somebody needs them.
    sorted: Vec<&'a str>,
    /// How many more times a hostname that was probably meant is looked for.
    suggestions: usize,
}

impl<'a> Known<'a> {
    /// The instances that a pattern is for, and of its names, if it stands for such, those that nobody declares.
    fn look_up(&self, pattern: &Pattern, expanded: Option<Vec<String>>) -> (Vec<(&'a str, Place)>, Vec<String>) {
        let Some(expanded) = expanded else {
            let hits = self.places.iter().filter(|(name, _)| pattern.matches(name)).map(|(name, place)| (*name, *place));
            return (hits.collect(), Vec::new());
        };
        let (mut hits, mut missing) = (Vec::new(), Vec::new());
        for name in expanded {
            match self.places.get_key_value(name.as_str()) {
                Some((name, place)) => hits.push((*name, *place)),
                None => missing.push(name),
            }
        }
        (hits, missing)
    }

    fn no_match(&mut self, pattern: &str, span: Span) -> Finding {
        if self.sorted.is_empty() {
            self.sorted = self.places.keys().copied().collect();
            self.sorted.sort_unstable();
        }
        self.suggestions = self.suggestions.saturating_sub(1);
        let candidates = self.sorted.iter().copied().filter(|_| self.suggestions > 0);
        let help = match nearest(pattern, candidates) {
            Some(near) => format!("did you mean `{near}`? an override changes what is declared elsewhere and creates nothing"),
            None => "correct it, or remove it: an override changes what is declared elsewhere and creates nothing".to_owned(),
        };
        let verb = if pattern.contains(['*', '?', '[']) { "matches" } else { "is called" };
        Finding::error(Code::NoMatch, span, format!("no declared instance {verb} `{}`", short(pattern))).help(help)
    }
}

/// Finds what each override is for, and splits the blocks.
pub(super) fn apply(draft: &mut Draft, today: Date, looks: &mut Looks, findings: &mut Findings) {
    if draft.overrides.is_empty() {
        return;
    }
    let all_known = draft.all_known();
    let mut hits: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    {
        let mut known = Known { places: HashMap::new(), sorted: Vec::new(), suggestions: 100 };
        for (b, block) in draft.blocks.iter().enumerate() {
            for (n, name) in block.names.iter().enumerate() {
                known.places.entry(name.value.as_str()).or_insert((b, n));
            }
        }
        for (o, item) in draft.overrides.iter().enumerate() {
            if let Some(until) = item.until.as_ref().filter(|until| until.value < today) {
                let message = format!("this override was meant until {}", until.value);
                let finding = Finding::warning(Code::OverrideOver, until.span, message);
                findings.push(finding.help("it still holds: remove it, or move the day"));
            }
            for place in matched(item, &mut known, all_known, looks, findings) {
                hits.entry(place).or_default().push(o);
            }
        }
    }
    conflicts(draft, &hits, findings);
    unmanaged(draft, &hits, findings);
    split(draft, hits);
}

/// The instances that an override is for.
fn matched<'a>(item: &Override, known: &mut Known<'a>, all_known: bool, looks: &mut Looks, findings: &mut Findings) -> BTreeSet<Place> {
    let mut found: BTreeSet<(&'a str, Place)> = BTreeSet::new();
    for At { value: listed, span } in item.hostname.iter().filter(|at| !at.value.takes_out) {
        let expanded = listed.pattern.expand();
        if expanded.is_none() && !looks.spend(&listed.pattern, known.places.len(), *span, findings) {
            break;
        }
        let (hits, missing) = known.look_up(&listed.pattern, expanded);
        if hits.is_empty() && all_known {
            findings.push(known.no_match(listed.pattern.as_str(), *span));
        } else if let Some(first) = missing.first().filter(|_| all_known) {
            let (more, verb) = if missing.len() == 1 { (String::new(), "is") } else { (format!(" and {} more", missing.len() - 1), "are") };
            let message = format!("of `{}`, `{first}`{more} {verb} not declared", listed.pattern);
            findings.push(Finding::warning(Code::Unmatched, *span, message).help("correct the range, or declare the instance"));
        }
        found.extend(hits);
    }
    let named: HashSet<&str> = found.iter().map(|(name, _)| *name).collect();
    for At { value: listed, span } in item.hostname.iter().filter(|at| at.value.takes_out) {
        if !looks.spend(&listed.pattern, found.len(), *span, findings) {
            break;
        }
        let before = found.len();
        found.retain(|(name, _)| !listed.pattern.matches(name));
        let idle = idle_mark(&listed.pattern, *span, before, found.len(), |name| named.contains(name));
        if let Some(finding) = idle.filter(|_| all_known) {
            findings.push(finding);
        }
        if found.is_empty() && before > 0 && all_known {
            let message = format!("`!{}` leaves nothing of what the other items match", listed.pattern);
            let finding = Finding::error(Code::NoMatch, *span, message);
            findings.push(finding.help("correct it, or remove the override: it would change nothing"));
        }
    }
    found.into_iter().map(|(_, place)| place).collect()
}

/// Two overrides of one field of one instance.
fn conflicts(draft: &Draft, hits: &BTreeMap<Place, Vec<usize>>, findings: &mut Findings) {
    for ((b, n), by) in hits.iter().filter(|(_, by)| by.len() > 1) {
        let Some(name) = draft.blocks.get(*b).and_then(|block| block.names.get(*n)) else { continue };
        let mut first: BTreeMap<Field, Span> = BTreeMap::new();
        for (field, span) in by.iter().filter_map(|o| draft.overrides.get(*o)).flat_map(|item| item.fields.given()) {
            if let Some(first) = first.get(&field) {
                let message = format!("`{field}` of `{}` is overridden twice", name.value);
                let finding = Finding::error(Code::OverriddenTwice, span, message).related(*first, "first here");
                findings.push(finding.help("keep one of the two for this instance"));
            } else {
                first.insert(field, span);
            }
        }
    }
}

/// Overrides of what is otherwise not managed: nobody would know what to go back to.
fn unmanaged(draft: &Draft, hits: &BTreeMap<Place, Vec<usize>>, findings: &mut Findings) {
    let mut found: BTreeMap<(Span, Field), (&At<Hostname>, usize)> = BTreeMap::new();
    for ((b, n), by) in hits {
        let Some(block) = draft.blocks.get(*b).filter(|block| !block.broken) else { continue };
        let Some(name) = block.names.get(*n) else { continue };
        for (field, span) in by.iter().filter_map(|o| draft.overrides.get(*o)).flat_map(|item| item.fields.given()) {
            if block.fields.span(field).is_none() {
                found.entry((span, field)).or_insert((name, 0)).1 += 1;
            }
        }
    }
    for ((span, field), (name, count)) in found {
        let more = if count == 1 { String::new() } else { format!(" and {} more", count - 1) };
        let message = format!("`{field}` of `{}`{more} is not managed without this override", name.value);
        let finding = Finding::error(Code::NotManaged, span, message).related(name.span, format!("declared here without `{field}`"));
        findings.push(
            finding.help("give it there or in `defaults`: without a value to go back to, removing the override would change nothing"),
        );
    }
}

/// Gives the instances that overrides are for blocks of their own, behind the one that they come from.
fn split(draft: &mut Draft, hits: BTreeMap<Place, Vec<usize>>) {
    let mut by_block: BTreeMap<usize, BTreeMap<Vec<usize>, BTreeSet<usize>>> = BTreeMap::new();
    for ((b, n), by) in hits {
        by_block.entry(b).or_default().entry(by).or_default().insert(n);
    }
    let blocks = std::mem::take(&mut draft.blocks);
    for (b, mut block) in blocks.into_iter().enumerate() {
        let Some(parts) = by_block.remove(&b) else {
            draft.blocks.push(block);
            continue;
        };
        let mut rest: Vec<Option<At<Hostname>>> = std::mem::take(&mut block.names).into_iter().map(Some).collect();
        let mut split: Vec<Block> = Vec::with_capacity(parts.len());
        for (by, members) in parts {
            let mut fields = block.fields.clone();
            // The first of two counts, which is an error anyway.
            for item in by.iter().rev().filter_map(|o| draft.overrides.get(*o)) {
                fields = item.fields.clone().or(&fields);
            }
            let overrides_peers = fields.span(Field::Peers) != block.fields.span(Field::Peers);
            split.push(Block {
                names: members.into_iter().filter_map(|n| rest.get_mut(n)?.take()).collect(),
                default_peers: block.default_peers && !overrides_peers,
                broken: block.broken || by.iter().filter_map(|o| draft.overrides.get(*o)).any(|item| item.broken),
                overridden: Some(Arc::new(Overridden { by, fields: block.fields.clone() })),
                fields,
                ..block.clone()
            });
        }
        block.names = rest.into_iter().flatten().collect();
        draft.blocks.extend(Some(block).filter(|block| !block.names.is_empty()));
        draft.blocks.append(&mut split);
    }
}
