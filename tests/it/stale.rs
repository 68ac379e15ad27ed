//! Stale policies: how long they stay in use, the denials afterwards, and the places that report it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::config::{Config, ConfigOverrides};
use crosstrust::decision::Reason;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::reload::{ReloadHandle, ReloadOptions, ReloadOutcome, Reloader};
use crosstrust::rpc::NotReady;
use crosstrust::time::Timestamp;
use crosstrust::watch::WatcherFactory;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::observed::{ObservedServer, Setup, page};
use crate::support::tokens::NOW;

const BUDGET: Duration = Duration::from_secs(60);

/// A folder with one tenant that is read only on request.
struct WatchedFolder {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
    reload: ReloadHandle,
}

const CONTOSO: &str = "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11";

impl WatchedFolder {
    fn start(deny_after: Option<Duration>) -> WatchedFolder {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &valid_policy("Contoso"));
        let clock = ManualClock::at(Timestamp::from_seconds(NOW));
        let engine = Arc::new(Engine::new(EngineOptions {
            cache: Some(CacheBytes::default()),
            clock: Clock::Manual(Arc::clone(&clock)),
        }));
        let options = ReloadOptions {
            watcher: WatcherFactory::with(|_| Ok(Box::new(notify::NullWatcher))),
            rescan: Duration::from_secs(3600),
            deny_after,
            ..ReloadOptions::of(folder.path())
        };
        let reload = Reloader::start(Arc::clone(&engine), options)
            .unwrap()
            .handle;
        WatchedFolder {
            folder,
            clock,
            engine,
            reload,
        }
    }

    fn reload_with(&self, text: &str) -> ReloadOutcome {
        write(self.folder.path(), text);
        self.reload.reload_blocking(false)
    }

    fn serve(&self, stale_budget: Option<Duration>) -> ObservedServer {
        ObservedServer::start(Setup {
            has_policies: false,
            engine: Some(Arc::clone(&self.engine)),
            reload: Some(self.reload.clone()),
            stale_budget,
            ..Setup::default()
        })
    }

    /// Whether a user is denied because no policies are usable.
    fn lacks_policies(&self) -> bool {
        let request = crate::support::build::internal();
        let answer = self.engine.authorize(&request);
        let reason = answer.decision.denial().map(|denial| denial.reason);
        let lacks = reason == Some(Reason::NoSnapshot);
        assert_eq!(answer.active.is_none(), lacks, "{reason:?}");
        assert_eq!(self.engine.explain(&request).is_none(), lacks);
        lacks
    }
}

