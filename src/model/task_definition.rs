//! A task definition, reduced to what a promotion reads: the family, and the image of each container.

use std::fmt;
use std::path::PathBuf;

/// A task definition as ecspresso would register it (API name: `RegisterTaskDefinition`).
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDefinition {
    /// The family; never empty.
    pub family: String,
    /// The containers in the order of the file: sidecars and init containers are ordinary entries.
    pub containers: Vec<Container>,
    /// The whole definition with camelCase keys; nulls and empty lists are dropped, as ecspresso drops them.
    pub document: serde_json::Value,
}

/// One entry of `containerDefinitions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// `name`, unique in its task definition.
    pub name: String,
    /// `image` as rendered, for example `123456789012.dkr.ecr.eu-west-1.amazonaws.com/fluentd/app:aaaa`.
    pub image: String,
    /// Where the image stands in its source file; `None` where that is not known (Jsonnet that computes it).
    pub location: Option<Location>,
}

/// A place in a file, for people and for annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, relative to the current directory where it lies below it.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}
