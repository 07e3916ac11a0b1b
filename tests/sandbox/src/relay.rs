//! A relay that puts the sandbox's network, and TLS where wanted, in front of a server that is not the sandbox.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::Error;
use crate::latency;
use crate::tls::Server;
use crate::tls::Tls;
use crate::tls::scheme;

/// A relay that listens.
pub struct Relay {
    listener: TcpListener,
    port: u16,
    to: SocketAddr,
    rtt: Duration,
    tls: Option<Arc<Server>>,
}

impl Relay {
    /// Listens on 127.0.0.1; a port of 0 takes a free one. TLS ends here: the server behind sees HTTP/1.1 without it.
    ///
    /// # Errors
    /// The port is taken, or the certificate cannot be written.
    pub async fn listen(
        to: SocketAddr,
        rtt: Duration,
        tls: bool,
        port: u16,
    ) -> Result<Relay, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let failed = |error| Error::new(format!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let tls = match tls {
            true => Some(Arc::new(Server::new(Tls::Http1, port)?)),
            false => None,
        };
        Ok(Relay {
            listener,
            port,
            to,
            rtt,
            tls,
        })
    }

    /// `http://127.0.0.1:PORT`, or `https://`.
    pub fn url(&self) -> String {
        let scheme = scheme(self.tls.as_deref());
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The certificate that clients must trust, where there is TLS.
    pub fn certificate(&self) -> Option<PathBuf> {
        self.tls.as_ref().map(|tls| tls.file().to_path_buf())
    }

    /// Relays for ever.
    pub async fn run(&self) {
        loop {
            let Ok((client, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let (to, rtt, tls) = (self.to, self.rtt, self.tls.clone());
            tokio::spawn(async move {
                let near = latency::behind(client, rtt).await;
                let near = match &tls {
                    Some(tls) => tls.accept(near).await,
                    None => Some(near),
                };
                if let (Some(near), Ok(server)) = (near, TcpStream::connect(to).await) {
                    let _ = server.set_nodelay(true);
                    latency::carry(near, server, Duration::ZERO).await;
                }
            });
        }
    }
}
