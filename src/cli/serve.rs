//! `crosstrust serve`: the sidecar. Connects the other modules; decides nothing itself.

mod admin;
mod collector;
mod gateway;
mod listeners;
mod log;
mod memory;
mod port_holder;
mod signals;
mod trust;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::{output::Output, policies, table};
use crate::admin::{AdminHandle, Sources};
use crate::cache::CacheBytes;
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, ConfigKey, ConfigOverrides, KEYS, ValueOrigin};
use crate::engine::{Engine, EngineOptions};
use crate::identity::TokenVerifier;
use crate::identity::follow::{FollowHandle, FollowOptions, KeySetFollower};
use crate::log::Log;
use crate::log::audit::{Actor, AuditEvent};
use crate::metrics::Metrics;
use crate::reload::{ReloadOptions, ReloadOutcome, Reloader};
use crate::rpc::{self, Backend, HealthState, Recorder, RequestLimits};
use crate::serve::{ServeOptions, Server};
use crate::telemetry::{self, LogFormat};
use memory::MemoryPurge;

/// Flags and environment variables: every key of the configuration, and three more.
pub(super) struct ServeArguments {
    config: Option<PathBuf>,
    print_config: bool,
    allow_empty: bool,
    given: ConfigOverrides,
}

pub(super) const ABOUT: &str =
    "Serve decisions over gRPC and reload policies when the policies folder changes";

pub(super) const LONG_ABOUT: &str = "Serve decisions over gRPC and reload policies when the policies folder changes.

Without flags it serves the folder `policies` on 127.0.0.1:50051 to every client that can reach this address.

A policies folder has one folder per tenant, with the JSON that Microsoft Graph exports. A change that the file \
system reports is loaded within a second or two; other changes (a replaced link above the folder, a network file \
system) are found by a scan every `reload.rescan`. Policies that do not compile are not activated. If no folder is \
configured and `policies` does not exist, serve does not start; `crosstrust init` writes samples. If a configured \
folder does not exist, serve starts and denies all requests until it does.

SIGHUP scans again at once and logs the result. SIGTERM and SIGINT drain and exit. SIGUSR1 and SIGUSR2 are ignored.

