//! What OPTIONS tells of the two lists: their fields with types, defaults, choices and limits.

use serde_json::{Map, Value, json};

use super::{
    auth::Caller,
    list::MAX_PAGE_SIZE,
    settings::Dialect,
    tables::{NodeState, NodeType},
};

pub(super) fn instances(dialect: Dialect, caller: Caller, name: &str) -> Value {
    let addresses = dialect == Dialect::Addresses;
    let mut get = Map::new();
    let mut post = Map::new();
    for (field, kind) in [
        ("id", "integer"),
        ("hostname", "string"),
        ("type", "choice"),
        ("url", "string"),
        ("related", "object"),
        ("summary_fields", "object"),
    ] {
        get.insert(
            field.to_owned(),
            described(field, kind, json!({ "filterable": !["url", "related", "summary_fields", "type"].contains(&field) })),
        );
    }
    post.insert("hostname".to_owned(), described("hostname", "string", json!({ "required": true, "max_length": 250, "filterable": true })));
    let types: Vec<Value> = NodeType::ALL.iter().map(|(_, name, label)| json!([name, label])).collect();
    let states: Vec<Value> = NodeState::ALL.iter().map(|(_, name, label)| json!([name, label])).collect();
    let listener = if addresses {
        json!({ "required": false, "filterable": false })
    } else {
        json!({ "required": false, "min_value": 0, "max_value": 65_535, "filterable": true, "default": null })
    };
    let flag = if addresses {
        json!({ "required": false, "filterable": false })
    } else {
        json!({ "required": false, "filterable": true, "default": false })
    };
    let writable = [
        ("capacity_adjustment", "decimal", json!({ "required": false, "min_value": 0, "filterable": true, "default": 1.0 })),
        ("enabled", "boolean", json!({ "required": false, "filterable": true, "default": true })),
        ("managed_by_policy", "boolean", json!({ "required": false, "filterable": true, "default": true })),
        ("node_type", "choice", json!({ "required": false, "filterable": true, "default": "execution", "choices": types })),
        ("node_state", "choice", json!({ "required": false, "filterable": true, "default": "installed", "choices": states })),
        ("listener_port", "integer", listener),
        ("peers", "field", json!({ "required": false, "filterable": false })),
        ("peers_from_control_nodes", "boolean", flag),
    ];
    for (field, kind, more) in writable {
        let described = described(field, kind, more);
        let mut shown = described.clone();
        if let Some(shown) = shown.as_object_mut() {
            shown.remove("required");
            shown.remove("default");
        }
        get.insert(field.to_owned(), shown);
        post.insert(field.to_owned(), described);
    }
    if addresses {
        get.insert("managed".to_owned(), described("managed", "boolean", json!({ "filterable": true })));
        get.insert("reverse_peers".to_owned(), described("reverse_peers", "field", json!({ "filterable": false })));
        get.insert("protocol".to_owned(), described("protocol", "field", json!({ "filterable": false })));
    }
    let mut actions = Map::new();
    actions.insert("GET".to_owned(), Value::Object(get));
    if caller.is_superuser && caller.may_write {
        actions.insert("POST".to_owned(), Value::Object(post));
    }
    document(name, &actions, "instance", "hostname")
}

pub(super) fn addresses() -> Value {
    let protocols = json!([["tcp", "TCP"], ["ws", "WS"], ["wss", "WSS"]]);
    let fields = [
        ("id", "integer", json!({})),
        ("url", "string", json!({ "filterable": false })),
        ("address", "string", json!({})),
        ("port", "integer", json!({ "min_value": 0, "max_value": 65_535 })),
        ("protocol", "choice", json!({ "choices": protocols })),
        ("websocket_path", "string", json!({})),
        ("is_internal", "boolean", json!({})),
        ("canonical", "boolean", json!({})),
        ("instance", "id", json!({})),
        ("peers_from_control_nodes", "boolean", json!({})),
        ("full_address", "field", json!({ "filterable": false })),
    ];
    let get = fields.into_iter().map(|(field, kind, more)| (field.to_owned(), described(field, kind, more))).collect();
    let mut actions = Map::new();
    actions.insert("GET".to_owned(), Value::Object(get));
    document("Receptor Addresses", &actions, "receptor_address", "address")
}

fn described(field: &str, kind: &str, more: Value) -> Value {
    let label = field.replace('_', " ");
    let label = label.chars().take(1).flat_map(char::to_uppercase).chain(label.chars().skip(1)).collect::<String>();
    let mut out = json!({ "type": kind, "label": label, "filterable": true });
    if let (Some(out), Value::Object(mut more)) = (out.as_object_mut(), more) {
        out.append(&mut more);
    }
    out
}

fn document(name: &str, actions: &Map<String, Value>, kind: &str, searched: &str) -> Value {
    json!({
        "name": name,
        "description": "",
        "renders": ["application/json"],
        "parses": ["application/json"],
        "actions": actions,
        "types": [kind],
        "search_fields": [searched],
        "related_search_fields": [],
        "max_page_size": MAX_PAGE_SIZE,
    })
}
