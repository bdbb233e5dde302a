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
    plural,
    safe::{command_data, command_property},
};

/// GitHub: a step has at most so many annotations of a kind.
pub const MOST: usize = 10;

/// The names of a configuration's files as the repository has them.
pub type Paths<'a> = &'a dyn Fn(&str) -> String;

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
    alike: BTreeMap<(Level, At, String, String), Vec<String>>,
}

impl Notes {
    /// What there is to say of an instance, or of none.
    fn add(&mut self, level: Level, at: At, title: &str, hostname: Option<&str>, message: impl Into<String>) {
        let names = self.alike.entry((level, at, title.to_owned(), message.into())).or_default();
        names.extend(hostname.map(str::to_owned));
    }

    /// The commands, a line each.
    fn finish(self) -> String {
        let mut by_level: BTreeMap<Level, Vec<String>> = BTreeMap::new();
        for ((level, at, title, message), names) in self.alike {
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
            command(Level::Notice, None, "", &format!("and {}: the summary of the job has all", plural(count, &format!("more {what}"))))
        });
        shown.chain(counted).collect()
    }
}

/// Names, at most a few patterns of them.
fn shown(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let patterns = fold(names);
    let more = patterns.len().saturating_sub(SHOWN);
    let shown = patterns.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
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
    format!("::{} {}::{}\n", level.name(), properties.join(","), command_data(message))
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
