//! What ends a run before its end: a signal, or the time that it may take. Whoever acts asks between two writes.

use tokio::sync::watch::{self, Receiver, Sender};

use crate::plan::sweep::Stopped;

/// Whether a run is to stop.
#[derive(Clone, Debug)]
pub struct Halt(Receiver<Option<Stopped>>);

/// Tells a run to stop.
#[derive(Debug)]
pub struct Halter(Sender<Option<Stopped>>);

/// One of each, for one run.
pub fn halt() -> (Halter, Halt) {
    let (sender, receiver) = watch::channel(None);
    (Halter(sender), Halt(receiver))
}

impl Halter {
    /// Stops the run; the first reason counts.
    pub fn stop(&self, why: Stopped) {
        self.0.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(why);
            first
        });
    }
}

impl Halt {
    /// Why the run is to stop, if it is.
    pub fn now(&self) -> Option<Stopped> {
        self.0.borrow().clone()
    }

    /// Waits until the run is to stop; for ever where nobody can say so any more.
    pub async fn wait(&self) -> Stopped {
        let mut receiver = self.0.clone();
        loop {
            if let Some(why) = receiver.borrow_and_update().clone() {
                return why;
            }
            if receiver.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
