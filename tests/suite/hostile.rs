//! That no configuration takes the program down, forever or much memory, and that a terminal obeys none.

use std::time::{Duration, Instant};

use meshform::{config::Code, render};

use super::configuration::{folder, load};

#[test]
fn a_terminal_obeys_nothing_that_stands_in_a_file() {
    let folder = folder(&[("mesh.yaml", "\"a\\e[31m\": 1\n# \u{202e}\ninstances: [\"\u{9b}31m\\u202e\"]\n")]);
    let text = render::findings::text(&load(&[folder.path()]), false);
    assert!(text.contains("unknown key `a\\u{1b}[31m`"), "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
}

#[test]
fn nobody_reads_ten_thousand_findings() {
    for (count, wanted) in [
        (300, "\n\n300 errors\n"),
        (302, "\n\n... and 2 more errors\n\n302 errors\n"),
        (10_001, "\n\n... and 9700 more errors\n\nmore than 10000 errors\n"),
    ] {
        let folder = folder(&[("mesh.yaml", &format!("instances:\n{}", "  - a\n".repeat(count)))]);
        let text = render::findings::text(&load(&[folder.path()]), false);
        let end: String = text.chars().skip(text.chars().count() - wanted.chars().count()).collect();
        assert_eq!(end, wanted);
    }
}

#[test]
fn a_message_shows_the_beginning_of_a_long_text() {
    let folder = folder(&[("mesh.yaml", &format!("instances:\n  - hostname: {}\n", "a".repeat(1_000_000)))]);
    let text = render::findings::text(&load(&[folder.path()]), false);
    assert!(text.contains(&format!("`{}…` cannot be a hostname", "a".repeat(100))), "{} bytes", text.len());
    assert!(text.len() < 10_000, "{} bytes", text.len());
}

/// Inputs that make other readers slow, huge or crash.
#[test]
fn no_input_takes_long() {
    let many = |count: usize, text: &dyn Fn(usize) -> String| (0..count).map(text).collect::<String>();
    let bomb = many(30, &|i| match i {
        0 => "x-0: &a0 {a: 1}\n".to_owned(),
        _ => format!("x-{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1),
    });
    let merges = many(30, &|i| match i {
        0 => "x-0: &a0 {a: 1}\n".to_owned(),
        _ => format!("x-{i}: &a{i} {{<<: [*a{0}, *a{0}, *a{0}, *a{0}], k{i}: 1}}\n", i - 1),
    });
    let chain = many(4_000, &|i| match i {
        0 => "x-0: &a0 {a: 1}\n".to_owned(),
        _ => format!("x-{i}: &a{i} {{<<: *a{0}, k{i}: 1}}\n", i - 1),
    });
    // Each stops at its first name, which is none, so that the test is about the expansion.
    let ranges = many(21, &|i| format!("  - {{hostname: e-{i}.example.com, peers: ['e_[1:100000].example.com']}}\n"));
    for (what, text, wanted) in [
        ("an alias bomb", format!("{bomb}instances: *a29\n"), Some(Code::WrongType)),
        ("a merge bomb", format!("{merges}instances: []\n"), Some(Code::NoInstances)),
        ("a long chain of merges", format!("{chain}instances: []\n"), Some(Code::Merge)),
        ("brackets without end", "[".repeat(1_000_000), Some(Code::TooDeep)),
        ("braces without end", "{a: ".repeat(300_000), Some(Code::TooDeep)),
        ("indentation without end", many(1_000, &|i| format!("{}a:\n", " ".repeat(i))), Some(Code::TooDeep)),
        ("items without end", "- ".repeat(300_000), Some(Code::TooDeep)),
        ("a huge scalar", format!("instances:\n  - hostname: {}\n", "a".repeat(5_000_000)), Some(Code::Hostname)),
        ("a huge quoted scalar", format!("instances:\n  - hostname: '{}\n", "a ".repeat(2_000_000)), Some(Code::Syntax)),
        (
            "a million instances",
            "instances:\n".to_owned() + &many(11, &|i| format!("  - hostname: e-[1:100000].s{i}.example.com\n")),
            Some(Code::TooMany),
        ),
        ("two million names", format!("instances:\n{ranges}"), Some(Code::TooMany)),
        ("many keys that come again", "a: 1\n".repeat(50_000), Some(Code::DuplicateKey)),
        (
            "many unknown peers",
            "instances:\n".to_owned() + &many(1_000, &|i| format!("  - {{hostname: e-{i}.example.com, peers: [h-{i}.example.com]}}\n")),
            Some(Code::UnknownPeer),
        ),
        ("one long line of mistakes", format!("instances: [{}]", "{a: 1}, ".repeat(20_000)), Some(Code::UnknownKey)),
        ("a range", "instances: [{hostname: 'e-[1:100000].example.com'}]".to_owned(), None),
        ("a range with a long end", format!("instances: [{{hostname: 'e-[1:100000]{}'}}]", "x".repeat(200_000)), Some(Code::Pattern)),
        (
            "aliases of many peers",
            format!("x-p: &p [{}]\ninstances:\n", many(8_000, &|i| format!("h_{i}, ")))
                + &many(8_000, &|i| format!("  - {{hostname: e-{i}.example.com, peers: *p}}\n")),
            Some(Code::Hostname),
        ),
        (
            "aliases of many hostnames",
            format!("instances:\n  - hostname: &h [{}]\n", many(5_000, &|i| format!("h{i}, ")))
                + &many(5_000, &|_| "  - hostname: *h\n".to_owned()),
            Some(Code::TooMany),
        ),
        (
            "aliases of an instance with many mistakes",
            format!("instances:\n  - &n {{hostname: a.example.com{}}}\n", many(3_000, &|i| format!(", k{i}: 1")))
                + &"  - *n\n".repeat(3_000),
            Some(Code::TooMany),
        ),
        (
            "default peers that nothing can peer to",
            format!(
                "defaults: {{execution: {{listener_port: null, peers: [{}]}}}}\ninstances:\n{}",
                many(600, &|i| format!("e-{i}.example.com, ")),
                many(600, &|i| format!("  - hostname: e-{i}.example.com\n"))
            ),
            Some(Code::DeafPeer),
        ),
        ("very many mistakes", format!("instances:\n{}", "  - a\n".repeat(1_000_000)), Some(Code::WrongType)),
    ] {
        let begin = Instant::now();
        let folder = folder(&[("mesh.yaml", &text)]);
        let loaded = load(&[folder.path()]);
        let found = loaded.findings.iter().any(|finding| Some(finding.code) == wanted);
        assert_eq!(found, wanted.is_some(), "{what}: {:?}", loaded.findings.first());
        let shown = render::findings::text(&loaded, false);
        assert!(
            shown.len() < 1_000_000 && begin.elapsed() < Duration::from_secs(20),
            "{what}: {:?}, {} bytes",
            begin.elapsed(),
            shown.len()
        );
    }
}
