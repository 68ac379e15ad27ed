//! The gRPC server: listeners, TLS, accept loops, request threads, limits and graceful shutdown.
//!
//! It serves any tower service that answers gRPC over HTTP/2 and does not interpret calls. A connection passes
//! `accept` → `threads` → `connection`, after a handshake in `tls` if its listener has TLS. `guard` wraps each call.

mod accept;
mod activity;
mod address;
mod close_cause;
mod completion;
mod connection;
mod connection_id;
mod connection_slots;
mod counters;
mod drain;
mod fair_read;
mod grpc_timeout;
mod guard;
mod listener;
mod listener_state;
mod message;
mod options;
mod preface;
mod slots;
mod socket;
mod stats;
mod thread_load;
mod threads;
mod tls;
mod unopened;
mod unread;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;

use http::{Request, Response};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tonic::body::Body;
use tower_service::Service;

pub use address::{AddressError, ListenAddress};
pub use close_cause::{CloseCause, ListenerCounters, PeerRefusal, WrongProtocol};
pub use connection_id::{ConnectionId, connection};
pub use counters::Counters;
pub use drain::DrainSummary;
pub use guard::{CallFault, CallRules, DefaultCallRules};
pub use listener::{BoundListeners, ListenError, Listener};
pub use message::CallBody;
pub use options::{OptionError, ServeOptions};
pub use stats::{CertificateExpiry, ServerStats};
pub use tls::{ListenerTls, Peers, TlsError, TlsReloadHandle};

use accept::{AcceptLoop, Acceptor};
use connection::{INITIAL_STATE, ServerShared};
use connection_slots::ConnectionSlots;
use guard::{AdmissionControl, ListenerSlots};
use listener::BoundListener;
use listener_state::ListenerState;
use threads::RequestThreads;
use tls::TlsFileWatcher;

/// A service that answers HTTP/2 requests and reports its errors in the responses.
pub trait HttpService:
    Service<Request<CallBody>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request<CallBody>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static
{
}

/// Bound listeners and started request threads.
#[derive(Debug)]
pub struct Server<S> {
    runtime: Runtime,
    acceptor: Acceptor<S>,
    addresses: Vec<ListenAddress>,
    stats: ServerStats,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An option is out of range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A listener cannot be bound.
    #[error("cannot listen on {0}")]
    Listen(#[from] ListenError),
    /// The list of listeners is empty.
    #[error("no listener is configured")]
    NoListener,
    /// The system refuses a thread or a runtime.
    #[error("cannot start the request threads: {0}")]
    Start(#[source] io::Error),
}

impl<S: HttpService> Server<S>
where
    S::Future: Send,
{
    /// Binds all addresses, or none. Clients can connect from now on; [`Server::run`] accepts them.
    pub fn bind(listeners: Vec<Listener<S>>, options: ServeOptions) -> Result<Self, ServeError> {
        options.check()?;
        let bound = listeners.into_iter().map(Listener::bind);
        let bound = bound.collect::<Result<Vec<BoundListener<S>>, ListenError>>()?;
        Self::listen(bound, options)
    }

    /// Serves on listeners that are already bound, with one service for each, in the same order.
    pub fn with_listeners(
        BoundListeners(listeners): BoundListeners,
        services: impl IntoIterator<Item = S>,
        options: ServeOptions,
    ) -> Result<Self, ServeError> {
        options.check()?;
        let pairs = listeners.into_iter().zip(services);
        let bound = pairs.map(|(bound, service)| bound.with_service(service));
        Self::listen(bound.collect(), options)
    }

    fn listen(bound: Vec<BoundListener<S>>, options: ServeOptions) -> Result<Self, ServeError> {
        if bound.is_empty() {
            return Err(ServeError::NoListener);
        }
        bound.iter().try_for_each(BoundListener::listen)?;
        let addresses = bound.iter().map(|one| one.address.clone()).collect();
        let endpoints: Vec<_> = bound.iter().filter_map(|one| one.tls.clone()).collect();
        let slots = ConnectionSlots::split(options.connection_limit(), bound.len());
        let unopened = options.unopened_limit(bound.len());
        let slots = slots
            .into_iter()
            .zip(ListenerSlots::split(&options, bound.len()));
        let states = bound.iter().zip(slots).map(|(one, (slots, calls))| {
            let counters = Arc::new(ListenerCounters::new(one.address.clone()));
            ListenerState::new(counters, slots, calls, unopened, &options)
        });
        let states: Vec<_> = states.collect();
        let listeners = states.iter().map(|state| Arc::clone(&state.counters));
        let counters = Arc::new(Counters::default());
        let stats = ServerStats {
            counters: Arc::clone(&counters),
            listeners: listeners.collect(),
            connections: options.connection_limit(),
            unopened,
            in_flight: options.in_flight,
            endpoints: endpoints.clone(),
        };
        let shared = Arc::new(ServerShared {
            admission: Arc::new(AdmissionControl::new(&options, Arc::clone(&counters))),
            counters,
            state: watch::Sender::new(INITIAL_STATE),
            options,
        });
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        let accept_loops = {
            let _within = runtime.enter();
            let accept_loops = bound.into_iter().zip(states);
            accept_loops
                .map(|(one, state)| AcceptLoop::new(one, state))
                .collect::<io::Result<_>>()
                .map_err(ServeError::Start)?
        };
        let acceptor = Acceptor {
            accept_loops,
            threads: RequestThreads::start(&shared).map_err(ServeError::Start)?,
            tls_files: TlsFileWatcher::start(endpoints, shared.options.tls_rescan)
                .map_err(ServeError::Start)?,
            shared,
        };
        Ok(Server {
            runtime,
            acceptor,
            addresses,
            stats,
        })
    }

    /// The addresses in the order of the listeners, with the ports that the kernel assigned.
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// Counters since the start, readable while the server runs.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.acceptor.shared.counters)
    }

    /// The counters of the server and of each listener, the limits, and when certificates expire.
    pub fn stats(&self) -> ServerStats {
        self.stats.clone()
    }

    /// Triggers a check of the TLS files, which are also checked every [`ServeOptions::tls_rescan`].
    pub fn tls_reload_handle(&self) -> TlsReloadHandle {
        self.acceptor.tls_files.handle()
    }

    /// Serves until `shutdown`, then drains. Blocks the calling thread, which runs the accept loops. Must not be
    /// called from within a runtime.
    ///
    /// `on_drain` runs before draining starts. The caller sets health to NOT_SERVING in it and ends its long-lived
    /// streams, which are otherwise aborted at the drain timeout.
    pub fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
        on_drain: impl FnOnce() + Send,
    ) -> DrainSummary {
        let Server {
            runtime,
            acceptor,
            addresses: _,
            stats: _,
        } = self;
        runtime.block_on(async {
            tokio::select! {
                () = shutdown => {}
                none = acceptor.run() => tracing::error!(?none, "all request threads have ended: the server shuts down"),
            }
            on_drain();
            drain::drain(acceptor).await
        })
    }
}
