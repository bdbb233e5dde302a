//! The JSON Schema of a configuration file, for editors: the same keys, types and limits as the readers beside it have. What one
//! file alone cannot show (an unknown peer, a hostname declared twice) no schema knows.

use serde_json::{Map, Value as Json, json};

use crate::mesh::{Field, MAX_EXPANSION};

use super::keys::Level;

/// The schema (draft 07, which every editor knows), ending with a line break.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&document()).expect("strings, numbers and booleans are JSON");
    text.push('\n');
    text
}

fn document() -> Json {
    let instances = json!({"description": "The instances of the mesh.", "type": "array", "items": reference("instance")});
    let mut file = mapping(
        Level::File,
        "The instances (nodes) of an automation mesh of AWX, Ansible Automation Platform or Oracle Linux Automation Manager. All files of \
         a folder are one mesh; what holds for all of it stands in `meshform.yaml` at its root.",
        &json!({
            "instances": instances,
            "controller_instances": with(&instances, &json!({
                "description": "The same as `instances`, under the name that the infra.aap_configuration collection has for it."
            })),
            "defaults": reference("defaults"),
            "overrides": {
                "description": "Changes for a while of instances that are declared elsewhere.",
                "type": "array",
                "items": reference("override")
            },
            "controller": {
                "description": "Which controller this mesh is for, or several equally good addresses of it: a guard. Where the environment \
                                names another one, plan and apply refuse. In meshform.yaml.",
                "anyOf": [reference("url"), {"type": "array", "items": reference("url"), "minItems": 1}],
                "examples": ["https://awx.example.com"]
            },
            "owns": list_of_patterns("Live instances that shall go where they are not declared. In meshform.yaml."),
            "external": {
                "description": "Peers that only the controller knows, such as a mesh ingress. In meshform.yaml.",
                "type": "array",
                "items": reference("peer"),
                "anyOf": names_something(),
                "examples": [["mesh-ingress"]]
            },
            "protect": list_of_patterns("Instances that no plan may remove or replace. In meshform.yaml."),
            "max_removals": {
                "description": "How many removals one plan may have: a number, or a part of the owned instances. In meshform.yaml.",
                "anyOf": [
                    {"type": "integer", "minimum": 0, "maximum": u32::MAX},
                    text("^(?:0|[1-9][0-9]?|100)%$", "a number of instances such as 5, or a percentage such as 30%")
                ],
                "examples": [5, "30%"]
            },
            "ignore": {
                "description": "Known drift: differences that are left alone for a while. In meshform.yaml.",
                "type": "array",
                "items": reference("ignore")
            },
            "applied_by": {
                "description": "The accounts that this configuration is applied with: what they changed is never drift. In meshform.yaml.",
                "anyOf": [words(), {"type": "array", "items": words()}],
                "examples": ["mesh-ci"]
            }
        }),
    );
    file.insert("not".to_owned(), json!({"required": ["instances", "controller_instances"]}));
    let mut document = Map::new();
    document.insert("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into());
    document.insert("title".to_owned(), "meshform configuration".into());
    document.append(&mut file);
    document.insert("definitions".to_owned(), definitions());
    Json::Object(document)
}

fn definitions() -> Json {
    json!({
        "instance": instance(),
        "defaults": mapping(
            Level::Defaults,
            "Values for the instances of this file, or of the whole mesh where they stand in meshform.yaml. What an instance gives itself wins.",
            &with(&fields(), &json!({
                "node_type": reference("node_type"),
                "hop": {"description": "Values for hop nodes; they win over the plain ones.", "allOf": [reference("type_defaults")]},
                "execution": {
                    "description": "Values for execution nodes; they win over the plain ones. An instance without a node_type takes them.",
                    "allOf": [reference("type_defaults")]
                }
            })),
        ),
        "type_defaults": mapping(Level::TypeDefaults, "Values for instances of one node type.", &fields()),
        "override": override_(),
        "ignore": ignore(),
        "hostname": {
            "description": "The hostname that the controller knows the node by, a range of them as in an Ansible inventory, or a list; in a \
                            list a leading `!` takes names out again. It cannot be changed later.",
            "anyOf": [
                reference("name"),
                {"type": "array", "items": {"anyOf": [reference("name"), text(&format!("^!{PATTERN}$"), "a pattern to take out again")]}, "contains": not_taken_out()}
            ],
            "examples": ["hop-1.example.com", "exec-[01:20].example.com"]
        },
        "node_type": {
            "description": "What the node is in the mesh: an execution node runs jobs, a hop relays. It cannot be changed: another type \
                            means to remove the node and to create it anew.",
            "enum": ["execution", "hop"],
            "default": "execution"
        },
        "node_state": {
            "description": "Whether the instance shall exist (installed) or not (deprovisioning). Through its other states the controller \
                            alone moves it.",
            "enum": ["installed", "deprovisioning"],
            "default": "installed"
        },
        "enabled": boolean("Whether jobs may run on it.", true),
        "capacity_adjustment": {
            "description": "The share of its capacity that jobs may use, with at most two places after the point.",
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 9.99},
                text(r"^\+?[0-9](?:\.[0-9]{1,2}0*)?$", "a number from 0 to 9.99 with at most two places after the point")
            ],
            "default": 1,
            "examples": [0.75]
        },
        "managed_by_policy": boolean("Whether instance groups may take it in by their policies.", true),
        "listener_port": {
            "description": "The port on which its receptor listens, or null for none; whoever is dialled needs one. Below 1024 AWX 23 refuses it.",
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": u16::MAX,
            "default": null,
            "examples": [27199]
        },
        "peers": {
            "description": "What it dials: instances of this mesh, or peers that `external` lists. The whole set; [] for none.",
            "type": "array",
            "items": reference("peer"),
            "uniqueItems": true,
            "anyOf": names_something(),
            "default": [],
            "examples": [["hop-1.example.com"]]
        },
        "peers_from_control_nodes": boolean("Whether the control nodes dial it; it needs a listener_port then.", false),
        "known": {
            "description": "Which declared instances: a hostname, a range, a pattern with `*` and `?`, or a list of them in which a leading \
                            `!` takes out again.",
            "anyOf": [
                text(&format!("^{PATTERN}$"), NO_PATTERN),
                {"type": "array", "items": reference("pattern"), "contains": not_taken_out()}
            ],
            "examples": ["exec-[05:07].mil.example.com"]
        },
        "name": with(&text(&format!("^{}$", host()), "a hostname, an IP address or a range such as exec-[01:20].example.com"), &number_too()),
        "peer": with(&text(&peer(), "a hostname, an address such as mesh.example.com:443, a range or a pattern"), &number_too()),
        "pattern": with(&text(&format!("^!?{PATTERN}$"), NO_PATTERN), &number_too()),
        "date": text("^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$", "a day such as 2026-12-04"),
        "url": text(
            r"^(?!sandbox(?:\+[a-z]+)?:)(?:[Hh][Tt][Tt][Pp][Ss]?://)?(?:[^@?#/\s:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[^@?#\s]*)?$",
            "the address of a controller, such as https://awx.example.com, without a user and password",
        )
    })
}

