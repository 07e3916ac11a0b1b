//! The network before the sandbox and before other servers: round-trip times, and TLS.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use demitasse_sandbox::Options;
use demitasse_sandbox::Relay;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::Tls;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

mod support;

const RTT: Duration = Duration::from_millis(60);

fn sandbox(rtt: Duration, tls: Option<Tls>) -> Sandbox {
    let options = Options {
        rtt,
        tls,
        ..Options::default()
    };
    support::start(r#"{"repositories": [{"name": "fluentd/common"}]}"#, options)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// A connection that trusts nothing but this certificate.
async fn connect(
    url: &str,
    certificate: &std::path::Path,
    protocols: &[&str],
) -> TlsStream<TcpStream> {
    let mut trusted = RootCertStore::empty();
    trusted
        .add(CertificateDer::from_pem_file(certificate).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(url.trim_start_matches("https://"))
        .await
        .unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

async fn ask(stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin)) -> String {
    stream
        .write_all(b"GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// Round trips, in tenths, that the first and the second request on a connection take.
fn round_trips(url: &str, certificate: Option<&std::path::Path>) -> (u128, u128) {
    run(async {
        let began = Instant::now();
        let tenths = |since: Instant| since.elapsed().as_millis() * 10 / RTT.as_millis();
        if let Some(file) = certificate {
            let mut stream = connect(url, file, &["http/1.1"]).await;
            assert!(ask(&mut stream).await.starts_with("HTTP/1.1 401"));
            let first = tenths(began);
            let began = Instant::now();
            ask(&mut stream).await;
            (first, tenths(began))
        } else {
            let mut stream = TcpStream::connect(url.trim_start_matches("http://"))
                .await
                .unwrap();
            assert!(ask(&mut stream).await.starts_with("HTTP/1.1 401"));
            let first = tenths(began);
            let began = Instant::now();
            ask(&mut stream).await;
            (first, tenths(began))
        }
    })
}

fn assert_about(measured: (u128, u128), first: u128) {
    // Never faster; slower where the machine is busy.
    assert!((first..first + 9).contains(&measured.0), "{measured:?}");
    assert!((10..19).contains(&measured.1), "{measured:?}");
}

#[test]
fn a_connection_takes_one_round_trip_more_and_tls_another() {
    let plain = sandbox(RTT, None);
    assert_about(round_trips(&plain.url(), None), 20);
    let tls = sandbox(RTT, Some(Tls::Http1));
    assert_about(round_trips(&tls.url(), tls.certificate()), 30);
}

#[test]
fn a_relay_is_the_same_network_before_another_server() {
    let behind = sandbox(Duration::ZERO, None);
    let to = behind.url().trim_start_matches("http://").parse().unwrap();
    for (tls, first) in [(false, 20), (true, 30)] {
        let (told, hear) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            run(async {
                let relay = Relay::listen(to, RTT, tls, 0).await.unwrap();
                told.send((relay.url(), relay.certificate())).unwrap();
                tokio::select! {
                    () = relay.run() => {}
                    _ = stopped => {}
                }
            });
        });
        let (url, certificate) = hear.recv().unwrap();
        assert_about(round_trips(&url, certificate.as_deref()), first);
        stop.send(()).unwrap();
        thread.join().unwrap();
    }
    assert_eq!(behind.log().len(), 4);
}

#[test]
fn tls_offers_http_2_unless_told_not_to() {
    for (tls, expected) in [(Tls::Http2, "h2"), (Tls::Http1, "http/1.1")] {
        let sandbox = sandbox(Duration::ZERO, Some(tls));
        let file = sandbox.certificate().unwrap().to_path_buf();
        let stream = run(connect(&sandbox.url(), &file, &["h2", "http/1.1"]));
        let (_, session) = stream.get_ref();
        assert_eq!(session.alpn_protocol(), Some(expected.as_bytes()));
        let told: std::collections::BTreeMap<_, _> = sandbox.environment().into_iter().collect();
        assert_eq!(told["SSL_CERT_FILE"], file.display().to_string());
        assert!(told["AWS_ENDPOINT_URL"].starts_with("https://"));
        drop(sandbox);
        assert!(!file.exists(), "the certificate is gone with its only user");
    }
}
