//! A drift report as differences.

use crate::{
    plan::drift::{Verdict, What},
    render::drift::{View, difference, figures, why},
};

use super::{Sides, remark, write};

/// What is not as declared, ending with a line break; what a rule of the configuration knows of is left out.
pub fn drift(view: &View<'_>) -> String {
    let mut text = String::new();
    remark(&mut text, &format!("{} against {} (AWX {})", view.paths.join(" "), view.server.url, view.server.version));
    remark(&mut text, &format!("drift: {}", figures(view)));
    for findings in view.drift.findings.chunk_by(|a, b| a.hostname == b.hostname) {
        let (ignored, findings): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| matches!(finding.verdict, Verdict::Ignored { .. }));
        let Some(first) = findings.first() else { continue };
        for finding in &findings {
            let why = why(view, finding);
            let why = if why.is_empty() { why } else { format!("; {why}") };
            remark(&mut text, &format!("{}: {}{why}", finding.verdict.code(), difference(&finding.what)));
        }
        let fields = findings.iter().filter_map(|finding| match &finding.what {
            What::Field { field, declared, live } => Some((*field, Some(live), declared)),
            What::Missing(_) | What::Extra(_) => None,
        });
        let sides = Sides {
            hostname: &first.hostname,
            live: !findings.iter().any(|finding| matches!(finding.what, What::Missing(_))),
            declared: !findings.iter().any(|finding| matches!(finding.what, What::Extra(_))),
            fields: fields.collect(),
            left_alone: ignored.iter().filter_map(|finding| finding.what.managed()).collect(),
            at: findings.iter().map(|finding| finding.place).collect(),
            before: "live",
        };
        write(&mut text, view.declared, &sides);
    }
    text
}