fn instance() -> Map<String, Json> {
    let mut instance = mapping(
        Level::Instance,
        "One instance, or several that are alike. A field that is given nowhere is not managed: its live value is left alone.",
        &with(
            &fields(),
            &json!({
                "hostname": reference("hostname"),
                "node_type": reference("node_type"),
                "node_state": reference("node_state"),
                "protect": boolean("Whether no plan may remove or replace it.", false),
                "replaces": {
                    "description": "The instance whose place it takes: it is created, takes over every link, then the other one goes.",
                    "allOf": [reference("name")]
                }
            }),
        ),
    );
    instance.insert("required".to_owned(), json!(["hostname"]));
    instance
}

fn override_() -> Map<String, Json> {
    let mut item = mapping(
        Level::Override,
        "A change for a while. A field that the instance does not manage otherwise cannot be overridden.",
        &with(
            &fields(),
            &json!({
                "hostname": reference("known"),
                "reason": with(&words(), &json!({"description": "Why, such as the number of a change.", "examples": ["CHG0042, PDU swap"]})),
                "until": {
                    "description": "The last day for which it is meant; afterwards a warning, never a change by itself.",
                    "allOf": [reference("date")],
                    "examples": ["2026-12-04"]
                }
            }),
        ),
    );
    item.insert("required".to_owned(), json!(["hostname"]));
    let one_of_the_fields: Vec<Json> = fields().as_object().into_iter().flatten().map(|(name, _)| json!({"required": [name]})).collect();
    item.insert("anyOf".to_owned(), one_of_the_fields.into());
    item
}

fn ignore() -> Map<String, Json> {
    let mut item = mapping(
        Level::Ignore,
        "A field that is known to differ, for a while.",
        &json!({
            "hostname": reference("known"),
            "field": {"description": "The field.", "enum": Field::ALL.iter().map(|field| field.name()).collect::<Vec<_>>()},
            "until": {
                "description": "The last day on which the rule holds; afterwards it is an error.",
                "allOf": [reference("date")],
                "examples": ["2026-12-04"]
            },
            "reason": with(&words(), &json!({"description": "Why.", "examples": ["load test CHG0051"]}))
        }),
    );
    item.insert("required".to_owned(), json!(["hostname", "field", "until", "reason"]));
    item
}

