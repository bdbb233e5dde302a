//! What the YAML parser refuses, in words for people who write YAML and not parsers.

use serde_yaml::granit_parser::{ErrorKind, Marker, ScanError};

use crate::mesh::FileId;

use super::{Code, Finding, Span, finding::short, keys, reader::TEMPLATE, tree};

/// The longest word that is looked at, in bytes.
const MAX_WORD: usize = 300;

/// The finding for what stopped the parser; `flow` is the outermost bracket or brace that was open then.
pub(super) fn finding(file: FileId, text: &str, error: &ScanError, flow: Option<Span>) -> Finding {
    let at = At { file, text, marker: *error.marker() };
    let line = text.get(at.line_start()..).unwrap_or_default();
    if ["<<<<<<< ", "=======", ">>>>>>> "].iter().any(|mark| line.starts_with(mark)) {
        return Finding::error(Code::Syntax, at.on_line(0, 7), "a merge conflict that is not resolved")
            .help("resolve it, then remove its marks");
    }
    if let Some(finding) = forgotten_quotes(at) {
        return finding;
    }
    if let Some(span) = flow
        && let Some(rest) = text.get(span.start as usize..)
        && closed_by(rest).is_none()
        && let Some(open) = rest.chars().next()
    {
        return unclosed(span, open);
    }
    let (message, help) = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => {
            return Finding::error(Code::Tab, at.tab(), "a tab in the indentation")
                .help("YAML is indented with spaces alone: replace the tab");
        }
        ErrorKind::RecursionLimitExceeded => {
            return Finding::error(Code::TooDeep, at.characters(1), "more than 255 levels of nesting")
                .help("a mesh needs five: something repeats itself here");
        }
        ErrorKind::UnexpectedCharacter { character } if character.is_control() && *character != '\t' => return control(at, *character),
        ErrorKind::UnexpectedCharacter { character: '%' } => {
            return Finding::error(Code::Syntax, at.word(), "without quotes no value begins with `%`").help(TEMPLATE);
        }
        ErrorKind::UnexpectedCharacter { character } => {
            return Finding::error(Code::Quote, at.word(), format!("without quotes no value begins with `{character}`"))
                .help(quote_it(at.word_text()));
        }
        ErrorKind::UnclosedFlowCollection { open } => return unclosed(at.characters(1), *open),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            return Finding::error(Code::Syntax, at.characters(1), format!("this `{open}` is closed by `{close}`"))
                .help(format!("close it with `{}`", closing(*open)));
        }
        ErrorKind::SimpleKeyExpected => {
            let span = at.rest_of_line();
            let line = text.get(span.start as usize..span.end as usize).unwrap_or_default();
            let help = match keys::without_colon(line) {
                Some((why, key, value)) => format!("{why}: `{key}: {}`", short(value)),
                None => "write `key: value`, with a space behind the colon".to_owned(),
            };
            return Finding::error(Code::Syntax, span, "a key without its colon").help(help);
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement | ErrorKind::FlowMappingValueAdjacentCollection => {
            return colon(at);
        }
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
            let rest = text.get(at.offset()..).unwrap_or_default();
            if rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic())) {
                return Finding::error(Code::Syntax, at.characters(1), "a `-` that begins no item")
                    .help("a space is missing behind the `-`");
            }
            return Finding::error(Code::Syntax, at.rest_of_line(), "this does not line up with the lines above it")
                .help("check the indentation: the keys of one mapping begin in the same column, and so do the `-` of one list");
        }
        kind if is_tag(kind) => return tag(file, text, at.marker),
        kind => words(kind),
    };
    Finding::error(Code::Syntax, at.characters(1), message).help(help)
}

fn control(at: At<'_>, character: char) -> Finding {
    // The parser points at the value.
    let behind = at.text.get(at.offset()..).unwrap_or_default();
    let line = behind.split(['\n', '\r']).next().unwrap_or_default();
    let before = at.text.get(at.line_start()..at.offset()).map_or(0, str::len);
    let span = line.find(character).map_or_else(|| at.characters(1), |i| at.on_line(before + i, character.len_utf8()));
    Finding::error(Code::Syntax, span, format!("a control character U+{:04X}", u32::from(character))).help("remove it")
}

