//! SIGINT and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

use crate::apply::halt::Halter;
use crate::model::exit::Exit;
use crate::plan::sweep::Stopped;

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

/// Stops a run at a signal and at the end of its time. Never ends: what is under way is waited for by whoever runs it.
pub(super) async fn halt(halter: &Halter, end: tokio::time::Instant) {
    let stopped = tokio::select! {
        exit = received() => Stopped { exit, why: "interrupted".to_owned() },
        () = tokio::time::sleep_until(end) => Stopped {
            exit: Exit::World,
            why: "the run took longer than --timeout".to_owned(),
        },
    };
    halter.stop(stopped);
    std::future::pending::<()>().await;
}
