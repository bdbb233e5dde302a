//! Which files make the mesh: the given files, and every `*.yaml` and `*.yml` in and below the given folders, in byte order;
//! hidden ones, symlinked folders and what is no file (a pipe would hang the run) never.
//!
//! A folder with a `meshform.yaml` is one mesh and read whole or not at all: a part of it under the whole mesh's `owns` would
//! remove the rest.

use std::{
    collections::HashSet,
    env, fs, io,
    path::{Path, PathBuf},
};

use super::{Code, Finding, source};

/// What the file is called that holds for a whole folder.
const MESH_FILES: [&str; 2] = ["meshform.yaml", "meshform.yml"];

/// What to read.
#[derive(Default)]
pub(super) struct Discovered {
    /// The files, each once: the mesh file first, the others in the order of the paths.
    pub(super) files: Vec<PathBuf>,
    /// Whether the first file is the one that holds for the whole mesh.
    pub(super) has_mesh_file: bool,
    /// What is wrong with the paths.
    pub(super) problems: Vec<Finding>,
}

/// The files behind the paths.
pub(super) fn discover(paths: &[PathBuf]) -> Discovered {
    let mut found = Discovered::default();
    if paths.is_empty() {
        found.problems.push(Finding::about(Code::NotFound, None, "no file or folder was given"));
    }
    let mut mesh_files: Vec<PathBuf> = Vec::new();
    for path in paths {
        one(path, &mut found, &mut mesh_files);
    }
    let mut seen = HashSet::new();
    mesh_files.retain(|path| seen.insert(source::identity(path)));
    if let [first, second, ..] = mesh_files.as_slice() {
        let message = format!("`{}` and `{}` are two meshes", shown(first.parent()), shown(second.parent()));
        found.problems.push(Finding::about(Code::MeshFile, None, message).help("give one of the two: a run works on one mesh"));
    }
    found.has_mesh_file = !mesh_files.is_empty();
    found.files.retain(|path| seen.insert(source::identity(path)));
    mesh_files.append(&mut found.files);
    // Half a mesh, or two of them, would only look full of mistakes.
    let is_whole = !found.problems.iter().any(|problem| problem.code == Code::MeshFile);
    found.files = if is_whole { mesh_files } else { Vec::new() };
    found
}

fn one(path: &Path, found: &mut Discovered, mesh_files: &mut Vec<PathBuf>) {
    if path.as_os_str() == "-" {
        let finding = Finding::about(Code::NotFound, None, "reading from standard input (`-`) is not supported");
        return found.problems.push(finding.help("give a file or a folder; a file of that name is `./-`"));
    }
    // A `..` or a link in a path must not hide the folders that its file really stands in.
    let real = source::identity(path);
    let is_folder = path.is_dir();
    if let Some(mesh_file) = mesh_file_above(&real) {
        return found.problems.push(part(path, &mesh_file));
    }
    if !is_folder {
        return found.files.push(path.to_owned());
    }
    let own = mesh_files_in(path);
    if own.len() > 1 {
        let message = format!("`{}` has both a {} and a {}", source::shown(path), MESH_FILES[0], MESH_FILES[1]);
        return found.problems.push(Finding::about(Code::MeshFile, None, message).help("keep one of the two"));
    }
    let before = found.problems.len();
    let mut files = walk(path, &mut found.problems);
    // A link must not bring in a part of another mesh.
    let own_root = source::identity(path);
    files.retain(|file| {
        let is_link = fs::symlink_metadata(file).is_ok_and(|meta| meta.is_symlink());
        let other = Some(source::identity(file)).filter(|_| is_link).and_then(|real| mesh_file_above(&real));
        // A mounted ConfigMap is links into a hidden folder of its own: the same mesh.
        let is_own = |mesh_file: &PathBuf| {
            let same = || own.iter().any(|own| source::identity(own) == source::identity(mesh_file));
            mesh_file.parent() == Some(&own_root) || mesh_file.starts_with(&own_root) && same()
        };
        let other = other.filter(|mesh_file| !is_own(mesh_file));
        found.problems.extend(other.as_deref().map(|mesh_file| part(file, mesh_file)));
        other.is_none()
    });
    files.retain(|file| {
        let is_inner = is_mesh_file(file) && !own.contains(file);
        if is_inner {
            let folder = shown(file.parent());
            let message = format!("`{folder}` is a mesh of its own: it has a {}", name(file));
            let help = format!("give `{folder}` alone, or move what stands in that file to the root of the mesh");
            found.problems.push(Finding::about(Code::MeshFile, None, message).help(help));
        }
        !is_inner && !own.contains(file)
    });
    if own.is_empty()
        && let Some(file) = files.iter().find(|file| file.parent() == Some(path) && is_almost_mesh_file(file))
    {
        let message = format!("`{}` is almost called {}", source::shown(file), MESH_FILES[0]);
        return found
            .problems
            .push(Finding::about(Code::MeshFile, None, message).help("rename it: what it says would not hold for the other files"));
    }
    if files.is_empty() && own.is_empty() && found.problems.len() == before {
        let finding = Finding::about(Code::NoFiles, None, format!("`{}` has no YAML files", source::shown(path)));
        return found.problems.push(finding.help("files of a mesh end in `.yaml` or `.yml`; hidden ones are not read"));
    }
    files.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    mesh_files.extend(own);
    found.files.append(&mut files);
}

