//! From YAML files to a declared mesh: finding and reading them, defaults, overrides, places, and every finding that needs no
//! server.
//!
//! A file becomes a tree of nodes with places (`tree`), the tree becomes blocks, overrides and settings (`file`, with `instance`,
//! `overrides`, `settings`, and `reader`, `names` and `fields` for what stands in them). Then all of it together is the draft:
//! overrides split blocks, patterns in `peers` become names (`wildcards`), everything is checked (`checks`, `whole`) and
//! becomes the mesh (`build`).

mod build;
mod checks;
mod code;
mod discover;
mod explain;
mod fields;
mod file;
mod finding;
mod instance;
mod keys;
mod looks;
mod name_findings;
mod names;
mod nearest;
mod overrides;
mod own_keys;
mod reader;
mod schema;
mod secrets;
mod settings;
mod source;
mod syntax;
mod tree;
mod whole;
mod wildcards;

use std::path::PathBuf;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::mesh::{DeclaredMesh, FileId, PeerName, sha256};

pub use code::Code;
pub use explain::{Explained, Layer, Setting, explain};
use finding::Findings;
pub use finding::{Finding, Severity, Span};
pub(crate) use nearest::nearest;
pub use schema::schema;
pub(crate) use source::Source;

use file::{Draft, Role};
use instance::Block;

/// What was read.
pub struct Loaded {
    /// The mesh; it means something only where no finding is an error.
    pub mesh: DeclaredMesh,
    /// Everything wrong, in the order of the files and of their lines.
    pub findings: Vec<Finding>,
    /// Whether there were more findings than anyone reads, so that some are left out.
    pub cut: bool,
    /// The files, in the order of [`DeclaredMesh::files`].
    pub(crate) sources: Vec<Source>,
    /// What the files say, before it became the mesh.
    draft: Draft,
}

impl Loaded {
    /// Whether some hostnames could not be read, so that nobody can tell which of the names beside them nothing declares.
    pub fn is_partial(&self) -> bool {
        let has_peers = |block: &Block| block.fields.peers.as_ref().is_some_and(|peers| !peers.value.names.is_empty());
        let skips_peers = self.draft.incomplete && self.draft.blocks.iter().any(has_peers);
        skips_peers || !self.draft.all_known() && !self.draft.overrides.is_empty()
    }

    /// Whether `external` lists this name.
    pub fn is_external(&self, name: &str) -> bool {
        self.externals().any(|external| external.to_string() == name)
    }

    /// What `external` lists: peers that only the controller knows.
    pub fn externals(&self) -> impl Iterator<Item = &PeerName> {
        self.draft.settings.external.names.iter().map(|external| &external.value)
    }

    /// The fingerprint of the files, their names and what stands in them: `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        // The lengths in front keep apart what would read alike when put together.
        let parts: Vec<String> = self.sources.iter().map(|s| format!("{} {} {}", s.path.len(), s.text.len(), s.path)).collect();
        let texts = self.sources.iter().map(|source| source.text.as_bytes());
        sha256(parts.iter().map(String::as_bytes).zip(texts).flat_map(|(head, text)| [head, text]))
    }

    /// Whether the configuration cannot be used.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Reads files and folders as one mesh. Never fails as a whole: everything wrong is a finding.
pub fn load(paths: &[PathBuf]) -> Loaded {
    // Everywhere the same day: a laptop and a runner shall not disagree about what is over.
    load_on(paths, TimeZone::UTC.to_datetime(Timestamp::now()).date())
}

/// The same on a given day, which decides what is past its `until`.
pub fn load_on(paths: &[PathBuf], today: Date) -> Loaded {
    let discovered = discover::discover(paths);
    let mut draft = Draft::default();
    draft.incomplete = !discovered.problems.is_empty();
    let mut findings = Findings::default();
    let is_sole = discovered.files.len() == 1;
    for problem in discovered.problems {
        findings.push(problem);
    }
    let mut sources: Vec<Source> = Vec::with_capacity(discovered.files.len());
    for path in discovered.files {
        let id = FileId::try_from(sources.len()).unwrap_or(FileId::MAX);
        let (mut source, problem) = source::read(&path, source::shown(&path), id);
        let mesh_file = sources.first().filter(|_| discovered.has_mesh_file).map(|source| source.path.as_str());
        let role = match id {
            0 if discovered.has_mesh_file => Role::Mesh,
            _ if is_sole => Role::Sole,
            _ => Role::Part(mesh_file),
        };
        match problem {
            None => {
                let secrets = file::read(id, &source, role, &mut draft, &mut findings);
                secrets::mask(&mut source, &secrets);
            }
            Some(finding) => {
                draft.incomplete = true;
                findings.push(finding);
            }
        }
        sources.push(source);
    }
    let mesh = build::mesh(&sources, &mut draft, today, &mut findings);
    let (findings, cut) = findings.in_order();
    Loaded { mesh, findings, cut, sources, draft }
}
