//! `crosstrust serve`: the sidecar. Puts the rooms together; decides nothing.

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
use crate::config::{self, Config, ConfigError, Given, KEYS, Key, Origin};
use crate::engine::{Engine, EngineOptions};
use crate::identity::Identity;
use crate::identity::follow::{FollowHandle, FollowOptions, Follower};
use crate::log::Log;
use crate::log::audit::{Actor, Audit};
use crate::metrics::Metrics;
use crate::reload::{Outcome, ReloadOptions, Reloader};
use crate::rpc::{self, Backend, HealthState, Limits, Recorder};
use crate::serve::{ServeOptions, Server};
use crate::telemetry::{self, LogFormat};
use memory::MemoryPurge;

/// What the command line and the environment say: every key of the configuration, and three more.
pub(super) struct ServeArguments {
    config: Option<PathBuf>,
    print_config: bool,
    allow_empty: bool,
    given: Given,
}

pub(super) const ABOUT: &str =
    "Serve decisions over gRPC, and follow the policies folder while it changes";

pub(super) const LONG_ABOUT: &str = "Serve decisions over gRPC, and follow the policies folder while it changes.

With no flags it serves the folder `policies` on 127.0.0.1:50051, to everybody who can reach it. A policies \
folder has one folder per tenant with the JSON that Microsoft Graph exports; a change that the file system reports \
is picked up within a second or two, any other (a link above the folder that is replaced, a network file system) by \
a look every `reload.rescan`, and one that does not compile changes nothing. Where no folder is configured and there \
is no `policies`, it does not start: `crosstrust init` writes samples. A configured folder that is missing is waited \
for, and everything is denied until then. SIGHUP looks again now and logs what it found, SIGTERM drains and ends; \
SIGUSR1 and SIGUSR2 are ignored.

Every key below is also a line of the configuration file (`--config`) and a CROSSTRUST_… variable; a flag beats \
a variable, a variable beats the file. A CROSSTRUST_… variable that names no key is an error; those that \
Kubernetes injects for a Service named crosstrust are ignored. Listeners that offer less than everything are tables of the file:

  [[listener]]
  address = \"unix:/run/crosstrust.sock\"
  services = [\"check\", \"health\"]           # also: authorization, policy, reflection
  uids = [101]                               # who may connect, on a Unix socket
  operator = false                           # its callers may not Explain or Reload
  own_claims = false                         # they have to bring a token; true lets them state claims
  plaintext = false                          # true: beyond loopback, where something else protects it

docs/configuration.md describes issuers, routes, TLS and everything else.

Exit code: 0 = drained and ended; 2 = it could not start.";

/// The flags are the table of keys, so that none can be forgotten.
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
                    .help("Start without `policies` where no folder is configured, and deny everything until it is there"),
            )
            .arg(
                Arg::new("listen")
                    .long("listen")
                    .value_name("ADDR")
                    .env("CROSSTRUST_LISTEN")
                    .value_delimiter(',')
                    .action(ArgAction::Append)
                    .help("Where to listen: HOST:PORT or unix:PATH; may be repeated [default: 127.0.0.1:50051]"),
            );
        KEYS.iter().fold(command, |command, key| {
            let flag = key.name.replace(['.', '_'], "-");
            command.arg(
                Arg::new(key.name)
                    .long(flag)
                    .value_name(key.takes)
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
fn help(key: &Key) -> String {
    let default = match key.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let range = key.bound.map(|bound| format!(" [{bound}]"));
    format!("{}{default}{}", key.help, range.unwrap_or_default())
}

impl FromArgMatches for ServeArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let origin = |name: &str| match matches.value_source(name) {
            Some(ValueSource::EnvVariable) => Origin::Variable,
            _ => Origin::Flag,
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
            given: Given {
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

/// What `serve` would refuse while it puts its rooms together.
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
    let shown = config.shown().into_iter();
    let rows: Vec<_> = shown
        .map(|line| [line.key, line.value, line.origin.to_string()])
        .collect();
    let mut out = Output::new();
    table::print(&mut out, ["key", "value", "origin"], &rows);
    out.finish()
}

/// A server that denies everything helps no one who has only just installed it. A folder that was configured may come
/// later, as mounts do: it is waited for.
fn refuse_to_start_empty(config: &Config) -> anyhow::Result<()> {
    let folder = config.text(POLICIES);
    if !config.is_default(POLICIES) || Path::new(folder).exists() {
        return Ok(());
    }
    bail!(
        "found no folder `{folder}` here, and none is configured; `crosstrust init` writes sample policies, \
         `--policies DIR` names a folder, `--allow-empty` starts without one and denies everything"
    )
}

fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    // Before the log's folder is made or written.
    let held = listeners::hold(config)?;
    let admin = admin::bind(config)?;
    let metrics = Arc::new(Metrics::new(&admin::tenants(config)?));
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: cache(config)?,
        clock: Clock::System,
    }));
    let log = log::open(config)?;
    let exporter = collector::export(config, &log)?.map(Arc::new);
    let reload_options = ReloadOptions {
        witness: log::witness(&log, &engine),
        ..reload_options(config)?
    };
    let reloading = Reloader::start(Arc::clone(&engine), reload_options)
        .context("cannot start following the policies folder")?;
    tell_first_load(&reloading.first, config.text("policies"));

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
    let server = Server::on(held, services, serve_options(config, &metrics, &log)?)?;
    let stale_budget = admin::Stale::read(config)?.budget;
    let figures = log::figures(&log, exporter.as_ref(), config)?;
    let admin = admin::start(admin, || Sources {
        metrics,
        engine: Arc::clone(&engine),
        health: health.clone(),
        reload: Some(reloading.handle.clone()),
        identity: identity.clone(),
        keys: following.clone(),
        server: server.figures(),
        log: figures,
        stale_budget,
    })?;
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let started = Audit::Started {
        version: env!("CARGO_PKG_VERSION"),
        policies: config.text("policies"),
        addresses: &addresses,
        snapshot: engine.active().map(|active| active.snapshot.id()),
    };
    log.happened(&started, Actor::Itself);

    let memory = MemoryPurge::start().context("cannot start the thread that returns memory")?;
    let admin_address = admin.as_ref().map(AdminHandle::address);
    let ready = {
        let (engine, addresses) = (Arc::clone(&engine), addresses.join(", "));
        move || tell_start(&engine, &addresses, admin_address)
    };
    let followed = signals::Followed {
        reload: reloading.handle.clone(),
        keys: following.clone(),
        tls: server.tls_hint(),
    };
    let stop = signals::stop(followed, ready);
    let drained = server.run(stop, move || {
        health.drain();
        health.close();
    });
    drop(memory);
    reloading.handle.stop();
    if let Some(following) = following {
        following.stop();
    }
    log.happened(&Audit::Stopped { cause: "signal" }, Actor::Itself);
    log.close();
    if let Some(exporter) = exporter {
        exporter.stop(collector::LAST);
    }
    // Until here it tells probes that the process is on its way out.
    drop(admin);
    tracing::info!(aborted = drained.aborted, "drained");
    Ok(ExitCode::SUCCESS)
}

