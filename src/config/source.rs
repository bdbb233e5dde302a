//! The text of a file: reading it, and cutting it where a finding points.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::mesh::{FileId, Place};

use super::{Code, Finding, Span};

/// The largest file that is read: ten times what a mesh of 100,000 single blocks needs.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// A file of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// The path as the user gave it, with the path below it for a file of a folder.
    pub(crate) path: String,
    /// The text without a byte order mark; empty where it could not be read.
    pub(crate) text: String,
}

impl Source {
    /// The line that holds an offset: where it begins, and its text without the line break, cut off so many bytes behind
    /// the offset.
    pub(crate) fn line(&self, offset: usize, most: usize) -> (usize, &str) {
        let is_break = |c| matches!(c, '\n' | '\r');
        let (head, tail) = self.text.split_at_checked(offset).unwrap_or((&self.text, ""));
        let start = head.rfind(is_break).map_or(0, |i| i + 1);
        let tail = tail.get(..tail.floor_char_boundary(most)).unwrap_or(tail);
        let end = tail.find(is_break).unwrap_or(tail.len()) + head.len();
        (start, self.text.get(start..end).unwrap_or_default())
    }
}

/// Reads a file; what is wrong with it as a whole is a finding.
pub(super) fn read(path: &Path, shown: String, file: FileId) -> (Source, Option<Finding>) {
    let about = |code, message: String| Finding::about(code, Some(file), message);
    let problem = match read_bytes(path) {
        Ok(bytes) if bytes.len() as u64 > MAX_BYTES => {
            let limit = MAX_BYTES / (1024 * 1024);
            about(Code::TooLarge, format!("`{shown}` is larger than {limit} MiB")).help("split it into several files of one folder")
        }
        // ASCII in UTF-16 without a mark is UTF-8 with a NUL at every other place.
        Ok(bytes) if matches!(bytes.as_slice(), [0, _, ..] | [_, 0, ..]) => return utf16(shown, file),
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                return (Source { path: shown, text }, None);
            }
            Err(error) => return not_utf8(shown, file, error.utf8_error().valid_up_to(), error.as_bytes()),
        },
        Err(error) => unreadable(path, Some(file), &error),
    };
    (Source { path: shown, text: String::new() }, Some(problem))
}

/// A file or folder that the operating system does not give.
pub(super) fn unreadable(path: &Path, file: Option<FileId>, error: &io::Error) -> Finding {
    let shown = shown(path);
    let (code, why, help) = match error.kind() {
        io::ErrorKind::NotFound if fs::symlink_metadata(path).is_ok() => {
            (Code::NotFound, "it is a link that leads nowhere".to_owned(), "remove the link, or mend it")
        }
        io::ErrorKind::NotFound => (Code::NotFound, "no such file or folder".to_owned(), "check the path and the working directory"),
        io::ErrorKind::PermissionDenied => {
            (Code::Unreadable, "permission denied".to_owned(), "give the user that runs this the right to read it")
        }
        _ => (Code::Unreadable, error.to_string().to_lowercase(), "give a YAML file, or a folder of YAML files"),
    };
    Finding::about(code, file, format!("cannot read `{shown}`: {why}")).help(help)
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn utf16(shown: String, file: FileId) -> (Source, Option<Finding>) {
    let finding = Finding::about(Code::NotUtf8, Some(file), format!("`{shown}` is UTF-16, not UTF-8")).help("save it as UTF-8");
    (Source { path: shown, text: String::new() }, Some(finding))
}

/// The text is kept as far as it can be shown.
fn not_utf8(shown: String, file: FileId, offset: usize, bytes: &[u8]) -> (Source, Option<Finding>) {
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return utf16(shown, file);
    }
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let text = String::from_utf8_lossy(bytes).into_owned();
    let head = text.get(..offset).unwrap_or_default();
    let line = head.matches('\n').count() + 1;
    let column = head.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let place = Place { file, line: number(line), column: number(column) };
    let span = Span { place, start: number(offset), end: number(offset + char::REPLACEMENT_CHARACTER.len_utf8()) };
    let finding = Finding::error(Code::NotUtf8, span, "a byte that is not UTF-8").help("save the file as UTF-8");
    (Source { path: shown, text }, Some(finding))
}

/// A path below a folder as people write it.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The same file under two names is read once.
pub(super) fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
