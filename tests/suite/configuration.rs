//! What a configuration declares.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use meshform::{
    config::{self, Code, Loaded},
    mesh::{Declared, DeclaredMesh, Field, Given, MaxRemovals, PeerName, Place},
    render,
};

/// A folder with some files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

pub(crate) fn load(paths: &[&Path]) -> Loaded {
    config::load(&paths.iter().map(|path| path.to_path_buf()).collect::<Vec<PathBuf>>())
}

/// One file that must be in order.
fn mesh(text: &str) -> DeclaredMesh {
    let folder = folder(&[("mesh.yaml", text)]);
    let loaded = load(&[&folder.path().join("mesh.yaml")]);
    assert_eq!(render::findings::text(&loaded, false), "no findings\n");
    loaded.mesh
}

/// The codes of the findings of one file.
fn codes(text: &str) -> Vec<Code> {
    let folder = folder(&[("mesh.yaml", text)]);
    load(&[folder.path()]).findings.iter().map(|finding| finding.code).collect()
}

/// An instance with its managed fields, each as `name=value@line:column`.
fn line((hostname, declared): (impl std::fmt::Display, &Declared)) -> String {
    let Declared {
        place,
        node_type,
        node_state,
        enabled,
        capacity_adjustment,
        managed_by_policy,
        listener_port,
        peers_from_control_nodes,
        peers,
        protect: _,
        replaces: _,
        own_keys: _,
    } = declared;
    let at = |place: Place| format!("@{}:{}", place.line, place.column);
    let mut line = format!("{hostname}{} {:?}{}", at(*place), node_state.value, at(node_state.place));
    let mut field = |name: &str, value: Option<(String, Place)>| {
        if let Some((value, place)) = value {
            let _ = write!(line, "\n  {name}={value}{}", at(place));
        }
    };
    field("node_type", node_type.map(|given| (format!("{:?}", given.value), given.place)));
    field("enabled", enabled.map(|given| (given.value.to_string(), given.place)));
    field("capacity", capacity_adjustment.map(|given| (given.value.to_string(), given.place)));
    field("policy", managed_by_policy.map(|given| (given.value.to_string(), given.place)));
    field("port", listener_port.map(|given| (given.value.map_or("none".to_owned(), |port| port.to_string()), given.place)));
    field("flag", peers_from_control_nodes.map(|given| (given.value.to_string(), given.place)));
    let names = |given: &Given<Vec<Given<PeerName>>>| {
        given.value.iter().map(|peer| format!("{}{}", peer.value, at(peer.place))).collect::<Vec<_>>().join(" ")
    };
    field("peers", peers.as_ref().map(|given| (format!("[{}]", names(given)), given.place)));
    line
}

