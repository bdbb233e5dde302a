//! Plan files on the disk: what goes into one, writing it whole, reading it.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::plan::warnings;
use crate::{
    config::Loaded,
    controller::ServerInfo,
    plan::{
        Permissions,
        saved::{Controller, Origin, Saved, SavedError, is_plan_file},
    },
};

/// What a plan was made of.
pub(super) fn origin(loaded: &Loaded, server: &ServerInfo, paths: &[PathBuf], permissions: Permissions) -> Origin {
    let ServerInfo { url, version, install_uuid, capabilities } = server.clone();
    Origin {
        controller: Controller { url, version, install_uuid, capabilities },
        configuration: loaded.digest(),
        paths: paths.iter().map(|path| path.display().to_string()).collect(),
        permissions,
        warnings: warnings(loaded),
    }
}

/// The controller that a saved plan is for, as a report shows it.
pub(super) fn server(origin: &Origin) -> ServerInfo {
    let Controller { url, version, install_uuid, capabilities } = origin.controller.clone();
    ServerInfo { url, version, install_uuid, capabilities }
}

/// Writes a plan file.
pub(super) fn write(path: &Path, saved: &Saved) -> anyhow::Result<()> {
    let text = saved.to_text();
    // A file that could not be read again is found now, not when it is to be run.
    Saved::parse(&text).with_context(|| format!("{}: cannot be written", path.display()))?;
    write_whole(path, &text)
}

/// Writes a file whole or not at all, through a link, and into what is no file (such as `/dev/null`) as it is.
pub(super) fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => fs::write(path, text),
        Ok(_) => replace(&fs::canonicalize(path)?, text),
        Err(_) => replace(path, text),
    };
    write().map_err(|error| Unwritten::new(path, error).into())
}

/// Refuses a place for a report that cannot be written, or that holds something else.
pub(super) fn check_report(path: &Path) -> anyhow::Result<()> {
    check_place(path)?;
    if content(path).is_some() { write_whole(path, "") } else { Ok(()) }
}

/// Refuses a file that is one of those that are read.
pub(super) fn check_apart(file: &Path, read: &[PathBuf]) -> anyhow::Result<()> {
    if read.iter().any(|path| path.is_file() && is_same(path, file)) {
        return Err(InTheWay { path: file.display().to_string(), what: "what is read" }.into());
    }
    Ok(())
}

/// Refuses a place for a report that holds something else, or that is nowhere.
pub(super) fn check_place(path: &Path) -> anyhow::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return Err(Unwritten::new(path, io::Error::new(ErrorKind::IsADirectory, "it is a folder")).into());
    }
    let Some(known) = content(path) else { return Ok(()) };
    // A link is written through.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if is_yaml(path) || is_yaml(&real) {
        return Err(InTheWay { path: path.display().to_string(), what: "by its name a configuration" }.into());
    }
    if is_whole_plan(&known) {
        return Err(InTheWay { path: path.display().to_string(), what: "a saved plan" }.into());
    }
    let folder = folder(path);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(Unwritten::new(path, io::Error::new(ErrorKind::NotADirectory, format!("{} is no folder", folder.display()))).into()),
        Err(error) => Err(Unwritten::new(path, error).into()),
    }
}

/// Whether two paths lead to one file. Of what is no file, such as a terminal, the names alone count.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => metadata.is_file().then(|| fs::canonicalize(path).ok())?,
        Err(_) => Some(fs::canonicalize(folder(path)).ok()?.join(path.file_name()?)),
    };
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses a place for a plan that holds something else.
pub(super) fn check_plan(path: &Path) -> anyhow::Result<()> {
    let Some(known) = content(path) else { return Ok(()) };
    if is_yaml(path) || !known.trim().is_empty() && !is_whole_plan(&known) {
        return Err(InTheWay { path: path.display().to_string(), what: "no saved plan" }.into());
    }
    Ok(())
}

/// What a file holds, nothing if it is not there; none where it is no file, such as a pipe, which must not be read.
fn content(path: &Path) -> Option<String> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return None;
    }
    Some(fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default())
}

/// Whether a text is a saved plan: reports begin as one does.
fn is_whole_plan(text: &str) -> bool {
    let is_report = matches!(Saved::parse(text), Err(SavedError::NotAPlan | SavedError::Report));
    is_plan_file(text) && !is_report
}

/// A file would be lost.
#[derive(Debug, thiserror::Error)]
#[error("{path} is {what}, and would be lost")]
pub(super) struct InTheWay {
    path: String,
    what: &'static str,
}

/// A file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot be written: {error}")]
pub(super) struct Unwritten {
    path: String,
    error: io::Error,
}

impl Unwritten {
    pub(super) fn new(path: &Path, error: io::Error) -> Self {
        Self { path: path.display().to_string(), error }
    }
}

/// Puts a file into its place once it is all on the disk.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    // As any other new file: the umask takes from it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder(path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether a path is that of a configuration by its name.
pub(super) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml"))
}

/// Reads a plan file.
pub(super) fn read(path: &Path) -> anyhow::Result<Saved> {
    let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    // Half a character at the end of what is cut off is none of its own findings.
    Saved::parse(&String::from_utf8_lossy(&bytes)).with_context(|| path.display().to_string())
}
