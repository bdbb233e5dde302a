//! The names of files as a repository has them.

use std::{
    env, fs,
    path::{Component, Path, PathBuf},
};

/// How a repository names a file: below the checkout of a job of GitHub's, if it is one and the file lies in it.
pub(super) fn in_repository() -> impl Fn(&str) -> String {
    let root = env::var_os("GITHUB_WORKSPACE").filter(|root| !root.is_empty()).map(PathBuf::from);
    let root = root.map(|root| fs::canonicalize(&root).unwrap_or(root));
    let here = env::current_dir().unwrap_or_default();
    move |path| {
        let below = root.as_ref().and_then(|root| whole(&here.join(path)).strip_prefix(root).ok().map(Path::to_path_buf));
        below.map_or_else(|| path.to_owned(), |below| below.display().to_string())
    }
}

/// A path without links and detours; of a file that is gone as it is written.
fn whole(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    whole
}
