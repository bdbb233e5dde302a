//! A plan as Markdown.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mesh::{Peer, Value, fold},
    plan::{Action, Change, Effect, Guard, InstanceChange, Touch, drift::Known, saved::Warned},
    render::{
        aftermath,
        blocks::{Block, Form, blocks, scalar},
        grouped, picture,
        place::places,
        plan::{View, asides, held_until, summary},
        plural,
        safe::{code, sentence},
        warnings::of,
        who::who,
    },
};

use super::page::{Item, Page, names, of_field, placed, warnings};

/// How Markdown says what changes.
const FORM: Form = Form { created, updated, note: sentence, reverted };

/// The plan as Markdown, ending with a line break.
pub fn plan(view: &View<'_>, warned: &[Warned], most: usize) -> String {
    let plan = view.plan;
    let mut page = Page::new("plan", view.paths);
    heading(&mut page, view);
    refused(&mut page, view);
    guards(&mut page, &plan.guards);
    changes(&mut page, view);
    if plan.refused.is_empty() {
        after(&mut page, view);
    }
    left(&mut page, view);
    warn(&mut page, view, warned);
    for line in asides(view).lines() {
        page.paragraph(&sentence(line));
    }
    page.finish("the same command with `--format text -v` shows all", most)
}

/// What it comes to, and what is planned against what.
fn heading(page: &mut Page, view: &View<'_>) {
    let plan = view.plan;
    let told = summary(plan);
    let mut lines = told.lines();
    page.paragraph(&format!("### {}", sentence(lines.next().unwrap_or_default())));
    for line in lines {
        page.paragraph(&sentence(line));
    }
    let (paths, declared) = (code(view.paths), plan.summary.declared);
    let against = if let Some(from) = view.from {
        format!("the configuration {}, no controller asked: {declared} declared", code(from))
    } else {
        let (url, version) = (code(&view.server.url), code(&view.server.version));
        format!("{url} (AWX {version}): {declared} declared, {} live", plan.summary.live)
    };
    page.paragraph(&format!("{paths} against {against}"));
}

/// The changes, with those that take something away first.
fn changes(page: &mut Page, view: &View<'_>) {
    let plan = view.plan;
    let (first, rest): (Vec<Block>, Vec<Block>) =
        blocks(plan, view.declared, view.unfolded, &FORM).into_iter().partition(|block| block.takes_away);
    if !first.is_empty() {
        page.heading("Removed, made again or disrupted");
        page.list(first.iter().map(|block| item(block, view)));
    }
    touches(page, &plan.touches);
    if let Some(picture) = picture::plan(view) {
        page.line(picture);
    }
    if !rest.is_empty() {
        let count = plan.changes.iter().map(|change| &change.hostname).collect::<BTreeSet<_>>().len();
        let title = if first.is_empty() { plural(count, "change") } else { "The other changes".to_owned() };
        page.fold(&title, |page| page.list(rest.iter().map(|block| item(block, view))));
    }
}

/// What stays as it is.
fn left(page: &mut Page, view: &View<'_>) {
    let plan = view.plan;
    let left = grouped::left_out(plan);
    if !left.is_empty() {
        page.heading("Left out, since it needs something that is left out");
        page.list(left.into_iter().map(|(needs, list)| Item::new(format!("{} needs {}", names(&fold(&list)), code(needs)))));
    }
    let spared = grouped::left_alone(plan);
    if !spared.is_empty() {
        page.fold("Left alone although it differs", |page| {
            page.list(spared.into_iter().map(|((what, why), (list, at))| {
                let place = places(view.declared, at);
                Item::new(format!("{} {} ({})", names(&fold(&list)), of_field(&what), code(&place))).detail(sentence(&why))
            }));
        });
    }
    let let_go = grouped::let_go(plan);
    if !let_go.is_empty() {
        page.heading("Let go of");
        page.list(let_go.into_iter().map(|(what, list)| Item::new(format!("{}: {}", names(&fold(&list)), sentence(&what)))));
    }
}

fn item(block: &Block, view: &View<'_>) -> Item {
    let verb = match block.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "make again",
        Action::Remove => "remove",
    };
    let count = if block.count == 1 { String::new() } else { format!(" {}", block.count) };
    let verb = if block.again { format!("{verb} also") } else { format!("{verb}{count}") };
    let item = Item::new(format!("**{verb}** {} ({})", names(&block.names), code(&block.place)));
    let hold = block.hold.and_then(|hold| view.plan.holds.get(hold)).map(|hold| sentence(&held_until(hold)));
    hold.into_iter().chain(block.details.iter().cloned()).fold(item, Item::detail)
}

/// The fields of a new instance in one line, its peers in another.
fn created(change: &InstanceChange) -> Vec<String> {
    let mut scalars = Vec::new();
    let mut lines = Vec::new();
    for change in &change.changes {
        match &change.after {
            Value::Type(node_type) => scalars.push(sentence(node_type.as_str())),
            Value::Peers(peers) if peers.is_empty() => scalars.push("no peers".to_owned()),
            Value::Peers(peers) => lines.push(format!("{} {}", code("peers"), far_ends(peers))),
            other => scalars.push(format!("{} {}", code(change.field.name()), sentence(&scalar(other)))),
        }
    }
    lines.insert(0, scalars.join(", "));
    lines.retain(|line| !line.is_empty());
    lines
}

