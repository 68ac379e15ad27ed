//! Changes to a policies folder are followed, however they are made, but never to invalid policies.
//!
//! Each test changes files and waits for the events of the reloader. The rescan interval is an hour if a test
//! is about file events, and milliseconds if it is about the rescan.

mod rejected;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crosstrust::cache::CacheBytes;
use crosstrust::clock::Clock;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::graph::Code;
use crosstrust::reload::{
    Activation, Rejection, ReloadEvent, ReloadHandle, ReloadOptions, ReloadOutcome, Reloader,
};
use crosstrust::time::Timestamp;
use crosstrust::watch::WatcherFactory;
use tempfile::TempDir;
use tokio::sync::broadcast;

use super::small_world::{self, WOODGROVE, default_settings, organization};

/// Far more than any machine needs.
const TIMEOUT: Duration = Duration::from_secs(10);
const FAR_AWAY: Duration = Duration::from_secs(3600);
const CLOSE: Duration = Duration::from_millis(30);

struct WatchedFolder {
    root: PathBuf,
    engine: Arc<Engine>,
    handle: ReloadHandle,
    events: broadcast::Receiver<ReloadEvent>,
    _directory: TempDir,
}

/// Follows a folder in which Contoso denies all inbound access.
fn follow(options: impl FnOnce(&mut ReloadOptions)) -> WatchedFolder {
    follow_with(|root| small_world::write(root, "blocked"), options)
}

fn follow_with(
    write: impl FnOnce(&Path),
    options: impl FnOnce(&mut ReloadOptions),
) -> WatchedFolder {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("policies");
    fs::create_dir(&root).unwrap();
    write(&root);
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: Some(CacheBytes::default()),
        clock: Clock::System,
    }));
    let mut chosen = ReloadOptions::of(&root);
    chosen.quiet = Duration::from_millis(20);
    chosen.longest_wait = Duration::from_millis(200);
    chosen.rescan = FAR_AWAY;
    options(&mut chosen);
    let started = Reloader::start(Arc::clone(&engine), chosen).unwrap();
    assert!(
        matches!(started.first, ReloadOutcome::Activated(_)),
        "{:?}",
        started.first
    );
    WatchedFolder {
        root,
        events: started.handle.events(),
        engine,
        handle: started.handle,
        _directory: directory,
    }
}

fn without_a_watcher(options: &mut ReloadOptions) {
    options.watcher = WatcherFactory::with(|_| Err(notify::Error::generic("no instances left")));
    options.rescan = CLOSE;
}

impl WatchedFolder {
    fn allows_inbound(&self) -> bool {
        let request = small_world::request(Timestamp::MAX);
        self.engine.authorize(&request).decision.is_allow()
    }

