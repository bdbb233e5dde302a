//! That no configuration takes the program down, forever or much memory, and that a terminal obeys none.

use std::{
    fs,
    time::{Duration, Instant},
};

use meshform::{
    config::{self, Code},
    render,
};
use proptest::{prelude::*, test_runner::TestRunner};

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

fn many(count: usize, text: &dyn Fn(usize) -> String) -> String {
    (0..count).map(text).collect()
}

/// Eight aliases of eight aliases of eight aliases, thirty times.
fn alias_bomb() -> String {
    many(30, &|i| match i {
        0 => "x-0: &a0 {a: 1}\n".to_owned(),
        _ => format!("x-{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1),
    })
}

/// Reads a text in bounded time, with a finding of this kind or none that is an error.
fn is_quick(what: &str, text: &str, wanted: Option<Code>) {
    let begin = Instant::now();
    let folder = folder(&[("mesh.yaml", text)]);
    let loaded = load(&[folder.path()]);
    let found = loaded.findings.iter().any(|finding| Some(finding.code) == wanted);
    assert_eq!(found, wanted.is_some(), "{what}: {:?}", loaded.findings.first());
    let shown = render::findings::text(&loaded, false);
    let took = begin.elapsed();
    assert!(shown.len() < 1_000_000 && took < Duration::from_secs(20), "{what}: {took:?}, {} bytes", shown.len());
}

/// Inputs that make other readers slow, huge or crash.
#[test]
fn no_input_takes_long() {
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
    let cases = [
        ("an alias bomb", format!("{}instances: *a29\n", alias_bomb()), Some(Code::WrongType)),
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
    ];
    for (what, text, wanted) in cases {
        is_quick(what, &text, wanted);
    }
}

/// Patterns that are held against many names, and what else stands beside the instances.
#[test]
fn no_patterns_take_long() {
    for (what, text, wanted) in [
        (
            "many patterns for many names",
            format!(
                "external: [\"*\"]\ninstances:\n  - hostname: h-[1:100000].example.com\n{}",
                many(1_000, &|i| format!("  - {{hostname: e-{i}.example.com, peers: ['*-{i}?.example.com']}}\n"))
            ),
            Some(Code::TooMany),
        ),
        (
            "many overrides of many names",
            format!(
                "instances:\n  - {{hostname: 'h-[1:50000].example.com', enabled: true}}\noverrides:\n{}",
                many(1_000, &|i| format!("  - {{hostname: 'h-*{i}.example.com', enabled: false}}\n"))
            ),
            Some(Code::OverriddenTwice),
        ),
        (
            "a pattern of many stars",
            format!("owns: ['{}*b']\ninstances:\n  - hostname: {}-[1:10000]\n", "*a".repeat(15), "a".repeat(200)),
            Some(Code::NotOwned),
        ),
        (
            "a long text of one's own that aliases repeat",
            format!(
                "x-a: &a {}\ninstances:\n{}",
                "z".repeat(200_000),
                many(5_000, &|i| format!("  - {{hostname: e-{i}.example.com, x-b: *a}}\n"))
            ),
            Some(Code::TooMany),
        ),
        (
            "thousands of names to protect among those that go",
            format!(
                "protect: [{}]\ninstances:\n  - {{hostname: 'e-[1:90000].example.com', node_state: deprovisioning}}\n",
                many(10_000, &|i| format!("p{i}.example.com, "))
            ),
            None,
        ),
        (
            "keys of one's own that aliases repeat",
            alias_bomb().replace("x-29: &a29", "instances:\n  - hostname: a.example.com\n    x-b:") + "owns: []\n",
            Some(Code::TooMany),
        ),
    ] {
        is_quick(what, &text, wanted);
    }
}

#[test]
fn thousands_of_files_and_links_without_end_are_read() {
    let folder = folder(&[]);
    for i in 0..3_000 {
        let path = folder.path().join(format!("{}/{}", i % 100, i / 100));
        fs::create_dir_all(&path).expect("a folder");
        fs::write(path.join("mesh.yaml"), format!("instances: [{{hostname: e-{i}.example.com}}]\n")).expect("a file");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(folder.path(), folder.path().join("0/0/again")).expect("a link");
        symlink(folder.path().join("loop.yaml"), folder.path().join("loop.yaml")).expect("a link");
    }
    let begin = Instant::now();
    let loaded = load(&[folder.path()]);
    assert_eq!(loaded.mesh.instances.len(), 3_000);
    // A link to itself is nothing that can be read; who wrote it shall know.
    let codes: Vec<Code> = loaded.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, if cfg!(unix) { vec![Code::Unreadable] } else { Vec::new() });
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

/// One of the snippets of the schema's table with some slips of the hand: whatever it becomes, it is read, drawn and explained.
#[test]
fn no_slip_of_the_hand_is_too_much() {
    const SIGNS: &[&str] = &[
        "\n",
        "\n  ",
        "\t",
        " ",
        ":",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "*",
        "&a ",
        "*a",
        "!",
        "\"",
        "'",
        "#",
        "|",
        ">",
        "?",
        ",",
        "%",
        "@",
        "é",
        "\u{feff}",
        "<<: ",
        "[1:3]",
        "[",
        "0",
        "-",
        "~",
        "\r",
        "\u{0}",
        "hostname: ",
        "peers: ",
        "\n---\n",
    ];
    let table: Vec<serde_json::Value> = serde_yaml::from_str(include_str!("../editor/snippets.yaml")).expect("a table");
    let texts: Vec<String> = table.iter().filter_map(|row| row["yaml"].as_str()).map(str::to_owned).collect();
    let edit = (any::<prop::sample::Index>(), 0..4_usize, prop::sample::select(SIGNS));
    let edited = (prop::sample::select(texts), prop::collection::vec(edit, 1..4)).prop_map(|(text, edits)| {
        edits.into_iter().fold(text, |text, (at, skip, sign)| {
            let chars: Vec<char> = text.chars().collect();
            let at = if chars.is_empty() { 0 } else { at.index(chars.len()) };
            let (head, tail) = chars.split_at(at);
            head.iter().collect::<String>() + sign + &tail.iter().skip(skip).collect::<String>()
        })
    });
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let read = |text: String| {
        let folder = folder(&[("mesh.yaml", &text)]);
        let loaded = load(&[folder.path()]);
        for name in loaded.mesh.instances.keys() {
            prop_assert!(config::explain(&loaded, name).is_some(), "{name}");
        }
        prop_assert!(!render::findings::text(&loaded, true).is_empty());
        Ok(())
    };
    TestRunner::new(config).run(&edited, read).unwrap_or_else(|error| panic!("{error}"));
}
