//! The text of a plan file: a private, versioned format. What programs may rely on is the JSON of `show`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, error::Category};
use thiserror::Error;

use super::Saved;
use crate::mesh::sha256;

/// Of another major version nothing can be read; a newer minor one only adds.
const MAJOR: u32 = 1;
const MINOR: u32 = 0;
const KIND: &str = "meshform plan";

/// What every plan file begins with, white space aside.
const BEGINNING: &str = "{\"format_version\"";

/// Why a text is no plan that can be run or shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SavedError {
    /// Something else.
    #[error("it is not a plan file")]
    NotAPlan,
    /// `plan --format json` has the same beginning.
    #[error("it is the JSON report of a plan, not a plan file")]
    Report,
    /// The end is missing.
    #[error("line {line}, column {column}: the file is cut off")]
    Cut {
        /// From 1.
        line: usize,
        /// From 0.
        column: usize,
    },
    /// Not JSON.
    #[error("line {line}, column {column}: {what}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 0.
        column: usize,
        /// In the parser's words.
        what: String,
    },
    /// Of another meshform.
    #[error("its format is version {0}, and this meshform reads {MAJOR}.x")]
    Version(String),
    /// The digest is not that of the content.
    #[error("it was edited or damaged: its digest is not that of its content")]
    Edited,
    /// It is whole, and not what a plan is made of.
    #[error("its content is not that of a plan: {0}")]
    Content(String),
}

impl SavedError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotAPlan | Self::Report => "`meshform plan PATH --out FILE` makes a plan file",
            Self::Version(_) => "make a new one with `meshform plan --out` of this version",
            Self::Cut { .. } | Self::Malformed { .. } | Self::Edited | Self::Content(_) => {
                "copy it again, or make a new one with `meshform plan --out`: what was reviewed is what shall run"
            }
        }
    }
}

/// Whether a text is a plan file or the beginning of one.
pub fn is_plan_file(text: &str) -> bool {
    let mut begins = false;
    let mut text = text.chars().filter(|c| !c.is_whitespace());
    for wanted in BEGINNING.chars() {
        match text.next() {
            None => break,
            Some(found) if found == wanted => begins = true,
            Some(_) => return false,
        }
    }
    begins
}

/// The whole file; `format_version` comes first, so that it is known by its beginning.
#[derive(Serialize)]
struct File<'a> {
    format_version: String,
    kind: &'static str,
    digest: String,
    content: &'a Saved,
}

impl Saved {
    /// The text of the file, ending with a line break.
    pub fn to_text(&self) -> String {
        let content = serde_json::to_value(self).expect("strings, numbers and booleans are JSON");
        let file = File { format_version: format!("{MAJOR}.{MINOR}"), kind: KIND, digest: digest(&content), content: self };
        let mut text = serde_json::to_string_pretty(&file).expect("it was JSON just now");
        text.push('\n');
        text
    }

    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self, SavedError> {
        if !is_plan_file(text) {
            return Err(if text.trim().is_empty() { SavedError::Cut { line: 1, column: 0 } } else { SavedError::NotAPlan });
        }
        let document: Map<String, Json> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        let word = |key: &str| document.get(key).and_then(Json::as_str);
        let Some(version) = word("format_version") else { return Err(SavedError::NotAPlan) };
        if word("kind") != Some(KIND) {
            return Err(if document.contains_key("instances") { SavedError::Report } else { SavedError::NotAPlan });
        }
        if version.split_once('.').and_then(|(major, _)| major.parse().ok()) != Some(MAJOR) {
            return Err(SavedError::Version(version.to_owned()));
        }
        let Some(content) = document.get("content") else { return Err(SavedError::Edited) };
        if word("digest") != Some(&digest(content)) {
            return Err(SavedError::Edited);
        }
        let saved = Self::deserialize(content).map_err(|error| SavedError::Content(error.to_string()))?;
        saved.check().map_err(|what| SavedError::Content(what.to_owned()))?;
        Ok(saved)
    }

    /// What everything that runs or shows steps relies on.
    fn check(&self) -> Result<(), &'static str> {
        let mut numbered = (1..).zip(&self.plan.steps);
        match () {
            () if !numbered.clone().all(|(id, step)| step.id == id) => Err("the steps are not numbered from 1"),
            () if !numbered.all(|(id, step)| step.after.iter().all(|first| (1..id).contains(first))) => Err("a step waits for a later one"),
            () => Ok(()),
        }
    }
}

fn malformed(error: &serde_json::Error) -> SavedError {
    let (line, column) = (error.line(), error.column());
    if error.classify() == Category::Eof {
        return SavedError::Cut { line, column };
    }
    let what = error.to_string();
    let what = what.split_once(" at line ").map_or(what.as_str(), |(what, _)| what).to_owned();
    SavedError::Malformed { line, column, what }
}

/// The fingerprint of a value, however it is indented and in whatever order its keys stand.
fn digest(content: &Json) -> String {
    let mut text = String::new();
    canonical(content, &mut text);
    sha256([text.as_bytes()])
}

/// Compact, with the keys in order.
fn canonical(value: &Json, text: &mut String) {
    match value {
        Json::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i == 0 { "" } else { "," });
                canonical(item, text);
            }
            text.push(']');
        }
        Json::Object(fields) => {
            text.push('{');
            let mut fields: Vec<(&String, &Json)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            for (i, (key, item)) in fields.into_iter().enumerate() {
                text.push_str(if i == 0 { "" } else { "," });
                text.push_str(&Json::from(key.as_str()).to_string());
                text.push(':');
                canonical(item, text);
            }
            text.push('}');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}
