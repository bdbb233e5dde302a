//! The changes of a plan in blocks: instances that change alike are named together.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write,
};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::{
    mesh::{DeclaredMesh, Field, NodeType, Peer, Place, Value, fold},
    plan::{Action, Change, InstanceChange, Plan, drift::Known},
};

use super::{
    place::places,
    who::who,
    words::{ADDED, ASIDE, CHANGED, REMOVED, escape, paint},
};

/// How many patterns a block names before it says how many more there are.
const NAMES_SHOWN: usize = 6;

/// How a form says what changes.
pub(super) struct Form {
    /// The fields of a new instance.
    pub(super) created: fn(&InstanceChange) -> Vec<String>,
    /// A field that changes.
    pub(super) updated: fn(&Change) -> Vec<String>,
    /// What else there is to know.
    pub(super) note: fn(&str) -> String,
    /// Whose hand it undoes.
    pub(super) reverted: fn(&Known) -> String,
}

/// As a terminal shows it.
pub(super) const TERMINAL: Form = Form { created, updated, note: |note| format!("({})", escape(note)), reverted };

/// Instances that change alike.
pub(super) struct Block {
    /// What holds it, by its index in the plan's holds.
    pub(super) hold: Option<usize>,
    /// Whether something is away for a while, or for good.
    pub(super) takes_away: bool,
    pub(super) action: Action,
    /// Hostnames, folded, as they are.
    pub(super) names: Vec<String>,
    pub(super) count: usize,
    /// Whether there was a block of these instances already.
    pub(super) again: bool,
    pub(super) place: String,
    pub(super) details: Vec<String>,
}

impl Block {
    /// How wide its first name is.
    pub(super) fn width(&self) -> usize {
        self.names.first().map_or(0, |name| name.chars().count())
    }

    pub(super) fn write(&self, text: &mut String, width: usize) {
        let (sign, style, verb) = match self.action {
            Action::Create => ("+", ADDED, "create"),
            Action::Update => ("~", CHANGED, "update"),
            Action::Replace => ("-/+", REMOVED, "replace"),
            Action::Remove => ("-", REMOVED, "remove"),
        };
        let what = match self.count {
            _ if self.again => "and also".to_owned(),
            1 => verb.to_owned(),
            n if matches!(self.action, Action::Remove | Action::Replace) => format!("{verb} {n}"),
            n => format!("{verb} {n}, all alike"),
        };
        let first = self.names.first().map(|name| escape(name)).unwrap_or_default();
        let _ = writeln!(text, "  {} {first:width$}  {what:22}  {}", paint(style, sign), paint(ASIDE, &self.place));
        for name in self.names.iter().skip(1).take(NAMES_SHOWN - 1) {
            let _ = writeln!(text, "    {}", escape(name));
        }
        if self.names.len() > NAMES_SHOWN {
            let _ = writeln!(text, "    and {} more (-v lists them)", self.names.len() - NAMES_SHOWN);
        }
        for detail in &self.details {
            let _ = writeln!(text, "      {detail}");
        }
    }
}

/// Where a part of a block stands.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Whole,
    Field(Field),
    Note,
}

/// In which part of the text a change stands: what holds it, and whether it takes something away, so that it comes late.
type Order = (Option<usize>, bool, Action);

/// What is equal (with `-v` of one instance only): the last is its hostname then, and empty else.
type Part = (Order, Rank, Vec<String>, String);

/// What some instances have in common, and where it is declared.
type Details = (Vec<Vec<String>>, BTreeSet<Place>);

/// The changes, with those that are equal in one block. Creates are equal as a whole; of updates each field is, so that one odd
/// field does not split a range.
pub(super) fn blocks(plan: &Plan, declared: &DeclaredMesh, unfolded: bool, form: &Form) -> Vec<Block> {
    let mut parts: BTreeMap<Part, Vec<(usize, Place)>> = BTreeMap::new();
    let disrupts: BTreeSet<&str> = plan.disruptions.iter().map(|d| d.by.as_str()).collect();
    for (i, change) in plan.changes.iter().enumerate() {
        let unfold = if unfolded { change.hostname.clone() } else { String::new() };
        let rank = (change.held, takes_away(change) || disrupts.contains(change.hostname.as_str()), change.action);
        let mut part = |of, details, place| parts.entry((rank, of, details, unfold.clone())).or_default().push((i, place));
        let notes = || change.notes.iter().map(|note| (form.note)(note)).chain(change.reverts.iter().map(form.reverted));
        match change.action {
            Action::Create => part(Rank::Whole, (form.created)(change).into_iter().chain(notes()).collect(), change.place),
            Action::Remove => part(Rank::Whole, notes().collect(), change.place),
            Action::Update | Action::Replace => {
                for c in &change.changes {
                    part(Rank::Field(c.field), (form.updated)(c), c.place);
                }
                for note in notes() {
                    part(Rank::Note, vec![note], change.place);
                }
            }
        }
    }
    let mut alike: BTreeMap<(Order, Vec<usize>), Details> = BTreeMap::new();
    for ((action, _, details, _), members) in parts {
        let key = (action, members.iter().map(|(i, _)| *i).collect());
        let (all, places) = alike.entry(key).or_default();
        all.push(details);
        places.extend(members.iter().map(|(_, place)| *place));
    }
    // In dependency order, as far as there is one.
    let steps: HashMap<&str, usize> = plan.steps.iter().map(|step| (step.hostname.as_str(), step.id)).collect();
    let turn = |i: &usize| plan.changes.get(*i).and_then(|c| steps.get(c.hostname.as_str())).copied().unwrap_or(usize::MAX);
    let mut alike: Vec<_> = alike.into_iter().collect();
    alike.sort_by_cached_key(|((action, members), _)| {
        (*action, members.iter().map(turn).min(), members.first().copied(), Reverse(members.len()))
    });
    let mut seen = BTreeSet::new();
    let mut blocks = Vec::new();
    for (((hold, takes_away, action), members), (details, at)) in alike {
        let names: Vec<&str> = members.iter().filter_map(|i| plan.changes.get(*i)).map(|c| c.hostname.as_str()).collect();
        let again = members.iter().all(|i| seen.contains(i));
        seen.extend(members.iter().copied());
        blocks.push(Block {
            hold,
            takes_away,
            action,
            count: names.len(),
            names: fold(&names),
            again,
            place: places(declared, at),
            details: details.concat(),
        });
    }
    blocks
}

