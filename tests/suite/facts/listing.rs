//! Lists: pages, order, filters. What is compared is the names of the rows and their order.

use serde_json::Value;

use super::{Bench, still};
use meshform::sandbox::Dialect;

/// Four instances beside the control node, in the order of their ids.
const MESH: &[&str] = &[
    r#"POST hop-1.x.org {"node_type": "hop", "listener_port": 27199, "peers_from_control_nodes": true}"#,
    r#"POST Hop-2.x.org {"node_type": "hop", "listener_port": 27200, "peers": ["hop-1.x.org"]}"#,
    r#"POST ex-1.x.org {"peers": ["hop-1.x.org", "Hop-2.x.org"], "capacity_adjustment": "0.50"}"#,
    r#"POST ex-2.y.org {"enabled": false, "managed_by_policy": false, "capacity_adjustment": "0.25"}"#,
];

fn mesh(dialect: Dialect) -> Bench {
    let bench = Bench::start(still(dialect));
    for step in MESH {
        bench.must(step).expect("the setup");
    }
    bench
}

/// The status, and the first labels of what is listed.
fn listed(bench: &Bench, path: &str) -> String {
    let reply = bench.get(path);
    let Some(rows) = reply.body["results"].as_array() else { return reply.status.to_string() };
    let name = |row: &Value| {
        row["hostname"].as_str().or(row["address"].as_str()).and_then(|name| name.split('.').next()).unwrap_or("?").to_owned()
    };
    let names: Vec<String> = rows.iter().map(name).collect();
    format!("{} {}", reply.status, names.join(" ")).trim_end().to_owned()
}

