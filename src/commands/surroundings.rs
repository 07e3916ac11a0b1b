//! What a run finds around it: its environment, its standard streams, its files and the time of day.

#![expect(
    clippy::disallowed_methods,
    reason = "commands read and write files and the clock here and nowhere else"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::model::time::Timestamp;
use crate::report::table::Colour;

/// The largest file that is read, in bytes: no config or rendered task definition comes near it.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The process as commands see it.
pub struct Surroundings<'a> {
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    now: Option<Timestamp>,
}

impl<'a> Surroundings<'a> {
    /// With this environment and these streams.
    pub fn new(
        environment: BTreeMap<String, String>,
        out: &'a mut dyn Write,
        err: &'a mut dyn Write,
    ) -> Self {
        Self {
            environment,
            out,
            err,
            now: None,
        }
    }

    /// The same at another time than the machine's.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let now = Some(now);
        Self { now, ..self }
    }

    /// Writes data. A reader that went away (`| head`) is not our failure.
    pub fn show(&mut self, text: &str) {
        drop(self.out.write_all(text.as_bytes()));
        drop(self.out.flush());
    }

    /// Writes for people.
    pub fn tell(&mut self, text: impl fmt::Display) {
        drop(write!(self.err, "{text}"));
        drop(self.err.flush());
    }

    /// A variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let value = self.environment.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Whether somebody watches stderr: no continuous integration, no pipe, no dumb terminal.
    pub fn is_watched(&self) -> bool {
        let quiet = ["CI", "TF_BUILD", "GITHUB_ACTIONS"];
        std::io::stderr().is_terminal()
            && self.variable("TERM") != Some("dumb")
            && quiet.iter().all(|name| self.variable(name).is_none())
    }

    /// Whether somebody is there to answer a question.
    pub fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && self.variable("CI").is_none()
    }

    /// Whether to colour stdout (<https://no-color.org>).
    pub fn colour(&self) -> Colour {
        let forced = self.variable("FORCE_COLOR").is_some();
        let refused = self.variable("NO_COLOR").is_some() || self.variable("TERM") == Some("dumb");
        if !refused && (forced || std::io::stdout().is_terminal()) {
            Colour::On
        } else {
            Colour::Off
        }
    }

    /// The current directory.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn directory(&self) -> Result<PathBuf, String> {
        std::env::current_dir().map_err(|error| format!("the current directory: {error}"))
    }

    /// A text file, or standard input for `-`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, path: &Path) -> Result<String, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut bytes = Vec::new();
        let read = if path == Path::new("-") {
            std::io::stdin()
                .lock()
                .take(MAX_FILE_BYTES + 1)
                .read_to_end(&mut bytes)
        } else {
            let file = std::fs::File::open(path).map_err(wrong)?;
            file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)
        };
        read.map_err(wrong)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
            return Err(format!("{}: larger than 16 MiB", path.display()));
        }
        String::from_utf8(bytes).map_err(|_| format!("{}: not UTF-8", path.display()))
    }

    /// Writes a file in the place of what is there.
    ///
    /// # Errors
    /// What went wrong.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), String> {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Adds to the end of a file.
    ///
    /// # Errors
    /// What went wrong.
    pub fn append(&self, path: &Path, text: &str) -> Result<(), String> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(now)
    }
}

/// The answer to a question that was asked: whether it is y or yes. Waits for a line.
pub(super) fn answer() -> bool {
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Now.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
