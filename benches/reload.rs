//! From the end of a write to the activation: `cargo bench --bench reload`.
//!
//! Without a harness: each round writes one file and waits for the activation event. Most of the time is the debounce
//! time (100 ms, or `QUIET_MS`).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crosstrust::cache::CacheBytes;
use crosstrust::clock::Clock;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::id::TenantId;
use crosstrust::reload::{ReloadEvent, ReloadOptions, ReloadOutcome, Reloader};
use crosstrust::watch::WatcherFactory;

fn main() {
    let quiet = std::env::var("QUIET_MS").ok();
    let quiet = Duration::from_millis(quiet.and_then(|text| text.parse().ok()).unwrap_or(100));
    println!(
        "from write to activation, ms; quiet time {} ms",
        quiet.as_millis()
    );
    for (tenants, partners) in [(2, 1), (10, 100), (100, 100), (10, 10_000)] {
        measure("watched", tenants, partners, 20, |options| {
            options.quiet = quiet
        });
    }
    measure("rescan of 200 ms only", 10, 100, 20, |options| {
        options.quiet = quiet;
        options.rescan = Duration::from_millis(200);
        options.watcher = WatcherFactory::with(|_| Err(notify::Error::generic("switched off")));
    });
}

fn measure(
    name: &str,
    tenants: u128,
    partners: u128,
    rounds: u32,
    options: impl FnOnce(&mut ReloadOptions),
) {
    let folder = tempfile::tempdir().unwrap();
    for tenant in 0..tenants {
        write_tenant(folder.path(), tenant, partners, 0);
    }
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: Some(CacheBytes::default()),
        clock: Clock::System,
    }));
    let mut chosen = ReloadOptions::of(folder.path());
    options(&mut chosen);
    let started = Reloader::start(engine, chosen).unwrap();
    assert!(
        matches!(started.first, ReloadOutcome::Activated(_)),
        "{:?}",
        started.first
    );
    let mut events = started.handle.events();
    let mut times = Vec::new();
    for round in 1..=rounds {
        write_tenant(folder.path(), 0, partners, round);
        let written = Instant::now();
        while !matches!(events.blocking_recv().unwrap(), ReloadEvent::Activated(_)) {}
        times.push(written.elapsed());
    }
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{name}, {tenants} tenants x {partners} partners: median {:.1} (least {:.1}, most {:.1}) of {rounds}",
        ms(times[times.len() / 2]),
        ms(times[0]),
        ms(times[times.len() - 1]),
    );
}

/// Writes a tenant with this many partners, allowed in even rounds and blocked in odd ones.
fn write_tenant(folder: &Path, tenant: u128, partners: u128, round: u32) {
    let directory = folder.join(format!("tenant-{tenant}"));
    fs::create_dir_all(&directory).unwrap();
    let organization = directory.join("organization.json");
    if !organization.exists() {
        let id = TenantId(tenant + 1);
        fs::write(
            organization,
            format!(r#"{{"id": "{id}", "displayName": "Tenant {tenant}"}}"#),
        )
        .unwrap();
    }
    let access = if round.is_multiple_of(2) {
        "allowed"
    } else {
        "blocked"
    };
    let mut text = String::from("[");
    for partner in 0..partners {
        let comma = if partner == 0 { "" } else { "," };
        let id = TenantId(1_000_000 + partner);
        write!(
            text,
            r#"{comma}{{"tenantId": "{id}", "b2bDirectConnectInbound": {{
                "usersAndGroups": {{"accessType": "{access}", "targets": [{{"target": "AllUsers", "targetType": "user"}}]}},
                "applications": {{"accessType": "{access}", "targets": [{{"target": "AllApplications", "targetType": "application"}}]}}}}}}"#
        )
        .unwrap();
    }
    text.push(']');
    let temporary = directory.join(".partners.new");
    fs::write(&temporary, text).unwrap();
    fs::rename(temporary, directory.join("partners.json")).unwrap();
}
