//! An in-process server with an admin address, and readers of its pages.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crosstrust::admin::{Admin, AdminHandle, LogMetricsSource, Sources};
use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::id::TenantId;
use crosstrust::identity::{
    Algorithm, Issuer, IssuerIndex, Preset, Tenants, TokenLimits, TokenVerifier, TrustedIssuers,
};
use crosstrust::log::Log;
use crosstrust::metrics::Metrics;
use crosstrust::reload::{ReloadHandle, ReloadOptions, load_once};
use crosstrust::rpc::{self, Backend, Gateway, HealthState, Recorder, Rights, RpcCallRules};
use crosstrust::serve::{CallBody, DrainSummary, Listener, ServeOptions, Server};
use crosstrust::time::Timestamp;
use http::{Request, Response};
use tokio::sync::{Semaphore, oneshot};
use tonic::body::Body;
use tonic::transport::Channel;

use crate::ext_authz::asking::{FABRIKAM, FABRIKAM_ISS, FATIMA, LAUNCHER, SHAREPOINT};
use crate::server;
use crate::support::tokens::{self, NOW, Signer};

/// Options of the test server.
pub struct Setup {
    pub tenants: Vec<TenantId>,
    pub in_flight: usize,
    pub has_policies: bool,
    pub reload: Option<ReloadHandle>,
    pub engine: Option<Arc<Engine>>,
    pub log: Option<LogMetricsSource>,
    pub stale_budget: Option<Duration>,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            tenants: Vec::new(),
            in_flight: 512,
            has_policies: true,
            reload: None,
            engine: None,
            log: None,
            stale_budget: None,
        }
    }
}

/// A server with the sample policies that trusts Fabrikam's tokens. Stops on drop.
pub struct ObservedServer {
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
    pub health: HealthState,
    pub admin: AdminHandle,
    /// Calls with the header `x-hold` wait for one of these.
    pub release: Arc<Semaphore>,
    pub fabrikam: Signer,
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<DrainSummary>>,
}

pub fn clock() -> Clock {
    Clock::Manual(ManualClock::at(Timestamp::from_seconds(NOW)))
}

