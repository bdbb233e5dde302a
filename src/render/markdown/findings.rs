//! What validate found, as Markdown.

use crate::{
    config::{Finding, Loaded, Severity},
    render::{
        findings::counted,
        plural,
        safe::{code, sentence},
    },
};

use super::page::{Item, Page};

/// The findings as Markdown, ending with a line break: of `validate`, or in place of the report of another command.
pub fn findings(loaded: &Loaded, command: &str, paths: &str, most: usize) -> String {
    let mut page = Page::new(command, paths);
    let cut = if loaded.cut { "more than " } else { "" };
    let title = if command == "validate" { "Validate".to_owned() } else { format!("meshform {command} failed") };
    page.paragraph(&format!("### {title}: {cut}{}", counted(loaded)));
    let (instances, files) = (loaded.mesh.instances.len(), loaded.mesh.files.len());
    page.paragraph(&format!("{}: {} in {}", code(paths), plural(instances, "instance"), plural(files, "file")));
    let of = |severity| loaded.findings.iter().filter(move |finding| finding.severity == severity);
    page.list(of(Severity::Error).map(|finding| item(loaded, finding)));
    let warnings = of(Severity::Warning).count();
    if warnings > 0 {
        page.fold(&plural(warnings, "warning"), |page| page.list(of(Severity::Warning).map(|finding| item(loaded, finding))));
    }
    page.finish("`meshform validate --format json` lists all", most)
}

fn item(loaded: &Loaded, finding: &Finding) -> Item {
    let at = match (finding.span, finding.file) {
        (Some(span), _) => format!("{}:{}:{}", loaded.mesh.file(span.place.file), span.place.line, span.place.column),
        (None, Some(file)) => loaded.mesh.file(file).to_owned(),
        (None, None) => String::new(),
    };
    let at = if at.is_empty() { at } else { format!(" ({})", code(&at)) };
    let mut item = Item::new(format!("{} {}{at}", code(finding.code.as_str()), sentence(&finding.message)));
    for (span, words) in &finding.related {
        let at = format!("{}:{}:{}", loaded.mesh.file(span.place.file), span.place.line, span.place.column);
        item = item.detail(format!("{} ({})", sentence(words), code(&at)));
    }
    match &finding.help {
        Some(help) => item.hint(help),
        None => item,
    }
}
