//! A registry that is not ECR, in front of a sandbox that holds its images: it asks for credentials the way Docker Hub
//! (token), a plain registry (password) or nobody does, and fails when told to. Blobs are read by redirect to another host,
//! which refuses a request that carries an Authorization.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use demitasse_sandbox::http::{self, Response};
use demitasse_sandbox::{Options, Sandbox};
use serde_json::{Value, json};

/// How it asks who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// It does not.
    Open,
    /// By a token, which it gives to anybody.
    Token,
    /// By a token, which it gives to this user.
    TokenFor(&'static str, &'static str),
    /// By a token, which it gives for this refresh token.
    TokenByIdentity(&'static str),
    /// By a token from this place.
    TokenFrom(&'static str),
    /// By user and password.
    Password(&'static str, &'static str),
}

/// What it answers instead of what was asked: to requests whose path contains the text, so often, this status with these
/// headers; or with the body altered if there is no status.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) path: &'static str,
    pub(crate) times: usize,
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Option<Vec<u8>>,
}

/// A request that arrived: method, path, and what it carried as Authorization.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

struct Shared {
    sandbox: Sandbox,
    door: Door,
    address: String,
    asked: Mutex<Vec<Asked>>,
    troubles: Mutex<Vec<Trouble>>,
    stopped: AtomicBool,
}

/// The running registry. It stops when dropped: then nobody answers at its address.
pub(crate) struct Upstream {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

const TOKEN: &str = "a-token";

impl Upstream {
    /// Holds these repositories, in the form of a world.
    pub(crate) fn start(repositories: &Value, door: Door) -> Self {
        let world = json!({ "repositories": repositories });
        let world = world.to_string().parse().expect("a world");
        let sandbox = Sandbox::start(world, Options::default()).expect("a sandbox");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            sandbox,
            door,
            address,
            asked: Mutex::default(),
            troubles: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let serve = move || {
            for stream in listener.incoming() {
                if served.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&served);
                if let Ok(stream) = stream {
                    std::thread::spawn(move || shared.answer(stream));
                }
            }
        };
        let thread = Some(std::thread::spawn(serve));
        Self { shared, thread }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.shared.address
    }

    /// What holds its images.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.shared.sandbox
    }

    /// Takes the requests so far.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().expect("a lock"))
    }

    /// Nothing goes wrong any more.
    pub(crate) fn forget_troubles(&self) {
        self.shared.troubles.lock().expect("a lock").clear();
    }

    /// From now on this goes wrong.
    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.shared.troubles.lock().expect("a lock").push(trouble);
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        drop(TcpStream::connect(&self.shared.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    /// One request, one connection.
    fn answer(&self, mut stream: TcpStream) {
        let Ok(copy) = stream.try_clone() else { return };
        let mut reader = BufReader::new(copy);
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() {
            return;
        }
        let mut words = line.split_whitespace();
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return;
        };
        let (method, path) = (method.to_owned(), path.to_owned());
        let (mut authorization, mut accept, mut length) = (None, String::new(), 0);
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or((&header, ""));
            match name.to_ascii_lowercase().as_str() {
                "authorization" => authorization = Some(value.trim().to_owned()),
                "accept" => value.trim().clone_into(&mut accept),
                "content-length" => length = value.trim().parse().unwrap_or(0),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let asked = Asked {
            method,
            path,
            authorization,
        };
        self.asked.lock().expect("a lock").push(asked.clone());
        let mut answer = self.respond(&asked, &accept, &String::from_utf8_lossy(&body));
        if let Some(trouble) = self.take_trouble(&asked.path) {
            answer.status = trouble.status.unwrap_or(answer.status);
            if trouble.status.is_some() {
                answer.headers.clear();
                answer.body = Vec::new().into();
            }
            for (name, value) in trouble.headers {
                answer.headers.retain(|(known, _)| known != name);
                answer.headers.push((name.to_owned(), value.to_owned()));
            }
            if let Some(body) = trouble.body {
                answer.body = body.into();
            }
        }
        let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", answer.status);
        let passed = [
            "content-type",
            "docker-content-digest",
            "location",
            "link",
            "www-authenticate",
            "retry-after",
        ];
        for (name, value) in &answer.headers {
            if passed.contains(&name.as_str()) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
        drop(stream.write_all(head.as_bytes()));
        if asked.method != "HEAD" {
            drop(stream.write_all(&answer.body));
        }
        drop(stream.flush());
    }

    fn take_trouble(&self, path: &str) -> Option<Trouble> {
        let mut troubles = self.troubles.lock().expect("a lock");
        let met = |one: &&mut Trouble| one.times > 0 && path.contains(one.path);
        let met = troubles.iter_mut().find(met)?;
        met.times -= 1;
        Some(met.clone())
    }

    fn respond(&self, asked: &Asked, accept: &str, body: &str) -> Response {
        let given = asked.authorization.as_deref();
        if asked.path.starts_with("/token") {
            let allowed = match &self.door {
                Door::TokenFor(user, password) => given == Some(&basic(user, password)),
                Door::TokenByIdentity(token) => {
                    asked.method == "POST"
                        && body.contains("grant_type=refresh_token")
                        && body.contains(&format!("refresh_token={token}"))
                }
                _ => given.is_none(),
            };
            let scoped = format!("{}{body}", asked.path).contains("scope=repository%3A");
            if !allowed || !scoped {
                return refused(401, "UNAUTHORIZED", "incorrect username or password", None);
            }
            return Response {
                status: 200,
                headers: Vec::new(),
                body: json!({ "token": TOKEN }).to_string().into(),
            };
        }
        let address = &self.address;
        let (expected, challenge) = match &self.door {
            Door::Open => (None, String::new()),
            Door::Password(user, password) => (
                Some(basic(user, password)),
                "Basic realm=\"stub\"".to_owned(),
            ),
            Door::TokenFrom(place) => (
                Some("Bearer nobody-has-it".to_owned()),
                format!("Bearer realm=\"{place}\",service=\"stub\""),
            ),
            _ => (
                Some(format!("Bearer {TOKEN}")),
                format!("Bearer realm=\"http://{address}/token\",service=\"stub\",scope=\"x\""),
            ),
        };
        if given != expected.as_deref() {
            return refused(
                401,
                "UNAUTHORIZED",
                "authentication required",
                Some(challenge),
            );
        }
        let own = basic("AWS", &self.sandbox.password());
        let headers = [("authorization", own.as_str()), ("accept", accept)];
        let url = format!("{}{}", self.sandbox.url(), asked.path);
        http::send(&asked.method, &url, &headers, "").expect("the sandbox answers")
    }
}

fn refused(status: u16, code: &str, message: &str, challenge: Option<String>) -> Response {
    let challenge = challenge.map(|text| ("www-authenticate".to_owned(), text));
    Response {
        status,
        headers: challenge.into_iter().collect(),
        body: json!({"errors": [{"code": code, "message": message}]})
            .to_string()
            .into(),
    }
}

/// The header of user and password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

/// Base64 of these bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for at in 0..4 {
            let index = usize::try_from((bits >> (18 - 6 * at)) & 63).expect("six bits");
            text.push(if at > group.len() {
                '='
            } else {
                char::from(ALPHABET[index])
            });
        }
    }
    text
}