/// What needs no more than words.
fn words(kind: &ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::ExpectedFlowSequenceSeparator => {
            ("a `,` or the closing `]` is missing in front of this", "separate the items of a list in brackets by commas")
        }
        ErrorKind::ExpectedFlowMappingSeparator => {
            ("a `,` or the closing `}` is missing in front of this", "separate what stands in braces by commas: `{key: value, key: value}`")
        }
        ErrorKind::MisplacedFlowCollectionEnd => ("this closes nothing", "remove it, or add what it should close"),
        ErrorKind::UnclosedQuotedScalar => ("this quote is never closed", "close it at the end of the value"),
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            ("something follows the closing quote", "let the quotes stand around the whole value")
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate => {
            ("a backslash in this value begins an escape that YAML does not have", "use single quotes: in them a backslash is a backslash")
        }
        ErrorKind::BomInsideDocument => ("a byte order mark inside the file", "remove it; files that were joined often have one"),
        _ => ("this is not YAML", "look at the lines above it too: quotes, brackets and indentation"),
    }
}

/// A colon where YAML expects none: a key that is indented too deeply, or a second colon in one line.
fn colon(at: At<'_>) -> Finding {
    let before = at.text.get(at.line_start()..at.offset()).unwrap_or_default();
    let key = before.trim_start();
    if !key.is_empty() && !key.contains([' ', '"', '\'', '[', '{']) {
        let indentation = before.len() - key.len();
        let span = at.on_line(indentation, key.len());
        let above = at.text.get(..at.line_start()).and_then(|head| head.lines().next_back()).unwrap_or_default();
        if let Some((why, field, value)) = keys::without_colon(above.trim_start_matches([' ', '-'])) {
            return Finding::error(Code::Syntax, span, format!("`{key}` follows a line that is no key and value"))
                .help(format!("in the line above {why}: `{field}: {}`", short(value)));
        }
        return Finding::error(Code::Syntax, span, format!("`{key}` is indented deeper than the line above, which has a value already"))
            .help("let the keys of one mapping begin in the same column");
    }
    Finding::error(Code::Syntax, at.characters(1), "a colon that YAML does not expect here")
        .help("quote the value if the colon belongs to it, or begin a new line for a new key")
}

/// A tag: `!vault`, or more often a value that begins with `!`.
pub(super) fn tag(file: FileId, text: &str, marker: Marker) -> Finding {
    let at = At { file, text, marker };
    let word = at.word_text();
    let rest = text.get(at.offset() + word.len()..).unwrap_or_default().split(['\n', '\r']).next().unwrap_or_default();
    let has_value = !matches!(rest.trim_start().chars().next(), None | Some('#' | ',' | ']' | '}'));
    let help = if has_value { "remove the tag".to_owned() } else { quote_it(word) };
    Finding::error(Code::Tag, at.word(), format!("YAML reads `{word}` without quotes as a tag, and no tags are used here")).help(help)
}

/// `*name` where no anchor has that name; mostly a pattern without its quotes.
pub(super) fn unknown_alias(span: Span, name: &str) -> Finding {
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name {
        return Finding::error(Code::Anchor, span, format!("no anchor `&{name}` above this `*{name}`"))
            .help("anchors hold within their own file, from their line on: check the name, or write out the value");
    }
    Finding::error(Code::Quote, span, format!("YAML reads `*{name}` without quotes as an alias")).help(quote_it(&format!("*{name}")))
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
fn forgotten_quotes(at: At<'_>) -> Option<Finding> {
    let word = at.word_text();
    let range = word.split_once('[').and_then(|(_, tail)| tail.split_once(']'));
    let reads = if word.starts_with('*') {
        "the `*` as an alias"
    } else if word.starts_with('!') && word.contains(['*', '[']) {
        "the `!` as a tag"
    } else if range.is_some_and(|(inside, _)| inside.contains(':')) {
        "the `[` as the beginning of a list"
    } else {
        return None;
    };
    Some(Finding::error(Code::Quote, at.word(), format!("`{word}` needs quotes here: YAML reads {reads}")).help(quote_it(word)))
}

/// Where the parser stopped.
#[derive(Clone, Copy)]
struct At<'s> {
    file: FileId,
    text: &'s str,
    marker: Marker,
}

