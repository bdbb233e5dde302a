//! Drift or pending, by the history of a field: a table.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use meshform::{
    mesh::{Act, Capabilities, DeclaredMesh, Dialect, Event, FarEnd, Field, History, LiveMesh, Peer, Value},
    plan::{
        Permissions, Selection,
        drift::{Sides, Stream, Verdict, drift},
        plan,
    },
};

use crate::harness::{declared, given, live, on};

/// As on a host.
fn on_host(dialect: Dialect) -> Capabilities {
    Capabilities::new(dialect, false)
}

/// A history in words, the newest change first: `alice true>false`, `alice ?>27199` where what was before is not recorded,
/// `alice +hop-1`, `alice -hop-1`, `alice -#7` for an address that is gone, `ci made`, divided by commas. Two that stand together with
/// `&` are of one request.
fn history(field: Field, words: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for (i, request) in words.split(',').map(str::trim).filter(|text| !text.is_empty()).enumerate() {
        let (actor, acts) = request.split_once(' ').expect("an account");
        for act in acts.split('&').map(str::trim) {
            let hours = i64::try_from(i).expect("few");
            let time = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000 - hours);
            events.push(Event { actor: Some(actor.to_owned()), time, act: parsed(field, act) });
        }
    }
    events
}

fn parsed(field: Field, act: &str) -> Act {
    let end = |text: &str| match text.strip_prefix('#') {
        Some(id) => FarEnd::Gone(id.parse().expect("a number")),
        None => FarEnd::Known(Peer::named(text)),
    };
    if let Some(value) = act.strip_prefix("made=") {
        let value = if value.contains('.') { Value::Decimal(value.parse().expect("a decimal")) } else { Value::Bool(value == "true") };
        return Act::Created(vec![(field, value)]);
    }
    if act == "odd" {
        return Act::Unreadable;
    }
    if act == "made" {
        return Act::Created(Vec::new());
    }
    if let Some(peer) = act.strip_prefix('+') {
        return Act::Linked(end(peer));
    }
    if let Some(peer) = act.strip_prefix('-') {
        return Act::Unlinked(end(peer));
    }
    let (before, after) = act.split_once('>').expect("two values");
    let value = |text: &str| match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Port(None),
        port if field == Field::ListenerPort => Value::Port(Some(port.parse().expect("a port"))),
        decimal => Value::Decimal(decimal.parse().expect("a decimal")),
    };
    Act::Set { field, before: (before != "?").then(|| value(before)), after: value(after) }
}

/// The verdict on a field of the instance `e`, and who is named.
fn judged(capabilities: Capabilities, want: &str, have: &str, field: Field, words: &str, applied_by: &[&str]) -> String {
    judged_of(capabilities, declared(want), &live(have), field, words, applied_by)
}

fn judged_of(
    capabilities: Capabilities,
    mut wanted: DeclaredMesh,
    there: &LiveMesh,
    field: Field,
    words: &str,
    applied_by: &[&str],
) -> String {
    wanted.settings.applied_by = applied_by.iter().map(|name| given((*name).to_owned())).collect();
    let plan = plan(&wanted, there, capabilities, &Permissions::default());
    let id = there.instances["e"].id;
    let history = History { of: BTreeMap::from([(id, history(field, words))]), removed: BTreeMap::new() };
    let sides = Sides { declared: &wanted, live: there, capabilities, history: &history, stream: Stream::Asked };
    let report = drift(&plan, &Selection::default(), &sides);
    let found = report.findings.iter().find(|finding| finding.hostname == "e" && finding.what.managed() == Some(field)).expect("a finding");
    let form = if matches!(found.verdict, Verdict::Drift { web_form: true }) { " form" } else { "" };
    let hand = if found.by_hand && found.verdict.code() != "drift" { " by hand" } else { "" };
    let who = found.change.as_ref().and_then(|known| known.actor.as_deref()).unwrap_or("-");
    format!("{} {who}{form}{hand}", found.verdict.code())
}

const HOP: &str = "control; h hop :27199 flag; g hop :27199 flag";

