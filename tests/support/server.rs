//! A real server in this process: our services behind our accept loop, on a port that the kernel chooses.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crosstrust::engine::Engine;
use crosstrust::reload::ReloadHandle;
use crosstrust::rpc::{self, Backend, HealthState, Recorder, RequestLimits, Rights};
use crosstrust::serve::{DrainSummary, Listener, ServeOptions, Server};
use tokio::sync::oneshot;

/// A running server, which ends on drop.
pub struct Running {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<DrainSummary>>,
}

/// Serves this engine with every service, to all clients.
pub fn start(engine: Arc<Engine>, reload: Option<ReloadHandle>) -> Running {
    // Short: a client whose runtime is blocked does not process GOAWAY.
    let options = ServeOptions {
        drain: Duration::from_millis(100),
        ..ServeOptions::default()
    };
    start_with(
        engine,
        reload,
        Rights::ALL,
        RequestLimits::default(),
        options,
    )
}

/// Serves this engine.
pub fn start_with(
    engine: Arc<Engine>,
    reload: Option<ReloadHandle>,
    rights: Rights,
    limits: RequestLimits,
    options: ServeOptions,
) -> Running {
    let backend = Backend {
        engine,
        reload,
        limits,
        reflection: true,
        gateway: Arc::default(),
        recorder: Recorder::default(),
    };
    serve_with(&backend, &rights, options)
}

/// Serves this backend.
pub fn serve_with(backend: &Backend, rights: &Rights, options: ServeOptions) -> Running {
    let health = HealthState::new();
    let listener = Listener {
        address: "127.0.0.1:0".parse().unwrap(),
        plaintext: false,
        uids: None,
        tls: None,
        service: rpc::router(backend, rights, &health),
    };
    let server = Server::bind(vec![listener], options).unwrap();
    let url = format!("http://{}", server.addresses()[0]);
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let shutdown = async {
            let _ = stopped.await;
        };
        server.run(shutdown, move || {
            health.drain();
            health.close();
        })
    });
    Running {
        url,
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
