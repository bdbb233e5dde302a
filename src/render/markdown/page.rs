//! A page of Markdown that is never longer than a comment may be.

use std::fmt::Write;

use crate::render::{escape, plural, safe};

/// GitHub: a comment has at most so many characters. Bytes are counted, which are never fewer.
pub const MOST: usize = 65_536;

/// What is left for the line that says what is missing.
const RESERVE: usize = 600;

/// How many names stand in one line.
const NAMES: usize = 50;

/// A page under construction.
pub(super) struct Page {
    pieces: Vec<Piece>,
    /// How many folds are open.
    open: usize,
}

/// What is there as a whole or not at all, with the folds that are open behind it.
struct Piece {
    text: String,
    open: usize,
}

/// What closes a fold.
const CLOSE: &str = "\n</details>\n";

impl Page {
    /// A page that begins with its mark: a comment that a pipeline finds again is updated in place.
    pub(super) fn new(kind: &str, paths: &str) -> Self {
        let mut page = Self { pieces: Vec::new(), open: 0 };
        let paths = if paths.len() > 1_000 { crate::mesh::sha256([paths.as_bytes()]) } else { paths.to_owned() };
        page.line(format!("<!-- meshform:{kind}:{} -->", safe::comment(&paths)));
        page
    }

    /// A line, or several that belong together.
    pub(super) fn line(&mut self, text: impl Into<String>) {
        self.pieces.push(Piece { text: text.into() + "\n", open: self.open });
    }

    /// A paragraph of its own.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.line(text);
        self.line("");
    }

    /// A heading of a part.
    pub(super) fn heading(&mut self, text: &str) {
        self.paragraph(&format!("**{text}**"));
    }

    /// A list; nothing where it is empty.
    pub(super) fn list(&mut self, items: impl IntoIterator<Item = Item>) {
        let mut some = false;
        for Item { head, details } in items {
            some = true;
            self.line(format!("- {head}"));
            for detail in details {
                self.line(format!("  - {detail}"));
            }
        }
        if some {
            self.line("");
        }
    }

    /// A part that is folded; the summary is in words of this program.
    pub(super) fn fold(&mut self, summary: &str, inside: impl FnOnce(&mut Self)) {
        self.open += 1;
        self.paragraph(&format!("<details><summary>{summary}</summary>"));
        inside(self);
        self.open -= 1;
        self.paragraph("</details>");
    }

    /// The page, cut where it would be too long; `see` says where all of it is.
    pub(super) fn finish(self, see: &str) -> String {
        let mut text: String = self.pieces.iter().map(|piece| piece.text.as_str()).collect();
        text.truncate(text.trim_end().len());
        text.push('\n');
        if text.len() <= MOST {
            return text;
        }
        let mut length = 0;
        let fits = |piece: &&Piece| {
            length += piece.text.len();
            length + piece.open * CLOSE.len() <= MOST - RESERVE
        };
        let kept = self.pieces.iter().take_while(fits).count();
        let (kept, left) = self.pieces.split_at_checked(kept).unwrap_or((&self.pieces, &[]));
        let lines: usize =
            left.iter().flat_map(|piece| piece.text.lines()).filter(|line| !line.is_empty() && *line != "</details>").count();
        let mut text: String = kept.iter().map(|piece| piece.text.as_str()).collect();
        text.push_str(&CLOSE.repeat(kept.last().map_or(0, |piece| piece.open)));
        let _ = writeln!(text, "\ncut: {} more, see {see}", plural(lines, "line"));
        text
    }
}

/// An item of a list.
pub(super) struct Item {
    pub(super) head: String,
    pub(super) details: Vec<String>,
}

impl Item {
    pub(super) fn new(head: impl Into<String>) -> Self {
        Self { head: head.into(), details: Vec::new() }
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// With what to do.
    pub(super) fn hint(self, hint: &str) -> Self {
        self.detail(format!("hint: {}", safe::sentence(hint)))
    }
}

/// Names or patterns, not more than a line holds.
pub(super) fn names(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES).map(|name| safe::code(name)).collect();
    let more = names.len().saturating_sub(NAMES);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// A command of this program, for people to run.
pub(super) fn command(words: &str) -> String {
    const MOST: usize = 200;
    let words = escape(words);
    let short: String = words.chars().take(MOST).collect();
    safe::code(&if short.len() < words.len() { format!("{short}…") } else { short })
}
