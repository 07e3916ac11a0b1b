//! Reads files: the only place of this module that touches the file system.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::ecspresso::error::Error;
use crate::ecspresso::source::{Source, line_and_column};

/// The largest file that is read, in bytes. Real configs and definitions are some thousand bytes.
pub(super) const MAX_SIZE: usize = 10 * 1024 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The largest Terraform state, in bytes.
pub(super) const MAX_STATE: usize = 64 * 1024 * 1024;

/// Whether there is something to open at `path`, taken from `directory`.
pub(super) fn exists(directory: &Path, path: &Path) -> bool {
    directory.join(path).exists()
}

/// Reads a UTF-8 text file. Line ends stay as they are.
pub(super) fn read(directory: &Path, path: &Path) -> Result<Source, Error> {
    let bytes = read_bytes(directory, path)?;
    let name = name(directory, path);
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let (line, column) = line_and_column(&String::from_utf8_lossy(error.as_bytes()), valid);
        Error::new(format!(
            "{} is not valid UTF-8 at {line}:{column}",
            name.display()
        ))
    })?;
    // Go's JSON decoder refuses a byte order mark, and its YAML reader takes it for a part of the first key.
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(
            Error::new(format!("{} starts with a byte order mark", name.display()))
                .hinted(Some("save the file as UTF-8 without BOM".to_owned())),
        );
    }
    Ok(Source {
        name,
        text,
        quotable: true,
    })
}

/// Reads a file of at most [`MAX_SIZE`] bytes.
pub(super) fn read_bytes(directory: &Path, path: &Path) -> Result<Vec<u8>, Error> {
    read_at_most(directory, path, MAX_SIZE)
}

/// Reads a Terraform state of at most [`MAX_STATE`] bytes.
pub(super) fn read_state(directory: &Path, path: &Path) -> Result<String, String> {
    let bytes = read_at_most(directory, path, MAX_STATE).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned())
}

fn read_at_most(directory: &Path, path: &Path, most: usize) -> Result<Vec<u8>, Error> {
    let name = name(directory, path);
    let failure = |error: std::io::Error| {
        let reason = match error.kind() {
            ErrorKind::NotFound => "no such file".to_owned(),
            ErrorKind::IsADirectory => "it is a directory".to_owned(),
            _ => error.to_string(),
        };
        Error::new(format!("cannot read {}: {reason}", name.display()))
    };
    let file = File::open(directory.join(path)).map_err(failure)?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failure)?;
    if bytes.len() > most {
        return Err(Error::new(format!(
            "{} is larger than {} MiB",
            name.display(),
            most >> 20
        )));
    }
    Ok(bytes)
}

/// The name of a file in messages: relative to the current directory where it lies below it.
pub(super) fn name(directory: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(directory).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_never_ends_is_refused() {
        let error = read(Path::new("/"), Path::new("dev/zero")).expect_err("endless");
        assert_eq!(error.to_string(), "dev/zero is larger than 10 MiB");
    }

    #[test]
    fn a_directory_and_a_missing_file_are_named() {
        let check = |path: &str, expected: &str| {
            let error = read(Path::new("/"), Path::new(path)).expect_err("not a file");
            assert_eq!(error.to_string(), expected);
        };
        check("nowhere/x.json", "cannot read nowhere/x.json: no such file");
        check("dev", "cannot read dev: it is a directory");
    }
}
