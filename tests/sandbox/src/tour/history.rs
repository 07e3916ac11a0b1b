//! The history both scenarios share: what was deployed when, and what runs at the end.

/// A deploy of a task definition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deploy {
    pub(crate) family: &'static str,
    pub(crate) revision: u32,
    pub(crate) tag: &'static str,
    /// Whether it is what runs at the end.
    pub(crate) runs: bool,
}

const fn deploy(family: &'static str, revision: u32, tag: &'static str, runs: bool) -> Deploy {
    Deploy {
        family,
        revision,
        tag,
        runs,
    }
}

/// In the order of time: a busy service, and a quiet one that stays on bbbb.
pub(crate) const DEPLOYS: [Deploy; 7] = [
    deploy("app", 1, "aaaa", false),
    deploy("middleware", 1, "aaaa", false),
    deploy("app", 2, "bbbb", false),
    deploy("middleware", 2, "bbbb", true),
    deploy("app", 3, "cccc", false),
    deploy("app", 4, "dddd", false),
    deploy("app", 5, "eeee", true),
];

impl Deploy {
    /// `family:revision`.
    pub(crate) fn task_definition(&self) -> String {
        format!("{}:{}", self.family, self.revision)
    }
}