/// Whether something is away for a while, or for good.
fn takes_away(change: &InstanceChange) -> bool {
    let closes = change.of(Field::ListenerPort).is_some_and(|c| matches!(c.before, Some(Value::Port(Some(_)))));
    matches!(change.action, Action::Replace | Action::Remove) || closes
}

/// The fields of a new instance in one line, its peers in another.
fn created(change: &InstanceChange) -> Vec<String> {
    let mut scalars = Vec::new();
    let mut lines = Vec::new();
    for Change { field, before: _, after, place: _, reverts: _ } in &change.changes {
        match after {
            Value::Type(node_type) => scalars.push(type_word(node_type)),
            Value::Peers(peers) if peers.is_empty() => scalars.push("no peers".to_owned()),
            Value::Peers(peers) => lines.push(format!("peers  {}", names(peers.iter()))),
            other => scalars.push(format!("{field} {}", scalar(other))),
        }
    }
    lines.insert(0, scalars.join(", "));
    lines
}

fn updated(change: &Change) -> Vec<String> {
    let Change { field, before, after, place: _, reverts } = change;
    let mut lines = match (before, after) {
        (Some(Value::Peers(before)), Value::Peers(after)) => {
            peers(*field, &before.iter().collect::<Vec<_>>(), &after.iter().collect::<Vec<_>>())
        }
        (Some(before), after) => vec![format!("{field}  {} -> {}", scalar(before), scalar(after))],
        (None, after) => vec![format!("{field}  {}", scalar(after))],
    };
    if let (Some(last), Some(known)) = (lines.last_mut(), reverts) {
        let _ = write!(last, "      {}", reverted(known));
    }
    lines
}

/// Whose hand a change undoes.
fn reverted(known: &Known) -> String {
    format!("{} {}", paint(REMOVED, "!"), format_args!("reverts {} (--keep-drift leaves it)", who(known)))
}

/// What changes of an instance, without colours.
pub(super) fn told(change: &InstanceChange) -> Vec<String> {
    if change.action == Action::Create { plain(&created(change)) } else { change.changes.iter().flat_map(told_field).collect() }
}

/// How a field changes, without colours.
pub(super) fn told_field(change: &Change) -> Vec<String> {
    plain(&updated(change))
}

fn plain(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| anstream::adapter::strip_str(line).to_string().split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// How a set of peers changed: what goes, what comes, what stays.
fn peers(field: Field, before: &[&Peer], after: &[&Peer]) -> Vec<String> {
    let (mut gone, mut new, mut stays) = (Vec::new(), Vec::new(), Vec::new());
    for op in capture_diff_slices(Algorithm::Myers, before, after) {
        let (_, old, now) = op.as_tag_tuple();
        let old = before.get(old).unwrap_or_default().iter().copied();
        let now = after.get(now).unwrap_or_default().iter().copied();
        if matches!(op, DiffOp::Equal { .. }) {
            stays.extend(old);
        } else {
            gone.extend(old);
            new.extend(now);
        }
    }
    let mut lines: Vec<String> = [(gone, '-', REMOVED), (new, '+', ADDED)]
        .into_iter()
        .filter(|(list, ..)| !list.is_empty())
        .map(|(list, sign, style)| format!("{} {}", paint(style, sign), names(list.into_iter())))
        .collect();
    if let Some(last) = lines.last_mut() {
        match stays.len() {
            0 if after.is_empty() => last.push_str("   (none left)"),
            0 => {}
            1 => {
                let _ = write!(last, "   ({} stays)", names(stays.into_iter()));
            }
            n => {
                let _ = write!(last, "   ({n} stay)");
            }
        }
    }
    let indent = " ".repeat(field.name().len());
    lines.iter().enumerate().map(|(i, line)| format!("{}  {line}", if i == 0 { field.name() } else { &indent })).collect()
}

/// Peers as a configuration would name them, folded.
fn names<'p>(peers: impl Iterator<Item = &'p Peer>) -> String {
    fold(&peers.map(Peer::declared).collect::<Vec<_>>()).iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ")
}

fn type_word(node_type: &NodeType) -> String {
    escape(node_type.as_str())
}

/// A value in one line.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::Type(node_type) => type_word(node_type),
        Value::Bool(value) => value.to_string(),
        Value::Decimal(value) => format!("{value:.2}"),
        Value::Port(Some(port)) => port.to_string(),
        Value::Port(None) => "null".to_owned(),
        Value::Peers(peers) => names(peers.iter()),
    }
}
