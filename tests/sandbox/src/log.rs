//! The request log: one record for each request, in memory and, where wanted, as JSON lines in a file.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::Error;

/// A request that arrived.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Its number, from 1, in the order of arrival.
    pub number: u64,
    /// When it arrived, in milliseconds since the start.
    pub at: f64,
    /// How long it took to answer, in milliseconds.
    pub took: f64,
    /// The connection it came on, from 1.
    pub connection: u64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: String,
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The operation of a JSON or query API; on `/v2/` the method.
    pub operation: String,
    /// The IAM action it needs, such as `ecr:PutImage`.
    pub action: Option<String>,
    /// The account whose credentials it carried, also behind a registry token; nothing where it carried none.
    pub caller: Option<String>,
    /// The repository it is about.
    pub repository: Option<String>,
    /// The tag or digest it is about; of a batch, the first.
    pub reference: Option<String>,
    /// The status of the answer; 0 where the connection was cut before it.
    pub status: u16,
    /// The error code of the answer.
    pub error: Option<String>,
    /// The bytes of its body.
    pub bytes_in: u64,
    /// The bytes of the answer's body.
    pub bytes_out: u64,
    /// Whether it asks for a change.
    pub write: bool,
    /// The scripted fault it met.
    pub fault: Option<String>,
}

/// The log of a sandbox.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) requests: Vec<Request>,
    pub(crate) arrived: u64,
    file: Option<File>,
}

impl Log {
    pub(crate) fn to_file(path: Option<&Path>) -> Result<Log, Error> {
        let file = match path {
            Some(path) => Some(File::create(path).map_err(|error| {
                Error::new(format!("cannot write {}: {error}", path.display()))
            })?),
            None => None,
        };
        Ok(Log {
            file,
            ..Log::default()
        })
    }

    pub(crate) fn add(&mut self, request: Request) {
        if let (Some(file), Ok(line)) = (&mut self.file, serde_json::to_string(&request)) {
            // A log that cannot be written must not change what the client sees.
            let _ = writeln!(file, "{line}");
        }
        self.requests.push(request);
    }
}

/// Milliseconds with decimals.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
