//! Places in files, as texts name them.

use std::collections::BTreeSet;

use crate::mesh::{DeclaredMesh, Place};

use super::words::{escape, plural};

/// The names of a configuration's files as the repository has them.
pub(super) type Paths<'a> = &'a dyn Fn(&str) -> String;

/// `file:line` of the first of these places, and how many other lines there are.
pub(super) fn places(declared: &DeclaredMesh, places: impl IntoIterator<Item = Place>) -> String {
    let lines: BTreeSet<(u32, u32)> = places.into_iter().map(|place| (place.file, place.line)).collect();
    let Some((file, line)) = lines.first() else { return String::new() };
    let first = format!("{}:{line}", escape(declared.file(*file)));
    if lines.len() > 1 { format!("{first} and {}", plural(lines.len() - 1, "other place")) } else { first }
}
