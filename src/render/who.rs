//! Who changed something and when, as texts say it.

use jiff::{Timestamp, tz::TimeZone};

use crate::plan::drift::Known;

use super::words::escape;

/// `alice, 2026-11-23 02:04 UTC`.
pub(super) fn who(known: &Known) -> String {
    let actor = known.actor.as_deref().map_or_else(|| "somebody".to_owned(), escape);
    format!("{actor}, {}", minute(known.time))
}

/// `2026-11-23 02:04 UTC`.
pub(super) fn minute(time: Timestamp) -> String {
    TimeZone::UTC.to_datetime(time).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2026-11-23`.
pub(super) fn day(time: Timestamp) -> String {
    TimeZone::UTC.to_datetime(time).date().to_string()
}
