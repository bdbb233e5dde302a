//! Plan files on the disk: what goes into one, writing it whole, reading it.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::plan::warnings;
use crate::{
    config::Loaded,
    controller::ServerInfo,
    plan::{
        Permissions,
        saved::{Controller, Origin, Saved},
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

/// Writes a plan file, whole or not at all.
pub(super) fn write(path: &Path, saved: &Saved) -> anyhow::Result<()> {
    let text = saved.to_text();
    // A file that could not be read again is found now, not when it is to be run.
    Saved::parse(&text)
        .map_err(anyhow::Error::from)
        .and_then(|_| Ok(replace(path, &text)?))
        .with_context(|| format!("{}: cannot be written", path.display()))
}

/// Through a link, and never in place of something that is no file.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("it is there, and no file")),
        Ok(_) => fs::canonicalize(path)?,
        Err(_) => path.to_owned(),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As any other new file: the umask takes from it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Reads a plan file.
pub(super) fn read(path: &Path) -> anyhow::Result<Saved> {
    let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    // Half a character at the end of what is cut off is none of its own findings.
    Saved::parse(&String::from_utf8_lossy(&bytes)).with_context(|| path.display().to_string())
}
