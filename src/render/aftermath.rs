//! What is to do outside the controller after an apply: install bundles and firewalls.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    mesh::fold,
    plan::{Bundle, Cause, Firewall, Plan, Rule},
};

use super::words::{ADDED, ASIDE, HEADING, REMOVED, escape, few, paint};

/// How many lines a part has before it says how many more there are.
const LINES: usize = 12;

/// How many patterns of names a line shows.
const SHOWN: usize = 4;

/// Both parts; nothing where nothing is to do.
pub(super) fn write(text: &mut String, plan: &Plan, unfolded: bool) {
    bundles(text, &plan.bundles, unfolded);
    firewall(text, &plan.firewall, unfolded);
}

/// Bundles that are run in one turn for one reason: the turn, the reason in words, and the nodes.
pub(super) type Turn<'p> = (usize, &'static str, Vec<&'p str>);

/// The bundles in their order.
pub(super) fn turns<'p>(bundles: impl IntoIterator<Item = &'p Bundle>) -> Vec<Turn<'p>> {
    let mut turns: BTreeMap<(usize, Cause), Vec<&str>> = BTreeMap::new();
    for bundle in bundles {
        turns.entry((bundle.turn, bundle.cause)).or_default().push(&bundle.hostname);
    }
    let turns = turns.into_iter().map(|((turn, cause), names)| {
        let why = match cause {
            Cause::New => "new",
            Cause::MadeAgain => "made again",
            Cause::Listener => "listener changed",
            Cause::Peers => "peers changed",
            Cause::Unconnected => "not connected yet",
        };
        (turn, why, names)
    });
    turns.collect()
}

fn bundles(text: &mut String, bundles: &[Bundle], unfolded: bool) {
    let turns = turns(bundles);
    if turns.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "On the nodes after the apply, in this order"));
    let line = |(turn, why, names): &Turn<'_>| format!("  {turn}. {}  {}", folded(names), paint(ASIDE, format!("install bundle ({why})")));
    let lines = turns.iter().map(line);
    shorten(text, &lines.collect::<Vec<_>>(), unfolded);
}

/// The rules to open and to close, those with one target or with one source in one line.
pub(super) fn rules(firewall: &Firewall) -> (Vec<String>, Vec<String>) {
    (grouped(&firewall.open), grouped(&firewall.close))
}

fn firewall(text: &mut String, firewall: &Firewall, unfolded: bool) {
    let (open, close) = rules(firewall);
    if open.is_empty() && close.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint(HEADING, "Firewall: open before the bundles are run, close afterwards"));
    let opened = open.into_iter().map(|line| format!("  {} {line}", paint(ADDED, "open ")));
    let closed = close.into_iter().map(|line| format!("  {} {line}", paint(REMOVED, "close")));
    shorten(text, &opened.chain(closed).collect::<Vec<_>>(), unfolded);
}

/// The rules, those with one target or with one source in one line.
fn grouped(rules: &[Rule]) -> Vec<String> {
    let mut by_sources: BTreeMap<(bool, &[String], i64, &str), Vec<&str>> = BTreeMap::new();
    for Rule { target, port, protocol, from_control_nodes, sources } in rules {
        by_sources.entry((!from_control_nodes, sources, *port, protocol)).or_default().push(target);
    }
    let line = |((no_control, sources, port, protocol), targets): ((bool, &[String], i64, &str), Vec<&str>)| {
        let nodes: Vec<&str> = sources.iter().map(String::as_str).collect();
        let control = (!no_control).then(|| "control nodes".to_owned());
        let sources: Vec<String> = control.into_iter().chain(Some(folded(&nodes)).filter(|text| !text.is_empty())).collect();
        format!("{} -> {} port {port}/{}", sources.join(", "), folded(&targets), escape(protocol))
    };
    by_sources.into_iter().map(line).collect()
}

/// Names, at most a few patterns of them.
pub(super) fn folded(names: &[&str]) -> String {
    few(&fold(names), SHOWN, escape)
}

fn shorten(text: &mut String, lines: &[String], unfolded: bool) {
    let more = lines.len().saturating_sub(LINES);
    let shown = if unfolded || more < 2 { lines.len() } else { LINES };
    for line in lines.iter().take(shown) {
        let _ = writeln!(text, "{line}");
    }
    if lines.len() > shown {
        let _ = writeln!(text, "  and {} more lines (-v shows them)", lines.len() - shown);
    }
    text.push('\n');
}
