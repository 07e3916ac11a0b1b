//! Bodies that go wrong: cut half-way, slow, or not the bytes that were asked for.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use serde_json::Value;
use tokio::time::Sleep;

use crate::answer::Answer;
use crate::exchange::Body;
use crate::server::Connection;

/// Half of the bytes; then the connection is cut.
pub(crate) fn cut_half_way(bytes: Bytes, connection: &Connection) -> Body {
    cut_at_end(bytes.slice(..bytes.len() / 2), connection)
}

/// The bytes; then the connection is cut, whatever was promised.
pub(crate) fn cut_at_end(bytes: Bytes, connection: &Connection) -> Body {
    let pieces = vec![bytes];
    Paced {
        pieces,
        pause: Duration::from_millis(20),
        sleep: None,
        cut: Some(connection.clone()),
    }
    .boxed()
}

/// The bytes in ten pieces over some time.
pub(crate) fn slow(bytes: Bytes, time: Duration) -> Body {
    let size = bytes.len().div_ceil(10).max(1);
    let mut pieces: Vec<Bytes> = (0..bytes.len())
        .step_by(size)
        .map(|from| bytes.slice(from..bytes.len().min(from + size)))
        .collect();
    pieces.reverse();
    Paced {
        pieces,
        pause: time / 10,
        sleep: None,
        cut: None,
    }
    .boxed()
}

/// Changes one byte in the middle.
pub(crate) fn alter_byte(answer: &mut Answer) {
    let mut bytes = answer.body.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    answer.body = Bytes::from(bytes);
}

/// Adds a space to the manifests in an answer: still JSON, another digest. The answer to a put names another digest.
pub(crate) fn alter_manifest(answer: &mut Answer) {
    let altered = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(mut value) if value.get("images").is_some() => {
            for image in value["images"].as_array_mut().into_iter().flatten() {
                if let Some(text) = image["imageManifest"].as_str() {
                    image["imageManifest"] = Value::from(format!("{text} "));
                }
            }
            value.to_string().into_bytes()
        }
        Ok(mut value) if value["image"]["imageId"]["imageDigest"].is_string() => {
            let other = format!("sha256:{}", "0".repeat(64));
            value["image"]["imageId"]["imageDigest"] = Value::from(other);
            value.to_string().into_bytes()
        }
        _ => [&answer.body[..], b" "].concat(),
    };
    answer.body = Bytes::from(altered);
}

/// Pieces, last first, with a pause before each and before the end.
struct Paced {
    pieces: Vec<Bytes>,
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    cut: Option<Connection>,
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.pieces.is_empty() && self.cut.is_none() {
            return Poll::Ready(None);
        }
        let pause = self.pause;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        if sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.sleep = None;
        match (self.pieces.pop(), &self.cut) {
            (Some(piece), _) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            (None, Some(connection)) => {
                connection.end();
                Poll::Pending
            }
            (None, None) => Poll::Ready(None),
        }
    }
}