/// The file that holds for the folder that a file or folder stands in.
fn mesh_file_above(real: &Path) -> Option<PathBuf> {
    real.ancestors().skip(1).find_map(|folder| mesh_files_in(folder).pop())
}

/// The finding for a part of a mesh.
fn part(path: &Path, mesh_file: &Path) -> Finding {
    // In the form that was given.
    let whole = if path.is_absolute() { source::shown(mesh_file.parent().unwrap_or(mesh_file)) } else { shown(mesh_file.parent()) };
    let message = format!("`{}` is a part of the mesh `{whole}`, which is read as a whole", source::shown(path));
    let help = format!("give `{whole}`: its {} holds for all that is below it; `--only PATTERN` chooses instances of it", name(mesh_file));
    Finding::about(Code::MeshFile, None, message).help(help)
}

/// The files of a folder and of those below it. The stack is ours: folders nest as deep as they like.
fn walk(root: &Path, problems: &mut Vec<Finding>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        if let Err(error) = entries(&folder, &mut files, &mut folders) {
            problems.push(source::unreadable(&folder, None, &error));
        }
    }
    files
}

fn entries(folder: &Path, files: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type()?;
        // A site must not go because of how its file's name is written.
        let is_yaml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"));
        if kind.is_dir() {
            folders.push(path);
        } else if is_yaml && (kind.is_file() || kind.is_symlink() && fs::metadata(&path).map_or(true, |target| target.is_file())) {
            files.push(path);
        }
    }
    Ok(())
}

/// The files of a folder that hold for all of it.
fn mesh_files_in(folder: &Path) -> Vec<PathBuf> {
    // A link that leads nowhere is one, too: it is said when it is read.
    let is_there = |file: &PathBuf| fs::symlink_metadata(file).is_ok_and(|meta| !meta.is_dir());
    MESH_FILES.map(|name| folder.join(name)).into_iter().filter(is_there).collect()
}

/// Whether a file is called so by a slip: it would be one of many, and what it owns and protects nobody's.
fn is_almost_mesh_file(path: &Path) -> bool {
    let name = name(path);
    !is_mesh_file(path) && MESH_FILES.iter().any(|mesh_file| strsim::osa_distance(&name.to_lowercase(), mesh_file) <= 2)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_mesh_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| MESH_FILES.iter().any(|mesh_file| name == *mesh_file))
}

/// A folder as one would give it: relative to the working directory where it lies below.
fn shown(folder: Option<&Path>) -> String {
    let folder = folder.unwrap_or(Path::new(""));
    let here = env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    let relative = folder.strip_prefix(here).unwrap_or(folder);
    if relative.as_os_str().is_empty() { ".".to_owned() } else { source::shown(relative) }
}
