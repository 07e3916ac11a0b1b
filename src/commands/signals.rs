//! SIGINT and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

use crate::model::exit::Exit;

/// Waits for one of the two; for ever where they cannot be listened to.
pub(super) async fn received() -> Exit {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}
