//! What the YAML parser refuses, in words for people who write YAML and not parsers.

use serde_yaml::granit_parser::{ErrorKind, Marker, ScanError};

use crate::mesh::FileId;

use super::{Code, Finding, Span, tree};

/// The finding for what stopped the parser.
pub(super) fn finding(file: FileId, text: &str, error: &ScanError) -> Finding {
    let marker = *error.marker();
    let here = |length: usize| span(file, text, marker, length);
    if let Some(finding) = forgotten_quotes(file, text, marker) {
        return finding;
    }
    let plain = |code, message: &str, help: &str| Finding::error(code, here(1), message).help(help);
    match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => Finding::error(Code::Tab, tab(file, text, marker), "a tab in the indentation")
            .help("YAML is indented with spaces alone: replace the tab by two spaces"),
        ErrorKind::RecursionLimitExceeded => {
            plain(Code::TooDeep, "nested more than 255 levels deep", "a mesh needs five levels; something repeats itself here")
        }
        ErrorKind::UnexpectedCharacter { character } => {
            Finding::error(Code::Quote, token(file, text, marker), format!("a value cannot begin with `{character}`"))
                .help(quote_it(token_text(text, marker)))
        }
        ErrorKind::UnclosedFlowCollection { open } => unclosed(here(1), *open),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            let message = format!("this `{open}` is closed by `{close}`");
            Finding::error(Code::Syntax, here(1), message).help(format!("close it with `{}`", closing(*open)))
        }
        ErrorKind::ExpectedFlowSequenceSeparator => plain(
            Code::Syntax,
            "a `,` or the closing `]` of the list is missing in front of this",
            "separate the items of a list in brackets by commas",
        ),
        ErrorKind::ExpectedFlowMappingSeparator => plain(
            Code::Syntax,
            "a `,` or the closing `}` is missing in front of this",
            "separate what stands in braces by commas: `{key: value, key: value}`",
        ),
        ErrorKind::UnexpectedEofFlowSequence => unclosed(here(1), '['),
        ErrorKind::UnexpectedEofFlowMapping | ErrorKind::UnexpectedEofImplicitFlowMapping => unclosed(here(1), '{'),
        ErrorKind::MisplacedFlowCollectionEnd => plain(Code::Syntax, "this closes nothing", "remove it, or add what it should close"),
        ErrorKind::UnclosedQuotedScalar => plain(Code::Syntax, "this quote is never closed", "close it at the end of the value"),
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            plain(Code::Syntax, "something follows the closing quote", "let the quotes stand around the whole value")
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate => plain(
            Code::Syntax,
            "a backslash in this value begins an escape that YAML does not have",
            "use single quotes, where a backslash is a backslash",
        ),
        ErrorKind::SimpleKeyExpected => Finding::error(Code::Syntax, rest_of_line(file, text, marker), "a key without its colon")
            .help("write `key: value`, with a space behind the colon"),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement | ErrorKind::FlowMappingValueAdjacentCollection => plain(
            Code::Syntax,
            "a colon that YAML does not expect here",
            "keys of one block begin in the same column, the line above may lack its colon, and a value with `: ` in it needs quotes",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::InvalidBlockScalarIndent => {
            Finding::error(Code::Syntax, rest_of_line(file, text, marker), "this line does not fit into the block above it")
                .help("check the indentation: the keys of one block begin in the same column, and so do the `-` of one list")
        }
        ErrorKind::BomInsideDocument => {
            plain(Code::Syntax, "a byte order mark inside the file", "remove it; files that were joined often have one")
        }
        kind if is_tag(kind) => tag(file, text, marker),
        _ => plain(Code::Syntax, "this is not YAML", "check the lines above it too: quotes, brackets and indentation"),
    }
}

/// A tag: `!vault`, or more often a value that begins with `!`.
pub(super) fn tag(file: FileId, text: &str, marker: Marker) -> Finding {
    let word = token_text(text, marker);
    Finding::error(Code::Tag, token(file, text, marker), format!("`{word}` is a YAML tag, and tags mean nothing here")).help(quote_it(word))
}

/// `*name` where no anchor has that name; mostly a pattern without its quotes.
pub(super) fn unknown_alias(span: Span, name: &str) -> Finding {
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name {
        return Finding::error(Code::Anchor, span, format!("no `&{name}` stands above this `*{name}`"))
            .help(format!("anchors hold within their own file: write `&{name}` where the value is first, or quote it: \"*{name}\""));
    }
    Finding::error(Code::Quote, span, format!("without quotes `*{name}` is an alias, not a name")).help(quote_it(&format!("*{name}")))
}

fn quote_it(word: &str) -> String {
    format!("quote it: \"{word}\"")
}

