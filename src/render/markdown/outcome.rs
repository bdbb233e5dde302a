//! What became of an apply, as Markdown.

use crate::{
    plan::Plan,
    render::{
        aftermath,
        fates::{Kind, due, groups},
        outcome::{Ending, last_words},
        place::places,
        report::Result,
        safe::{code, sentence},
    },
};

use super::page::{Item, Page, names};

/// The outcome as Markdown, ending with a line break.
pub fn outcome(ending: &Ending<'_>, plan: &Plan, url: &str, paths: &str, result: Result, most: usize) -> String {
    let mut page = Page::new("apply", paths);
    let told = last_words(ending);
    let mut lines = told.lines();
    page.paragraph(&format!("### {}", sentence(lines.next().unwrap_or_default())));
    for line in lines {
        page.paragraph(&sentence(line));
    }
    page.paragraph(&format!("{} on {}: {}", code(paths), code(url), words(result)));
    for kind in Kind::ALL {
        let groups: Vec<_> = groups(ending).into_iter().filter(|group| group.kind == *kind).collect();
        if groups.is_empty() {
            continue;
        }
        page.heading(kind.title());
        page.list(groups.into_iter().map(|group| {
            let place = places(ending.declared, group.steps.iter().map(|step| step.place));
            let item = Item::new(format!("{}: {} ({})", names(&group.names()), sentence(&group.message), code(&place)));
            match group.hint {
                Some(hint) => item.hint(hint),
                None => item,
            }
        }));
    }
    let turns = aftermath::turns(due(ending, plan));
    if !turns.is_empty() {
        page.fold("Install bundles to run now, in this order", |page| {
            page.list(
                turns.into_iter().map(|(turn, why, list)| Item::new(format!("turn {turn}: {} ({why})", names(&crate::mesh::fold(&list))))),
            );
        });
    }
    page.finish("an apply with `--report FILE` writes all of it there", most)
}

fn words(result: Result) -> &'static str {
    match result {
        Result::Done => "all of it is done",
        Result::Held => "all is done that is not held",
        Result::Failed => "not all of it was done",
        Result::Interrupted => "it was interrupted",
        Result::Refused => "nothing was sent, since not all of it can or may be done",
    }
}