impl<'s> At<'s> {
    fn offset(self) -> usize {
        self.marker.byte_offset().unwrap_or(self.text.len()).min(self.text.len())
    }

    fn line_start(self) -> usize {
        self.text.get(..self.offset()).and_then(|head| head.rfind(['\n', '\r'])).map_or(0, |i| i + 1)
    }

    /// So many characters from here.
    fn characters(self, count: usize) -> Span {
        let bytes: usize = self.text.get(self.offset()..).unwrap_or_default().chars().take(count).map(char::len_utf8).sum();
        Span { place: tree::place(self.file, self.marker), start: number(self.offset()), end: number(self.offset() + bytes) }
    }

    /// So many bytes of this line.
    fn on_line(self, skip: usize, length: usize) -> Span {
        let start = self.line_start() + skip;
        let mut place = tree::place(self.file, self.marker);
        place.column = number(self.text.get(self.line_start()..start).map_or(0, |head| head.chars().count()) + 1);
        Span { place, start: number(start), end: number(start + length) }
    }

    /// From here to the end of the line, without a comment.
    fn rest_of_line(self) -> Span {
        let rest = self.text.get(self.offset()..).unwrap_or_default();
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        let line = line.split(" #").next().unwrap_or_default();
        self.characters(line.trim_end().chars().count().max(1))
    }

    /// The first tab in an indentation from this line on.
    fn tab(self) -> Span {
        let mut start = self.line_start();
        let mut place = tree::place(self.file, self.marker);
        for line in self.text.get(start..).unwrap_or_default().split_inclusive('\n') {
            let indentation = line.len() - line.trim_start().len();
            if let Some(tab) = line.get(..indentation).and_then(|head| head.find('\t')) {
                place.column = number(tab + 1);
                return Span { place, start: number(start + tab), end: number(start + tab + 1) };
            }
            start += line.len();
            place.line += 1;
        }
        self.characters(1)
    }

    /// The word here, from blank or comma to blank or comma, without the brackets of a list that holds it.
    fn bounds(self) -> (usize, &'s str) {
        let (head, tail) = self.text.split_at_checked(self.offset()).unwrap_or((self.text, ""));
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '"' | '\'');
        let mut start = head.rfind(ends).map_or(0, |i| i + 1);
        let end = tail.find(ends).map_or(self.text.len(), |i| i + head.len());
        // A word longer than any name is none, and looking at its brackets would take its length squared.
        let mut word = self.text.get(start..end).filter(|word| word.len() <= MAX_WORD).unwrap_or_default();
        let trimmed = |mut word: &'s str| {
            while let Some(inner) = word.strip_suffix([']', '}']).filter(|_| word.chars().map(weight).sum::<i64>() < 0) {
                word = inner;
            }
            word
        };
        word = trimmed(word);
        // `[hop-[1:2].x]`: the outer ones belong to the list. `[1:2].x`: these belong to the word.
        while let Some(inner) = word.strip_prefix(['[', '{']) {
            match closed_by(word) {
                Some(close) if close + 1 < word.len() => break,
                Some(close) => word = inner.get(..close - 1).unwrap_or_default(),
                None => word = inner,
            }
            start += 1;
        }
        (start, trimmed(word))
    }

    fn word_text(self) -> &'s str {
        self.bounds().1
    }

    fn word(self) -> Span {
        let (start, word) = self.bounds();
        if start < self.line_start() || word.is_empty() {
            return self.characters(1);
        }
        self.on_line(start - self.line_start(), word.len())
    }
}

/// The offset of the bracket that closes the one that a text begins with.
fn closed_by(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(i, c)| {
        depth += weight(c);
        (depth == 0).then_some(i)
    })
}

fn weight(c: char) -> i64 {
    i64::from(matches!(c, '[' | '{')) - i64::from(matches!(c, ']' | '}'))
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