fn valid_policy(name: &str) -> String {
    format!(r#"{{"id": "{CONTOSO}", "displayName": "{name}"}}"#)
}

fn write(folder: &Path, organization: &str) {
    fs::create_dir_all(folder.join("contoso")).unwrap();
    fs::write(folder.join("contoso/organization.json"), organization).unwrap();
}

#[test]
fn past_the_stale_limit_everything_is_denied_until_a_successful_read() {
    let followed = WatchedFolder::start(Some(BUDGET));
    let server = followed.serve(Some(BUDGET));
    assert!(!followed.lacks_policies());
    followed.clock.advance(BUDGET / 2);
    assert!(matches!(
        followed.reload_with("{"),
        ReloadOutcome::Rejected(_)
    ));

    // Within the limit staleness is reported, and decisions are unchanged.
    followed.clock.advance(BUDGET / 2 - Duration::from_nanos(1));
    assert!(!followed.lacks_policies());
    let ready = page(server.admin.address(), "/readyz", "*/*");
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["stale"]["beyondBudget"], false);
    let metrics = server.scrape();
    assert_eq!(
        metrics.get("crosstrust_snapshot_stale_seconds").round(),
        30.0
    );
    assert_eq!(
        metrics.get("crosstrust_snapshot_stale_budget_seconds"),
        60.0
    );
    assert_eq!(
        metrics.get(r#"crosstrust_reloads_total{result="rejected",cause="invalid"}"#),
        1.0
    );
    assert!(metrics.get("crosstrust_policies_findings") >= 1.0);

    // Past the limit, counted from the last successful read.
    followed.clock.advance(Duration::from_nanos(1));
    assert!(followed.lacks_policies());
    assert_eq!(
        server.health.readiness(&followed.engine),
        Err(NotReady::Stale)
    );
    let ready = page(server.admin.address(), "/readyz", "*/*");
    assert_eq!((ready.status, &ready.json()["why"]), (503, &"stale".into()));
    assert_eq!(server.scrape().get("crosstrust_ready"), 0.0);
    assert!(matches!(
        followed.reload_with("{ "),
        ReloadOutcome::Rejected(_)
    ));
    assert!(
        followed.lacks_policies(),
        "another failed read does not recover"
    );

    // The active policies are read again: confirmed without an activation.
    assert!(matches!(
        followed.reload_with(&valid_policy("Contoso")),
        ReloadOutcome::Unchanged { .. }
    ));
    assert!(!followed.lacks_policies());
    assert_eq!(server.scrape().get("crosstrust_ready"), 1.0);
    assert_eq!(
        server.scrape().get("crosstrust_snapshot_stale_seconds"),
        0.0
    );
    // New policies are also accepted.
    followed.clock.advance(BUDGET);
    assert!(followed.lacks_policies());
    let new = r#", "verifiedDomains": []}"#;
    let outcome = followed.reload_with(&valid_policy("Contoso").replace('}', new));
    assert!(
        !matches!(outcome, ReloadOutcome::Rejected(_)),
        "{outcome:?}"
    );
    assert!(!followed.lacks_policies());
}

#[test]
fn policies_expire_by_the_clock_if_the_reloader_stops_reading() {
    let followed = WatchedFolder::start(Some(BUDGET));
    followed.reload.stop();
    followed.clock.advance(BUDGET);
    assert!(followed.lacks_policies());
    // Setting the wall clock back does not extend the limit.
    followed.clock.set_wall(Timestamp::from_seconds(NOW - 1000));
    assert!(followed.lacks_policies());
}

#[test]
fn staleness_metrics_and_decisions_use_the_boot_clock() {
    let followed = WatchedFolder::start(None);
    let server = followed.serve(Some(BUDGET));
    followed.reload_with("{");
    let stale = || page(server.admin.address(), "/readyz", "*/*").json()["stale"].clone();
    let seconds = || server.scrape().get("crosstrust_snapshot_stale_seconds");
    let noon = Timestamp::from_seconds(NOW);
    // The wall clock jumps ten years ahead and back: no time has passed.
    for wall in [
        noon.plus(Duration::from_secs(315_360_000)),
        noon.minus(Duration::from_secs(315_360_000)),
    ] {
        followed.clock.set_wall(wall);
        assert_eq!((seconds(), &stale()["seconds"]), (0.0, &0.0.into()));
        assert_eq!(stale()["beyondBudget"], false);
    }
    // Time passes while the wall clock shows an earlier time.
    followed.clock.advance(BUDGET);
    assert_eq!(stale()["beyondBudget"], false);
    followed.clock.advance(Duration::from_secs(1));
    followed
        .clock
        .set_wall(noon.minus(Duration::from_secs(3600)));
    assert_eq!((seconds(), &stale()["seconds"]), (61.0, &61.0.into()));
    assert_eq!(stale()["beyondBudget"], true);
    assert_eq!(stale()["since"], noon.to_string());
}

#[test]
fn without_deny_stale_policies_stay_in_use_and_are_only_reported() {
    let followed = WatchedFolder::start(None);
    let server = followed.serve(Some(BUDGET));
    followed.reload_with("{");
    followed.clock.advance(Duration::from_secs(1_000_000));
    assert!(!followed.lacks_policies());
    let ready = page(server.admin.address(), "/readyz", "*/*");
    assert_eq!(ready.status, 200);
    let stale = &ready.json()["stale"];
    assert_eq!(stale["beyondBudget"], true);
    assert_eq!(stale["seconds"], 1_000_000.0);
    assert!(
        stale["lastError"]
            .as_str()
            .unwrap()
            .contains("organization.json")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn health_watchers_are_notified_that_the_policies_are_too_old() {
    let followed = WatchedFolder::start(Some(BUDGET));
    let server = followed.serve(Some(BUDGET));
    let mut client = HealthClient::new(server.channel().await);
    let watching = client.watch(HealthCheckRequest::default()).await.unwrap();
    let mut statuses = watching.into_inner();
    let mut next = async || statuses.message().await.unwrap().unwrap().status();
    assert_eq!(next().await, ServingStatus::Serving);
    followed.clock.advance(BUDGET);
    assert_eq!(next().await, ServingStatus::NotServing);
    followed.reload.reload(false).await;
    assert_eq!(next().await, ServingStatus::Serving);
}

#[test]
fn a_stale_limit_below_the_rescan_interval_is_rejected() {
    let serve = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_crosstrust"))
            .args(["serve", "--print-config"])
            .args(arguments)
            .env_clear()
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for (arguments, expected) in [
        (&["--stale-then", "deny"][..], "stale.budget = `0`"),
        (
            &["--stale-then", "deny", "--stale-budget", "14"],
            "three times reload.rescan",
        ),
        (&["--stale-then", "refuse"], "expected one of serve, deny"),
        (&["--stale-budget", "soon"], "stale.budget = `soon`"),
        (
            &["--metrics-tenants", "contoso"],
            "metrics.tenants = `contoso`",
        ),
    ] {
        let (is_good, output) = serve(arguments);
        assert!(
            !is_good && output.contains(expected),
            "{arguments:?} {output}"
        );
    }
    let tenants = vec![CONTOSO; 101].join(",");
    assert!(
        serve(&["--metrics-tenants", &tenants])
            .1
            .contains("at most 100 tenants")
    );
    for good in [
        &["--stale-then", "deny", "--stale-budget", "15"][..],
        &["--stale-budget", "1"],
        &["--admin", "off", "--metrics-tenants", CONTOSO],
    ] {
        let (is_good, output) = serve(good);
        assert!(is_good, "{good:?} {output}");
    }
    assert!(Config::read(None, ConfigOverrides::default()).is_ok());
}
