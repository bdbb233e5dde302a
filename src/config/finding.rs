//! A finding: what is wrong with a configuration, where, and what to do.

use std::{borrow::Cow, collections::HashSet};

use crate::mesh::{FileId, Place};

use super::{Code, secrets::redacted};

/// Whether a finding stops the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and is probably not what was meant.
    Warning,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Where it begins, for people.
    pub place: Place,
    /// The offset of its first byte.
    pub start: u32,
    /// The offset behind its last byte.
    pub end: u32,
}

/// Something wrong, or probably wrong, with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of finding.
    pub code: Code,
    /// Whether it stops the command.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// The file that it is about; none for what is about the configuration as a whole.
    pub file: Option<FileId>,
    /// The part of the file that is wrong; none where the file as a whole is.
    pub span: Option<Span>,
    /// Other parts that belong to it, each with a few words.
    pub related: Vec<(Span, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Finding {
    /// An error in a part of a file.
    pub(super) fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: Some(span.place.file),
            span: Some(span),
            related: Vec::new(),
            help: None,
        }
    }

    /// A warning about a part of a file.
    pub(super) fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// An error about a file, or about the configuration as a whole.
    pub(super) fn about(code: Code, file: Option<FileId>, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), file, span: None, related: Vec::new(), help: None }
    }

    /// The same with what to do.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with another part that belongs to it.
    pub(super) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }
}

/// The most errors, and the most warnings, that one run collects: nobody reads more, and a short file can hold millions.
const MAX_FINDINGS: usize = 10_000;

/// The findings of a run. Of one kind each place has one, however often it is used.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    said: HashSet<(Code, Span)>,
    errors: usize,
    /// Whether there were more than are kept.
    cut: bool,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        if finding.span.is_some_and(|span| self.said(finding.code, span)) {
            return;
        }
        let is_error = finding.severity == Severity::Error;
        let alike = if is_error { self.errors } else { self.list.len() - self.errors };
        if alike >= MAX_FINDINGS {
            self.cut = true;
            return;
        }
        self.errors += usize::from(is_error);
        self.said.extend(finding.span.map(|span| (finding.code, span)));
        self.list.push(finding);
    }

    /// Whether a place has a finding of this kind.
    pub(super) fn said(&self, code: Code, span: Span) -> bool {
        self.said.contains(&(code, span))
    }

    pub(super) fn as_slice(&self) -> &[Finding] {
        &self.list
    }

    /// By file and place, what is about no file first; and whether some are left out.
    pub(super) fn in_order(self) -> (Vec<Finding>, bool) {
        let Self { mut list, said: _, errors: _, cut } = self;
        list.sort_by(|a, b| (a.file, a.span, a.code, &a.message).cmp(&(b.file, b.span, b.code, &b.message)));
        list.dedup();
        (list, cut)
    }
}

/// A text of the user as a message shows it.
pub(super) fn short(text: &str) -> Cow<'_, str> {
    const MOST: usize = 100;
    let text = redacted(text);
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
