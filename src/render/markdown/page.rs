//! A page of Markdown that is never longer than a comment may be.

use crate::{
    mesh::{DeclaredMesh, Field, Place},
    render::{place::places, plural, safe, words::few},
};

/// GitHub: a comment has at most so many characters. Bytes are counted, which are never fewer.
pub const MOST: usize = 65_536;

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

    /// The page, cut where it would be longer than `most` bytes; `see` says, in words of this program, where all of it is.
    pub(super) fn finish(self, see: &str, most: usize) -> String {
        let mut text: String = self.pieces.iter().map(|piece| piece.text.as_str()).collect();
        text.truncate(text.trim_end().len());
        text.push('\n');
        if text.len() <= most {
            return text;
        }
        let last = |lines| format!("\ncut: {} more: {see}\n", plural(lines, "line"));
        let room = most.saturating_sub(last(usize::MAX).len());
        let mut length = 0;
        let fits = |piece: &&Piece| {
            length += piece.text.len();
            length + piece.open * CLOSE.len() <= room
        };
        let kept = self.pieces.iter().take_while(fits).count();
        let (kept, left) = self.pieces.split_at_checked(kept).unwrap_or((&self.pieces, &[]));
        let lines: usize =
            left.iter().flat_map(|piece| piece.text.lines()).filter(|line| !line.is_empty() && *line != "</details>").count();
        let mut text: String = kept.iter().map(|piece| piece.text.as_str()).collect();
        text.push_str(&CLOSE.repeat(kept.last().map_or(0, |piece| piece.open)));
        text + &last(lines)
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
    few(names, NAMES, safe::code)
}

/// A field and what is said of it, divided by a colon.
pub(super) fn of_field(text: &str) -> String {
    match text.split_once(": ") {
        Some((field, said)) if Field::ALL.iter().any(|known| known.name() == field) => {
            format!("{}: {}", safe::code(field), safe::sentence(said))
        }
        _ => safe::sentence(text),
    }
}

/// Something that is said of a place, if it has one.
pub(super) fn placed(declared: &DeclaredMesh, message: &str, place: Option<Place>) -> Item {
    let place = place.map(|place| format!(" ({})", safe::code(&places(declared, [place])))).unwrap_or_default();
    Item::new(format!("{}{place}", safe::sentence(message)))
}

/// A plan's or a report's warnings.
pub(super) fn warnings(page: &mut Page, items: Vec<Item>) {
    if !items.is_empty() {
        page.heading("Warnings");
        page.list(items);
    }
}
