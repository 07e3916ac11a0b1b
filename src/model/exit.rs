//! Exit codes: few, named, and the same for every command.

/// How a run ends. Ordered from good to bad: of several, the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 2: changes are pending, and `--detailed-exitcode` asked to say so; or there are findings, at or above `--fail-on`.
    Changes,
    /// 3: the input is wrong (usage, config, template, settings); nothing was written.
    Input,
    /// 4: refused on purpose.
    Decision,
    /// 1: the world failed (unreachable, access denied, throttled past the deadline); the report says what was written.
    World,
    /// 130: interrupted (SIGINT).
    Interrupted,
    /// 143: terminated (SIGTERM).
    Terminated,
}

impl Exit {
    /// The code a shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Changes => 2,
            Self::Input => 3,
            Self::Decision => 4,
            Self::World => 1,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}