    fn version(&self) -> u64 {
        self.engine.active().unwrap().version
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn next_event(&mut self) -> ReloadEvent {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime
            .block_on(async { tokio::time::timeout(TIMEOUT, self.events.recv()).await })
            .unwrap_or_else(|_| panic!("no event: {:?}", self.handle.status()))
            .unwrap()
    }

    /// Waits for the next activation and skips rejections.
    fn activated(&mut self) -> Activation {
        loop {
            match self.next_event() {
                ReloadEvent::Activated(activation) => return activation,
                ReloadEvent::Rejected(_) => {}
            }
        }
    }

    fn rejected(&mut self) -> Rejection {
        match self.next_event() {
            ReloadEvent::Rejected(rejection) => rejection,
            ReloadEvent::Activated(activation) => panic!("{activation:?}"),
        }
    }

    fn wait_until_inbound(&mut self, allows_inbound: bool) {
        while self.activated().version < 2 || self.allows_inbound() != allows_inbound {}
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < TIMEOUT, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn write_over(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}

#[test]
fn a_file_written_in_place_is_followed() {
    let mut world = follow(|_| {});
    for access in ["allowed", "blocked", "allowed"] {
        fs::write(world.path("contoso/default.json"), default_settings(access)).unwrap();
        world.wait_until_inbound(access == "allowed");
    }
}

#[test]
fn a_file_renamed_over_the_old_one_is_followed() {
    let mut world = follow(|_| {});
    for access in ["allowed", "blocked", "allowed"] {
        write_over(
            &world.path("contoso/default.json"),
            &default_settings(access),
        );
        world.wait_until_inbound(access == "allowed");
    }
}

#[test]
fn an_editor_that_renames_the_old_file_away_first_is_followed() {
    let mut world = follow(|_| {});
    for access in ["allowed", "blocked", "allowed"] {
        let path = world.path("contoso/default.json");
        fs::rename(&path, world.path("contoso/default.json~")).unwrap();
        fs::write(&path, default_settings(access)).unwrap();
        fs::remove_file(world.path("contoso/default.json~")).unwrap();
        world.wait_until_inbound(access == "allowed");
    }
}

/// A volume as kubelet writes it: links through `..data`, which is swapped.
fn write_config_map(root: &Path, generation: &str, access: &str) {
    let data = format!("..2026_{generation}");
    fs::create_dir(root.join(&data)).unwrap();
    small_world::write(&root.join(&data), access);
    symlink(&data, root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
}

#[test]
fn repeated_swaps_of_a_config_map_are_followed() {
    let mut world = follow_with(
        |root| {
            write_config_map(root, "0", "blocked");
            for tenant in ["contoso", "fabrikam"] {
                symlink(format!("..data/{tenant}"), root.join(tenant)).unwrap();
            }
        },
        |_| {},
    );
    let mut old = String::from("0");
    for (generation, access) in [("1", "allowed"), ("2", "blocked"), ("3", "allowed")] {
        write_config_map(&world.root, generation, access);
        fs::remove_dir_all(world.path(&format!("..2026_{old}"))).unwrap();
        world.wait_until_inbound(access == "allowed");
        old = String::from(generation);
    }
}

#[test]
fn a_linked_folder_is_followed_to_its_target() {
    let mut world = follow_with(
        |root| {
            let parent = root.parent().unwrap();
            fs::remove_dir(root).unwrap();
            small_world::write(&parent.join("first"), "blocked");
            small_world::write(&parent.join("second"), "allowed");
            symlink("first", root).unwrap();
        },
        |_| {},
    );
    let parent = world.root.parent().unwrap().to_owned();
    symlink("second", parent.join("next")).unwrap();
    fs::rename(parent.join("next"), &world.root).unwrap();
    world.wait_until_inbound(true);
    fs::write(
        parent.join("second/contoso/default.json"),
        default_settings("blocked"),
    )
    .unwrap();
    world.wait_until_inbound(false);
}

/// Like git-sync and release scripts: `/srv/current` is replaced, and the folder is `/srv/current/policies`. No
/// watched directory changes.
#[test]
fn a_replaced_link_above_the_parent_of_the_folder_is_found_by_the_rescan() {
    let mut world = follow_with(
        |root| {
            let parent = root.parent().unwrap();
            small_world::write(&parent.join("first/policies"), "blocked");
            small_world::write(&parent.join("second/policies"), "allowed");
            symlink("first", parent.join("current")).unwrap();
        },
        |options| {
            let parent = options.folder.parent().unwrap();
            options.folder = parent.join("current/policies");
            options.rescan = CLOSE;
        },
    );
    let parent = world.root.parent().unwrap().to_owned();
    symlink("second", parent.join("next")).unwrap();
    fs::rename(parent.join("next"), parent.join("current")).unwrap();
    world.wait_until_inbound(true);
}

#[test]
fn a_linked_file_is_followed_to_its_target() {
    let mut world = follow_with(
        |root| {
            small_world::write(root, "blocked");
            let real = root.parent().unwrap().join("shared/settings.json");
            fs::create_dir(real.parent().unwrap()).unwrap();
            fs::rename(root.join("contoso/default.json"), &real).unwrap();
            symlink(&real, root.join("contoso/default.json")).unwrap();
        },
        |_| {},
    );
    let real = world.root.parent().unwrap().join("shared/settings.json");
    fs::write(real, default_settings("allowed")).unwrap();
    world.wait_until_inbound(true);
}

#[test]
fn a_folder_that_is_deleted_and_created_again_is_followed() {
    let mut world = follow(|_| {});
    for access in ["allowed", "blocked", "allowed"] {
        fs::remove_dir_all(&world.root).unwrap();
        small_world::write(&world.root, access);
        world.wait_until_inbound(access == "allowed");
    }
    fs::write(
        world.path("contoso/default.json"),
        default_settings("blocked"),
    )
    .unwrap();
    world.wait_until_inbound(false);
}

#[test]
fn a_new_tenants_directory_is_followed() {
    let mut world = follow(|_| {});
    fs::create_dir(world.path("woodgrove")).unwrap();
    fs::write(
        world.path("woodgrove/organization.json"),
        organization(WOODGROVE, "Woodgrove"),
    )
    .unwrap();
    world.activated();
    assert_eq!(world.engine.active().unwrap().snapshot.counts().tenants, 3);
    // The new directory is watched, too.
    fs::write(
        world.path("woodgrove/organization.json"),
        organization(WOODGROVE, "Woodgrove Bank"),
    )
    .unwrap();
    world.activated();
}

#[test]
fn reformatted_policies_are_not_activated_again() {
    let world = follow(|_| {});
    let path = world.path("fabrikam/.note.json");
    fs::write(path, "not a policy: its name begins with a dot").unwrap();
    assert!(matches!(
        world.handle.reload_blocking(false),
        ReloadOutcome::Unchanged { .. }
    ));
    let text = fs::read_to_string(world.path("contoso/organization.json")).unwrap();
    fs::write(world.path("contoso/organization.json"), text + "\n\n").unwrap();
    assert!(matches!(
        world.handle.reload_blocking(false),
        ReloadOutcome::Unchanged { .. }
    ));
    assert_eq!(world.version(), 1);
}

#[test]
fn without_a_watcher_the_rescan_finds_changes() {
    let mut world = follow(without_a_watcher);
    assert!(!world.handle.status().is_watched);
    for access in ["allowed", "blocked", "allowed"] {
        // Same file and same size: only the timestamps differ.
        fs::write(world.path("contoso/default.json"), default_settings(access)).unwrap();
        world.wait_until_inbound(access == "allowed");
    }
}

#[test]
fn a_watcher_that_dies_is_replaced_or_the_rescan_takes_over() {
    let fails = Arc::new(AtomicBool::new(false));
    let make = Arc::clone(&fails);
    let mut world = follow(move |options| {
        options.rescan = CLOSE;
        options.watcher = WatcherFactory::with(move |handler| {
            if make.load(Ordering::SeqCst) {
                return Err(notify::Error::generic("no instances left"));
            }
            Ok(Box::new(notify::recommended_watcher(handler)?))
        });
    });
    assert!(world.handle.status().is_watched);
    fails.store(true, Ordering::SeqCst);
    // A new directory needs new watches, and none are available.
    fs::create_dir(world.path("woodgrove")).unwrap();
    fs::write(
        world.path("woodgrove/organization.json"),
        organization(WOODGROVE, "Woodgrove"),
    )
    .unwrap();
    world.activated();
    wait_until("unwatched", || !world.handle.status().is_watched);
    fs::write(
        world.path("contoso/default.json"),
        default_settings("allowed"),
    )
    .unwrap();
    world.wait_until_inbound(true);
    fails.store(false, Ordering::SeqCst);
    wait_until("watched again", || world.handle.status().is_watched);
}

#[test]
fn a_burst_of_events_causes_few_loads_and_ends_with_the_last_content() {
    let mut world = follow(|_| {});
    let start = Instant::now();
    let before = world.handle.status().loads;
    while start.elapsed() < Duration::from_secs(1) {
        write_over(
            &world.path("contoso/default.json"),
            &default_settings("blocked"),
        );
    }
    write_over(
        &world.path("contoso/default.json"),
        &default_settings("allowed"),
    );
    world.wait_until_inbound(true);
    // One load per 200 ms during the burst, and one afterwards.
    let loads = world.handle.status().loads - before;
    let most = start.elapsed().as_millis() / 200 + 3;
    assert!(
        u128::from(loads) <= most,
        "{loads} loads in {:?}",
        start.elapsed()
    );
}

#[test]
fn own_reads_do_not_trigger_a_reload() {
    let world = follow(|_| {});
    world.handle.reload_blocking(false);
    let before = world.handle.status().loads;
    std::thread::sleep(Duration::from_millis(300));
    assert!(world.handle.status().loads <= before + 1);
}

#[test]
fn after_a_reload_returns_no_answer_uses_older_policies() {
    let world = follow(|_| {});
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    world.allows_inbound();
                }
            });
        }
        for round in 0..100 {
            let access = if round % 2 == 0 { "allowed" } else { "blocked" };
            fs::write(world.path("contoso/default.json"), default_settings(access)).unwrap();
            let outcome = world.handle.reload_blocking(false);
            assert!(
                !matches!(outcome, ReloadOutcome::Rejected(_)),
                "{outcome:?}"
            );
            assert_eq!(world.allows_inbound(), access == "allowed", "round {round}");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_sighup_triggers_a_reload() {
    let mut world = follow(|options| {
        without_a_watcher(options);
        options.rescan = FAR_AWAY;
    });
    fs::write(
        world.path("contoso/default.json"),
        default_settings("allowed"),
    )
    .unwrap();
    world.handle.hint();
    world.wait_until_inbound(true);
}

#[test]
fn a_start_without_usable_policies_reports_why_and_keeps_retrying() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: None,
        clock: Clock::System,
    }));
    let mut options = ReloadOptions::of(directory.path().join("policies"));
    options.rescan = CLOSE;
    let started = Reloader::start(Arc::clone(&engine), options).unwrap();
    let ReloadOutcome::Rejected(rejection) = &started.first else {
        panic!("{:?}", started.first);
    };
    assert_eq!(rejection.findings[0].code, Code::Unreadable);
    assert!(engine.active().is_none());
    assert_eq!(
        started.handle.status().stale_since,
        None,
        "without policies nothing is stale"
    );

    let mut events = started.handle.events();
    small_world::write(&directory.path().join("policies"), "allowed");
    while !matches!(events.blocking_recv().unwrap(), ReloadEvent::Activated(_)) {}
    assert!(engine.active().is_some());
    assert_eq!(started.handle.status().last_error, None);
}

