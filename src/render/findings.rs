//! Findings as text, with the lines of the files that they are about.

use std::fmt::Write;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use crate::{
    config::{Finding, Loaded, Severity, Source, Span},
    mesh::FileId,
};

use super::words::{escape, is_obeyed, plural};

/// How far into a line it is drawn; of what lies further out only the place is told.
const MAX_LINE: usize = 2_000;

/// The most errors, and the most warnings, that are drawn; the others are counted.
const MAX_DRAWN: usize = 300;

/// Lines of a file that are at most so far apart are drawn as one piece.
const NEAR: u32 = 4;

/// All findings as text, then one line that counts them.
pub fn text(loaded: &Loaded, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    let (mut errors, mut warnings) = (0, 0);
    for finding in &loaded.findings {
        let drawn = match finding.severity {
            Severity::Error => &mut errors,
            Severity::Warning => &mut warnings,
        };
        *drawn += 1;
        if *drawn > MAX_DRAWN {
            continue;
        }
        // Each for itself: between groups that are rendered together stands a margin.
        for group in groups(&loaded.sources, finding) {
            text.push_str(&renderer.render(&[group]));
            text.push('\n');
        }
        text.push('\n');
    }
    if errors.max(warnings) > MAX_DRAWN {
        let left = summary(errors.saturating_sub(MAX_DRAWN), warnings.saturating_sub(MAX_DRAWN), "more ");
        let _ = writeln!(text, "... and {left}\n");
    }
    let _ = writeln!(text, "{}{}", if loaded.cut { "more than " } else { "" }, summary(errors, warnings, ""));
    if loaded.is_partial() {
        text.push_str("Peers and overrides that name nothing are looked for once these are corrected.\n");
    }
    text
}

/// How many findings there are.
pub(super) fn counted(loaded: &Loaded) -> String {
    let errors = loaded.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    summary(errors, loaded.findings.len() - errors, "")
}

/// Where a part of a file ends: the line and the column behind its last character.
pub(super) fn end(loaded: &Loaded, span: Span) -> (u32, u32) {
    let inside = source(&loaded.sources, span.place.file).and_then(|source| source.text.get(span.start as usize..span.end as usize));
    let inside = inside.unwrap_or_default();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let breaks = inside.matches('\n').count();
    let last = number(inside.rsplit('\n').next().unwrap_or_default().chars().count());
    (span.place.line.saturating_add(number(breaks)), last.saturating_add(if breaks == 0 { span.place.column } else { 1 }))
}

fn groups<'a>(sources: &'a [Source], finding: &'a Finding) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(escape(&finding.message)).id(finding.code.as_str()));
    let mut marks: Vec<Mark<'a>> = Vec::new();
    marks.extend(finding.span.map(|span| Mark { span, label: None }));
    marks.extend(finding.related.iter().map(|(span, label)| Mark { span: *span, label: Some(label) }));
    for piece in pieces(marks) {
        group = group.element(drawn(sources, &piece));
    }
    if let (None, Some(file)) = (finding.span, finding.file) {
        group = group.element(Origin::path(path(sources, file)));
    }
    match &finding.help {
        None => vec![group],
        // Without a file there is nothing that a margin would belong to.
        Some(help) if finding.file.is_none() => vec![group, Group::with_title(Level::HELP.secondary_title(escape(help)))],
        Some(help) => vec![group.element(Level::HELP.message(escape(help)))],
    }
}

fn source(sources: &[Source], file: FileId) -> Option<&Source> {
    sources.get(usize::try_from(file).ok()?)
}

fn path(sources: &[Source], file: FileId) -> String {
    escape(source(sources, file).map_or("", |source| &source.path))
}

/// Something to underline; the finding's own place has no label.
struct Mark<'a> {
    span: Span,
    label: Option<&'a str>,
}