fn hold(dialects: &[Dialect], list: &str, rows: &[(&str, &str)]) {
    let mut failures = Vec::new();
    for dialect in dialects {
        let bench = mesh(*dialect);
        for (query, wanted) in rows {
            let found = listed(&bench, &format!("/api/v2/{list}/?{query}"));
            if found != *wanted {
                failures.push(format!("{dialect}: {list}/?{query} gave `{found}`, wanted `{wanted}`"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

const BOTH: &[Dialect] = &[Dialect::Addresses, Dialect::Hostnames];

#[test]
fn filters_and_lookups() {
    hold(
        BOTH,
        "instances",
        &[
            ("", "200 awx-control-1 hop-1 Hop-2 ex-1 ex-2"),
            ("hostname=ex-1.x.org", "200 ex-1"),
            ("hostname=EX-1.x.org", "200"),
            ("hostname__exact=ex-1.x.org", "200 ex-1"),
            ("hostname__iexact=hop-2.X.ORG", "200 Hop-2"),
            ("hostname__in=ex-1.x.org,hop-1.x.org,nobody", "200 hop-1 ex-1"),
            ("hostname__in=", "400"),
            ("hostname__contains=op-", "200 hop-1 Hop-2"),
            ("hostname__icontains=HOP-", "200 hop-1 Hop-2"),
            ("hostname__startswith=hop", "200 hop-1"),
            ("hostname__endswith=.x.org", "200 hop-1 Hop-2 ex-1"),
            ("hostname__regex=^[he].*1", "200 hop-1 ex-1"),
            ("hostname__iregex=^hop", "200 hop-1 Hop-2"),
            ("hostname__regex=(", "400"),
            ("hostname__gt=ex-1.x.org", "200 hop-1 ex-2"),
            ("id__gt=3", "200 ex-1 ex-2"),
            ("id__lte=2", "200 awx-control-1 hop-1"),
            ("id=x", "400"),
            ("id__in=1,5", "200 awx-control-1 ex-2"),
            ("enabled=false", "200 ex-2"),
            ("enabled=x", "400"),
            ("not__node_type=control", "200 hop-1 Hop-2 ex-1 ex-2"),
            ("capacity_adjustment=0.5", "200 ex-1"),
            ("capacity_adjustment__lt=1", "200 ex-1 ex-2"),
            ("or__enabled=false&or__node_type=control", "200 awx-control-1 ex-2"),
            ("or__managed_by_policy=false&or__not__capacity_adjustment=1.00", "200 ex-1 ex-2"),
            ("node_type=hop&hostname__endswith=2.x.org", "200 Hop-2"),
            ("last_seen__isnull=true&node_type=hop", "200 hop-1 Hop-2"),
            ("created__gt=2020-01-01T00:00:00Z&node_type=control", "200 awx-control-1"),
            ("created__gt=yesterday", "400"),
            ("search=EX", "200 ex-1 ex-2"),
            ("bogus=1", "400"),
            ("hostname__bogus=1", "400"),
            ("peers__isnull=true", "200 hop-1 ex-2"),
            ("peers__bogus=1", "400"),
        ],
    );
}

#[test]
fn filters_of_one_dialect() {
    hold(
        &[Dialect::Hostnames],
        "instances",
        &[
            ("listener_port=27199", "200 hop-1"),
            ("not__listener_port=27199", "200 awx-control-1 Hop-2 ex-1 ex-2"),
            ("listener_port__isnull=false", "200 hop-1 Hop-2"),
            ("peers_from_control_nodes=true", "200 hop-1"),
            ("peers__hostname=hop-1.x.org", "200 awx-control-1 Hop-2 ex-1"),
            ("order_by=-listener_port,hostname", "200 awx-control-1 ex-1 ex-2 Hop-2 hop-1"),
            ("managed=true", "400"),
            ("peers__peers__hostname=x", "400"),
        ],
    );
    hold(
        &[Dialect::Addresses],
        "instances",
        &[
            ("listener_port=27199", "400"),
            ("peers_from_control_nodes=true", "400"),
            ("managed=true", "200 awx-control-1"),
            ("receptor_addresses__port=27200", "200 Hop-2"),
            ("peers__instance__hostname=hop-1.x.org", "200 awx-control-1 Hop-2 ex-1"),
            ("peers__port=27199&peers__address=Hop-2.x.org", "200"),
            ("chain__peers__port=27199&chain__peers__address=Hop-2.x.org", "200 ex-1"),
        ],
    );
    hold(
        &[Dialect::Addresses],
        "receptor_addresses",
        &[
            ("", "200 hop-1 Hop-2"),
            ("address=hop-1.x.org", "200 hop-1"),
            ("instance__hostname__endswith=.x.org", "200 hop-1 Hop-2"),
            ("instance__hostname__in=Hop-2.x.org,ex-1.x.org", "200 Hop-2"),
            ("instance=2", "200 hop-1"),
            ("instance__contains=2", "400"),
            ("canonical=true&peers_from_control_nodes=false", "200 Hop-2"),
            ("order_by=-port", "200 Hop-2 hop-1"),
            ("bogus=1", "400"),
        ],
    );
    hold(&[Dialect::Hostnames], "receptor_addresses", &[("", "404")]);
}

#[test]
fn order_and_pages() {
    hold(
        BOTH,
        "instances",
        &[
            ("order_by=hostname", "200 Hop-2 awx-control-1 ex-1 ex-2 hop-1"),
            ("order_by=-id", "200 ex-2 ex-1 Hop-2 hop-1 awx-control-1"),
            ("order_by=node_type,-hostname", "200 awx-control-1 ex-2 ex-1 hop-1 Hop-2"),
            ("order_by=bogus", "400"),
            ("order_by=", "500"),
            ("page_size=2", "200 awx-control-1 hop-1"),
            ("page_size=2&page=3", "200 ex-2"),
            ("page_size=2&page=last", "200 ex-2"),
            ("page_size=2&page=4", "404"),
            ("page=0", "404"),
            ("page=x", "404"),
            ("page_size=0", "200 awx-control-1 hop-1 Hop-2 ex-1 ex-2"),
            ("page_size=x", "500"),
            ("enabled=false&enabled=false&page=1", "200 ex-2"),
        ],
    );
}

#[test]
fn links_between_pages_are_sorted_paths() {
    let bench = mesh(Dialect::Addresses);
    let reply = bench.get("/api/v2/instances/?page_size=2&id__gt=0&hostname__icontains=a%2Bb%20c&page=1");
    assert_eq!(
        (reply.body["count"].clone(), reply.body["next"].clone(), reply.body["previous"].clone()),
        (0.into(), Value::Null, Value::Null)
    );
    let reply = bench.get("/api/v2/instances/?page_size=2&not__hostname=a%2Bb%20c&page=2");
    assert_eq!(reply.body["next"], "/api/v2/instances/?not__hostname=a%2Bb+c&page=3&page_size=2");
    assert_eq!(reply.body["previous"], "/api/v2/instances/?not__hostname=a%2Bb+c&page=1&page_size=2");
    let reply = bench.get("/api/v2/instances/?count_disabled=1&page_size=1");
    assert_eq!(reply.body.as_object().map(serde_json::Map::len), Some(1), "nothing but the results");
}

#[test]
fn a_page_has_at_most_two_hundred_rows() {
    let bench = Bench::start(still(Dialect::Addresses));
    for at in 0..210 {
        bench.must(&format!("POST n{at}")).expect("created");
    }
    let rows = |path: &str| bench.get(path).body["results"].as_array().map(Vec::len);
    assert_eq!(rows("/api/v2/instances/?page_size=1000"), Some(200));
    assert_eq!(rows("/api/v2/instances/?page_size=1000&page=2"), Some(11));
    assert_eq!(rows("/api/v2/instances/"), Some(25));
    assert_eq!(bench.get("/api/v2/instances/").body["next"], "/api/v2/instances/?page=2");
}