Every key below is also a key of the configuration file (`--config`) and a CROSSTRUST_… environment variable. A \
flag overrides a variable, a variable overrides the file. A CROSSTRUST_… variable that names no key is an error; \
those that Kubernetes injects for a Service named crosstrust are ignored. Listeners with fewer services or rights \
are tables of the file:

  [[listener]]
  address = \"unix:/run/crosstrust.sock\"
  services = [\"check\", \"health\"]           # also: authorization, policy, reflection
  uids = [101]                               # users that may connect to the Unix socket
  operator = false                           # callers may not Explain or Reload
  own_claims = false                         # callers must send a token; true: they may send claims instead
  plaintext = false                          # true: allow non-loopback addresses without mutual TLS

docs/configuration.md describes issuers, routes, TLS and all other keys.

Exit code: 0 = drained and exited; 2 = could not start.";

/// The flags are generated from the table of keys, so that none is missing.
impl Args for ServeArguments {
    fn augment_args(command: Command) -> Command {
        let command = command
            .arg(
                Arg::new("config")
                    .long("config")
                    .value_name("FILE")
                    .env("CROSSTRUST_CONFIG")
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("Configuration file, TOML"),
            )
            .arg(
                Arg::new("print-config")
                    .long("print-config")
                    .action(ArgAction::SetTrue)
                    .help("Print the effective configuration, each value with its origin, and exit"),
            )
            .arg(
                Arg::new("allow-empty")
                    .long("allow-empty")
                    .action(ArgAction::SetTrue)
                    .help("Start although no folder is configured and `policies` does not exist; deny all requests until it does"),
            )
            .arg(
                Arg::new("listen")
                    .long("listen")
                    .value_name("ADDR")
                    .env("CROSSTRUST_LISTEN")
                    .value_delimiter(',')
                    .action(ArgAction::Append)
                    .help("Listener address: HOST:PORT or unix:PATH; may be repeated [default: 127.0.0.1:50051]"),
            );
        KEYS.iter().fold(command, |command, key| {
            let flag = key.name.replace(['.', '_'], "-");
            command.arg(
                Arg::new(key.name)
                    .long(flag)
                    .value_name(key.value_name)
                    .env(key.variable())
                    .help(help(key)),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The help of a key's flag, with its default and its range.
fn help(key: &ConfigKey) -> String {
    let default = match key.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let range = key.range.map(|range| format!(" [{range}]"));
    format!("{}{default}{}", key.help, range.unwrap_or_default())
}

impl FromArgMatches for ServeArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let origin = |name: &str| match matches.value_source(name) {
            Some(ValueSource::EnvVariable) => ValueOrigin::Variable,
            _ => ValueOrigin::Flag,
        };
        let values = KEYS.iter().filter_map(|key| {
            let value = matches.get_one::<String>(key.name)?;
            Some((key.name, value.clone(), origin(key.name)))
        });
        let listen = matches.get_many::<String>("listen").unwrap_or_default();
        Ok(ServeArguments {
            config: matches.get_one::<PathBuf>("config").cloned(),
            print_config: matches.get_flag("print-config"),
            allow_empty: matches.get_flag("allow-empty"),
            given: ConfigOverrides {
                values: values.collect(),
                listen: listen
                    .map(|text| (text.clone(), origin("listen")))
                    .collect(),
            },
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub(super) fn run(arguments: ServeArguments) -> anyhow::Result<ExitCode> {
    config::refuse_unknown_variables()?;
    let file = arguments.config.map(|path| {
        let text = config::read_file(&path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        anyhow::Ok((path, text))
    });
    let config = Config::read(file.transpose()?, arguments.given)?;
    if arguments.print_config {
        check(&config)?;
        print(&config)?;
        return Ok(ExitCode::SUCCESS);
    }
    check(&config)?;
    trust::check_keys(&config)?;
    if !arguments.allow_empty {
        refuse_to_start_empty(&config)?;
    }
    signals::ignore_early();
    let telemetry = telemetry::start(log_format(&config)?, collector::traces());
    let served = serve(&config);
    telemetry.stop(collector::LAST);
    served
}

fn log_format(config: &Config) -> Result<LogFormat, ConfigError> {
    config.one_of(
        "log_format",
        &[("text", LogFormat::Text), ("json", LogFormat::Json)],
    )
}

/// Reports errors in the configuration before anything is opened or started.
fn check(config: &Config) -> anyhow::Result<()> {
    trust::trust(config)?;
    trust::limits(config)?;
    trust::following(config)?;
    log::check(config)?;
    collector::records(config)?;
    gateway::gateway(config, None)?;
    for table in &config.listeners {
        listeners::address(table)?;
        listeners::rights(table)?;
    }
    cache(config)?;
    log_format(config)?;
    config.switch("reflection")?;
    limits(config)?;
    serve_options(config, &Arc::new(Metrics::new(&[])), &Log::default())?.check()?;
    reload_options(config)?;
    listeners::refuse_equal(config, admin::address(config)?)?;
    admin::tenants(config)?;
    Ok(())
}

fn print(config: &Config) -> std::io::Result<()> {
    let shown = config.effective_values().into_iter();
    let rows: Vec<_> = shown
        .map(|line| [line.key, line.value, line.origin.to_string()])
        .collect();
    let mut out = Output::new();
    table::print(&mut out, ["key", "value", "origin"], &rows);
    out.finish()
}

/// A new user without policies gets an error and not a server that denies everything. A configured folder may appear
/// later, as mounts do.
fn refuse_to_start_empty(config: &Config) -> anyhow::Result<()> {
    let folder = config.text(POLICIES);
    if !config.is_default(POLICIES) || Path::new(folder).exists() {
        return Ok(());
    }
    bail!(
        "no policies: `{folder}` does not exist in the current directory, and no folder is configured; run \
         `crosstrust init` to write sample policies, name a folder with `--policies DIR`, or start with \
         `--allow-empty` to deny all requests"
    )
}

fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    // Before the log's folder is created or written.
    let bound = listeners::bind(config)?;
    let admin = admin::bind(config)?;
    let metrics = Arc::new(Metrics::new(&admin::tenants(config)?));
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: cache(config)?,
        clock: Clock::System,
    }));
    let log = log::open(config)?;
    let exporter = collector::export(config, &log)?.map(Arc::new);
    let reload_options = ReloadOptions {
        observer: log::reload_observer(&log, &engine),
        ..reload_options(config)?
    };
    let reloading = Reloader::start(Arc::clone(&engine), reload_options)
        .context("cannot start watching the policies folder")?;
    log_first_load(&reloading.first, config.text("policies"));

    let identity = identity(config, &engine)?;
    let following = follow(config, identity.as_ref(), &log)?;
    let health = HealthState::new();
    let backend = Backend {
        engine: Arc::clone(&engine),
        reload: Some(reloading.handle.clone()),
        limits: limits(config)?,
        reflection: config.switch("reflection")?,
        gateway: Arc::new(gateway::gateway(config, identity.clone())?),
        recorder: Recorder {
            log: log.clone(),
            metrics: Arc::clone(&metrics),
        },
    };
    let tables = config.listeners.iter();
    let services = tables.map(|table| listeners::service(table, &backend, &health));
    let services = services.collect::<anyhow::Result<Vec<_>>>()?;
    let server = Server::with_listeners(bound, services, serve_options(config, &metrics, &log)?)?;
    let stale_budget = admin::Stale::read(config)?.budget;
    let log_metrics = log::metrics_source(&log, exporter.as_ref(), config)?;
    let admin = admin::start(admin, || Sources {
        metrics,
        engine: Arc::clone(&engine),
        health: health.clone(),
        reload: Some(reloading.handle.clone()),
        identity: identity.clone(),
        keys: following.clone(),
        server: server.stats(),
        log: log_metrics,
        stale_budget,
    })?;
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let started = AuditEvent::Started {
        version: env!("CARGO_PKG_VERSION"),
        policies: config.text("policies"),
        addresses: &addresses,
        snapshot: engine.active().map(|active| active.snapshot.id()),
    };
    log.record(&started, Actor::Crosstrust);

    let memory = MemoryPurge::start().context("cannot start the thread that returns memory")?;
    let admin_address = admin.as_ref().map(AdminHandle::address);
    let ready = {
        let (engine, addresses) = (Arc::clone(&engine), addresses.join(", "));
        move || log_start(&engine, &addresses, admin_address)
    };
    let targets = signals::SighupTargets {
        reload: reloading.handle.clone(),
        keys: following.clone(),
        tls: server.tls_reload_handle(),
    };
    let stop = signals::stop(targets, ready);
    let drained = server.run(stop, move || {
        health.drain();
        health.close();
    });
    drop(memory);
    reloading.handle.stop();
    if let Some(following) = following {
        following.stop();
    }
    log.record(&AuditEvent::Stopped { cause: "signal" }, Actor::Crosstrust);
    log.close();
    if let Some(exporter) = exporter {
        exporter.stop(collector::LAST);
    }
    // Until here, probes get the answer that the process drains.
    drop(admin);
    tracing::info!(aborted = drained.aborted, "drained");
    Ok(ExitCode::SUCCESS)
}

fn cache(config: &Config) -> Result<Option<CacheBytes>, ConfigError> {
    let bytes = CacheBytes(config.number("cache_bytes")?);
    Ok(config.switch("cache")?.then_some(bytes))
}

/// The verifier of tokens, if an issuer is configured.
fn identity(config: &Config, engine: &Arc<Engine>) -> anyhow::Result<Option<Arc<TokenVerifier>>> {
    let trust = trust::trust(config)?;
    if trust.issuers.is_empty() {
        tracing::info!("no issuer is configured: tokens are refused");
        return Ok(None);
    }
    for issuer in &trust.issuers {
        let (name, iss, audiences) = (&issuer.name, &issuer.iss, issuer.audiences.len());
        tracing::info!(name, %iss, audiences, tenants = ?issuer.tenants, "issuer is trusted");
    }
    let identity = TokenVerifier::new(trust, Arc::clone(engine), trust::limits(config)?);
    Ok(Some(Arc::new(identity)))
}

/// Starts fetching and watching the key sets of issuers.
fn follow(
    config: &Config,
    identity: Option<&Arc<TokenVerifier>>,
    log: &Log,
) -> anyhow::Result<Option<FollowHandle>> {
    let options = FollowOptions {
        log: log.clone(),
        ..trust::following(config)?
    };
    let started = identity.map(|identity| KeySetFollower::start(Arc::clone(identity), options));
    started
        .transpose()
        .context("cannot start fetching the key sets of issuers")
}

fn reload_options(config: &Config) -> anyhow::Result<ReloadOptions> {
    Ok(ReloadOptions {
        quiet: config.milliseconds("reload.debounce_ms")?,
        rescan: config.seconds("reload.rescan")?,
        deny_after: admin::Stale::read(config)?.deny_after(),
        settings: policies::settings(config)?,
        ..ReloadOptions::of(config.text("policies"))
    })
}

fn limits(config: &Config) -> anyhow::Result<RequestLimits> {
    Ok(RequestLimits {
        authorize_bytes: config.number("limits.authorize_bytes")?,
        batch_bytes: config.number("limits.batch_bytes")?,
        check_bytes: config.number("limits.check_bytes")?,
        batch_items: config.number("limits.batch_items")?,
        groups: config.number("limits.groups")?,
        ..RequestLimits::default()
    })
}

fn serve_options(
    config: &Config,
    metrics: &Arc<Metrics>,
    log: &Log,
) -> anyhow::Result<ServeOptions> {
    Ok(ServeOptions {
        threads: config.number("threads")?,
        connections: config.number("limits.connections")?,
        unopened: config.number("limits.unopened")?,
        streams: config.number("limits.streams")?,
        in_flight: config.number("limits.in_flight")?,
        queue_delay: config.milliseconds("limits.queue_ms")?,
        open_streams: config.number("limits.open_streams")?,
        open_streams_per_connection: config.number("limits.open_streams_per_connection")?,
        unread_bytes: config.number("limits.unread_bytes")?,
        handler_budget: config.milliseconds("limits.handler_ms")?,
        first_byte: config.seconds("limits.first_byte")?,
        drain: config.seconds("drain")?,
        rules: Arc::new(rpc::RpcCallRules {
            metrics: Arc::clone(metrics),
            log: log.clone(),
        }),
        ..ServeOptions::default()
    })
}

/// Logs the consequence of a failed load; the reloader has logged its findings.
fn log_first_load(outcome: &ReloadOutcome, folder: &str) {
    if let ReloadOutcome::Rejected(_) = outcome {
        tracing::error!(
            folder,
            "no valid policies: all requests are denied until the folder has valid policies; `--policies DIR` names \
             another folder"
        );
    }
}

/// Logs one line at the start.
fn log_start(engine: &Engine, addresses: &str, admin: Option<SocketAddr>) {
    let admin = admin.map_or_else(|| "off".to_owned(), |admin| admin.to_string());
    match engine.active() {
        Some(active) => {
            let counts = active.snapshot.counts();
            tracing::info!(
                addresses,
                admin,
                snapshot = %active.snapshot.id(),
                tenants = counts.tenants,
                partners = counts.partners,
                policies = counts.policies,
                "serving"
            );
        }
        None => tracing::warn!(addresses, admin, "serving without policies"),
    }
}

const POLICIES: &str = "policies";