fn unclosed(span: Span, open: char) -> Finding {
    Finding::error(Code::Syntax, span, format!("this `{open}` is never closed")).help(format!("close it with `{}`", closing(open)))
}

fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}

fn is_tag(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UndeclaredTagHandle
            | ErrorKind::ExpectedTagBang
            | ErrorKind::InvalidTagTerminator
            | ErrorKind::MissingTagUri
            | ErrorKind::UnclosedVerbatimTag
            | ErrorKind::InvalidTagEscape
    )
}

/// A host range or a pattern at the place where the parser stopped: YAML reads its `[`, `*` or `!` as its own.
fn forgotten_quotes(file: FileId, text: &str, marker: Marker) -> Option<Finding> {
    let word = token_text(text, marker);
    let inside = word.split_once('[').and_then(|(_, tail)| tail.split_once(']'));
    let is_range = inside.is_some_and(|(range, _)| range.contains(':'));
    let is_pattern = word.starts_with('*') || word.starts_with('!') && word.contains(['*', '[']);
    if !is_range && !is_pattern {
        return None;
    }
    let message = format!("`{word}` needs quotes here: YAML reads its brackets and signs as its own");
    Some(Finding::error(Code::Quote, token(file, text, marker), message).help(quote_it(word)))
}

/// The word around a marker, from blank or comma to blank or comma, without the brackets of a list that holds it.
fn word(text: &str, marker: Marker) -> (usize, &str) {
    let at = marker.byte_offset().unwrap_or_default();
    let (head, tail) = text.split_at_checked(at).unwrap_or((text, ""));
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '"' | '\'');
    let mut start = head.rfind(ends).map_or(0, |i| i + 1);
    let end = tail.find(ends).map_or(text.len(), |i| i + head.len());
    let mut word = text.get(start..end).unwrap_or_default();
    // `[hop-[1:2].x]`: the outer ones belong to the list. `[1:2].x`: these belong to the word.
    while let Some(inner) = word.strip_prefix(['[', '{']) {
        match closed_by(word) {
            Some(close) if close + 1 < word.len() => break,
            Some(close) => word = inner.get(..close - 1).unwrap_or_default(),
            None => word = inner,
        }
        start += 1;
    }
    while let Some(inner) = word.strip_suffix([']', '}']).filter(|_| surplus(word) < 0) {
        word = inner;
    }
    (start, word)
}

/// The offset of the bracket that closes the one that a text begins with.
fn closed_by(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(i, c)| {
        depth += weight(c);
        (depth == 0).then_some(i)
    })
}

/// How many more opening brackets than closing ones.
fn surplus(text: &str) -> i64 {
    text.chars().map(weight).sum()
}

fn weight(c: char) -> i64 {
    i64::from(matches!(c, '[' | '{')) - i64::from(matches!(c, ']' | '}'))
}

fn token_text(text: &str, marker: Marker) -> &str {
    word(text, marker).1
}

fn token(file: FileId, text: &str, marker: Marker) -> Span {
    let (start, word) = word(text, marker);
    let back = text.get(start..marker.byte_offset().unwrap_or_default()).map_or(0, |t| t.chars().count());
    let mut span = span(file, text, marker, 0);
    span.place.column = span.place.column.saturating_sub(u32::try_from(back).unwrap_or(0)).max(1);
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (span.start, span.end) = (number(start), number(start + word.len()));
    span
}

/// The tab that a marker stands on or behind.
fn tab(file: FileId, text: &str, marker: Marker) -> Span {
    let at = marker.byte_offset().unwrap_or_default();
    let mut found = span(file, text, marker, 1);
    let begin = text.get(..at).map_or(0, |head| head.rfind(['\n', '\r']).map_or(0, |i| i + 1));
    let indentation = text.get(begin..at).unwrap_or_default();
    if let Some(back) = indentation.find('\t') {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        found.start = number(begin + back);
        found.end = found.start + 1;
        found.place.column = number(indentation.get(..back).map_or(0, |t| t.chars().count()) + 1);
    }
    found
}

/// From a marker to the end of its line, without a comment.
fn rest_of_line(file: FileId, text: &str, marker: Marker) -> Span {
    let rest = text.get(marker.byte_offset().unwrap_or_default()..).unwrap_or_default();
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    let line = line.split(" #").next().unwrap_or_default();
    span(file, text, marker, line.trim_end().chars().count().max(1))
}

/// So many characters from a marker.
fn span(file: FileId, text: &str, marker: Marker, length: usize) -> Span {
    let start = marker.byte_offset().unwrap_or(text.len());
    let bytes: usize = text.get(start..).unwrap_or_default().chars().take(length).map(char::len_utf8).sum();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span { place: tree::place(file, marker), start: number(start), end: number(start + bytes) }
}
