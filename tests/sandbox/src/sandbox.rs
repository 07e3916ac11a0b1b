//! A sandbox that runs in the background of a test or a command, with the state and the log within reach.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Error;
use crate::faults::Fault;
use crate::faults::Script;
use crate::lifecycle::run::Execution;
use crate::log::Log;
use crate::log::Request;
use crate::permissions::Denied;
use crate::quota::Quota;
use crate::server::Shared;
use crate::server::serve;
use crate::state::State;
use crate::tls::Server;
use crate::tls::Tls;
use crate::tls::scheme;
use crate::undocumented::Undocumented;
use crate::world::World;

/// How a sandbox behaves. The default is fast, unlimited, faultless and answers the most plausible way.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The round-trip time of the network in between; a new connection takes one more.
    pub rtt: Duration,
    /// Whether it speaks TLS, with a certificate of its own.
    pub tls: Option<Tls>,
    /// Draws the undocumented answers; 0 gives the most plausible ones.
    pub seed: u64,
    /// Overrides what the seed draws.
    pub undocumented: Option<Undocumented>,
    /// Switches `BLOB_MOUNTING`, whatever the world says.
    pub mount: Option<bool>,
    /// Whether ECR's and ECS's default quotas hold.
    pub quotas: bool,
    /// The `Retry-After` of a throttled request.
    pub retry_after: Option<Duration>,
    /// Whether a created repository is not found for a drawn number of requests.
    pub creation_delay: bool,
    /// A file for the request log, JSON lines.
    pub log: Option<PathBuf>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What the caller may not do.
    pub denied: Vec<Denied>,
    /// The port; 0 (the default) takes a free one.
    pub port: u16,
}

/// A running sandbox. It stops when dropped.
pub struct Sandbox {
    shared: Arc<Shared>,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox on 127.0.0.1.
    ///
    /// # Errors
    /// The world contradicts itself, the port is taken, or the log file cannot be written.
    pub fn start(world: World, options: Options) -> Result<Sandbox, Error> {
        let mut state = State::new(&world, options.seed)?;
        if let Some(on) = options.mount {
            state.settings.insert(
                "BLOB_MOUNTING".to_owned(),
                if on { "ENABLED" } else { "DISABLED" }.to_owned(),
            );
        }
        state.denied = options.denied;
        state.creation_delay = options.creation_delay;
        if let Some(undocumented) = options.undocumented {
            state.undocumented = undocumented;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = std::net::TcpListener::bind(address)
            .map_err(|error| Error::new(format!("cannot listen on {address}: {error}")))?;
        listener
            .set_nonblocking(true)
            .map_err(|error| Error::new(error.to_string()))?;
        let port = listener
            .local_addr()
            .map_err(|error| Error::new(error.to_string()))?
            .port();
        let tls = match options.tls {
            Some(tls) => Some(Server::new(tls, port)?),
            None => None,
        };
        let scheme = scheme(tls.as_ref());
        state.url = format!("{scheme}://127.0.0.1:{port}");
        // Another host name than the registry's, so that a client which forwards Authorization on a redirect is found out.
        state.storage_url = format!("{scheme}://localhost:{port}");
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            log: Mutex::new(Log::to_file(options.log.as_deref())?),
            script: Mutex::new(Script::new(options.faults)),
            quota: options.quotas.then(|| Mutex::new(Quota::default())),
            retry_after: options.retry_after,
            rtt: options.rtt,
            tls,
            started: Instant::now(),
        });
        let (stop, stopped) = oneshot::channel();
        let thread = run(listener, Arc::clone(&shared), stopped)?;
        Ok(Sandbox {
            shared,
            port,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`, or `https://`: the endpoint of the JSON APIs and of `/v2/`.
    pub fn url(&self) -> String {
        let scheme = scheme(self.shared.tls.as_ref());
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The certificate that clients must trust, where there is TLS.
    pub fn certificate(&self) -> Option<&Path> {
        self.shared.tls.as_ref().map(Server::file)
    }

    /// What a command needs in its environment to use this sandbox as AWS.
    pub fn environment(&self) -> Vec<(String, String)> {
        let region = self.shared.state().region.clone();
        let pairs = [
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ACCESS_KEY_ID", "AKIASANDBOXSANDBOX00".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
            ("AWS_REGION", region.clone()),
            // The AWS CLI of version 1 and older SDKs read only this one.
            ("AWS_DEFAULT_REGION", region),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("DEMITASSE_REGISTRY_ENDPOINT", self.url()),
        ];
        let certificate = self.certificate().map(|file| file.display().to_string());
        let trust = certificate.map(|file| ("SSL_CERT_FILE", file));
        pairs
            .into_iter()
            .chain(trust)
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// A fresh registry password for the user `AWS`, as GetAuthorizationToken would mint it.
    pub fn password(&self) -> String {
        let mut state = self.shared.state();
        state.caller = state.account.clone();
        state.mint_password().0
    }

    /// The requests answered so far, in the order of their answers.
    pub fn log(&self) -> Vec<Request> {
        self.shared.log().requests.clone()
    }

    /// Forgets the requests and numbers from 1 again.
    pub fn clear_log(&self) {
        let mut log = self.shared.log();
        log.requests.clear();
        log.arrived = 0;
    }

    /// Looks at the state, or changes it, while no request is being carried out. The sandbox's own methods wait for this
    /// to end, so they must not be called inside.
    pub fn with_state<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.shared.state())
    }

    /// Begins again with another world at the same address: a test that plays thousands of histories binds one port.
    ///
    /// # Errors
    /// The world contradicts itself.
    pub fn begin_again(&self, world: &World, seed: u64) -> Result<(), Error> {
        let mut fresh = State::new(world, seed)?;
        let mut state = self.shared.state();
        fresh.url.clone_from(&state.url);
        fresh.storage_url.clone_from(&state.storage_url);
        *state = fresh;
        drop(state);
        self.clear_log();
        Ok(())
    }

    /// Runs every repository's lifecycle policy once.
    pub fn run_lifecycle(&self) -> Vec<Execution> {
        self.shared.state().run_lifecycle()
    }

    /// Moves the virtual clock, and ends the restores from the archive that are due by then.
    pub fn advance(&self, duration: Duration) {
        self.shared.state().advance(duration);
    }

    /// Replaces the script of faults; actions are counted anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        *self
            .shared
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Script::new(faults);
    }

    /// Replaces what the caller may not do.
    pub fn deny(&self, denied: Vec<Denied>) {
        self.shared.state().denied = denied;
    }

    /// Replaces what a service control policy of the caller's organization denies.
    pub fn forbid(&self, forbidden: Vec<Denied>) {
        self.shared.state().forbidden = forbidden;
    }

    /// Reads an image and everything it needs through `/v2/`, as ECS would, and checks every digest.
    ///
    /// # Errors
    /// What could not be read, and why.
    pub fn pull(&self, repository: &str, reference: &str) -> Result<crate::pull::Pulled, Error> {
        crate::pull::pull(&self.url(), &self.password(), repository, reference)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> Result<JoinHandle<()>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(format!("cannot start a runtime: {error}")))?;
    let listener = {
        let _inside = runtime.enter();
        TcpListener::from_std(listener).map_err(|error| Error::new(error.to_string()))?
    };
    std::thread::Builder::new()
        .name("sandbox".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, shared) => {}
                    _ = stopped => {}
                }
            });
        })
        .map_err(|error| Error::new(format!("cannot start a thread: {error}")))
}
