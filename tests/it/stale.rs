//! Policies that cannot be confirmed: for how long they count, what comes then, and who says so.

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

use crate::observed::{Observed, Setup, page};
use crate::support::tokens::NOW;

const BUDGET: Duration = Duration::from_secs(60);

/// A folder of one tenant, followed by nobody but whoever asks for a look.
struct Followed {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
    reload: ReloadHandle,
}

const CONTOSO: &str = "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11";

impl Followed {
    fn start(deny_after: Option<Duration>) -> Followed {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &good("Contoso"));
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
        Followed {
            folder,
            clock,
            engine,
            reload,
        }
    }

    fn becomes(&self, text: &str) -> ReloadOutcome {
        write(self.folder.path(), text);
        self.reload.reload_blocking(false)
    }

    fn observed(&self, stale_budget: Option<Duration>) -> Observed {
        Observed::start(Setup {
            has_policies: false,
            engine: Some(Arc::clone(&self.engine)),
            reload: Some(self.reload.clone()),
            stale_budget,
            ..Setup::default()
        })
    }

    /// Whether a user is denied for the lack of policies, and not for another reason.
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

fn good(name: &str) -> String {
    format!(r#"{{"id": "{CONTOSO}", "displayName": "{name}"}}"#)
}

fn write(folder: &Path, organization: &str) {
    fs::create_dir_all(folder.join("contoso")).unwrap();
    fs::write(folder.join("contoso/organization.json"), organization).unwrap();
}

#[test]
fn past_the_budget_nothing_is_answered_until_a_good_look() {
    let followed = Followed::start(Some(BUDGET));
    let server = followed.observed(Some(BUDGET));
    assert!(!followed.lacks_policies());
    followed.clock.advance(BUDGET / 2);
    assert!(matches!(followed.becomes("{"), ReloadOutcome::Rejected(_)));

    // Within the budget it is visible, and all else is as before.
    followed.clock.advance(BUDGET / 2 - Duration::from_nanos(1));
    assert!(!followed.lacks_policies());
    let ready = page(server.admin.address(), "/readyz", "*/*");
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["stale"]["beyondBudget"], false);
    let told = server.scrape();
    assert_eq!(told.get("crosstrust_snapshot_stale_seconds").round(), 30.0);
    assert_eq!(told.get("crosstrust_snapshot_stale_budget_seconds"), 60.0);
    assert_eq!(
        told.get(r#"crosstrust_reloads_total{result="rejected",cause="invalid"}"#),
        1.0
    );
    assert!(told.get("crosstrust_policies_findings") >= 1.0);

    // Past it, counted from the last look that found them as they should be.
    followed.clock.advance(Duration::from_nanos(1));
    assert!(followed.lacks_policies());
    assert_eq!(
        server.health.readiness(&followed.engine),
        Err(NotReady::Stale)
    );
    let ready = page(server.admin.address(), "/readyz", "*/*");
    assert_eq!((ready.status, &ready.json()["why"]), (503, &"stale".into()));
    assert_eq!(server.scrape().get("crosstrust_ready"), 0.0);
    assert!(matches!(followed.becomes("{ "), ReloadOutcome::Rejected(_)));
    assert!(followed.lacks_policies(), "another bad look mends nothing");

    // What is in force is found again: no activation, and it counts.
    assert!(matches!(
        followed.becomes(&good("Contoso")),
        ReloadOutcome::Unchanged { .. }
    ));
    assert!(!followed.lacks_policies());
    assert_eq!(server.scrape().get("crosstrust_ready"), 1.0);
    assert_eq!(
        server.scrape().get("crosstrust_snapshot_stale_seconds"),
        0.0
    );
    // And so it is with new ones.
    followed.clock.advance(BUDGET);
    assert!(followed.lacks_policies());
    let new = r#", "verifiedDomains": []}"#;
    let outcome = followed.becomes(&good("Contoso").replace('}', new));
    assert!(
        !matches!(outcome, ReloadOutcome::Rejected(_)),
        "{outcome:?}"
    );
    assert!(!followed.lacks_policies());
}

#[test]
fn a_reloader_that_looks_no_more_is_noticed_by_nobody_but_the_clock() {
    let followed = Followed::start(Some(BUDGET));
    followed.reload.stop();
    followed.clock.advance(BUDGET);
    assert!(followed.lacks_policies());
    // Setting the wall clock back helps nobody.
    followed.clock.set_wall(Timestamp::from_seconds(NOW - 1000));
    assert!(followed.lacks_policies());
}

#[test]
fn stale_figures_use_the_boot_clock_as_the_decision_does() {
    let followed = Followed::start(None);
    let server = followed.observed(Some(BUDGET));
    followed.becomes("{");
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
    // Time passes while the wall clock shows an earlier one.
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
fn without_deny_policies_count_for_ever_and_the_budget_is_only_told() {
    let followed = Followed::start(None);
    let server = followed.observed(Some(BUDGET));
    followed.becomes("{");
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
async fn whoever_watches_health_is_told_that_the_policies_are_too_old() {
    let followed = Followed::start(Some(BUDGET));
    let server = followed.observed(Some(BUDGET));
    let mut client = HealthClient::new(server.channel().await);
    let watching = client.watch(HealthCheckRequest::default()).await.unwrap();
    let mut told = watching.into_inner();
    let mut next = async || told.message().await.unwrap().unwrap().status();
    assert_eq!(next().await, ServingStatus::Serving);
    followed.clock.advance(BUDGET);
    assert_eq!(next().await, ServingStatus::NotServing);
    followed.reload.reload(false).await;
    assert_eq!(next().await, ServingStatus::Serving);
}

#[test]
fn a_budget_that_would_deny_between_two_looks_is_refused() {
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
    for (arguments, told) in [
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
        let (is_good, said) = serve(arguments);
        assert!(!is_good && said.contains(told), "{arguments:?} {said}");
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
        let (is_good, said) = serve(good);
        assert!(is_good, "{good:?} {said}");
    }
    assert!(Config::read(None, ConfigOverrides::default()).is_ok());
}
