//! The mesh-wide settings and `replaces` against the instances.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use crate::mesh::{Listed, PatternList};

use super::{Code, Finding, Findings, Span, checks::Index, file::Draft, looks::Looks, name_findings::takes_out_nothing, reader::At};

/// All of these checks.
pub(super) fn check(draft: &Draft, index: &Index<'_>, today: Date, looks: &mut Looks, findings: &mut Findings) {
    owned(draft, looks, findings);
    protected(draft, looks, findings);
    ignored(draft, index, today, looks, findings);
    replaced(draft, index, findings);
}

/// A list without its places for findings.
pub(super) fn list(items: &[At<Listed>]) -> PatternList {
    items.iter().map(|item| item.value.clone()).collect()
}

/// The place of the item that names an instance.
fn place_of(list: &PatternList, items: &[At<Listed>], name: &str) -> Option<Span> {
    let item = list.names(name)?;
    items.iter().find(|at| at.value == *item).map(|at| at.span)
}

/// Declared instances that `owns` does not name: deleting their declaration would leave them running.
fn owned(draft: &Draft, looks: &mut Looks, findings: &mut Findings) {
    let Some(owns) = draft.settings.owns.as_ref() else { return };
    let Some(item) = owns.first() else { return };
    let all = list(owns);
    for name in &draft.settings.external.names {
        if let Some(span) = place_of(&all, owns, name.value.host().as_str()) {
            let message = format!("`owns` names `{}`, which `external` lists: it would be removed", name.value.host());
            let finding = Finding::error(Code::External, name.span, message).related(span, "named here");
            findings.push(finding.help(format!("take it out of `owns` by `!{}`, or declare it", name.value.host())));
        }
    }
    let staying = || draft.blocks.iter().filter(|block| !block.is_leaving()).flat_map(|block| &block.names);
    // Names and ranges are looked up, so that thousands of them are no matter.
    let (plain, wild): (Vec<_>, Vec<_>) = owns.iter().partition(|at| !at.value.pattern.has_wildcards());
    let plain: HashSet<String> = plain.into_iter().filter_map(|at| at.value.pattern.expand()).flatten().collect();
    let names = staying().count();
    if !wild.iter().all(|at| looks.try_spend(&at.value.pattern, names)) {
        let finding = Finding::warning(Code::TooMany, item.span, "`owns` has too many patterns to look for instances that it misses");
        return findings.push(finding.help("use fewer and wider ones"));
    }
    let is_named = |name: &str| plain.contains(name) || wild.iter().any(|at| at.value.pattern.matches(name));
    let mut missed = staying().filter(|name| !is_named(name.value.as_str()));
    let Some(first) = missed.next() else { return };
    let more = match missed.count() {
        0 => ", which is".to_owned(),
        n => format!(" and {n} more, which are"),
    };
    let message = format!("`owns` does not match `{}`{more} declared here", first.value);
    let finding = Finding::warning(Code::NotOwned, item.span, message).related(first.span, "declared here");
    findings.push(finding.help(
        "what is not owned goes on running when its declaration is deleted: correct the pattern, add one, or say that it is meant by a `!`",
    ));
}

/// Instances that shall go and must not.
fn protected(draft: &Draft, looks: &mut Looks, findings: &mut Findings) {
    let list = list(&draft.settings.protect);
    // A plan looks at all of them, too.
    let names = draft.blocks.iter().map(|block| block.names.len()).sum();
    let mut patterns = draft.settings.protect.iter().filter(|at| !at.value.pattern.is_one_name());
    if !patterns.all(|at| looks.spend(&at.value.pattern, names, at.span, findings)) {
        return;
    }
    for block in draft.blocks.iter().filter(|block| block.is_leaving()) {
        let (Some(state), Some(name)) = (block.fields.node_state, block.names.first()) else { continue };
        let flag = block.protect.filter(|flag| flag.value).map(|flag| (name, flag.span));
        let by_list = || block.names.iter().find_map(|name| Some((name, place_of(&list, &draft.settings.protect, name.value.as_str())?)));
        if let Some((name, span)) = flag.or_else(by_list) {
            let message = format!("`{}` is protected, and declared `deprovisioning`", name.value);
            let finding = Finding::error(Code::ProtectedLeaving, state.span, message).related(span, "protected here");
            findings.push(finding.help("remove the protection first, if it shall go"));
        }
    }
}

/// Rules for known drift that are over, or match nothing.
fn ignored(draft: &Draft, index: &Index<'_>, today: Date, looks: &mut Looks, findings: &mut Findings) {
    let all_known = draft.all_known();
    for rule in &draft.settings.ignore {
        if rule.until.value < today {
            let message = format!("this rule held until {}", rule.until.value);
            let finding = Finding::error(Code::IgnoreOver, rule.until.span, message);
            findings.push(finding.help("remove it if the drift is settled, or move the day"));
        }
        for At { value: item, span } in rule.hostname.iter().filter(|_| all_known) {
            let is_known = match item.pattern.expand() {
                Some(names) => names.iter().any(|name| index.has(name)),
                None if !looks.spend(&item.pattern, index.len(), *span, findings) => return,
                None => index.any(&item.pattern),
            };
            if is_known {
                continue;
            }
            if item.takes_out {
                findings.push(takes_out_nothing(&item.pattern, *span));
            } else {
                let finding = Finding::warning(Code::Unmatched, *span, format!("`{}` matches no declared instance", item.pattern));
                findings.push(finding.help("correct it, or remove it"));
            }
        }
    }
}

/// Instances that take the place of another one.
fn replaced(draft: &Draft, index: &Index<'_>, findings: &mut Findings) {
    let protect = list(&draft.settings.protect);
    let mut first: HashMap<&str, Span> = HashMap::new();
    for block in &draft.blocks {
        let (Some(old), Some(name)) = (&block.replaces, block.names.first()) else { continue };
        let error = |message: String| Finding::error(Code::Replaces, old.span, message);
        let peer = block.fields.peers.iter().flat_map(|peers| &peers.value.names).find(|peer| *peer.value.host() == old.value);
        let protect = place_of(&protect, &draft.settings.protect, old.value.as_str());
        let finding = if block.names.len() > 1 {
            let message = format!("{} instances would all take the place of `{}`", block.names.len(), old.value);
            error(message).help("give `replaces` at one instance alone")
        } else if block.is_leaving() {
            error(format!("`{}` shall not exist, so it replaces nothing", name.value)).help("remove `replaces`, or the `node_state`")
        } else if let Some((_, span)) = index.get(&old.value) {
            let message = format!("`{}` is declared, so nothing can take its place", old.value);
            let help = if span == name.span {
                "remove `replaces`: this is the instance itself"
            } else {
                "remove its declaration: it goes when its links have moved"
            };
            error(message).related(span, "declared here").help(help)
        } else if let Some(peer) = peer {
            let message = format!("`{}` peers to `{}`, whose place it takes", name.value, old.value);
            error(message).related(peer.span, "peers to it").help("take it out of `peers`: it goes")
        } else if let Some(span) = protect {
            let message = format!("`{}` is protected, so nothing can take its place", old.value);
            error(message).related(span, "protected here").help("remove the protection first, if it shall go")
        } else if let Some(other) = first.insert(old.value.as_str(), old.span) {
            error(format!("two instances would take the place of `{}`", old.value)).related(other, "first here").help("keep one of the two")
        } else {
            continue;
        };
        findings.push(finding);
    }
}
