//! A small blocking HTTP client for the tour and the tests: one request, one connection, no redirects followed.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use hyper_util::rt::TokioIo;

use crate::Error;

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends a request to `http://host:port/path?query`.
///
/// # Errors
/// The connection failed, or was cut before the whole answer was there.
pub fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Response, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("{method} {url}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let (host, _) = url
        .trim_start_matches("http://")
        .split_once('/')
        .ok_or_else(|| failed(&"not a URL"))?;
    let path = url.trim_start_matches("http://").trim_start_matches(host);
    let mut request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(body.into()))
        .map_err(|error| failed(&error))?;
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(host)
            .await
            .map_err(|error| failed(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let (head, body) = sender
            .send_request(request)
            .await
            .map_err(|error| failed(&error))?
            .into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| failed(&error))?
            .to_bytes();
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        Ok(Response {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body,
        })
    })
}