/// The marks in groups that are drawn together, the one with the finding's own place first.
fn pieces(marks: Vec<Mark<'_>>) -> Vec<Vec<Mark<'_>>> {
    let mut pieces: Vec<Vec<Mark<'_>>> = Vec::new();
    for mark in marks {
        let near = |other: &Mark<'_>| {
            let (a, b) = (other.span.place, mark.span.place);
            a.file == b.file && a.line.abs_diff(b.line) <= NEAR
        };
        match pieces.iter_mut().find(|piece| piece.iter().all(near)) {
            Some(piece) => piece.push(mark),
            None => pieces.push(vec![mark]),
        }
    }
    pieces
}

fn drawn<'a>(sources: &'a [Source], piece: &[Mark<'a>]) -> Element<'a> {
    let spans = || piece.iter().map(|mark| mark.span);
    let Some(first) = spans().min() else { return Element::from(Origin::path("")) };
    let source = source(sources, first.place.file);
    let path = path(sources, first.place.file);
    let last = spans().max().unwrap_or(first);
    let (line, column) = (first.place.line as usize, first.place.column as usize);
    let Some(lines) = source.and_then(|source| Lines::new(source, first, last)) else {
        return Element::from(Origin::path(path).line(line).char_column(column));
    };
    let annotations = piece.iter().map(|mark| {
        let kind = if mark.label.is_none() { AnnotationKind::Primary } else { AnnotationKind::Context };
        kind.span(lines.place(mark.span.start)..lines.place(lines.end(mark.span))).label(mark.label.map(escape))
    });
    let annotations: Vec<Annotation<'a>> = annotations.collect();
    Element::from(Snippet::source(lines.text).path(path).line_start(line).annotations(annotations))
}

/// Some whole lines of a file, fit for a terminal.
struct Lines<'s> {
    /// The offset of the first line in the file.
    start: usize,
    raw: &'s str,
    text: String,
}

impl<'s> Lines<'s> {
    fn new(source: &'s Source, first: Span, last: Span) -> Option<Self> {
        // A place far out in a line costs its whole line each time, so this comes first.
        if [first, last].iter().any(|span| span.place.column as usize > MAX_LINE) {
            return None;
        }
        let (start, _) = source.line(first.start as usize, MAX_LINE);
        let (last_start, last_line) = source.line(last.start as usize, MAX_LINE);
        let raw = source.text.get(start..last_start + last_line.len())?;
        let is_short = raw.len() <= (NEAR as usize + 2) * MAX_LINE;
        is_short.then(|| Self { start, raw, text: cleaned(raw) })
    }

    /// The end of a span, or of its first line.
    fn end(&self, span: Span) -> u32 {
        let behind = self.raw.get((span.start as usize).saturating_sub(self.start)..).unwrap_or_default();
        let rest = behind.find(['\n', '\r']).unwrap_or(behind.len());
        span.end.min(span.start.saturating_add(u32::try_from(rest).unwrap_or(u32::MAX)))
    }

    /// Where an offset of the file lies in the cleaned text.
    fn place(&self, offset: u32) -> usize {
        let before = self.raw.get(..(offset as usize).saturating_sub(self.start)).unwrap_or(self.raw);
        cleaned(before).len()
    }
}

/// One line break for all kinds, and signs for what a terminal or a runner would obey.
fn cleaned(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => text.push('\n'),
            '\n' | '\t' => text.push(c),
            c if is_obeyed(c) => text.push('\u{fffd}'),
            // GitHub's runner obeys `##[name]` anywhere in a log.
            '[' if text.ends_with("##") => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
    text
}

/// `3 errors, 1 warning`, or `3 more errors, 1 more warning`.
fn summary(errors: usize, warnings: usize, more: &str) -> String {
    let (error, warning) = (format!("{more}error"), format!("{more}warning"));
    match (errors, warnings) {
        (0, 0) => "no findings".to_owned(),
        (0, warnings) => plural(warnings, &warning),
        (errors, 0) => plural(errors, &error),
        (errors, warnings) => format!("{}, {}", plural(errors, &error), plural(warnings, &warning)),
    }
}