/// A mapping with just the keys of a level, and those of the user.
fn mapping(level: Level, description: &str, properties: &Json) -> Map<String, Json> {
    // In the order in which the reader names them, and none forgotten.
    let in_order: Map<String, Json> =
        level.known().map(|key| (key.to_owned(), properties.get(key).cloned().unwrap_or(Json::Null))).collect();
    let mut object = Map::new();
    object.insert("description".to_owned(), description.into());
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), in_order.into());
    object.insert(
        "patternProperties".to_owned(),
        json!({"^x-": {"description": "A key of your own: meshform reads no meaning into it and carries it into the JSON."}}),
    );
    object.insert("additionalProperties".to_owned(), false.into());
    object
}

/// The managed fields that can stand anywhere.
fn fields() -> Json {
    Field::ALL.iter().filter(|field| **field != Field::NodeType).map(|field| (field.name().to_owned(), reference(field.name()))).collect()
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/definitions/{name}")})
}

/// The first with the keys of the second.
fn with(base: &Json, more: &Json) -> Json {
    base.as_object().into_iter().chain(more.as_object()).flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A text of a form; the words are for editors that know `patternErrorMessage`.
fn text(pattern: &str, wanted: &str) -> Json {
    json!({"type": "string", "pattern": pattern, "patternErrorMessage": format!("write {wanted}")})
}

/// A text in which nothing is read; YAML makes a number of some.
fn words() -> Json {
    json!({"type": ["string", "number"], "pattern": r"\S"})
}

/// A hostname may be a number; `1` is the machine itself.
fn number_too() -> Json {
    json!({"type": ["string", "integer"], "minimum": 2})
}

/// YAML 1.2 has two booleans, YAML 1.1 (and Ansible) the others too.
fn boolean(description: &str, default: bool) -> Json {
    let words = ["yes", "no", "on", "off", "Yes", "No", "On", "Off", "YES", "NO", "ON", "OFF"];
    let all: Vec<Json> = [true, false].map(Json::from).into_iter().chain(words.map(Json::from)).collect();
    json!({"description": description, "enum": all, "default": default})
}

fn list_of_patterns(description: &str) -> Json {
    json!({
        "description": format!("{description} Hostnames, ranges (of at most {MAX_EXPANSION} names) and patterns with `*` and `?`; a leading `!` takes out again."),
        "type": "array",
        "items": reference("pattern"),
        "anyOf": names_something(),
        "examples": [["*.mesh.example.com", "!*.lab.mesh.example.com"]]
    })
}

/// A list that takes out names names some, too.
fn names_something() -> Json {
    json!([{"maxItems": 0}, {"contains": not_taken_out()}])
}

fn not_taken_out() -> Json {
    json!({"not": {"type": "string", "pattern": "^!"}})
}

/// A host range as a regular expression.
const RANGE: &str = r"\[(?:[0-9]*:[0-9]+|[a-z]:[a-z]|[A-Z]:[A-Z])(?::0*[1-9][0-9]*)?\]";

/// A pattern as a regular expression.
const PATTERN: &str = r"(?:[A-Za-z0-9.:*?-]|\[(?:[0-9]*:[0-9]+|[a-z]:[a-z]|[A-Z]:[A-Z])(?::0*[1-9][0-9]*)?\])+";

const NO_PATTERN: &str = "a hostname, a range such as exec-[01:20].example.com or a pattern such as *.example.com";

/// A hostname or a range of them, by the rule of the server.
fn host() -> String {
    let label = format!("(?:[A-Za-z0-9]|{RANGE})(?:[A-Za-z0-9-]|{RANGE})*");
    let top = format!("(?:[A-Za-z0-9]|{RANGE})(?:[A-Za-z0-9-]|{RANGE})+");
    let number = format!("(?:[0-9]|{RANGE})+");
    let not_loopback = r"(?![Ll][Oo][Cc][Aa][Ll][Hh][Oo][Ss][Tt]$)(?!127(?:\.[0-9]+){1,3}$)(?![0:]*1$)";
    format!(r"{not_loopback}(?:{label}|(?:{label}\.)+{top}|{number}(?:\.{number}){{3}}|{})", v6())
}

fn v6() -> String {
    let digits = format!("(?:[0-9A-Fa-f.]|{RANGE})*");
    format!("(?:{digits}:){{2,7}}{digits}")
}

/// A peer: a hostname, an address of an instance, a pattern, or what a `!` takes out.
fn peer() -> String {
    let port = "0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
    format!(r"^(?:!{PATTERN}|(?=.*[*?]){PATTERN}|{host}|{host}:{port}|\[{}\]:{port})$", v6(), host = host())
}
