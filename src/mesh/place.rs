//! Where something was declared.

use serde::{Deserialize, Serialize};

/// The index of a file in [`DeclaredMesh::files`](super::DeclaredMesh::files).
pub type FileId = u32;

/// A place in a configuration file, small enough to stand beside every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}
