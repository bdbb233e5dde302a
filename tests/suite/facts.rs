//! The sandbox held against the measured facts of AWX 24.6.1 (addresses) and 23.7.0 (hostnames), row by row and over HTTP.
//!
//! A row is `(name, setup, request, wanted with hostnames, wanted with addresses)`. A step is `[WHO] METHOD TARGET [BODY]`: a
//! target without a slash is an instance's name, and a name in `peers` stands for its address where the dialect wants one.
//! What is wanted is `STATUS [KEY ...] [| NAME.FIELD=VALUE ...]`: the status, the keys of a refusal, then what is stored
//! afterwards (`NAME=gone` for nothing). Every row has a fresh server.

mod bench;
mod between;
mod fields;
mod groups;
mod listing;
mod outside;
mod running;
mod server;
mod stream;

use bench::Bench;
use meshform::sandbox::{Dialect, Links, Settings};

type Row = (&'static str, &'static [&'static str], &'static str, &'static str, &'static str);

/// Settings in which nothing moves by itself, as on the servers that were measured.
fn still(dialect: Dialect) -> Settings {
    Settings { dialect, links: Links::Adding, ..Settings::default() }
}

/// Runs a table in both dialects and tells all rows that fail, not the first.
fn hold(rows: &[Row], settings: impl Fn(Dialect) -> Settings) {
    let mut failures = Vec::new();
    for (name, setup, request, hostnames, addresses) in rows {
        for (dialect, wanted) in [(Dialect::Hostnames, hostnames), (Dialect::Addresses, addresses)] {
            if wanted.is_empty() {
                continue;
            }
            let bench = Bench::start(settings(dialect));
            let result = setup.iter().try_for_each(|step| bench.must(step)).and_then(|()| bench.check(request, wanted));
            if let Err(message) = result {
                failures.push(format!("{dialect}: {name}: {message}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} rows differ from the facts:\n{}", failures.len(), failures.join("\n"));
}