#[test]
fn a_switch() {
    for (words, wanted) in [
        ("alice true>false, ci made", "drift alice"),
        ("ci true>false, ci made", "pending ci"),
        ("ci made", "pending ci"),
        ("alice made", "pending alice"),
        ("", "unknown -"),
        // Somebody switched it, the pipeline took that back, and switched it off itself: the merge that turns it on is new.
        ("ci true>false, ci false>true, alice true>false, ci made", "pending ci"),
        // And this is nobody's merge.
        ("bob true>false, ci false>true, alice true>false, ci made", "drift bob"),
        // What is on record does not end with what is there.
        ("alice false>true, ci made", "unknown -"),
        // What is remembered ends before it is met; before it ended it could have been there.
        ("alice true>false, bob false>true", "drift alice"),
        ("ci made=true", "unknown ci"),
        ("ci made=false", "pending ci"),
        ("alice true>false", "drift alice"),
        ("x odd, ci made=false", "unknown ci"),
    ] {
        for dialect in [Dialect::Addresses, Dialect::Hostnames] {
            assert_eq!(judged(on(dialect), "e", "e off", Field::Enabled, words, &["ci"]), wanted, "{words}");
        }
    }
    assert_eq!(judged(on(Dialect::Addresses), "e off", "e", Field::Enabled, "bob false>true, ci made", &["ci"]), "drift bob form");
    assert_eq!(judged(on(Dialect::Addresses), "e", "e off", Field::Enabled, "ci true>false, ci made", &[]), "drift ci");
}

#[test]
fn a_port_of_which_only_older_versions_record_all() {
    let port = |dialect, want: &str, have: &str, words: &str| judged(on(dialect), want, have, Field::ListenerPort, words, &["ci"]);
    for (want, have, words, wanted) in [
        ("e :27199", "e", "alice 27199>null, ci made", "drift alice"),
        ("e :27199", "e :27200", "alice null>27200, alice 27199>null, ci made", "drift alice"),
        ("e :27199", "e", "ci made", "pending ci"),
        ("e", "e :27199", "ci made", "pending ci"),
    ] {
        assert_eq!(port(Dialect::Hostnames, want, have, words), wanted, "{words}");
    }
    for (want, have, words, wanted) in [
        // Who closed it is not on record, nor that it was.
        ("e :27199", "e", "ci made", "unknown ci"),
        ("e :27199", "e", "ci ?>27199, ci made", "unknown -"),
        // What it was before is told by the change before that.
        ("e :27199", "e :27200", "alice ?>27200, ci ?>27199, ci made", "drift alice"),
        ("e :27199", "e :27200", "ci ?>27200, ci ?>27199, ci made", "pending ci"),
        // Or by none: a create does not tell its port.
        ("e :27199", "e :27200", "alice ?>27200, ci made", "unknown alice by hand"),
        ("e :27199", "e :27200", "ci made", "pending ci"),
        // The form sends the port along, and that is recorded although nothing changes.
        ("e :27199", "e :27200", "alice ?>27200, ci ?>27200, ci made", "pending ci"),
    ] {
        assert_eq!(port(Dialect::Addresses, want, have, words), wanted, "{words}");
    }
}

