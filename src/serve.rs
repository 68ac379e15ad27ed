//! Serving: listeners, their accept loops, request threads, limits and the drain at the end.
//!
//! Knows nothing of what a call means and names nothing of the crate: it serves any tower service that
//! answers gRPC over HTTP/2. The way of a connection is `accept` → `threads` → `connection`, with `tls` before
//! its first byte where a listener has it, and around each of its calls stands `guard`.

mod accept;
mod activity;
mod address;
mod closed;
mod connection;
mod connection_id;
mod connection_places;
mod counters;
mod drain;
mod fair_read;
mod figures;
mod guard;
mod listener;
mod listener_state;
mod message;
mod opening;
mod options;
mod places;
mod receipt;
mod socket;
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

pub use address::{Address, AddressError};
pub use closed::{CloseCause, ListenerCounters, PeerRefusal, WrongProtocol};
pub use connection_id::{ConnectionId, connection};
pub use counters::Counters;
pub use drain::Drained;
pub use figures::{Certificate, Figures};
pub use guard::{CallRules, Fault, PlainRules};
pub use listener::{Held, ListenError, Listener};
pub use message::CallBody;
pub use options::{OptionError, ServeOptions};
pub use tls::{Peers, Tls, TlsError, TlsHint};

use accept::{Acceptor, Door};
use connection::{INITIAL, Shared};
use connection_places::ConnectionPlaces;
use guard::{Gate, ListenerPlaces};
use listener::Bound;
use listener_state::ListenerState;
use threads::Threads;
use tls::Watch;

/// What can be served: whatever answers a request of HTTP/2 and fails only inside its answers.
pub trait Call:
    Service<Request<CallBody>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static
{
}

impl<S> Call for S where
    S: Service<Request<CallBody>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static
{
}

/// Listeners that hold their addresses, and threads that wait for connections.
#[derive(Debug)]
pub struct Server<S> {
    runtime: Runtime,
    acceptor: Acceptor<S>,
    addresses: Vec<Address>,
    figures: Figures,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A limit that cannot be kept.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// An address that cannot be had.
    #[error("cannot listen on {0}")]
    Listen(#[from] ListenError),
    /// There is nothing to listen on.
    #[error("no listener is configured")]
    NoListener,
    /// Threads or runtimes that the system does not give.
    #[error("cannot start the request threads: {0}")]
    Start(#[source] io::Error),
}

impl<S: Call> Server<S>
where
    S::Future: Send,
{
    /// Takes all addresses, or none. From here on clients can connect; they are accepted by [`Server::run`].
    pub fn bind(listeners: Vec<Listener<S>>, options: ServeOptions) -> Result<Self, ServeError> {
        options.check()?;
        let bound = listeners.into_iter().map(Listener::bind);
        let bound = bound.collect::<Result<Vec<Bound<S>>, ListenError>>()?;
        Self::listen(bound, options)
    }

    /// Serves on addresses that are held: a service for each, in their order.
    pub fn on(
        Held(held): Held,
        services: impl IntoIterator<Item = S>,
        options: ServeOptions,
    ) -> Result<Self, ServeError> {
        options.check()?;
        let pairs = held.into_iter().zip(services);
        let bound = pairs.map(|(bound, service)| bound.with(service));
        Self::listen(bound.collect(), options)
    }

    fn listen(bound: Vec<Bound<S>>, options: ServeOptions) -> Result<Self, ServeError> {
        if bound.is_empty() {
            return Err(ServeError::NoListener);
        }
        bound.iter().try_for_each(Bound::listen)?;
        let addresses = bound.iter().map(|one| one.address.clone()).collect();
        let endpoints: Vec<_> = bound.iter().filter_map(|one| one.tls.clone()).collect();
        let places = ConnectionPlaces::divide(options.places(), bound.len());
        let unopened = options.unopened_places(bound.len());
        let places = places
            .into_iter()
            .zip(ListenerPlaces::of_each(&options, bound.len()));
        let states = bound.iter().zip(places).map(|(one, (places, calls))| {
            let counters = Arc::new(ListenerCounters::new(one.address.clone()));
            ListenerState::new(counters, places, calls, unopened, &options)
        });
        let states: Vec<_> = states.collect();
        let listeners = states.iter().map(|state| Arc::clone(&state.counters));
        let counters = Arc::new(Counters::default());
        let figures = Figures {
            counters: Arc::clone(&counters),
            listeners: listeners.collect(),
            connections: options.places(),
            unopened,
            in_flight: options.in_flight,
            endpoints: endpoints.clone(),
        };
        let shared = Arc::new(Shared {
            gate: Arc::new(Gate::new(&options, Arc::clone(&counters))),
            counters,
            orders: watch::Sender::new(INITIAL),
            options,
        });
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        let doors = {
            let _within = runtime.enter();
            let doors = bound.into_iter().zip(states);
            doors
                .map(|(one, state)| Door::open(one, state))
                .collect::<io::Result<_>>()
                .map_err(ServeError::Start)?
        };
        let acceptor = Acceptor {
            doors,
            threads: Threads::start(&shared).map_err(ServeError::Start)?,
            tls_files: Watch::start(endpoints, shared.options.tls_rescan)
                .map_err(ServeError::Start)?,
            shared,
        };
        Ok(Server {
            runtime,
            acceptor,
            addresses,
            figures,
        })
    }

    /// Where it listens, in the order of the listeners, with the ports that the kernel chose.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// What has happened so far; to be read at any time, also while the server runs.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.acceptor.shared.counters)
    }

    /// The same, with each listener's counters, the limits and the ends of certificates.
    pub fn figures(&self) -> Figures {
        self.figures.clone()
    }

    /// For whoever knows that certificates have changed; they are looked at every few seconds in any case.
    pub fn tls_hint(&self) -> TlsHint {
        self.acceptor.tls_files.hint()
    }

    /// Serves until `shutdown`, then drains; blocks the calling thread, which becomes the acceptor. Not to
    /// be called from within a runtime.
    ///
    /// `on_drain` runs before anything stops: whoever answers health checks says NOT_SERVING in it, and
    /// whoever serves streams without an end ends them, or they are cut when the time to drain is over.
    pub fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
        on_drain: impl FnOnce() + Send,
    ) -> Drained {
        let Server {
            runtime,
            acceptor,
            addresses: _,
            figures: _,
        } = self;
        runtime.block_on(async {
            tokio::select! {
                () = shutdown => {}
                none = acceptor.run() => tracing::error!(?none, "all request threads are gone"),
            }
            on_drain();
            drain::drain(acceptor).await
        })
    }
}
