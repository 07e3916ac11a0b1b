//! The listener: one task per connection, HTTP/1.1 or HTTP/2, with TLS or without, each connection with a switch that cuts it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::call::Call;
use crate::exchange::Body;
use crate::exchange::exchange;
use crate::faults::Kind;
use crate::faults::Script;
use crate::latency;
use crate::log::Log;
use crate::quota::Quota;
use crate::state::State;
use crate::tls::Server;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) log: Mutex<Log>,
    pub(crate) script: Mutex<Script>,
    pub(crate) quota: Option<Mutex<Quota>>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) rtt: Duration,
    pub(crate) tls: Option<Server>,
    pub(crate) started: Instant,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers a request and finds its fault.
    pub(crate) fn number(&self, call: &Call) -> (u64, Option<Kind>) {
        let number = {
            let mut log = self.log();
            log.arrived += 1;
            log.arrived
        };
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        (
            number,
            script.take(number, call.action.as_deref(), call.repository.as_deref()),
        )
    }

    /// Whether the quotas let a request through.
    pub(crate) fn allows(&self, call: &Call) -> bool {
        match (&self.quota, &call.action) {
            (Some(quota), Some(action)) => quota
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(action, Instant::now()),
            _ => true,
        }
    }
}

/// A connection, as its requests see it.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    cut: Arc<Notify>,
}

impl Connection {
    /// Cuts the connection; nothing is answered.
    pub(crate) async fn cut(&self) -> Response<Body> {
        self.end();
        std::future::pending().await
    }

    pub(crate) fn end(&self) {
        self.cut.notify_one();
    }
}

/// Accepts connections for ever.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut id = 0;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        id += 1;
        let connection = Connection {
            id,
            cut: Arc::new(Notify::new()),
        };
        tokio::spawn(converse(stream, connection, Arc::clone(&shared)));
    }
}

async fn converse(stream: TcpStream, connection: Connection, shared: Arc<Shared>) {
    let stream = latency::behind(stream, shared.rtt).await;
    let stream = match &shared.tls {
        Some(tls) => match tls.accept(stream).await {
            Some(inside) => inside,
            None => return,
        },
        None => stream,
    };
    let cut = Arc::clone(&connection.cut);
    let service = service_fn(|request| {
        let (shared, connection) = (Arc::clone(&shared), connection.clone());
        async move { Ok::<_, Infallible>(exchange(&shared, &connection, request).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let conversation = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = conversation => {}
        () = cut.notified() => {}
    }
}
