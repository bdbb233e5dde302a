//! Reports as Markdown for comments and summaries, one file each: the summary first, then what goes or breaks something, then the
//! rest, folded. GitHub and GitLab show it alike. There is no text of a server or a file outside code spans, but for plain words.

mod drift;
mod findings;
mod outcome;
mod page;
mod plan;

pub use drift::drift;
pub use findings::findings;
pub use outcome::outcome;
pub use page::MOST;
pub use plan::plan;

use super::safe::sentence;
use page::{Item, Page};

/// What there is in place of a report of this kind.
pub fn failed(kind: &str, paths: &str, message: &str, hint: Option<&str>, most: usize) -> String {
    let mut page = Page::new(kind, paths);
    page.paragraph(&format!("### meshform {kind} failed"));
    let item = Item::new(sentence(message));
    page.list([match hint {
        Some(hint) => item.hint(hint),
        None => item,
    }]);
    page.finish("see the log of the run", most)
}