impl ObservedServer {
    pub fn start(setup: Setup) -> ObservedServer {
        let engine = setup.engine.unwrap_or_else(|| {
            Arc::new(Engine::new(EngineOptions {
                cache: Some(CacheBytes::default()),
                clock: clock(),
            }))
        });
        if setup.has_policies {
            load_once(
                &engine,
                ReloadOptions::of(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")),
            );
        }
        let fabrikam = Signer::new(Algorithm::EdDsa, "fabrikam-key");
        let identity = identity(&engine, &fabrikam);
        let metrics = Arc::new(Metrics::new(&setup.tenants));
        let health = HealthState::new();
        let backend = Backend {
            reload: setup.reload.clone(),
            gateway: Arc::new(Gateway {
                identity: Some(Arc::clone(&identity)),
                ..Gateway::default()
            }),
            recorder: Recorder {
                metrics: Arc::clone(&metrics),
                ..Recorder::default()
            },
            ..server::backend(Arc::clone(&engine))
        };
        let release = Arc::new(Semaphore::new(0));
        let listener = Listener {
            address: "127.0.0.1:0".parse().unwrap(),
            plaintext: false,
            uids: None,
            tls: None,
            service: HoldingService {
                router: rpc::router(&backend, &Rights::ALL, &health),
                release: Arc::clone(&release),
            },
        };
        let options = ServeOptions {
            in_flight: setup.in_flight,
            handler_budget: Duration::from_secs(60),
            drain: Duration::from_millis(100),
            rules: Arc::new(RpcCallRules {
                metrics: Arc::clone(&metrics),
                log: Log::default(),
            }),
            ..ServeOptions::default()
        };
        let server = Server::bind(vec![listener], options).unwrap();
        let admin = Admin::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let admin = admin.start(Sources {
            metrics: Arc::clone(&metrics),
            engine: Arc::clone(&engine),
            health: health.clone(),
            reload: setup.reload,
            identity: Some(identity),
            keys: None,
            server: server.stats(),
            log: setup.log,
            stale_budget: setup.stale_budget,
        });
        let url = format!("http://{}", server.addresses()[0]);
        let (stop, stopped) = oneshot::channel::<()>();
        let ending = health.clone();
        let thread = std::thread::spawn(move || {
            let shutdown = async {
                let _ = stopped.await;
            };
            server.run(shutdown, move || ending.close())
        });
        ObservedServer {
            engine,
            metrics,
            health,
            admin: admin.unwrap(),
            release,
            fabrikam,
            url,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(self.url.clone()).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// The claims of Fatima's Fabrikam token for an application.
    pub fn claims(&self, app: &str) -> serde_json::Value {
        let theirs = serde_json::json!({"tid": FABRIKAM, "oid": FATIMA, "aud": app, "groups": []});
        tokens::with(tokens::claims(FABRIKAM_ISS), theirs)
    }

    /// The same, signed.
    pub fn token(&self, app: &str) -> String {
        self.fabrikam.sign(&self.claims(app))
    }

    pub fn scrape(&self) -> Scrape {
        let page = page(self.admin.address(), "/metrics", PROMETHEUS);
        assert_eq!(page.status, 200);
        Scrape::read(&page.body)
    }

    /// Scrapes until the condition holds: an answered call is already counted, but the end of a connection or a
    /// stream is counted a moment later.
    pub fn scrape_until(&self, what: &str, shows: impl Fn(&Scrape) -> bool) -> Scrape {
        let start = Instant::now();
        loop {
            let scrape = self.scrape();
            if shows(&scrape) {
                return scrape;
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{what}: {scrape:#?}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ObservedServer {
    fn drop(&mut self) {
        self.release.add_permits(1000);
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn identity(engine: &Arc<Engine>, fabrikam: &Signer) -> Arc<TokenVerifier> {
    let issuer = Issuer {
        audiences: [LAUNCHER, SHAREPOINT].map(str::to_owned).to_vec(),
        tenants: Tenants::Listed(vec![FABRIKAM.parse().unwrap()]),
        ..tokens::issuer(FABRIKAM_ISS, Preset::EntraV1)
    };
    let trust = TrustedIssuers {
        issuers: vec![issuer],
    };
    let identity = TokenVerifier::new(trust, Arc::clone(engine), TokenLimits::default());
    identity.publish(IssuerIndex(0), Some(tokens::key_set(&[fabrikam])), None);
    Arc::new(identity)
}

/// The router, except that calls with `x-hold` wait.
#[derive(Clone)]
struct HoldingService {
    router: rpc::Router,
    release: Arc<Semaphore>,
}

impl tower_service::Service<Request<CallBody>> for HoldingService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<CallBody>) -> Self::Future {
        let (mut router, release) = (self.router.clone(), Arc::clone(&self.release));
        Box::pin(async move {
            if request.headers().contains_key("x-hold") {
                release.acquire().await.unwrap().forget();
            }
            router.call(request).await
        })
    }
}

/// The format that curl and old scrapers request.
pub const PROMETHEUS: &str = "text/plain;version=0.0.4";

/// A page of an admin address.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Page {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub fn page(address: SocketAddr, path: &str, accept: &str) -> Page {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: a\r\naccept: {accept}\r\n"),
    )
}

/// Sends this request head and reads the response to the end.
pub fn ask(address: SocketAddr, head: &str) -> Page {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    write!(stream, "{head}connection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Page {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// The series of a scrape: name with labels, and value.
#[derive(Debug)]
pub struct Scrape {
    pub series: BTreeMap<String, f64>,
    /// Name and type of each family, in the terms of the format.
    pub families: BTreeMap<String, String>,
}

impl Scrape {
    /// Parses either format strictly: panics on a duplicate series or an invalid number.
    pub fn read(text: &str) -> Scrape {
        let (mut series, mut families) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').unwrap();
                let before = families.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{line}");
            } else if !line.starts_with('#') {
                let (name, number) = line.rsplit_once(' ').unwrap();
                let before = series.insert(name.to_owned(), number.parse().unwrap());
                assert_eq!(before, None, "{line}");
            }
        }
        Scrape { series, families }
    }

    /// The value of a series that must exist.
    pub fn get(&self, name: &str) -> f64 {
        let found = self.series.get(name);
        *found.unwrap_or_else(|| panic!("{name} is not in {:#?}", self.series))
    }

    /// All series of a family that are not zero.
    pub fn of(&self, family: &str) -> BTreeMap<String, f64> {
        let mine = self.series.iter().filter_map(|(name, number)| {
            let labels = name.strip_prefix(family)?;
            (labels.is_empty() || labels.starts_with('{')).then(|| (labels.to_owned(), *number))
        });
        mine.filter(|(_, number)| *number != 0.0).collect()
    }

    /// The names of all series, without their labels.
    pub fn names(&self) -> std::collections::BTreeSet<String> {
        let names = self.series.keys();
        names
            .map(|name| name.split('{').next().unwrap().to_owned())
            .collect()
    }
}

/// A family's series by their labels.
pub fn series(expected: &[(&str, f64)]) -> BTreeMap<String, f64> {
    expected
        .iter()
        .map(|(labels, number)| ((*labels).to_owned(), *number))
        .collect()
}
