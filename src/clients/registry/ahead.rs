//! A connection opened before there is anything to ask, while the plan is still being read: the first request to a registry
//! then waits for neither TCP nor TLS. No request is spent on it.

use std::any::Any;
use std::cell::Cell;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use reqwest::{Client, Url};
use tokio::sync::oneshot;
use tower_layer::Layer;
use tower_service::Service;

/// A connection that waited longer is not used: the registry may have closed it.
const FRESH: Duration = Duration::from_secs(30);

/// What a connector yields, whatever type that is, and when.
type Opened = (Box<dyn Any + Send>, Instant);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    /// Set while a request is made only so that the client connects: where the connection goes instead.
    static OPENING: Cell<Option<oneshot::Sender<Opened>>>;
}

/// The place in a client's connector where one connection waits for its first request. For a client that knows one
/// host: a connection is given to whoever connects first.
#[derive(Clone, Default)]
pub(crate) struct Ahead(Arc<Mutex<Option<oneshot::Receiver<Opened>>>>);

impl Ahead {
    /// Lets the client, which has this layer in its connector, connect to the address. The request for that is never sent.
    pub(crate) fn open(&self, client: &Client, url: Url) {
        let (sender, receiver) = oneshot::channel();
        *self.held() = Some(receiver);
        let request = client.get(url).send();
        // Whoever wants the connection sees whether there is one, and makes its own otherwise.
        let connecting = OPENING.scope(Cell::new(Some(sender)), async { drop(request.await) });
        tokio::spawn(connecting);
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<oneshot::Receiver<Opened>>> {
        self.0.lock().unwrap_or_else(|held| held.into_inner())
    }
}

impl<S> Layer<S> for Ahead {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        let ahead = self.clone();
        Connector { inner, ahead }
    }
}

/// A connector with a connection that may be there already.
#[derive(Clone)]
pub(crate) struct Connector<S> {
    inner: S,
    ahead: Ahead,
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Error = BoxError> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // The service that was polled is the one to call; a clone takes its place.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        if let Ok(Some(sender)) = OPENING.try_with(Cell::take) {
            return Box::pin(async move {
                let connection = inner.call(request).await?;
                drop(sender.send((Box::new(connection), Instant::now())));
                Err("opened ahead of its first request".into())
            });
        }
        let waiting = self.ahead.held().take();
        Box::pin(async move {
            if let Some(waiting) = waiting
                && let Ok((connection, since)) = waiting.await
                && since.elapsed() < FRESH
                && let Ok(connection) = connection.downcast()
            {
                return Ok(*connection);
            }
            inner.call(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    /// A server that answers whatever is asked, and how often it was connected to and asked.
    fn server() -> (Url, Arc<[AtomicUsize; 2]>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let counts: Arc<[AtomicUsize; 2]> = Arc::default();
        let told = Arc::clone(&counts);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.expect("accepted");
                told[0].fetch_add(1, Ordering::SeqCst);
                let told = Arc::clone(&told);
                thread::spawn(move || {
                    let mut text = [0; 4096];
                    while connection.read(&mut text).is_ok_and(|read| read > 0) {
                        told[1].fetch_add(1, Ordering::SeqCst);
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        connection.write_all(answer).expect("written");
                    }
                });
            }
        });
        (url.parse().expect("a URL"), counts)
    }

    fn client(ahead: &Ahead) -> Client {
        let client = Client::builder().connector_layer(ahead.clone());
        client.no_proxy().build().expect("a client")
    }

    async fn until(counts: &[AtomicUsize; 2], expected: [usize; 2]) {
        let now = || [0, 1].map(|at: usize| counts[at].load(Ordering::SeqCst));
        for _ in 0..200 {
            if now() == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} instead of {expected:?}", now());
    }

    #[tokio::test]
    async fn a_connection_waits_for_the_first_request() {
        let (url, counts) = server();
        let ahead = Ahead::default();
        let client = client(&ahead);
        ahead.open(&client, url.clone());
        until(&counts, [1, 0]).await;
        client.get(url.clone()).send().await.expect("an answer");
        until(&counts, [1, 1]).await;
        let two = futures_util::future::join(
            client.get(url.clone()).send(),
            client.get(url.clone()).send(),
        );
        let (one, other) = two.await;
        assert!(one.is_ok() && other.is_ok());
        until(&counts, [2, 3]).await;
    }

    #[tokio::test]
    async fn the_first_request_waits_for_a_connection_that_is_being_opened() {
        let (url, counts) = server();
        let ahead = Ahead::default();
        let client = client(&ahead);
        ahead.open(&client, url.clone());
        client.get(url).send().await.expect("an answer");
        until(&counts, [1, 1]).await;
    }

    #[tokio::test]
    async fn a_connection_that_cannot_be_opened_is_opened_by_the_request_itself() {
        let (url, counts) = server();
        let closed = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let nobody = format!("http://{}/", closed.local_addr().expect("bound"));
        drop(closed);
        let ahead = Ahead::default();
        let client = client(&ahead);
        ahead.open(&client, nobody.parse().expect("a URL"));
        client.get(url).send().await.expect("an answer");
        until(&counts, [1, 1]).await;
    }
}
