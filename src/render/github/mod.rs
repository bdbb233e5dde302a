//! Annotations of GitHub Actions: workflow commands on the lines of the configuration, one file for each report. GitHub shows ten
//! of a kind from each step; the rest is counted.

mod drift;
mod findings;
mod outcome;
mod plan;

pub use drift::drift;
pub use findings::findings;
pub use outcome::outcome;
pub use plan::plan;

use std::collections::BTreeMap;

use crate::mesh::{DeclaredMesh, Place, fold};

use super::{
    place::Paths,
    plural,
    safe::{command_data, command_property},
    words::few,
};

/// GitHub: a step has at most so many annotations of a kind.
pub const MOST: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Where an annotation stands; a file without a line is meant as a whole.
type At = Option<(String, Option<(u32, u32)>)>;

/// Annotations under construction. What says the same in one place is one, whichever instances it is about.
#[derive(Default)]
struct Notes {
    /// By level, whether others go before it, place, title and message: whom it is about.
    alike: BTreeMap<(Level, bool, At, String, String), Vec<String>>,
}

impl Notes {
    /// What there is to say of an instance, or of none.
    fn add(&mut self, level: Level, at: At, title: &str, hostname: Option<&str>, message: impl Into<String>) {
        self.alike.entry((level, true, at, title.to_owned(), message.into())).or_default().extend(hostname.map(str::to_owned));
    }

    /// The same of what must not be among those that are only counted, if any are shown.
    fn add_first(&mut self, level: Level, at: At, title: &str, hostname: &str, message: String) {
        self.alike.entry((level, false, at, title.to_owned(), message)).or_default().push(hostname.to_owned());
    }

    /// The commands, a line each.
    fn finish(self) -> String {
        let mut by_level: BTreeMap<Level, Vec<String>> = BTreeMap::new();
        for ((level, _, at, title, message), names) in self.alike {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let about = if names.is_empty() { String::new() } else { format!("{}: ", shown(&names)) };
            by_level.entry(level).or_default().push(command(level, at.as_ref(), &title, &format!("{about}{message}")));
        }
        // What counts the others is a notice, and there are only ten of these as well.
        let rest = |level| by_level.get(&level).map_or(0, |list| list.len().saturating_sub(MOST));
        let counts = [Level::Error, Level::Warning].map(|level| (level.name(), rest(level)));
        let mut counts: Vec<(&str, usize)> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        let room = MOST - counts.len();
        let notices = by_level.get(&Level::Notice).map_or(0, Vec::len);
        let room = if notices > room { room - 1 } else { room };
        if notices > room {
            counts.push(("notice", notices - room));
        }
        let shown = by_level.into_iter().flat_map(|(level, list)| list.into_iter().take(if level == Level::Notice { room } else { MOST }));
        let counted = counts.into_iter().map(|(what, count)| {
            command(Level::Notice, None, "", &format!("and {}: see the summary of the job", plural(count, &format!("more {what}"))))
        });
        shown.chain(counted).collect()
    }
}

/// Names, at most a few patterns of them.
fn shown(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    few(&fold(names), SHOWN, str::to_owned)
}

/// A line of a message, which may have any number of names in it.
fn bounded(line: &str) -> String {
    const MOST: usize = 600;
    if line.chars().count() <= MOST {
        return line.to_owned();
    }
    let begin: String = line.chars().take(MOST).collect();
    let whole = begin.rsplit_once(", ").map_or(begin.as_str(), |(whole, _)| whole);
    format!("{whole} and more: see the summary of the job")
}

fn command(level: Level, at: Option<&(String, Option<(u32, u32)>)>, title: &str, message: &str) -> String {
    let mut properties = Vec::new();
    if let Some((file, place)) = at {
        properties.push(format!("file={}", command_property(file)));
        properties.extend(place.iter().map(|(line, column)| format!("line={line},col={column}")));
    }
    // Others annotate the same lines.
    let title = format!("meshform {title}");
    properties.push(format!("title={}", command_property(title.trim_end())));
    let message = message.split('\n').map(bounded).collect::<Vec<_>>().join("\n");
    format!("::{} {}::{}\n", level.name(), properties.join(","), command_data(&message))
}

fn at(declared: &DeclaredMesh, paths: Paths<'_>, place: Place) -> At {
    let file = declared.file(place.file);
    (!file.is_empty()).then(|| (paths(file), Some((place.line, place.column))))
}

/// What there is in place of a report.
pub fn failed(message: &str, hint: Option<&str>) -> String {
    let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    command(Level::Error, None, "", &format!("{message}{hint}"))
}
