//! Scripted faults: what goes wrong, and at which request.

use std::str::FromStr;

use serde::Deserialize;

mod kind;

pub use kind::Kind;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FaultText")]
pub struct Fault {
    /// When it happens.
    pub at: At,
    /// What happens.
    pub kind: Kind,
}

/// When a fault happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// At the request with this number; the first since the start or the last `clear_log` is 1.
    Request(u64),
    /// At the nth request (1 is the first, 0 every one) that needs this IAM action, on this repository or any.
    Action {
        /// `ecr:PutImage`, `s3:GetObject` for a blob read from storage, …
        action: String,
        /// Which of them.
        nth: u64,
        /// Only those on this repository.
        repository: Option<String>,
    },
}

impl FromStr for Fault {
    type Err = String;

    /// Reads `KIND@WHEN`: `429@ecr:PutImage`, `503;retry-after=1@7`, `cut-after@ecr:PutImage=fluentd/app#2`,
    /// `slow-body;2s@s3:GetObject#*`, `cut-from@9`, `cut-from;carried-out@9`.
    fn from_str(text: &str) -> Result<Fault, String> {
        let (kind, at) = text
            .split_once('@')
            .ok_or_else(|| format!("{text:?} is not KIND@WHEN, such as 429@ecr:PutImage"))?;
        Ok(Fault {
            at: at.parse()?,
            kind: kind.parse()?,
        })
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<At, String> {
        if let Ok(number) = text.parse() {
            return Ok(At::Request(number));
        }
        let (rest, nth) = match text.split_once('#') {
            None => (text, 1),
            Some((rest, "*")) => (rest, 0),
            Some((rest, nth)) => (
                rest,
                nth.parse()
                    .map_err(|_| format!("{nth:?} is not a number or *"))?,
            ),
        };
        let (action, repository) = match rest.split_once('=') {
            Some((action, repository)) => (action, Some(repository.to_owned())),
            None => (rest, None),
        };
        if !action.contains(':') {
            return Err(format!(
                "{action:?} is neither a request number nor an action such as ecr:PutImage"
            ));
        }
        Ok(At::Action {
            action: action.to_owned(),
            nth,
            repository,
        })
    }
}

/// In JSON a fault is the same text.
#[derive(Deserialize)]
struct FaultText(String);

impl TryFrom<FaultText> for Fault {
    type Error = String;

    fn try_from(text: FaultText) -> Result<Fault, String> {
        text.0.parse()
    }
}

/// The script of a sandbox, and how often each of its actions has come by.
#[derive(Debug, Default)]
pub(crate) struct Script {
    faults: Vec<(Fault, u64)>,
    killed: bool,
}

impl Script {
    pub(crate) fn new(faults: Vec<Fault>) -> Script {
        Script {
            faults: faults.into_iter().map(|fault| (fault, 0)).collect(),
            killed: false,
        }
    }

    /// The fault of a request, if it has one.
    pub(crate) fn take(
        &mut self,
        number: u64,
        action: Option<&str>,
        repository: Option<&str>,
    ) -> Option<Kind> {
        if self.killed {
            return Some(Kind::CutFrom { carried_out: false });
        }
        let mut found = None;
        for (fault, seen) in &mut self.faults {
            let is_here = match &fault.at {
                At::Request(wanted) => *wanted == number,
                At::Action {
                    action: wanted,
                    nth,
                    repository: on,
                } => {
                    let matches =
                        action == Some(wanted) && (on.is_none() || on.as_deref() == repository);
                    *seen += u64::from(matches);
                    matches && (*nth == 0 || *seen == *nth)
                }
            };
            if is_here && found.is_none() {
                found = Some(fault.kind.clone());
            }
        }
        self.killed = matches!(found, Some(Kind::CutFrom { .. }));
        found
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn texts() {
        let action = |action: &str, nth: u64, repository: Option<&str>| At::Action {
            action: action.to_owned(),
            nth,
            repository: repository.map(str::to_owned),
        };
        for (text, expected) in [
            (
                "429@ecr:PutImage",
                Some((
                    action("ecr:PutImage", 1, None),
                    Kind::Status {
                        status: 429,
                        retry_after: None,
                    },
                )),
            ),
            (
                "503;retry-after=1@7",
                Some((
                    At::Request(7),
                    Kind::Status {
                        status: 503,
                        retry_after: Some(1),
                    },
                )),
            ),
            (
                "cut-after@ecr:PutImage=fluentd/app#2",
                Some((
                    action("ecr:PutImage", 2, Some("fluentd/app")),
                    Kind::CutAfter,
                )),
            ),
            (
                "slow-body;2s@s3:GetObject#*",
                Some((
                    action("s3:GetObject", 0, None),
                    Kind::SlowBody(Duration::from_secs(2)),
                )),
            ),
            (
                "cut-from;carried-out@9",
                Some((At::Request(9), Kind::CutFrom { carried_out: true })),
            ),
            (
                "lost-blobs@ecr:PutImage",
                Some((action("ecr:PutImage", 1, None), Kind::LostBlobs)),
            ),
            ("200@3", None),
            ("429", None),
            ("429@PutImage", None),
        ] {
            let fault = expected.map(|(at, kind)| Fault { at, kind });
            assert_eq!(text.parse::<Fault>().ok(), fault, "{text}");
        }
    }

    #[test]
    fn the_nth_of_an_action() {
        let mut script = Script::new(vec![
            "429@ecr:PutImage=b#2".parse().unwrap(),
            "cut-from@6".parse().unwrap(),
        ]);
        let mut take = |number, action, repository| {
            script
                .take(number, Some(action), Some(repository))
                .is_some()
        };
        assert!(!take(1, "ecr:PutImage", "a"));
        assert!(!take(2, "ecr:PutImage", "b"));
        assert!(!take(3, "ecr:BatchGetImage", "b"));
        assert!(take(4, "ecr:PutImage", "b"));
        assert!(!take(5, "ecr:PutImage", "b"));
        assert!(take(6, "ecr:PutImage", "b"));
        assert!(take(7, "ecr:PutImage", "b"));
    }
}
