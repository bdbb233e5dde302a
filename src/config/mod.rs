//! From YAML files to a declared mesh: finding and reading them, defaults, places, and every finding that needs no server.
//!
//! A file becomes a tree of nodes with places (`tree`), the tree becomes blocks (`file`, with `reader`, `names` and `fields`
//! for what stands in them), and all blocks together are checked and become the mesh (`checks`, `build`).

mod build;
mod checks;
mod code;
mod discover;
mod fields;
mod file;
mod finding;
mod keys;
mod names;
mod nearest;
mod reader;
mod source;
mod syntax;
mod tree;

use std::path::PathBuf;

use crate::mesh::{DeclaredMesh, FileId};

pub use code::Code;
use finding::Findings;
pub use finding::{Finding, Severity, Span};
pub(crate) use source::Source;

use discover::Found;
use file::Draft;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The mesh; it means something only where no finding is an error.
    pub mesh: DeclaredMesh,
    /// Everything wrong, in the order of the files and of their lines.
    pub findings: Vec<Finding>,
    /// Whether there were more findings than anyone reads, so that some are left out.
    pub cut: bool,
    /// The files, in the order of [`DeclaredMesh::files`].
    pub(crate) sources: Vec<Source>,
}

impl Loaded {
    /// Whether the configuration cannot be used.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Reads files and folders as one mesh. Never fails as a whole: everything wrong is a finding.
pub fn load(paths: &[PathBuf]) -> Loaded {
    let mut draft = Draft::default();
    let mut findings = Findings::default();
    let mut sources: Vec<Source> = Vec::new();
    for found in discover::discover(paths) {
        match found {
            Found::Problem(finding) => {
                draft.incomplete = true;
                findings.push(*finding);
            }
            Found::File(path) => {
                let id = FileId::try_from(sources.len()).unwrap_or(FileId::MAX);
                let (source, problem) = source::read(&path, source::shown(&path), id);
                match problem {
                    None => file::read(id, &source, &mut draft, &mut findings),
                    Some(finding) => {
                        draft.incomplete = true;
                        findings.push(finding);
                    }
                }
                sources.push(source);
            }
        }
    }
    let mesh = build::mesh(&sources, &draft, &mut findings);
    let (findings, cut) = findings.in_order();
    Loaded { mesh, findings, cut, sources }
}
