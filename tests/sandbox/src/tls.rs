//! TLS with a certificate that is made at the start, for 127.0.0.1 and localhost, and that clients must be told to trust.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::Error;
use crate::latency::Stream;

/// Which protocols are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// HTTP/2, and HTTP/1.1 for clients that do not speak it.
    Http2,
    /// HTTP/1.1 alone.
    Http1,
}

impl std::str::FromStr for Tls {
    type Err = String;

    fn from_str(text: &str) -> Result<Tls, String> {
        match text {
            "h2" => Ok(Tls::Http2),
            "http/1.1" => Ok(Tls::Http1),
            _ => Err("h2 or http/1.1".to_owned()),
        }
    }
}

/// The server's side of TLS.
pub(crate) struct Server {
    acceptor: TlsAcceptor,
    file: PathBuf,
}

impl Server {
    pub(crate) fn new(tls: Tls, port: u16) -> Result<Server, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::new(format!("cannot use TLS: {error}"));
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(names).map_err(|error| failed(&error))?;
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .map_err(|error| failed(&error))?;
        let protocols: &[&[u8]] = match tls {
            Tls::Http2 => &[b"h2", b"http/1.1"],
            Tls::Http1 => &[b"http/1.1"],
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = format!("demitasse-sandbox-{}-{port}.pem", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::File::create(&file)
            .and_then(|mut open| open.write_all(cert.pem().as_bytes()))
            .map_err(|error| Error::new(format!("cannot write {}: {error}", file.display())))?;
        Ok(Server {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            file,
        })
    }

    /// The certificate, PEM; it is gone with the server.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// What is said inside; `None` where the client breaks off, because it does not trust the certificate or speaks no TLS.
    pub(crate) async fn accept(&self, stream: Box<dyn Stream>) -> Option<Box<dyn Stream>> {
        let inside = self.acceptor.accept(stream).await.ok()?;
        Some(Box::new(inside))
    }
}

/// How URLs of a server begin.
pub(crate) fn scheme(tls: Option<&Server>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
