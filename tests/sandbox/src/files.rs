//! Where the sandbox reads and writes files, and where it looks at the environment and the wall clock.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the sandbox's edge: world files, logs and dumps"
)]

use std::path::Path;

use crate::Error;

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::new(format!("cannot read {}: {error}", path.display())))
}

/// Writes a file anew.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", path.display())))
}
