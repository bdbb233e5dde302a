//! The mesh-wide settings and `replaces` against the instances.

use std::collections::HashMap;

use jiff::civil::Date;

use crate::mesh::{Listed, PatternList, Verdict};

use super::{Code, Finding, Findings, Span, checks::Index, file::Draft, names::takes_out_nothing, reader::At, wildcards::Looks};

/// All of these checks.
pub(super) fn check(draft: &Draft, index: &Index<'_>, today: Date, looks: &mut Looks, findings: &mut Findings) {
    owned(draft, looks, findings);
    protected(draft, looks, findings);
    ignored(draft, index, today, looks, findings);
    replaced(draft, index, findings);
}

/// A list without its places for findings.
pub(super) fn list(items: &[At<Listed>]) -> PatternList {
    PatternList(items.iter().map(|item| item.value.clone()).collect())
}

/// Declared instances that `owns` does not name: deleting their declaration would leave them running.
fn owned(draft: &Draft, looks: &mut Looks, findings: &mut Findings) {
    let Some(owns) = draft.settings.owns.as_ref() else { return };
    let Some(item) = owns.first() else { return };
    let names = draft.blocks.iter().map(|block| block.names.len()).sum::<usize>();
    if !looks.spend(names.saturating_mul(owns.len()), item.span, findings) {
        return;
    }
    let list = list(owns);
    let mut missed =
        draft.blocks.iter().flat_map(|block| &block.names).filter(|name| list.verdict(name.value.as_str()) == Verdict::NotNamed);
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
    for block in draft.blocks.iter().filter(|block| block.is_leaving()) {
        let (Some(state), Some(name)) = (block.fields.node_state, block.names.first()) else { continue };
        let flag = block.protect.filter(|flag| flag.value).map(|flag| (name, flag.span));
        let names = block.names.len().saturating_mul(list.0.len());
        let may_look = draft.settings.protect.first().is_none_or(|first| looks.spend(names, first.span, findings));
        let by_list = || {
            if !may_look {
                return None;
            }
            block.names.iter().find_map(|name| {
                let item = list.names(name.value.as_str())?;
                draft.settings.protect.iter().find(|at| at.value == *item).map(|at| (name, at.span))
            })
        };
        if let Some((name, span)) = flag.or_else(by_list) {
            let message = format!("`{}` is protected, and declared `deprovisioning`", name.value);
            let finding = Finding::error(Code::ProtectedLeaving, state.span, message).related(span, "protected here");
            findings.push(finding.help("remove the protection first, if it shall go"));
        }
    }
}

/// Rules for known drift that are over, or match nothing.
fn ignored(draft: &Draft, index: &Index<'_>, today: Date, looks: &mut Looks, findings: &mut Findings) {
    for rule in &draft.settings.ignore {
        if rule.until.value < today {
            let message = format!("this rule held until {}", rule.until.value);
            let finding = Finding::error(Code::IgnoreOver, rule.until.span, message);
            findings.push(finding.help("remove it if the drift is settled, or move the day"));
        }
        let all_known = !draft.incomplete && draft.broken_names.is_empty();
        for At { value: item, span } in rule.hostname.iter().filter(|_| all_known) {
            let is_known = match item.pattern.expand() {
                Some(names) => names.iter().any(|name| index.has(name)),
                None if !looks.spend(index.len(), *span, findings) => return,
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
    let mut first: HashMap<&str, Span> = HashMap::new();
    for block in &draft.blocks {
        let (Some(old), Some(name)) = (&block.replaces, block.names.first()) else { continue };
        let error = |message: String| Finding::error(Code::Replaces, old.span, message);
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
        } else if let Some(other) = first.insert(old.value.as_str(), old.span) {
            error(format!("two instances would take the place of `{}`", old.value)).related(other, "first here").help("keep one of the two")
        } else {
            continue;
        };
        findings.push(finding);
    }
}
