//! A policies folder that changes is followed, however it is changed, and never into something worse.
//!
//! Each test changes files and waits for what the reloader tells. The rescan is a minute away where a test
//! is about events, and milliseconds away where it is about the rescan.

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
const PATIENCE: Duration = Duration::from_secs(10);
const FAR_AWAY: Duration = Duration::from_secs(3600);
const CLOSE: Duration = Duration::from_millis(30);

struct Followed {
    root: PathBuf,
    engine: Arc<Engine>,
    handle: ReloadHandle,
    events: broadcast::Receiver<ReloadEvent>,
    _directory: TempDir,
}

/// Follows a folder in which Contoso lets nobody in.
fn follow(options: impl FnOnce(&mut ReloadOptions)) -> Followed {
    follow_what(|root| small_world::write(root, "blocked"), options)
}

fn follow_what(write: impl FnOnce(&Path), options: impl FnOnce(&mut ReloadOptions)) -> Followed {
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
    Followed {
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

impl Followed {
    fn lets_in(&self) -> bool {
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
            .block_on(async { tokio::time::timeout(PATIENCE, self.events.recv()).await })
            .unwrap_or_else(|_| panic!("no event: {:?}", self.handle.status()))
            .unwrap()
    }

    /// Waits for the next activation, whatever is rejected on the way.
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

    fn activated_and_lets_in(&mut self, lets_in: bool) {
        while self.activated().version < 2 || self.lets_in() != lets_in {}
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
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
        world.activated_and_lets_in(access == "allowed");
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
        world.activated_and_lets_in(access == "allowed");
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
        world.activated_and_lets_in(access == "allowed");
    }
}

/// As kubelet lays out a volume: names that lead through `..data`, which is swapped.
fn write_config_map(root: &Path, generation: &str, access: &str) {
    let data = format!("..2026_{generation}");
    fs::create_dir(root.join(&data)).unwrap();
    small_world::write(&root.join(&data), access);
    symlink(&data, root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
}

#[test]
fn a_config_map_that_is_swapped_again_and_again_is_followed() {
    let mut world = follow_what(
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
        world.activated_and_lets_in(access == "allowed");
        old = String::from(generation);
    }
}

#[test]
fn a_folder_that_is_a_link_is_followed_to_where_it_leads() {
    let mut world = follow_what(
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
    world.activated_and_lets_in(true);
    fs::write(
        parent.join("second/contoso/default.json"),
        default_settings("blocked"),
    )
    .unwrap();
    world.activated_and_lets_in(false);
}

/// As git-sync and releases do it: `/srv/current` is replaced, and the folder is `/srv/current/policies`. No directory
/// that is watched has changed.
#[test]
fn a_link_above_the_folders_parent_that_is_replaced_is_found_by_the_rescan() {
    let mut world = follow_what(
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
    world.activated_and_lets_in(true);
}

#[test]
fn a_file_that_is_a_link_is_followed_to_where_it_leads() {
    let mut world = follow_what(
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
    world.activated_and_lets_in(true);
}

#[test]
fn a_folder_deleted_and_made_anew_is_followed_each_time() {
    let mut world = follow(|_| {});
    for access in ["allowed", "blocked", "allowed"] {
        fs::remove_dir_all(&world.root).unwrap();
        small_world::write(&world.root, access);
        world.activated_and_lets_in(access == "allowed");
    }
    fs::write(
        world.path("contoso/default.json"),
        default_settings("blocked"),
    )
    .unwrap();
    world.activated_and_lets_in(false);
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
fn a_document_that_is_gone_is_refused_until_removals_are_allowed() {
    let mut world = follow(|_| {});
    fs::remove_file(world.path("fabrikam/default.json")).unwrap();
    let rejection = world.rejected();
    assert!(
        rejection.message.contains("fabrikam/default.json"),
        "{rejection:?}"
    );
    assert!(
        rejection
            .findings
            .iter()
            .all(|finding| finding.code == Code::Removed)
    );
    assert_eq!(world.version(), 1);

    // Other changes wait with it.
    fs::write(
        world.path("contoso/default.json"),
        default_settings("allowed"),
    )
    .unwrap();
    world.rejected();
    assert!(matches!(
        world.handle.reload_blocking(false),
        ReloadOutcome::Rejected(_)
    ));
    assert!(world.handle.status().stale_since.is_some());

    assert!(matches!(
        world.handle.reload_blocking(true),
        ReloadOutcome::Activated(_)
    ));
    assert_eq!(world.version(), 2);
    assert_eq!(world.handle.status().stale_since, None);
    assert_eq!(world.handle.status().last_error, None);
    // What is gone is forgotten.
    assert!(matches!(
        world.handle.reload_blocking(false),
        ReloadOutcome::Unchanged { id: Some(_) }
    ));
}

#[test]
fn a_tenant_that_is_gone_is_refused_and_every_document_of_it_is_named() {
    let mut world = follow(|_| {});
    fs::rename(world.path("fabrikam"), world.path(".fabrikam")).unwrap();
    let rejection = world.rejected();
    assert_eq!(rejection.findings.len(), 2, "{rejection:?}");
    fs::rename(world.path(".fabrikam"), world.path("fabrikam")).unwrap();
    wait_until("cleared", || world.handle.status().last_error.is_none());
    assert_eq!(world.version(), 1);
}

#[test]
fn an_emptied_folder_takes_nothing_away() {
    let mut world = follow_what(|root| small_world::write(root, "allowed"), |_| {});
    fs::remove_dir_all(&world.root).unwrap();
    fs::create_dir(&world.root).unwrap();
    world.rejected();
    assert!(world.lets_in());
}

#[test]
fn an_operator_may_allow_removals_once_and_for_all() {
    let mut world = follow(|options| options.allow_removals = true);
    fs::remove_file(world.path("fabrikam/default.json")).unwrap();
    world.activated();
    assert!(!world.lets_in());
}

#[test]
fn broken_policies_leave_the_old_ones_in_force_until_they_are_mended() {
    let mut world = follow_what(|root| small_world::write(root, "allowed"), |_| {});
    let path = world.path("contoso/default.json");
    let whole = default_settings("blocked");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let rejection = world.rejected();
    assert!(
        rejection.message.contains("contoso/default.json"),
        "{rejection:?}"
    );
    let status = world.handle.status();
    assert_eq!(status.last_error.as_ref(), Some(&rejection.message));
    assert_eq!(
        status.stale_since.map(|since| since.wall),
        Some(rejection.at)
    );
    assert!(!status.findings.is_empty());
    assert!(world.lets_in(), "the old policies answer");

    // Broken in another way: stale since the first.
    fs::write(&path, "{").unwrap();
    world.rejected();
    let since = world.handle.status().stale_since;
    assert_eq!(since.map(|since| since.wall), Some(rejection.at));

    fs::write(&path, &whole).unwrap();
    world.activated_and_lets_in(false);
    let status = world.handle.status();
    assert_eq!((status.last_error, status.stale_since), (None, None));
}

#[test]
fn going_back_to_what_is_active_clears_the_error_and_activates_nothing() {
    let mut world = follow(|_| {});
    let path = world.path("contoso/default.json");
    fs::write(&path, "[").unwrap();
    world.rejected();
    fs::write(&path, default_settings("blocked")).unwrap();
    wait_until("cleared", || world.handle.status().last_error.is_none());
    assert_eq!(world.handle.status().stale_since, None);
    assert_eq!(world.version(), 1);
}

#[test]
fn the_same_broken_content_is_told_once_however_often_it_is_seen() {
    let mut world = follow(without_a_watcher);
    let path = world.path("contoso/default.json");
    fs::write(&path, "[").unwrap();
    world.rejected();
    let loads = world.handle.status().loads;
    // Touched: the listing changes and the content does not.
    for _ in 0..3 {
        fs::write(&path, "[").unwrap();
        let loads = world.handle.status().loads;
        wait_until("read again", || world.handle.status().loads > loads);
    }
    assert!(world.handle.status().loads >= loads + 3);
    assert_eq!(world.handle.status().rejections, 1);
    // Who asks is told all the same.
    assert!(matches!(
        world.handle.reload_blocking(false),
        ReloadOutcome::Rejected(_)
    ));
}

#[test]
fn the_same_policies_written_differently_are_not_activated_again() {
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
fn without_a_watcher_the_rescan_finds_what_changed() {
    let mut world = follow(without_a_watcher);
    assert!(!world.handle.status().is_watched);
    for access in ["allowed", "blocked", "allowed"] {
        // The same number of bytes in the same file: only its times tell.
        fs::write(world.path("contoso/default.json"), default_settings(access)).unwrap();
        world.activated_and_lets_in(access == "allowed");
    }
}

#[test]
fn a_watcher_that_dies_is_replaced_or_done_without() {
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
    // A new directory needs new watches, and there are none to be had.
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
    world.activated_and_lets_in(true);
    fails.store(false, Ordering::SeqCst);
    wait_until("watched again", || world.handle.status().is_watched);
}

#[test]
fn a_storm_of_events_makes_few_loads_and_ends_with_the_last_content() {
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
    world.activated_and_lets_in(true);
    // One in 200 ms while it lasts, and what comes after it.
    let loads = world.handle.status().loads - before;
    let most = start.elapsed().as_millis() / 200 + 3;
    assert!(
        u128::from(loads) <= most,
        "{loads} loads in {:?}",
        start.elapsed()
    );
}

#[test]
fn the_reloaders_own_reading_wakes_it_not() {
    let world = follow(|_| {});
    world.handle.reload_blocking(false);
    let before = world.handle.status().loads;
    std::thread::sleep(Duration::from_millis(300));
    assert!(world.handle.status().loads <= before + 1);
}

#[test]
fn after_a_reload_has_returned_nobody_is_answered_from_older_policies() {
    let world = follow(|_| {});
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    world.lets_in();
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
            assert_eq!(world.lets_in(), access == "allowed", "round {round}");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_hangup_is_a_hint() {
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
    world.activated_and_lets_in(true);
}

#[test]
fn a_start_without_usable_policies_says_why_and_goes_on_looking() {
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
        "there is nothing to be stale"
    );

    let mut events = started.handle.events();
    small_world::write(&directory.path().join("policies"), "allowed");
    while !matches!(events.blocking_recv().unwrap(), ReloadEvent::Activated(_)) {}
    assert!(engine.active().is_some());
    assert_eq!(started.handle.status().last_error, None);
}

#[test]
fn a_reloader_that_was_stopped_says_so() {
    let world = follow(|_| {});
    world.handle.stop();
    let ReloadOutcome::Rejected(rejection) = world.handle.reload_blocking(false) else {
        panic!("a stopped reloader cannot have looked");
    };
    assert_eq!(rejection.message, "the reloader has stopped");
    assert!(world.engine.active().is_some());
}

#[test]
fn a_file_that_is_not_read_is_reported_when_it_comes_and_forgotten_when_it_goes() {
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
    // In place of a document it is an error, and the active policies stay.
    fs::write(followed.path("contoso/named-locations.yaml"), "x").unwrap();
    assert_eq!(codes(), [Code::UnreadFile]);
    assert!(followed.handle.status().last_error.is_some());
    fs::remove_file(followed.path("contoso/named-locations.yaml")).unwrap();
    assert_eq!(codes(), []);
    assert_eq!(followed.version(), version);
}
