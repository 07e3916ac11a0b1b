//! A slow network in user space: every piece of a connection waits half of the round-trip time each way, one after the
//! other without holding each other up, and a new connection waits one round-trip time more, for its TCP handshake. What
//! TLS adds comes by itself, because its handshake crosses the same network. No loss, no bandwidth limit.

use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Two directions of bytes.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

const PIECE: usize = 64 * 1024;

/// Pieces on the way in one direction. A real connection's window is bounded too; this bound is far above what a round
/// trip of 100 ms needs, so that it is the client that is measured.
const ON_THE_WAY: usize = 512;

/// The near end of a connection whose far end is `stream`.
pub(crate) async fn behind(stream: TcpStream, rtt: Duration) -> Box<dyn Stream> {
    // Small answers must not wait for the other side's acknowledgements.
    let _ = stream.set_nodelay(true);
    if rtt.is_zero() {
        return Box::new(stream);
    }
    tokio::time::sleep(rtt).await;
    let (near, far) = tokio::io::duplex(PIECE);
    tokio::spawn(carry(stream, far, rtt / 2));
    Box::new(near)
}

/// Carries bytes between two streams, each piece so much later, until `near` ends.
pub(crate) async fn carry(
    far: impl AsyncRead + AsyncWrite,
    near: impl AsyncRead + AsyncWrite,
    delay: Duration,
) {
    let (from_far, to_far) = tokio::io::split(far);
    let (from_near, to_near) = tokio::io::split(near);
    let inward = async {
        one_way(from_far, to_near, delay).await;
        // A client that has said everything still wants its answer.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = one_way(from_near, to_far, delay) => {}
        () = inward => {}
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) {
    let (send, mut receive) = mpsc::channel::<(Instant, Bytes)>(ON_THE_WAY);
    let reading = async move {
        loop {
            let mut piece = BytesMut::with_capacity(PIECE);
            let read = from.read_buf(&mut piece).await.unwrap_or(0);
            // The end takes its time too: it travels as an empty piece.
            let sent = send.send((Instant::now() + delay, piece.freeze())).await;
            if read == 0 || sent.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = receive.recv().await {
            if !delay.is_zero() {
                tokio::time::sleep_until(due).await;
            }
            if piece.is_empty() || to.write_all(&piece).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
