//! That no text of a server or a file means anything where a report stands, and that no report is longer than it may be.

use jiff::civil::date;
use meshform::{
    controller::ServerInfo,
    mesh::{Capabilities, DeclaredMesh, Dialect, Field, Peer, Place, Value},
    plan::{
        drift::{Difference, Drift, DriftSummary, Known, Seen, Stream, Verdict, What},
        saved::Warned,
    },
    render::{self, drift::View, github, markdown, prometheus},
};
use regex::Regex;
use serde_json::{Value as Json, json};

use super::{Bench, DIALECTS, applies, moved, request_as};

const HOSTILE: &[&str] = &[
    "::error::now",
    "%0A::error::now",
    "##[error]now",
    "a\n::error::now\r\n::warning::now",
    "</details>",
    "<!-- --> -->",
    "\"><script>alert(1)</script>",
    "\u{1b}[31mred\u{9b}31m",
    "\u{202e}turned",
    "$(reboot) `reboot` ``` ```",
    "@all #1 !2 GH-3 https://example.com www.example.com ![a](b) [c](d) :tada:",
    "1. one",
    "- two * three _four_ ~five~ |six|",
    "--- live/a\n+++ b\n@@ -1 +1 @@",
    "`",
    "",
    " ",
];

/// Every text that a report shows is hostile.
fn with_report<T>(text: &str, then: impl FnOnce(&View<'_>) -> T) -> T {
    let declared = DeclaredMesh { files: vec![format!("{text}.yaml")], ..DeclaredMesh::default() };
    let place = Place { file: 0, line: 3, column: 5 };
    let known = Known { actor: Some(text.to_owned()), time: "2026-11-23T02:04:05Z".parse().expect("a time"), before: None };
    let peers = |name: &str| Value::Peers([Peer::named(name), Peer { hostname: name.to_owned(), address: Some(text.to_owned()) }].into());
    let finding = |turn: &str, what, verdict| Difference {
        hostname: format!("{text}{turn}"),
        what,
        verdict,
        place,
        change: Some(known.clone()),
        by_hand: true,
    };
    let field = What::Field { field: Field::Peers, declared: peers("a"), live: peers(text) };
    let drifted = Verdict::Drift { web_form: true };
    let drift = Drift {
        findings: vec![
            finding("", field.clone(), drifted.clone()),
            finding("b", What::Extra(text.to_owned()), drifted),
            finding("c", What::Missing(Some(text.to_owned())), Verdict::Pending),
            finding("d", field, Verdict::Ignored { until: date(2026, 12, 1), reason: text.to_owned(), place }),
        ],
        summary: DriftSummary { drift: 2, pending: 1, ignored: 1, unmanaged: 1, ..DriftSummary::default() },
        states: vec![Seen { hostname: text.to_owned(), state: text.to_owned(), id: 1, jobs_running: 0, jobs: Vec::new() }],
        unmanaged: vec![text.to_owned()],
        stream: Stream::Asked,
    };
    let capabilities = Capabilities::new(Dialect::Addresses, true);
    let server = ServerInfo { url: text.to_owned(), version: text.to_owned(), install_uuid: text.to_owned(), capabilities };
    let paths = [text.to_owned()];
    then(&View {
        drift: &drift,
        declared: &declared,
        server: &server,
        paths: &paths,
        controller: None,
        unfolded: false,
        shows_unmanaged: true,
    })
}

/// No terminal obeys a text, and no line is a command of GitHub's runner.
#[track_caller]
fn is_quiet(text: &str, tabs: bool) {
    let is_bad = |c: char| c.is_control() && c != '\n' && !(tabs && c == '\t') || c == '\u{202e}';
    assert!(!text.contains(is_bad), "{text:?}");
    assert!(!text.contains("##[") && !text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
}

#[test]
fn no_markdown_obeys() {
    for text in HOSTILE {
        let warned = [Warned { code: (*text).to_owned(), message: (*text).to_owned(), place: None }];
        is_harmless(&with_report(text, |view| markdown::drift(view, &warned, markdown::MOST)));
        is_harmless(&markdown::failed("drift", text, text, Some(text), markdown::MOST));
    }
}

/// Markdown in which nothing stands outside code but words of this program.
#[track_caller]
fn is_harmless(text: &str) {
    is_quiet(text, false);
    let (mark, rest) = text.split_once('\n').expect("a line");
    let inside = mark.strip_prefix("<!-- meshform:").and_then(|rest| rest.strip_suffix(" -->")).expect("a mark");
    assert!(!inside.contains("--") && !inside.contains('>'), "{mark}");
    let mut plain = rest.to_owned();
    if let Some((before, rest)) = rest.split_once("```mermaid\n") {
        let (picture, after) = rest.split_once("\n```\n").expect("an end");
        let line = Regex::new(
            r#"^(flowchart LR|  n\d+\["[A-Za-z0-9 .,_#;-]*(<br/>\w+)?"\]:::\w+|  n\d+ (-->|==>|-\.->) n\d+|  classDef [-a-z0-9#:, ]+)$"#,
        );
        let line = line.expect("a pattern");
        for picture in picture.lines() {
            assert!(line.is_match(picture), "{picture}");
        }
        plain = format!("{before}{after}");
    }
    let mut outside = String::new();
    for line in plain.lines() {
        let parts: Vec<&str> = line.split('`').collect();
        assert!(parts.len() % 2 == 1, "a code span has no end: {line}");
        outside.extend(parts.iter().step_by(2).copied());
        outside.push('\n');
    }
    let (open, closed) = ("<details><summary>", "\n</details>\n");
    assert_eq!(outside.matches(open).count(), outside.matches(closed).count(), "{text}");
    // Entities are text whatever they stand for.
    let outside = Regex::new("<code>[A-Za-z0-9 .,&#;-]*</code>|&#[0-9]+;").expect("a pattern").replace_all(&outside, "");
    let outside = outside.replace(open, "").replace("</summary>", "").replace("\n</details>\n", "\n");
    assert!(!outside.contains(['<', '>', '@', '!', '[', ']', '_', '~', '|', '$', '\\']), "{outside}");
    assert!(!outside.contains("://") && !outside.contains("www.") && !outside.contains("GH-") && !outside.contains("#1"), "{outside}");
    let item = Regex::new(r"^( *- )?[0-9]+[.)] ").expect("a pattern");
    assert!(!outside.lines().any(|line| item.is_match(line)), "{outside}");
}

#[test]
fn no_workflow_command_is_another_one() {
    let percents = Regex::new("%(25|0A|3A|2C)").expect("a pattern");
    let command = Regex::new("^::(error|warning|notice) (file=[^,:]*,line=[0-9]+,col=[0-9]+,)?title=[^,:]+::[^\n\r]*$").expect("a pattern");
    for text in HOSTILE {
        let paths = |path: &str| path.to_owned();
        for written in [with_report(text, |view| github::drift(view, &[], &paths)), github::failed(text, Some(text))] {
            assert!(written.lines().all(|line| command.is_match(line)), "{written}");
            assert!(!written.trim_end_matches('\n').contains(|c: char| c.is_control() && c != '\n'), "{written:?}");
            let percent = percents.replace_all(&written, "");
            assert!(!percent.contains('%'), "{written}");
        }
    }
}

#[test]
fn no_other_form_obeys() {
    let metric = Regex::new(
        r#"^(# (HELP|TYPE) .*|meshform_\w+\{config="([^"\\]|\\["\\n])*",controller="([^"\\]|\\["\\n])*"(,\w+="\w+")*\} [0-9.]+)$"#,
    )
    .expect("a pattern");
    let uri = Regex::new("^(file://)?[A-Za-z0-9%._~/-]*$").expect("a pattern");
    for text in HOSTILE {
        let diff = with_report(text, render::diff::drift);
        is_quiet(&diff, true);
        applies(&diff);
        is_quiet(&render::diff::failed(text, Some(text)), false);
        let run = prometheus::Run {
            controller: text,
            paths: text,
            time: jiff::Timestamp::UNIX_EPOCH,
            took: std::time::Duration::from_millis(1500),
        };
        let metrics = with_report(text, |view| prometheus::drift(view.drift, &run)) + &prometheus::failed(&run);
        assert!(metrics.lines().all(|line| metric.is_match(line)), "{metrics}");
        let sarif = with_report(text, |view| render::sarif::drift(view, &|path| path.to_owned()));
        let log: Json = serde_json::from_str(&sarif).expect("JSON");
        let found = &log["runs"][0]["results"][0];
        let location = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().expect("a URI");
        assert!(uri.is_match(location), "{location}");
        let message = found["message"]["text"].as_str().expect("a text");
        assert!(!message.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{message:?}");
    }
}

#[test]
fn hostile_names_of_users_and_files_come_out_harmless() {
    let mut bench = Bench::new(DIALECTS[0]);
    // A colon ends a name in basic authentication.
    let actor = "</details>\"><script>$(reboot)\u{1b}[31m";
    bench.request("POST", "/api/v2/users/", &json!({"username": actor, "password": "secret", "is_superuser": true}));
    let mesh = r#"
ignore: [{hostname: e-2.example.com, field: enabled, until: 2999-01-01, reason: "</details> ::error:: \"><script> $(reboot) \e[31m"}]
instances: [{hostname: "e-[1:2].example.com", enabled: true, x-note: "</details>"}]
"#;
    let name = "::error::--x,y.yaml";
    bench.file(name, mesh);
    let _ = bench.run(&format!("apply {name} --yes")).expect(0);
    for host in ["e-1.example.com", "e-2.example.com"] {
        let path = format!("/api/v2/instances/{}/", bench.id(host));
        request_as(&bench.url(), (actor, "secret"), "PATCH", &path, &json!({"enabled": false}));
    }
    bench.set("GITHUB_WORKSPACE", bench.path("").to_str().expect("UTF-8"));
    let _ = bench.run(&format!("drift {name} --format markdown=md --format github=gh --format diff=diff")).expect(2);
    is_harmless(&bench.read("md"));
    is_quiet(&bench.read("diff"), true);
    assert_eq!(bench.read("gh").lines().count(), 1);
    assert!(bench.read("gh").starts_with("::warning file=%3A%3Aerror%3A%3A--x%2Cy.yaml,line=3,col="), "{}", bench.read("gh"));
    let _ = bench.run(&format!("plan {name} --format markdown=md --format diff=diff")).expect(0);
    is_harmless(&bench.read("md"));
    is_quiet(&bench.read("diff"), true);
    bench.file(name, "instances: [{hostname: \"::error::</details>\\e[31m\"}, {\"@all <b>\": 1}]\n");
    let _ = bench.run(&format!("validate {name} --format markdown=md")).expect(1);
    is_harmless(&bench.read("md"));
}

#[test]
fn no_page_is_longer_than_a_comment_may_be() {
    let bench = Bench::new(DIALECTS[0]);
    let word = |i: usize| -> String {
        [i / 676, i / 26 % 26, i % 26].iter().map(|n| char::from(b'a' + u8::try_from(*n).expect("a letter"))).collect()
    };
    let one = |i: usize| {
        format!("  - {{hostname: {}.example.com, capacity_adjustment: {}.{:02}, enabled: {}}}\n", word(i), i / 100 % 10, i % 100, i < 1000)
    };
    bench.file("mesh.yaml", &format!("instances:\n{}", (0..1_900).map(one).collect::<String>()));
    let text = bench.run("plan mesh.yaml --format markdown").expect(0);
    assert!(text.len() <= markdown::MOST && text.len() > markdown::MOST - 1_000, "{}", text.len());
    let last = text.lines().last().unwrap_or_default();
    let shown = text.matches("\n- **create** ").count();
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    let left: usize = last
        .strip_prefix("cut: ")
        .and_then(|rest| rest.split_once(" lines more: the same command with `--format text -v` shows all"))
        .expect(last)
        .0
        .parse()
        .expect("a number");
    // Nor with a name that is written by numbers.
    let name = format!("`{}.yaml", "_".repeat(200));
    bench.file(&name, &bench.read("mesh.yaml"));
    let long = bench.run(&format!("plan {name} --format markdown")).expect(0);
    assert!(long.len() <= markdown::MOST && long.contains("\ncut: "), "{}", long.len());
    // Each has a line of its own and one of its fields; what to do on the nodes comes behind them all.
    assert!((1..40).contains(&(left - (1_900 - shown) * 2)), "{left} left, {shown} shown");
}

#[test]
fn a_picture_stays_small() {
    let bench = Bench::new(DIALECTS[0]);
    let one = |i: usize| match i {
        0 => "  - {hostname: hop-0.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true}\n".to_owned(),
        _ => format!("  - {{hostname: hop-{i}.example.com, node_type: hop, listener_port: 27199, peers: [hop-{}.example.com]}}\n", i - 1),
    };
    for (count, wanted) in [(39, "```mermaid\n"), (40, "\nThe picture is too large to be shown: 41 nodes and 40 links.\n")] {
        bench.file("mesh.yaml", &format!("instances:\n{}", (0..count).map(one).collect::<String>()));
        let text = bench.run("plan mesh.yaml --format markdown").expect(0);
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn ten_of_a_kind_are_shown_and_the_others_counted() {
    let bench = Bench::new(DIALECTS[0]);
    let count = |text: &str, kind: &str| text.lines().filter(|line| line.starts_with(&format!("::{kind} "))).count();
    for (errors, warnings, wanted, last) in [
        (10, 10, (10, 10, 0), ""),
        (11, 2, (10, 2, 1), "::notice title=meshform::and 1 more error: see the summary of the job\n"),
        (13, 12, (10, 10, 2), "::notice title=meshform::and 2 more warnings: see the summary of the job\n"),
    ] {
        let error = |i| format!("  - {{hostname: e-{i}.example.com, peerz: []}}\n");
        let warning = |i| format!("  - {{hostname: h-{i}.example.com, node_type: hop}}\n");
        bench.file(
            "mesh.yaml",
            &format!("instances:\n{}{}", (0..errors).map(error).collect::<String>(), (0..warnings).map(warning).collect::<String>()),
        );
        let text = bench.run("validate mesh.yaml --format github").expect(1);
        assert_eq!((count(&text, "error"), count(&text, "warning"), count(&text, "notice")), wanted, "{text}");
        assert!(text.ends_with(last), "{text}");
    }
    for (creates, wanted, last) in [(10, 10, ""), (11, 10, "::notice title=meshform::and 2 more notices: see the summary of the job\n")] {
        let one = |i| format!("  - {{hostname: e-{i}.example.com}}\n");
        bench.file("mesh.yaml", &format!("instances:\n{}", (0..creates).map(one).collect::<String>()));
        let text = bench.run("plan mesh.yaml --format github").expect(0);
        assert!(count(&text, "notice") == wanted && text.ends_with(last), "{text}");
    }
}

#[test]
fn a_report_is_the_same_each_time() {
    let bench = moved();
    for form in ["markdown", "github", "sarif", "diff"] {
        let again = || bench.run(&format!("drift mesh.yaml --format {form}")).expect(2);
        assert_eq!(again(), again());
    }
}
