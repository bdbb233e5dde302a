//! A drift report as Markdown.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mesh::{Place, fold},
    plan::{
        drift::{Difference, Verdict, What},
        saved::Warned,
    },
    render::{
        drift::{View, difference, figures, undone_by, why},
        picture,
        place::places,
        plural,
        safe::{code, sentence},
    },
};

use super::page::{Item, Page, names, of_field, placed, warnings};

/// The report as Markdown, ending with a line break.
pub fn drift(view: &View<'_>, warned: &[Warned], most: usize) -> String {
    let paths = view.paths.join(" ");
    let mut page = Page::new("drift", &paths);
    page.paragraph(&format!("### Drift: {}", figures(view)));
    let (server, summary) = (view.server, view.drift.summary);
    page.paragraph(&format!(
        "{} against {} (AWX {}): {} declared, {} live",
        code(&paths),
        code(&server.url),
        code(&server.version),
        summary.declared,
        summary.live
    ));
    let of = |code: &str| view.drift.findings.iter().filter(|finding| finding.verdict.code() == code).collect::<Vec<_>>();
    for (kind, title) in [("drift", "Changed on the controller"), ("unknown", "Drift or pending: nobody can tell")] {
        let findings = of(kind);
        if !findings.is_empty() {
            page.heading(title);
            page.list(items(view, &findings));
        }
    }
    if let Some(words) = undone_by(view) {
        page.paragraph(&format!("Undo the drift: {}", code(&words)));
    }
    if let Some(picture) = picture::drift(view) {
        page.line(picture);
    }
    for (kind, title) in [("pending", "pending: declared, and not applied yet"), ("ignored", "ignored: known to the configuration")] {
        let findings = of(kind);
        if !findings.is_empty() {
            page.fold(&format!("{} {title}", findings.len()), |page| page.list(items(view, &findings)));
        }
    }
    also(&mut page, view);
    warnings(&mut page, warned.iter().map(|warned| placed(view.declared, &warned.message, warned.place)).collect());
    page.finish("the same command with `--format text -v` shows all", most)
}

/// The findings, with those that are alike together; what is about existence comes first.
fn items(view: &View<'_>, findings: &[&Difference]) -> Vec<Item> {
    // By whether it is about a field, what differs, and why: who, and where that stands.
    let mut alike: BTreeMap<_, (Vec<&str>, BTreeSet<Place>)> = BTreeMap::new();
    for finding in findings {
        let what = match &finding.what {
            What::Field { .. } => of_field(&difference(&finding.what)),
            What::Missing(_) | What::Extra(_) => sentence(&difference(&finding.what)),
        };
        let why = match &finding.verdict {
            Verdict::Ignored { until, reason, place } => {
                format!("until {until}: {} ({})", sentence(reason), code(&places(view.declared, [*place])))
            }
            _ => sentence(&why(view, finding)),
        };
        let (names, at) = alike.entry((matches!(finding.what, What::Field { .. }), what, why)).or_default();
        names.push(&finding.hostname);
        at.insert(finding.place);
    }
    let items = alike.into_iter().map(|((_, what, why), (list, at))| {
        let item = Item::new(format!("{} {what} ({})", names(&fold(&list)), code(&places(view.declared, at))));
        if why.is_empty() { item } else { item.detail(why) }
    });
    items.collect()
}

/// What is no drift and deserves a look.
fn also(page: &mut Page, view: &View<'_>) {
    let mut states: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for seen in &view.drift.states {
        states.entry(&seen.state).or_default().push(&seen.hostname);
    }
    if !states.is_empty() {
        page.heading("Also seen");
        page.list(states.into_iter().map(|(state, list)| Item::new(format!("{} {}: {}", list.len(), code(state), names(&fold(&list))))));
    }
    let unmanaged = view.drift.summary.unmanaged;
    if unmanaged > 0 {
        let title = format!("{} on the controller not in this configuration", plural(unmanaged, "instance"));
        if view.shows_unmanaged {
            let list: Vec<&str> = view.drift.unmanaged.iter().map(String::as_str).collect();
            page.fold(&title, |page| page.list(fold(&list).iter().map(|name| Item::new(code(name)))));
        } else {
            page.paragraph(&format!("{title}."));
        }
    }
}
