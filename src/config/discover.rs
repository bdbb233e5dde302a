//! Which files make the mesh: the given files, and every `*.yaml` and `*.yml` in and below the given folders, in byte order;
//! hidden ones, symlinked folders and what is no file (a pipe would hang the run) never.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Code, Finding, source};

/// What the file is called that holds for a whole folder.
const MESH_FILES: [&str; 2] = ["meshform.yaml", "meshform.yml"];

/// A file to read, or what is wrong in its place.
pub(super) enum Found {
    File(PathBuf),
    Problem(Box<Finding>),
}

/// The files behind the paths, each once, in the order of the paths.
pub(super) fn discover(paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    if paths.is_empty() {
        found.push(problem(Finding::about(Code::NotFound, None, "no file or folder was given")));
    }
    for path in paths {
        one(path, &mut found);
    }
    let mut seen = HashSet::new();
    found.retain(|item| match item {
        Found::File(path) => seen.insert(source::identity(path)),
        Found::Problem(_) => true,
    });
    found
}

fn problem(finding: Finding) -> Found {
    Found::Problem(Box::new(finding))
}

fn one(path: &Path, found: &mut Vec<Found>) {
    let shown = source::shown(path);
    if path.as_os_str() == "-" {
        let finding = Finding::about(Code::NotFound, None, "reading from standard input (`-`) is not supported");
        return found.push(problem(finding.help("give a file or a folder; a file of that name is `./-`")));
    }
    // A `..` or a link in a path must not hide the folders that its file really stands in.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let is_folder = path.is_dir();
    if let Some(root) = mesh_file_above(&real, is_folder) {
        return found.push(problem(mesh_file(&root)));
    }
    if !is_folder {
        return found.push(Found::File(path.to_owned()));
    }
    let mut files = Vec::new();
    let before = found.len();
    walk(path, &mut files, found);
    if files.is_empty() && found.len() == before {
        let finding = Finding::about(Code::NoFiles, None, format!("`{shown}` has no YAML files"));
        return found.push(problem(finding.help("files of a mesh end in `.yaml` or `.yml`; hidden ones are not read")));
    }
    files.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    found.extend(files.into_iter().map(Found::File));
}

/// Collects the files of a folder and of those below it. The stack is ours: folders nest as deep as they like.
fn walk(root: &Path, files: &mut Vec<PathBuf>, found: &mut Vec<Found>) {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        if let Err(error) = entries(&folder, files, &mut folders) {
            found.push(problem(source::unreadable(&source::shown(&folder), None, &error)));
        }
    }
    files.retain(|path| {
        let holds_for_folder = is_mesh_file(path);
        if holds_for_folder {
            found.push(problem(mesh_file(path)));
        }
        !holds_for_folder
    });
}

fn entries(folder: &Path, files: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type()?;
        let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        if kind.is_dir() {
            folders.push(path);
        } else if is_yaml && (kind.is_file() || kind.is_symlink() && fs::metadata(&path).map_or(true, |target| target.is_file())) {
            files.push(path);
        }
    }
    Ok(())
}

/// The `meshform.yaml` of this folder or of one above it. What it says would hold for this path, so leaving it out would
/// change what is declared. A `meshform.yaml` that is given by its own path is a file like any other.
fn mesh_file_above(real: &Path, is_folder: bool) -> Option<PathBuf> {
    if !is_folder && is_mesh_file(real) {
        return None;
    }
    let folders = real.ancestors().skip(usize::from(!is_folder));
    folders.flat_map(|folder| MESH_FILES.map(|name| folder.join(name))).find(|file| file.is_file())
}

fn is_mesh_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| MESH_FILES.iter().any(|mesh_file| name == *mesh_file))
}

fn mesh_file(root: &Path) -> Finding {
    let message = format!("`{}` holds for its whole folder, which is not supported yet", source::shown(root));
    Finding::about(Code::MeshFile, None, message)
        .help("move its `defaults` into the files with the instances and its `external` into any of them, and remove it")
}