#[test]
fn links() {
    let peers = |want: &str, have: &str, words: &str| {
        let (want, have) = (format!("{HOP}; e > {want}"), format!("{HOP}; e > {have}"));
        judged(on(Dialect::Addresses), &want, &have, Field::Peers, words, &["ci"])
    };
    for (want, have, words, wanted) in [
        ("h", "g", "alice +g & -h, ci +h & made", "drift alice"),
        ("h", "g", "ci +g & -h, ci +h & made", "pending ci"),
        ("h", "g", "ci +g & made", "pending ci"),
        // In two steps, by two.
        ("h", "g", "bob +g, alice -h, ci +h & made", "drift bob"),
        // That it had no peers in the middle of one request is nothing that was ever there.
        ("", "g", "alice +g & -h, ci +h & made", "pending alice by hand"),
        ("", "g", "alice +g, alice -h, ci +h & made", "drift alice"),
        // What she cut is gone: it may have been what is declared, under an address that it has no more.
        ("h", "g", "alice +g & -#7, ci +#7 & made", "unknown alice by hand"),
        ("h", "g", "ci +g & -#7, ci +#7 & made", "pending ci"),
        // A link that nobody recorded.
        ("h", "h g", "ci +h & made", "unknown ci"),
        ("h", "h g", "ci +h, ci -h, ci +h & made", "unknown ci"),
        // And links that went since the pipeline was there, with what they led to.
        ("h", "", "ci -g, ci +#7 & +g & made", "unknown ci"),
        // But for those that it set again, after a port changed.
        ("h g", "h", "ci +h, ci +#7 & made", "pending ci"),
        // What is remembered ends before anything was met.
        ("h", "g", "bob +g", "unknown bob by hand"),
        ("h", "g", "ci +g", "pending ci"),
        ("h", "g", "x odd, ci +g & made", "unknown ci"),
        // A link that went with a listener was not recorded.
        ("h", "", "ci +#7 & made", "unknown -"),
        ("h g", "g", "ci +h & +g & made", "unknown -"),
        ("h", "g", "", "unknown -"),
    ] {
        assert_eq!(peers(want, have, words), wanted, "{words}");
    }
}

#[test]
fn a_port_that_was_closed_and_opened_again() {
    let port = |words| judged(on(Dialect::Addresses), "e", "e :27199", Field::ListenerPort, words, &["ci"]);
    assert_eq!(port("alice ?>27199, ci ?>27199, ci made"), "unknown alice by hand");
    assert_eq!(port("ci ?>27199, ci made"), "pending ci");
}

#[test]
fn what_awx_manage_does_is_not_recorded() {
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        let (want, have) = (format!("{HOP}; e > h"), format!("{HOP}; e > g"));
        assert_eq!(judged(on_host(dialect), &want, &have, Field::Peers, "nobody +g & made", &["ci"]), "unknown nobody");
        assert_eq!(judged(on_host(dialect), "e", "e off", Field::Enabled, "ci made", &["ci"]), "pending ci");
    }
    assert_eq!(judged(on_host(Dialect::Addresses), "e :27199", "e :27200", Field::ListenerPort, "ci made", &["ci"]), "unknown ci");
    assert_eq!(judged(on_host(Dialect::Hostnames), "e :27199", "e :27200", Field::ListenerPort, "ci made", &["ci"]), "pending ci");
}

#[test]
fn a_value_between_two_merges() {
    for dialect in [Dialect::Addresses, Dialect::Hostnames] {
        let at = |words| {
            let mut wanted = declared("e");
            wanted.instances.values_mut().for_each(|e| e.capacity_adjustment = Some(given("0.80".parse().expect("a capacity"))));
            let mut there = live("e");
            there.instances.values_mut().for_each(|e| e.capacity_adjustment = "0.10".parse().expect("a decimal"));
            judged_of(on(dialect), wanted, &there, Field::CapacityAdjustment, words, &["ci"])
        };
        for (words, wanted) in [
            // Her change is on top of what was applied, and the merge is newer than that: it is pending, and undoes her hand.
            ("alice 0.75>0.10, ci made=0.75", "pending alice by hand"),
            ("alice 0.80>0.10, ci made=0.80", "drift alice"),
            ("bob 0.30>0.10, alice 0.80>0.30, ci made=0.80", "drift bob"),
            ("bob 0.30>0.10", "unknown bob by hand"),
            ("ci made=0.75", "unknown ci"),
            // Across a gap nobody is named.
            ("alice 0.30>0.50, bob 0.80>0.30, ci made=0.80", "drift -"),
        ] {
            assert_eq!(at(words), wanted, "{words}");
        }
    }
}

#[test]
fn a_flag_that_is_sent_again_is_no_change() {
    let flag = |words| judged(on(Dialect::Addresses), "e hop :27199 flag", "e hop :27199", Field::PeersFromControlNodes, words, &["ci"]);
    assert_eq!(flag("alice ?>false, bob ?>false, ci ?>true, ci made"), "drift bob");
    assert_eq!(flag("ci ?>false, bob ?>false, ci ?>true, ci made"), "drift bob");
}
