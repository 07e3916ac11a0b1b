//! What lies between us and AWS: proxies, names that do not resolve, sessions that end, and another promotion of the same image.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use demitasse_sandbox::Fault;
use support::{Case, ran};

/// A proxy for plain HTTP that asks the same server whatever it is asked; and how much it was asked.
fn proxy(server: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let (server, count) = (server.clone(), Arc::clone(&count));
            thread::spawn(move || drop(forward(&connection, &server, &count)));
        }
    });
    (url, asked)
}

/// One request for each connection: in absolute form, which the server gets in the other.
fn forward(connection: &TcpStream, server: &str, count: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        if !lower.starts_with("connection:") && !lower.starts_with("proxy-connection:") {
            head.push(line);
        }
    }
    let Some(first) = head.first_mut() else {
        return Ok(());
    };
    count.fetch_add(1, Ordering::SeqCst);
    *first = first.replacen(&format!("http://{server}"), "", 1);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut upstream = TcpStream::connect(server)?;
    upstream.write_all(format!("{}Connection: close\r\n\r\n", head.concat()).as_bytes())?;
    upstream.write_all(&body)?;
    let mut client = connection;
    std::io::copy(&mut upstream, &mut client)?;
    connection.shutdown(Shutdown::Both)
}

#[test]
fn a_proxy_of_the_environment_is_used_for_everything() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let server = case.sandbox.url().trim_start_matches("http://").to_owned();
    let (url, asked) = proxy(server);
    let mut command = case.command(&["promote", "-c", &config]);
    command.env("HTTP_PROXY", &url);
    ran(command).expect(0, &[]);
    assert_eq!(asked.load(Ordering::SeqCst), case.sandbox.log().len());
    case.pull("fluentd/app", "aaaa");
}

#[test]
fn a_name_that_does_not_resolve_is_told_once() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let mut command = case.command(&["promote", "-c", &config, "--timeout", "2s"]);
    command.env("DEMITASSE_REGISTRY_ENDPOINT", "https://registry.invalid");
    let ran = ran(command);
    ran.expect(1, &["mount blob", "unreachable"]);
    assert_eq!(ran.err.matches("hint:").count(), 1, "{}", ran.err);
}

#[test]
fn a_session_that_ends_on_the_way_is_explained() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let fault: Fault = "expired-token@ecr:PutImage#*".parse().expect("a fault");
    case.sandbox.set_faults(vec![fault]);
    let ran = case.run(&["promote", "-c", &config]);
    ran.expect(
        1,
        &[
            "PutImage",
            "the session of the credentials has ended",
            "role-duration-seconds",
            "running it again",
        ],
    );
    case.sandbox.set_faults(Vec::new());
    case.run(&["promote", "-c", &config]).expect(0, &[]);
}

#[test]
fn promotions_of_one_image_at_the_same_time_all_end_well() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| case.run(&["promote", "-c", &config])))
            .collect();
        for run in runs {
            run.join().expect("a run").expect(0, &[]);
        }
    });
    case.pull("fluentd/app", "aaaa");
    assert_eq!(case.sandbox.with_state(|state| state.open_uploads()), 0);
}
