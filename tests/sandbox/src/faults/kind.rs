//! The kinds of faults, and the words for them.

use std::str::FromStr;
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Answered with this status (429, 500, 503, …) and not carried out.
    Status {
        /// The HTTP status on `/v2/`; on the JSON APIs 429 becomes ThrottlingException.
        status: u16,
        /// A `Retry-After` header, in seconds.
        retry_after: Option<u64>,
    },
    /// The connection is cut and the request not carried out.
    CutBefore,
    /// The request is carried out and the connection cut before the answer.
    CutAfter,
    /// Carried out; the connection is cut after half of the answer's body.
    CutBody,
    /// Carried out; the answer's body comes in ten pieces over this time.
    SlowBody(Duration),
    /// Answered as if the token or the credentials had expired.
    ExpiredToken,
    /// The manifest's bytes in the answer are not those of the digest; a put of one answers with another digest.
    WrongDigest,
    /// Carried out; one byte of the answer's body is another.
    WrongBytes,
    /// Carried out; half of the answer's body comes as if it were all of it.
    TruncatedBody,
    /// Carried out; `Content-Length` promises twice as much as comes before the connection is closed.
    LongLength,
    /// Answered as if the repository did not exist yet, and not carried out.
    RepositoryNotFound,
    /// Before it is carried out, every repository loses the blobs that no manifest refers to.
    LostBlobs,
    /// Answered that blobs are missing, without a word which, and not carried out.
    LayersNotFound,
    /// This and every later request is cut, as if the caller had been killed here.
    CutFrom {
        /// Whether the request at which it begins is still carried out.
        carried_out: bool,
    },
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let (word, option) = text
            .split_once(';')
            .map_or((text, None), |(word, option)| (word, Some(option)));
        Ok(match (word, option) {
            ("cut-before", None) => Kind::CutBefore,
            ("cut-after", None) => Kind::CutAfter,
            ("cut-body", None) => Kind::CutBody,
            ("expired-token", None) => Kind::ExpiredToken,
            ("wrong-digest", None) => Kind::WrongDigest,
            ("wrong-bytes", None) => Kind::WrongBytes,
            ("truncated-body", None) => Kind::TruncatedBody,
            ("long-length", None) => Kind::LongLength,
            ("repository-not-found", None) => Kind::RepositoryNotFound,
            ("lost-blobs", None) => Kind::LostBlobs,
            ("layers-not-found", None) => Kind::LayersNotFound,
            ("cut-from", None) => Kind::CutFrom { carried_out: false },
            ("cut-from", Some("carried-out")) => Kind::CutFrom { carried_out: true },
            ("slow-body", time) => Kind::SlowBody(
                humantime::parse_duration(time.unwrap_or("1s"))
                    .map_err(|error| error.to_string())?,
            ),
            (status, option) => {
                let retry_after = match option
                    .map(|option| option.strip_prefix("retry-after=").map(str::parse))
                {
                    None => None,
                    Some(Some(Ok(seconds))) => Some(seconds),
                    Some(_) => {
                        return Err(format!(
                            "{text:?}: the option of a status is retry-after=SECONDS"
                        ));
                    }
                };
                let status: u16 = status
                    .parse()
                    .map_err(|_| format!("{word:?} is not a kind of fault"))?;
                if !(400..=599).contains(&status) {
                    return Err(format!("{status} is not an error status"));
                }
                Kind::Status {
                    status,
                    retry_after,
                }
            }
        })
    }
}