fn lines(mesh: &DeclaredMesh) -> String {
    mesh.instances.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_field_with_its_place() {
    insta::assert_snapshot!(lines(&mesh(
        "
external: [mesh-ingress, 'route.example.com:443']
instances:
  - hostname: hop-1.example.com
    node_type: hop
    node_state: installed
    enabled: yes
    capacity_adjustment: 0.5
    managed_by_policy: No
    listener_port: 27199
    peers: []
    peers_from_control_nodes: on
  - hostname: exec-1.example.com
    node_state: deprovisioning
    listener_port: ~
    capacity_adjustment: \"1.00\"
    peers: [hop-1.example.com, mesh-ingress, 'route.example.com:443']
  - hostname: plain
"
    )), @r"
    exec-1.example.com@13:15 Deprovisioning@14:17
      capacity=1.00@16:26
      port=none@15:20
      peers=[hop-1.example.com@17:13 mesh-ingress@17:32 route.example.com:443@17:46]@17:12
    hop-1.example.com@4:15 Installed@6:17
      node_type=Hop@5:16
      enabled=true@7:14
      capacity=0.50@8:26
      policy=false@9:24
      port=27199@10:20
      flag=true@12:31
      peers=[]@11:12
    plain@18:15 Installed@18:15
    ");
}

#[test]
fn the_nearest_default_wins() {
    insta::assert_snapshot!(lines(&mesh(
        "
instances:
  - hostname: exec-1.example.com
  - hostname: exec-2.example.com
    enabled: true
    peers: []
  - {hostname: hop-1.example.com, node_type: hop, listener_port: null}
defaults:
  enabled: false
  listener_port: 27199
  capacity_adjustment: 1
  execution: {capacity_adjustment: 0.75, peers: [core.example.com]}
  hop: {enabled: true, listener_port: 27200}
external: [core.example.com]
"
    )), @"
    exec-1.example.com@3:15 Installed@3:15
      node_type=Execution@3:15
      enabled=false@9:12
      capacity=0.75@12:36
      port=27199@10:18
      peers=[core.example.com@12:50]@12:49
    exec-2.example.com@4:15 Installed@4:15
      node_type=Execution@4:15
      enabled=true@5:14
      capacity=0.75@12:36
      port=27199@10:18
      peers=[]@6:12
    hop-1.example.com@7:16 Installed@7:16
      node_type=Hop@7:46
      enabled=true@13:18
      capacity=1.00@11:24
      port=none@7:66
    ");
}

#[test]
fn a_default_node_type_chooses_its_block() {
    insta::assert_snapshot!(lines(&mesh(
        "
defaults:
  node_type: hop
  hop: {listener_port: 27199}
  execution: {listener_port: 27200}
instances:
  - hostname: hop-1.example.com
  - {hostname: exec-1.example.com, node_type: execution}
"
    )), @r"
    exec-1.example.com@8:16 Installed@8:16
      node_type=Execution@8:47
      port=27200@5:30
    hop-1.example.com@7:15 Installed@7:15
      node_type=Hop@3:14
      port=27199@4:24
    ");
}

#[test]
fn ranges_and_lists_declare_instances_that_are_alike() {
    let mesh = mesh(
        "
instances:
  - hostname: ['exec-[08:10].example.com', gpu-1.example.com]
    peers: ['hop-[a:b].example.com']
  - hostname: hop-[a:b].example.com
    node_type: hop
    listener_port: 27199
  - hostname: '2001:db8::1'
    peers: ['[2001:db8::2]:27199']
external: ['[2001:db8::2]:27199']
",
    );
    insta::assert_snapshot!(lines(&mesh), @r"
    2001:db8::1@8:15 Installed@8:15
      peers=[[2001:db8::2]:27199@9:13]@9:12
    exec-08.example.com@3:16 Installed@3:16
      peers=[hop-a.example.com@4:13 hop-b.example.com@4:13]@4:12
    exec-09.example.com@3:16 Installed@3:16
      peers=[hop-a.example.com@4:13 hop-b.example.com@4:13]@4:12
    exec-10.example.com@3:16 Installed@3:16
      peers=[hop-a.example.com@4:13 hop-b.example.com@4:13]@4:12
    gpu-1.example.com@3:44 Installed@3:44
      peers=[hop-a.example.com@4:13 hop-b.example.com@4:13]@4:12
    hop-a.example.com@5:15 Installed@5:15
      node_type=Hop@6:16
      port=27199@7:20
    hop-b.example.com@5:15 Installed@5:15
      node_type=Hop@6:16
      port=27199@7:20
    ");
}

#[test]
fn anchors_aliases_and_merge_keys_work_within_a_file() {
    insta::assert_snapshot!(lines(&mesh(
        "
x-base: &base {enabled: false, capacity_adjustment: 0.25}
x-more: &more
  <<: *base
  enabled: true
x-hops: &hops [hop-1.example.com]
instances:
  - {<<: *base, hostname: exec-1.example.com, enabled: true, peers: *hops}
  - <<: [*more, {managed_by_policy: true, enabled: false}]
    hostname: exec-2.example.com
  - &first
    hostname: hop-1.example.com
    listener_port: &port 27199
    node_type: hop
  - <<: *first
    hostname: hop-2.example.com
    listener_port: *port
"
    )), @r"
    exec-1.example.com@8:27 Installed@8:27
      enabled=true@8:56
      capacity=0.25@2:53
      peers=[hop-1.example.com@6:16]@8:69
    exec-2.example.com@10:15 Installed@10:15
      enabled=true@5:12
      capacity=0.25@2:53
      policy=true@9:37
    hop-1.example.com@12:15 Installed@12:15
      node_type=Hop@14:16
      port=27199@13:26
    hop-2.example.com@16:15 Installed@16:15
      node_type=Hop@14:16
      port=27199@17:20
    ");
}

#[test]
fn a_folder_and_several_paths_are_one_mesh() {
    let folder = folder(&[
        ("b.yaml", "instances: [{hostname: b.example.com, peers: [c.example.com]}]"),
        ("B.yml", "controller_instances: [{hostname: BB.example.com}]"),
        ("a/z.yaml", "defaults: {enabled: false}\ninstances: [{hostname: az.example.com}]"),
        ("a-1.yaml", "instances: [{hostname: a1.example.com}]"),
        (".git/x.yaml", "nonsense"),
        (".x.yaml", "nonsense"),
        ("readme.md", "nonsense"),
        ("other/c.yaml", "instances: [{hostname: c.example.com}]"),
    ]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).expect("a link");
        std::os::unix::fs::symlink(folder.path().join("other"), folder.path().join("a/other")).expect("a link");
        // What is no file would hang the run: nobody ever writes into this pipe.
        std::os::unix::net::UnixListener::bind(folder.path().join("socket.yaml")).expect("a socket");
        let pipe = Command::new("mkfifo").arg(folder.path().join("pipe.yaml")).status().expect("mkfifo runs");
        assert!(pipe.success());
    }
    let twice = folder.path().join("a/../b.yaml");
    let loaded = load(&[folder.path(), &twice]);
    assert_eq!(render::findings::text(&loaded, false), "no findings\n");
    let files: Vec<&str> = loaded.mesh.files.iter().filter_map(|file| file.strip_prefix(folder.path().to_str()?)).collect();
    assert_eq!(files, ["/B.yml", "/a-1.yaml", "/a/z.yaml", "/b.yaml", "/other/c.yaml"]);
    let enabled: Vec<(String, bool)> =
        loaded.mesh.instances.iter().map(|(name, declared)| (name.to_string(), declared.enabled.is_some())).collect();
    let wanted = [("BB.example.com", false), ("a1.example.com", false), ("az.example.com", true), ("b.example.com", false)];
    assert_eq!(enabled.iter().map(|(n, e)| (&**n, *e)).take(4).collect::<Vec<_>>(), wanted, "defaults hold for their file alone");
    assert_eq!(loaded.mesh.file(loaded.mesh.instances["c.example.com"].place.file), files_last(&loaded));
}

fn files_last(loaded: &Loaded) -> &str {
    loaded.mesh.files.last().expect("five files")
}

#[test]
fn byte_order_marks_and_all_line_breaks_are_fine() {
    let text = "instances:\n  - hostname: exec-1.example.com\n    enabled: true\n";
    let plain = lines(&mesh(text));
    assert_eq!(lines(&mesh(&text.replace('\n', "\r\n"))), plain);
    assert_eq!(lines(&mesh(&format!("\u{feff}{text}"))), plain);
    assert_eq!(lines(&mesh(&format!("---\n{text}..."))), plain.replace("@2:", "@3:").replace("@3:14", "@4:14"));
}

#[test]
fn columns_count_characters() {
    let mesh = mesh("instances: [{x-ort: 'Zürich 🦀', hostname: exec-1.example.com}]\n");
    let declared = mesh.instances.values().next().expect("one instance");
    assert_eq!((declared.place.line, declared.place.column), (1, 43));
}

#[test]
fn a_file_that_cannot_be_read_makes_no_unknown_peers() {
    let folder = folder(&[
        ("a.yaml", "instances: [{hostname: a.example.com, peers: [b.example.com]}]"),
        ("b.yaml", "instances:\n\t- hostname: b.example.com\n"),
        ("c.yaml", "instances: [{hostname: 'hop-[1:2_.x.com'}, {hostname: c.example.com, peers: [hop-1.x.com]}]"),
    ]);
    let found: Vec<Code> = load(&[folder.path()]).findings.iter().map(|finding| finding.code).collect();
    assert_eq!(found, [Code::Tab, Code::Pattern]);
    let alone: Vec<Code> = load(&[&folder.path().join("c.yaml")]).findings.iter().map(|finding| finding.code).collect();
    assert_eq!(alone, [Code::Pattern]);
    let peer = "instances: [{hostname: exec-1.example.com, peers: [hop-1.example.com]}]\n";
    for (other, wanted) in [
        ("instanses: [{hostname: hop-1.example.com}]", [Code::UnknownKey]),
        ("instances: [hop-1.example.com]", [Code::WrongType]),
        ("instances: [{hostnmae: hop-1.example.com}]", [Code::UnknownKey]),
        ("instances: [!x {hostname: hop-1.example.com}]", [Code::Tag]),
        ("exernal: [hop-1.example.com]", [Code::UnknownKey]),
    ] {
        let folder = self::folder(&[("a.yaml", peer), ("b.yaml", other)]);
        let found: Vec<Code> = load(&[folder.path()]).findings.iter().map(|finding| finding.code).collect();
        assert_eq!(found, wanted, "{other}");
    }
}

#[test]
fn what_comes_before_a_syntax_error_is_still_read() {
    assert_eq!(
        codes("external: [a b]\ninstances:\n  - hostname: a_b\n  - hostname: c\n     enabled: true\n"),
        [Code::Hostname, Code::Hostname, Code::Syntax]
    );
}

/// The hostnames with one of their fields, a line each.
fn each(mesh: &DeclaredMesh, field: impl Fn(&Declared) -> Option<String>) -> String {
    mesh.instances.iter().fold(String::new(), |text, (name, declared)| {
        let value = field(declared).unwrap_or("-".to_owned());
        text + &format!("{name} {value}\n")
    })
}

fn peers(declared: &Declared) -> Option<String> {
    let names = |given: &Given<Vec<Given<PeerName>>>| given.value.iter().map(|peer| peer.value.to_string()).collect::<Vec<_>>().join(" ");
    declared.peers.as_ref().map(names)
}

/// A folder whose files are in order, as a mesh.
fn mesh_of(files: &[(&str, &str)]) -> DeclaredMesh {
    let folder = folder(files);
    let loaded = load(&[folder.path()]);
    assert_eq!(render::findings::text(&loaded, false), "no findings\n");
    loaded.mesh
}

#[test]
fn override_instance_file_and_mesh_in_this_order_and_a_type_before_the_rest() {
    // Of six values the first that is given counts: in each mesh one more is missing.
    let layers = ["overrides", "instance", "file hop", "file", "mesh hop", "mesh"];
    for missing in 0..layers.len() - 1 {
        let has = |layer: &str| layers.iter().position(|l| *l == layer).is_some_and(|i| i >= missing);
        let value = |layer: &str| if has(layer) { format!("capacity_adjustment: 0.{}", &layer.len()) } else { "x-none: 0".to_owned() };
        let mesh_file = format!("defaults: {{{}, hop: {{{}}}}}\n", value("mesh"), value("mesh hop"));
        let site = format!(
            "defaults: {{{}, hop: {{{}, listener_port: null}}}}\ninstances: [{{hostname: h.example.com, node_type: hop, {}}}]\n",
            value("file"),
            value("file hop"),
            value("instance")
        );
        let overrides = format!("overrides: [{{hostname: '?.example.com', enabled: true, {}}}]\n", value("overrides"));
        let overrides = if has("overrides") { overrides.replace("enabled: true, ", "") } else { "x-none: 0\n".to_owned() };
        let mesh = mesh_of(&[("meshform.yaml", &mesh_file), ("a.yaml", &site), ("b.yaml", &overrides)]);
        let capacity = mesh.instances["h.example.com"].capacity_adjustment.map(|given| given.value.to_string());
        assert_eq!(capacity, Some(format!("0.{}0", layers[missing].len())), "without the first {missing} of {layers:?}");
    }
}

#[test]
fn names_are_taken_out_of_a_list_wherever_the_mark_stands() {
    let mesh = mesh("instances: [{hostname: ['!exec-0[2:4].x.com', 'exec-[01:05].x.com', '!*-9.x.com', 'exec-[8:9].x.com']}]");
    assert_eq!(each(&mesh, |_| None), "exec-01.x.com -\nexec-05.x.com -\nexec-8.x.com -\n");
}

#[test]
fn patterns_in_peers_are_instances_and_external_peers() {
    let mesh = mesh_of(&[
        ("meshform.yaml", "external: [hop-x.example.com, 'route.example.com:443']\n"),
        (
            "a.yaml",
            "instances:
  - {hostname: exec-1.example.com, peers: ['hop-*', '!hop-2.example.com']}
  - {hostname: exec-2.example.com, peers: [hop-3.example.com, 'hop-?.example.com', '*:443']}
  - {hostname: exec-3.example.com, peers: ['hop-[2:3].example.com', '!hop-3.*']}
",
        ),
        (
            "z.yaml",
            "instances:
  - {hostname: 'hop-[1:3].example.com', listener_port: 27199}
  - {hostname: hop-9.example.com, node_state: deprovisioning}
",
        ),
    ]);
    assert_eq!(
        each(&mesh, peers).lines().take(3).collect::<Vec<_>>(),
        [
            "exec-1.example.com hop-1.example.com hop-3.example.com hop-x.example.com",
            "exec-2.example.com hop-3.example.com hop-1.example.com hop-2.example.com hop-x.example.com route.example.com:443",
            "exec-3.example.com hop-2.example.com",
        ]
    );
}

#[test]
fn overrides_split_a_range_and_leave_the_rest_alone() {
    let mesh = mesh_of(&[
        ("meshform.yaml", "defaults: {enabled: true, capacity_adjustment: 1}\n"),
        ("a.yaml", "instances: [{hostname: 'e-[1:5].example.com', peers: []}, {hostname: hop.example.com, listener_port: 27199}]\n"),
        (
            "b.yaml",
            "overrides:
  - {hostname: 'e-[2:4].example.com', enabled: false}
  - {hostname: ['e-*', '!e-[1:3].*'], capacity_adjustment: 0.5}
  - {hostname: e-5.example.com, peers: [hop.example.com]}
",
        ),
    ]);
    let all = |d: &Declared| {
        let (enabled, capacity) = (d.enabled.expect("given"), d.capacity_adjustment.expect("given"));
        Some(format!(
            "{}@{} {}@{} [{}]",
            enabled.value,
            enabled.place.file,
            capacity.value,
            capacity.place.file,
            peers(d).unwrap_or_default()
        ))
    };
    insta::assert_snapshot!(each(&mesh, all), @"
    e-1.example.com true@0 1.00@0 []
    e-2.example.com false@2 1.00@0 []
    e-3.example.com false@2 1.00@0 []
    e-4.example.com false@2 0.50@2 []
    e-5.example.com true@0 0.50@2 [hop.example.com]
    hop.example.com true@0 1.00@0 []
    ");
}

#[test]
fn checks_see_what_is_declared_after_the_overrides() {
    let overridden = |text: &str| {
        codes(&format!(
            "instances:
  - {{hostname: hop-1.example.com, node_type: hop, listener_port: 27199, peers_from_control_nodes: true, peers: []}}
  - {{hostname: 'exec-[1:2].example.com', peers: [hop-1.example.com]}}
overrides:
  - {{hostname: hop-1.example.com, {text}}}
"
        ))
    };
    assert_eq!(overridden("peers_from_control_nodes: false"), []);
    assert_eq!(overridden("listener_port: null"), [Code::DeafPeer, Code::DeafFlag]);
    assert_eq!(overridden("peers: [exec-1.example.com]"), [Code::MutualPeers]);
    assert_eq!(overridden("peers: [hop-1.example.com]"), [Code::SelfPeer]);
    assert_eq!(overridden("peers: [hop-2.example.com]"), [Code::UnknownPeer]);
}

#[test]
fn settings_of_a_mesh_are_read() {
    let mesh = mesh_of(&[
        (
            "meshform.yml",
            "
controller: [awx.example.com, 'https://AWX-2.example.com:443/api/v2/']
owns: ['*.example.com', '!*.lab.example.com']
protect: ['hop-*']
max_removals: 30%
applied_by: [mesh-ci, '7']
ignore: [{hostname: ['e-*', '!e-2.example.com'], field: enabled, until: 2999-12-31, reason: 4711}]
",
        ),
        ("a.yaml", "instances: [{hostname: 'e-[1:2].example.com', enabled: true, protect: true}]\n"),
    ]);
    let settings = &mesh.settings;
    assert_eq!(
        settings.controller.iter().map(|c| c.value.to_string()).collect::<Vec<_>>(),
        ["https://awx.example.com", "https://awx-2.example.com"]
    );
    let owned = ["a.example.com", "a.lab.example.com", "a.example.org"].map(|name| settings.owns.names(name).is_some());
    assert_eq!(owned, [true, false, false]);
    assert!(settings.protect.names("hop-1").is_some());
    assert_eq!(settings.max_removals.map(|given| given.value), Some(MaxRemovals::Percent(30)));
    assert_eq!(settings.applied_by.iter().map(|given| given.value.as_str()).collect::<Vec<_>>(), ["mesh-ci", "7"]);
    let [rule] = settings.ignore.as_slice() else { panic!("one rule") };
    assert_eq!((rule.field, rule.until.to_string(), rule.reason.as_str()), (Field::Enabled, "2999-12-31".to_owned(), "4711"));
    assert_eq!(["e-1.example.com", "e-2.example.com"].map(|name| rule.hostname.names(name).is_some()), [true, false]);
    assert!(mesh.instances["e-1.example.com"].protect.is_some_and(|given| given.value));
}

#[test]
fn an_until_holds_to_the_end_of_its_day() {
    let folder = folder(&[(
        "mesh.yaml",
        "
instances: [{hostname: e.example.com, enabled: true}]
overrides: [{hostname: e.example.com, enabled: false, until: 2026-12-04}]
ignore: [{hostname: e.example.com, field: enabled, until: 2026-12-05, reason: x}]
",
    )]);
    let on = |day: &str| {
        let loaded = config::load_on(&[folder.path().to_owned()], day.parse().expect("a day"));
        let enabled = loaded.mesh.instances.values().next().and_then(|d| d.enabled).map(|given| given.value);
        assert_eq!(enabled, Some(false), "a day changes nothing by itself");
        loaded.findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(on("2026-12-04"), []);
    assert_eq!(on("2026-12-05"), [Code::OverrideOver]);
    assert_eq!(on("2026-12-06"), [Code::OverrideOver, Code::IgnoreOver]);
}

#[test]
fn one_file_may_say_everything_and_one_of_several_may_not() {
    let text = "owns: ['*.example.com']\ninstances: [{hostname: a.example.com}]\n";
    assert_eq!(codes(text), []);
    let folder = folder(&[("a.yaml", text), ("b.yaml", "instances: [{hostname: b.example.com}]\n")]);
    assert_eq!(load(&[folder.path()]).findings.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::Misplaced]);
    // And a mesh with a root may be completed from elsewhere.
    let root =
        self::folder(&[("meshform.yaml", "defaults: {enabled: true}\n"), ("sites/a.yaml", "instances: [{hostname: a.example.com}]\n")]);
    let more = self::folder(&[("more.yaml", "overrides: [{hostname: a.example.com, enabled: false}]\n")]);
    let loaded = load(&[&more.path().join("more.yaml"), root.path()]);
    assert_eq!(render::findings::text(&loaded, false), "no findings\n");
    assert_eq!(loaded.mesh.instances["a.example.com"].enabled.map(|given| given.value), Some(false));
    assert!(loaded.mesh.files[0].ends_with("meshform.yaml"), "{:?}", loaded.mesh.files);
}

#[test]
fn a_broken_name_or_file_makes_no_unmatched_overrides() {
    for broken in ["instances: [{hostname: e_1.example.com}]\n", "instances:\n\t- hostname: e-1.example.com\n"] {
        let folder = folder(&[("a.yaml", broken), ("b.yaml", "overrides: [{hostname: ['e-1.example.com', '!x-*'], enabled: false}]\n")]);
        assert_eq!(load(&[folder.path()]).findings.len(), 1, "{broken}");
    }
}

/// Whatever a list of patterns could not be held against is an error, so that nothing is left out without a word.
#[test]
fn no_pattern_is_dropped_without_a_word() {
    let many = |count: usize| "      - 'e-1*'\n".repeat(count);
    for count in [48, 49, 50, 51, 100] {
        let text = format!(
            "instances:\n  - {{hostname: 'e-[1:100000]', enabled: true, managed_by_policy: true}}\noverrides:\n  - managed_by_policy: false\n    \
             hostname:\n{}  - {{hostname: 'e-2*', enabled: false}}\n",
            many(count)
        );
        let folder = folder(&[("mesh.yaml", &text)]);
        let loaded = load(&[folder.path()]);
        let off = loaded.mesh.instances.iter().filter(|(_, declared)| declared.enabled.is_some_and(|given| !given.value)).count();
        assert_eq!(loaded.has_errors(), off != 11_111, "{count} patterns: {off} are switched off");
    }
}

#[test]
fn many_blocks_with_one_pattern_are_an_honest_mesh() {
    let blocks = (0..5_000).fold(String::new(), |text, i| text + &format!("  - {{hostname: e-{i}.x.com, peers: ['hop-*.x.com']}}\n"));
    let owns = (0..5_000).fold(String::from("owns:\n"), |text, i| text + &format!("  - e-{i}.x.com\n"));
    let mesh = mesh(&format!("{owns}  - hop-*.x.com\ninstances:\n  - {{hostname: 'hop-[1:2].x.com', listener_port: 27199}}\n{blocks}"));
    assert_eq!(mesh.instances.len(), 5_002);
    assert_eq!(peers(&mesh.instances["e-4999.x.com"]).as_deref(), Some("hop-1.x.com hop-2.x.com"));
}

#[test]
fn an_instance_is_one_peer_by_whichever_of_its_names() {
    let mesh = mesh(
        "
external: [ing.x.com, 'ing.x.com:443', 'pool-?.x.com']
instances:
  - {hostname: b.x.com, listener_port: 27199}
  - {hostname: c.x.com, peers: ['b*', 'b.x.com:27199', 'ing*', 'pool-1.x.com:443']}
  - {hostname: d.x.com, peers: ['ing.x.com:443']}
",
    );
    assert_eq!(peers(&mesh.instances["c.x.com"]).as_deref(), Some("b.x.com:27199 pool-1.x.com:443 ing.x.com"));
}

#[test]
fn a_file_cut_to_nothing_does_not_take_its_site_with_it() {
    let codes = |files: &[(&str, &str)]| {
        let folder = folder(files);
        let loaded = load(&[folder.path()]);
        (loaded.has_errors(), loaded.findings.iter().map(|finding| finding.code).collect::<Vec<_>>())
    };
    let a = ("a.yaml", "instances: [{hostname: a.example.com}]\n");
    let owns = ("meshform.yaml", "owns: ['*.example.com']\n");
    assert_eq!(codes(&[owns, a, ("b.yaml", "# nothing\n")]), (true, vec![Code::EmptyFile]));
    assert_eq!(codes(&[owns, a, ("b.yaml", "instances: []\n")]), (false, vec![]));
    assert_eq!(codes(&[("meshform.yaml", "owns: []\n"), a, ("b.yaml", "")]), (false, vec![Code::EmptyFile]));
    assert_eq!(codes(&[owns]), (false, vec![Code::NoInstances]));
    // Nor how its name is written.
    assert_eq!(codes(&[owns, ("a.YAML", "instances: [{hostname: a.example.com}]\n")]), (false, vec![]));
}

#[cfg(unix)]
#[test]
fn links_bring_in_no_part_of_another_mesh() {
    use std::os::unix::fs::symlink;
    let whole = folder(&[("meshform.yaml", "owns: ['*']\n"), ("sites/a.yaml", "instances: [{hostname: a.example.com}]\n")]);
    let other = folder(&[("own.yaml", "instances: [{hostname: own.example.com}]\n"), ("below/meshform.md", "")]);
    let found = |from: &str, to: &str| {
        let link = other.path().join(to);
        symlink(whole.path().join(from), &link).expect("a link");
        let found: Vec<Code> = load(&[other.path()]).findings.iter().map(|finding| finding.code).collect();
        fs::remove_file(link).expect("the link is there");
        found
    };
    assert_eq!(found("sites/a.yaml", "a.yaml"), [Code::MeshFile]);
    assert_eq!(found("meshform.yaml", "x.yaml"), [Code::MeshFile]);
    assert_eq!(found("nothing.yaml", "x.yaml"), [Code::NotFound]);
    // A root that is a link is that mesh's root all the same, and one that leads nowhere protects what is below it.
    symlink(other.path().join("missing"), other.path().join("below/meshform.yaml")).expect("a link");
    fs::write(other.path().join("below/c.yaml"), "instances: []\n").expect("a file");
    assert_eq!(load(&[&other.path().join("below/c.yaml")]).findings[0].code, Code::MeshFile);
    assert_eq!(load(&[&other.path().join("below")]).findings[0].code, Code::NotFound);
}

/// Kubernetes makes each file of a `ConfigMap` a link into a hidden folder, which it can replace at once.
#[cfg(unix)]
#[test]
fn a_mounted_config_map_is_one_mesh() {
    use std::os::unix::fs::symlink;
    let mounted = folder(&[
        ("..2026_11_28/meshform.yaml", "owns: ['*.example.com']\n"),
        ("..2026_11_28/a.yaml", "instances: [{hostname: a.example.com}]\n"),
        (".other/meshform.yaml", "owns: ['*.example.com']\n"),
        (".other/b.yaml", "instances: [{hostname: b.example.com}]\n"),
    ]);
    let link = |from: &str, to: &str| symlink(from, mounted.path().join(to)).expect("a link");
    link("..2026_11_28", "..data");
    link("..data/meshform.yaml", "meshform.yaml");
    link("..data/a.yaml", "a.yaml");
    let loaded = load(&[mounted.path()]);
    assert!(!loaded.has_errors() && loaded.mesh.instances.len() == 1);
    // What is hidden and another mesh is one all the same.
    link(".other/b.yaml", "b.yaml");
    assert_eq!(load(&[mounted.path()]).findings[0].code, Code::MeshFile);
}

#[test]
fn a_mark_that_spares_only_some_of_its_range_is_told() {
    let text = "
instances:
  - {hostname: ['exec-[01:12].x.com', '!exec-[1:11].x.com'], enabled: true, peers: ['hop-*.x.com', '!hop-[9:12].x.com']}
  - {hostname: 'hop-[01:12].x.com', listener_port: 27199, enabled: true}
overrides: [{hostname: ['hop-*.x.com', '!hop-[8:12].x.com'], enabled: false}]
";
    assert_eq!(codes(text), [Code::Unmatched; 3]);
    // Patterns of what shall not exist name nobody, and that is fine.
    let leaving = "instances: [{hostname: a.x.com, node_state: deprovisioning, peers: ['hop-*.x.com']}]";
    assert_eq!(codes(leaving), []);
    assert_eq!(codes("owns: ['*.x.com']\nexternal: [h.x.com]\ninstances: [{hostname: a.x.com, peers: [h.x.com]}]"), [Code::External]);
    let cut = folder(&[
        ("meshform.yaml", "owns: ['*.x.com']\n"),
        ("a.yaml", "instances: [{hostname: a.x.com}]\n"),
        ("b.yaml", "defaults: {enabled: true}\n"),
    ]);
    assert!(load(&[cut.path()]).has_errors());
}