fn cache(config: &Config) -> Result<Option<CacheBytes>, ConfigError> {
    let bytes = CacheBytes(config.number("cache_bytes")?);
    Ok(config.switch("cache")?.then_some(bytes))
}

/// Verifies tokens, where an issuer is believed.
fn identity(config: &Config, engine: &Arc<Engine>) -> anyhow::Result<Option<Arc<Identity>>> {
    let trust = trust::trust(config)?;
    if trust.issuers.is_empty() {
        tracing::info!("no issuer is configured: tokens are refused");
        return Ok(None);
    }
    for issuer in &trust.issuers {
        let (name, iss, audiences) = (&issuer.name, &issuer.iss, issuer.audiences.len());
        tracing::info!(name, %iss, audiences, tenants = ?issuer.tenants, "issuer is believed");
    }
    let identity = Identity::new(trust, Arc::clone(engine), trust::limits(config)?);
    Ok(Some(Arc::new(identity)))
}

/// Fetches and watches the keys of the issuers that are believed.
fn follow(
    config: &Config,
    identity: Option<&Arc<Identity>>,
    log: &Log,
) -> anyhow::Result<Option<FollowHandle>> {
    let options = FollowOptions {
        log: log.clone(),
        ..trust::following(config)?
    };
    let started = identity.map(|identity| Follower::start(Arc::clone(identity), options));
    started
        .transpose()
        .context("cannot start following the key sets of issuers")
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

fn limits(config: &Config) -> anyhow::Result<Limits> {
    Ok(Limits {
        authorize_bytes: config.number("limits.authorize_bytes")?,
        batch_bytes: config.number("limits.batch_bytes")?,
        check_bytes: config.number("limits.check_bytes")?,
        batch_items: config.number("limits.batch_items")?,
        groups: config.number("limits.groups")?,
        ..Limits::default()
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
        rules: Arc::new(rpc::Budgets {
            metrics: Arc::clone(metrics),
            log: log.clone(),
        }),
        ..ServeOptions::default()
    })
}

/// The reloader has logged every finding; this says what it means.
fn tell_first_load(outcome: &Outcome, folder: &str) {
    if let Outcome::Rejected(_) = outcome {
        tracing::error!(
            folder,
            "waiting for policies: everything is denied until the folder holds good ones; `--policies DIR` names \
             another folder"
        );
    }
}

/// The one line at start.
fn tell_start(engine: &Engine, addresses: &str, admin: Option<SocketAddr>) {
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