fn updated(change: &Change) -> Vec<String> {
    let field = code(change.field.name());
    let line = match (&change.before, &change.after) {
        (Some(Value::Peers(before)), Value::Peers(after)) => {
            let parts = [("removed", before.difference(after)), ("added", after.difference(before))];
            let parts = parts.into_iter().map(|(what, list)| (what, list.cloned().collect::<BTreeSet<_>>()));
            let parts = parts.filter(|(_, list)| !list.is_empty()).map(|(what, list)| format!("{what} {}", far_ends(&list)));
            let stay = match before.intersection(after).count() {
                0 if after.is_empty() => Some("none left".to_owned()),
                0 => None,
                1 => Some("1 stays".to_owned()),
                count => Some(format!("{count} stay")),
            };
            format!("{field} {}", parts.chain(stay).collect::<Vec<_>>().join(", "))
        }
        (Some(before), after) => format!("{field} {} → {}", sentence(&scalar(before)), sentence(&scalar(after))),
        (None, after) => format!("{field} {}", sentence(&scalar(after))),
    };
    let reverts = change.reverts.as_ref().map(|known| format!(", {}", reverted(known)));
    vec![format!("{line}{}", reverts.unwrap_or_default())]
}

/// Whose hand a change undoes.
fn reverted(known: &Known) -> String {
    format!("**reverts {}**", sentence(&who(known)))
}

fn far_ends(peers: &BTreeSet<Peer>) -> String {
    names(&fold(&peers.iter().map(Peer::declared).collect::<Vec<_>>()))
}

fn refused(page: &mut Page, view: &View<'_>) {
    let grouped = grouped::refusals(view.plan);
    if grouped.is_empty() {
        return;
    }
    page.heading("Refused");
    page.list(grouped.into_iter().map(|(reason, refusals)| {
        let list: Vec<&str> = refusals.iter().map(|refusal| refusal.hostname.as_str()).collect();
        let place = places(view.declared, refusals.iter().map(|refusal| refusal.place));
        let item = Item::new(format!("{}: {} ({})", names(&fold(&list)), sentence(&reason), code(&place)));
        match refusals.first() {
            Some(first) => item.hint(first.reason.hint()),
            None => item,
        }
    }));
}

fn guards(page: &mut Page, guards: &[Guard]) {
    if guards.is_empty() {
        return;
    }
    page.heading("Not allowed");
    page.list(guards.iter().map(|guard| {
        let list: Vec<&str> = guard.hostnames().iter().map(String::as_str).collect();
        let about = if list.is_empty() { String::new() } else { format!("{}: ", names(&fold(&list))) };
        Item::new(format!("{about}{}", sentence(&guard.to_string()))).hint(guard.hint())
    }));
}

fn touches(page: &mut Page, touches: &[Touch]) {
    let mut alike: BTreeMap<(&str, Effect), Vec<&str>> = BTreeMap::new();
    for touch in touches {
        alike.entry((&touch.peer, touch.effect)).or_default().push(&touch.hostname);
    }
    if alike.is_empty() {
        return;
    }
    page.heading("Links that are not declared here");
    page.list(alike.into_iter().map(|((peer, effect), list)| {
        let what = match effect {
            Effect::SetAgain => "go away and are set again; an interrupted apply can lose them",
            Effect::Moved => "go over to what takes its place",
            Effect::Cut => "end with it",
        };
        Item::new(format!("{} to {}: {what}", names(&fold(&list)), code(peer)))
    }));
}

/// What is to do outside the controller.
fn after(page: &mut Page, view: &View<'_>) {
    let turns = aftermath::turns(&view.plan.bundles);
    if !turns.is_empty() {
        page.fold("Install bundles to run after the apply, in this order", |page| {
            page.list(turns.into_iter().map(|(turn, why, list)| Item::new(format!("turn {turn}: {} ({why})", names(&fold(&list))))));
        });
    }
    let (open, close) = aftermath::rules(&view.plan.firewall);
    if !open.is_empty() || !close.is_empty() {
        page.fold("Firewall: open before the bundles are run, close afterwards", |page| {
            let open = open.iter().map(|rule| Item::new(format!("open {}", code(rule))));
            page.list(open.chain(close.iter().map(|rule| Item::new(format!("close {}", code(rule))))));
        });
    }
}

fn warn(page: &mut Page, view: &View<'_>, warned: &[Warned]) {
    let placed = |message: &str, place| placed(view.declared, message, place);
    let mut items: Vec<Item> = warned.iter().map(|warned| placed(&warned.message, warned.place)).collect();
    items.extend(of(view.plan).iter().map(|said| Item::new(sentence(&said.message))));
    items.extend(view.plan.unmatched.iter().map(|item| placed(&item.to_string(), item.place)));
    warnings(page, items);
}
