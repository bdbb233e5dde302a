//! Where the values of an instance come from, as text.

use std::{collections::BTreeSet, fmt::Write};

use serde_json::Value as Json;

use crate::{
    config::{Explained, Layer, Setting},
    mesh::{Declared, DeclaredMesh, DeclaredType, Hostname, Route, RouteEnd, fold},
};

use super::{
    place::places,
    words::{ADDED, ASIDE, HEADING, REMOVED, escape, paint},
};

/// What there is to say about an instance.
pub struct View<'a> {
    /// The instance.
    pub hostname: &'a Hostname,
    /// Its declaration.
    pub instance: &'a Declared,
    /// The mesh that it is declared in.
    pub declared: &'a DeclaredMesh,
    /// Its fields.
    pub fields: &'a Explained,
}

/// A line of the table of fields.
struct Row {
    field: &'static str,
    value: String,
    place: String,
    why: String,
    counts: bool,
}

/// The instance as text, ending with a line break.
pub fn text(view: &View<'_>) -> String {
    let at = places(view.declared, [view.instance.place]);
    let mut text = format!("{}  {}\n\n", paint(HEADING, view.hostname), paint(ASIDE, at));
    let rows = rows(view);
    let width = |of: fn(&Row) -> &str, most| rows.iter().map(|row| of(row).chars().count()).filter(|n| *n <= most).max().unwrap_or(0);
    let (values, at) = (width(|row| &row.value, 48), width(|row| &row.place, 48));
    for row in &rows {
        let value = if row.place.is_empty() { row.value.clone() } else { format!("{:values$}", row.value) };
        let value = if row.counts { value } else { paint(ASIDE, value) };
        let _ = match (row.place.as_str(), row.why.as_str()) {
            ("", _) => writeln!(text, "  {:24}  {value}", row.field),
            (place, "") => writeln!(text, "  {:24}  {value}  {}", row.field, paint(ASIDE, place)),
            (place, why) => writeln!(text, "  {:24}  {value}  {}  {why}", row.field, paint(ASIDE, format!("{place:at$}"))),
        };
    }
    text.push('\n');
    links(&mut text, view);
    text
}

fn rows(view: &View<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let fact = |field, value: String, place| Row { field, value, place: places(view.declared, [place]), why: String::new(), counts: true };
    if !view.instance.shall_exist() {
        rows.push(fact("node_state", "deprovisioning".to_owned(), view.instance.node_state.place));
    }
    if let Some(place) = view.declared.protected(view.hostname.as_str()) {
        rows.push(fact("protect", "true".to_owned(), place));
    }
    if let Some(item) = view.declared.settings.owns.names(view.hostname.as_str()) {
        rows.push(fact("owned", item.pattern.to_string(), item.place));
    }
    if let Some(old) = &view.instance.replaces {
        rows.push(fact("replaces", old.value.to_string(), old.place));
    }
    for (field, settings) in view.fields {
        if settings.is_empty() {
            let why = String::new();
            rows.push(Row { field: field.name(), value: "not managed".to_owned(), place: String::new(), why, counts: false });
        }
        for (i, setting) in settings.iter().enumerate() {
            let hidden = if i == 0 { "" } else { "hidden: " };
            rows.push(Row {
                field: if i == 0 { field.name() } else { "" },
                value: scalar(&setting.value),
                place: places(view.declared, [setting.place]),
                why: format!("{hidden}{}", why(setting)),
                counts: i == 0,
            });
        }
    }
    rows
}

fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) => escape(text),
        Json::Array(items) if items.is_empty() => "none".to_owned(),
        // Patterns that do not count are shown as they stand.
        Json::Array(items) if items.iter().filter_map(Json::as_str).any(|item| item.contains(['*', '?', '!'])) => {
            items.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
        }
        Json::Array(items) => fold(&items.iter().filter_map(Json::as_str).collect::<Vec<_>>()).join(", "),
        other => other.to_string(),
    }
}

/// What gives a value.
fn why(setting: &Setting) -> String {
    let of = |of: Option<DeclaredType>| match of {
        None => "",
        Some(DeclaredType::Hop) => " for hops",
        Some(DeclaredType::Execution) => " for execution nodes",
    };
    match setting.layer {
        Layer::Override => {
            let until = setting.until.map(|day| format!(" until {day}")).unwrap_or_default();
            let reason = setting.reason.as_ref().map(|reason| format!(": {}", escape(reason))).unwrap_or_default();
            format!("override{until}{reason}")
        }
        Layer::Instance => "the instance".to_owned(),
        Layer::FileDefaults(node_type) => format!("defaults of the file{}", of(node_type)),
        Layer::MeshDefaults(node_type) => format!("defaults of the mesh{}", of(node_type)),
        Layer::Assumed => "no type is given, so that it takes the defaults for execution nodes".to_owned(),
    }
}

/// Who it dials, who dials it, and its way to the control plane.
fn links(text: &mut String, view: &View<'_>) {
    let names = |names: BTreeSet<String>, none: &str| match names.len() {
        0 => none.to_owned(),
        _ => fold(&names.iter().map(String::as_str).collect::<Vec<_>>()).join(", "),
    };
    let not_known = if view.instance.peers.is_some() { "nobody" } else { "not managed" };
    let dials = view
        .instance
        .peers
        .iter()
        .filter(|_| view.instance.shall_exist())
        .flat_map(|given| &given.value)
        .map(|peer| peer.value.to_string())
        .collect();
    let by = view.declared.dialled_by().remove(view.hostname).unwrap_or_default().into_iter().map(ToString::to_string);
    let control = view.instance.peers_from_control_nodes.filter(|flag| flag.value).map(|_| "the control nodes".to_owned());
    let path = match view.declared.route(view.hostname) {
        Some(route) => way(&route),
        None if !view.instance.shall_exist() => "none, since it shall not exist".to_owned(),
        None => paint(REMOVED, "none that is declared"),
    };
    let mut row = |label: &str, value: &str| _ = writeln!(text, "  {}  {value}", paint(HEADING, format!("{label:24}")));
    row("dials", &names(dials, not_known));
    row("dialled by", &names(by.chain(control).collect(), "nobody here"));
    row("path to control plane", &path);
}

/// A way as a line: an arrow points at the one that is dialled.
fn way(route: &Route) -> String {
    let mut line = String::new();
    let mut arrows = route.dials_next.iter();
    for node in &route.nodes {
        let _ = write!(line, "{node}");
        if let Some(dials) = arrows.next() {
            line.push_str(if *dials { " -> " } else { " <- " });
        }
    }
    match &route.end {
        RouteEnd::ControlNodes => _ = write!(line, " <- {}", paint(ADDED, "control nodes")),
        RouteEnd::External(peer) => _ = write!(line, " -> {peer} (external)"),
    }
    line
}