#[test]
fn a_reload_after_the_reloader_stopped_is_an_error() {
    let world = follow(|_| {});
    world.handle.stop();
    let ReloadOutcome::Rejected(rejection) = world.handle.reload_blocking(false) else {
        panic!("a stopped reloader reads nothing");
    };
    assert_eq!(rejection.message, "the reloader has stopped");
    assert!(world.engine.active().is_some());
}

#[test]
fn an_unread_file_is_reported_when_it_appears_and_cleared_when_it_is_removed() {
    let followed = follow(|options| options.watcher = WatcherFactory::native());
    let codes = || {
        let _ = followed.handle.reload_blocking(false);
        let findings = followed.handle.status().findings;
        findings
            .iter()
            .map(|finding| finding.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(codes(), []);
    let version = followed.version();
    fs::write(followed.path("contoso/organization.json.bak"), "x").unwrap();
    assert_eq!(codes(), [Code::UnreadFile]);
    fs::write(followed.path(".crosstrustignore"), "*.bak\n").unwrap();
    assert_eq!(codes(), []);
    assert_eq!(followed.version(), version);
    // A misnamed document is an error, and the active policies stay.
    fs::write(followed.path("contoso/named-locations.yaml"), "x").unwrap();
    assert_eq!(codes(), [Code::UnreadFile]);
    assert!(followed.handle.status().last_error.is_some());
    fs::remove_file(followed.path("contoso/named-locations.yaml")).unwrap();
    assert_eq!(codes(), []);
    assert_eq!(followed.version(), version);
}
