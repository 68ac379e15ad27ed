//! File watching: reports possible changes. Events may be missing, so callers also rescan.
//!
//! The root is a folder or a file. Its parent is watched, because the root may be renamed into place, and every
//! directory of its tree, with links resolved. Files are not watched: their watches end with the first save. The
//! watches are recreated when the directories change, on any error and on a queue overflow. Without a watcher (inotify
//! instances are limited, and the containers of a node share them) only rescans find changes.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventHandler, EventKind, RecursiveMode, Watcher};

use crate::files::Directory;

/// Creates file watchers.
pub struct WatcherFactory(MakeWatcher);

type MakeWatcher = Box<dyn Fn(WatchEventHandler) -> notify::Result<Box<dyn Watcher + Send>> + Send>;

impl WatcherFactory {
    /// The operating system's watcher.
    pub fn native() -> Self {
        WatcherFactory::with(|handler| Ok(Box::new(notify::recommended_watcher(handler)?)))
    }

    /// The watchers that `make` creates.
    pub fn with(
        make: impl Fn(WatchEventHandler) -> notify::Result<Box<dyn Watcher + Send>> + Send + 'static,
    ) -> Self {
        WatcherFactory(Box::new(make))
    }
}

impl fmt::Debug for WatcherFactory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("WatcherFactory")
    }
}

/// Handles watch events and forwards the relevant ones. Never blocks.
pub struct WatchEventHandler {
    notifier: Arc<ChangeNotifier>,
    watched: WatchedPaths,
}

/// Notifies the owner of a watch of possible changes.
struct ChangeNotifier {
    hint: Box<dyn Fn() + Send + Sync>,
    /// The watches may miss events and have to be recreated.
    is_stale: AtomicBool,
}

/// The paths whose events are relevant.
#[derive(Debug, Default)]
struct WatchedPaths {
    /// The root, in its parent.
    root: Option<PathBuf>,
    directories: HashSet<PathBuf>,
}

/// Watches one folder or file.
pub struct PathWatch {
    make: MakeWatcher,
    notifier: Arc<ChangeNotifier>,
    /// The root in its real parent, if it has one.
    root: Option<PathBuf>,
    running: Option<RunningWatcher>,
    /// The last error, logged once.
    logged_error: Option<String>,
}

struct RunningWatcher {
    /// Watches until dropped.
    _watcher: Box<dyn Watcher + Send>,
    directories: Vec<Directory>,
    since: Instant,
}

impl PathWatch {
    /// Watches nothing yet. `hint` is called on the watcher's thread and must not block.
    pub fn new(
        root: &Path,
        factory: WatcherFactory,
        hint: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let WatcherFactory(make) = factory;
        PathWatch {
            make,
            notifier: Arc::new(ChangeNotifier {
                hint: Box::new(hint),
                is_stale: AtomicBool::new(false),
            }),
            root: in_real_parent(root),
            running: None,
            logged_error: None,
        }
    }

    /// Whether a watcher is running.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Watches these directories from now on. Returns whether the watches are new: then changes since the last read may
    /// be missed.
    pub fn follow(&mut self, directories: &[Directory]) -> bool {
        let is_stale = self.notifier.is_stale.swap(false, Ordering::SeqCst);
        if let Some(running) = &self.running
            && !is_stale
            && running.directories == directories
            && running.since.elapsed() < MAX_WATCH_AGE
        {
            return false;
        }
        match self.start(directories) {
            Ok(running) => {
                self.running = Some(running);
                self.logged_error = None;
                true
            }
            Err(error) => {
                self.running = None;
                let error = error.to_string();
                if self.logged_error.as_ref() != Some(&error) {
                    let root = self.root.as_deref().unwrap_or(Path::new(""));
                    tracing::warn!(
                        ?root,
                        ?error,
                        "cannot watch the path: changes are found by rescans only"
                    );
                    self.logged_error = Some(error);
                }
                false
            }
        }
    }

    fn start(&self, directories: &[Directory]) -> notify::Result<RunningWatcher> {
        let paths = || directories.iter().map(|directory| &directory.path);
        let handler = WatchEventHandler {
            notifier: Arc::clone(&self.notifier),
            watched: WatchedPaths {
                root: self.root.clone(),
                directories: paths().cloned().collect(),
            },
        };
        let mut watcher = (self.make)(handler)?;
        if let Some(parent) = self.root.as_deref().and_then(Path::parent) {
            watcher.watch(parent, RecursiveMode::NonRecursive)?;
        }
        for path in paths() {
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                // Removed in the meantime: the watch on its parent reports it.
                Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
                outcome => outcome?,
            }
        }
        Ok(RunningWatcher {
            _watcher: watcher,
            directories: directories.to_vec(),
            since: Instant::now(),
        })
    }
}

impl ChangeNotifier {
    fn notify_stale(&self) {
        self.is_stale.store(true, Ordering::SeqCst);
        (self.hint)();
    }
}

impl fmt::Debug for WatchEventHandler {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("WatchEventHandler")
            .field(&self.watched)
            .finish()
    }
}

impl EventHandler for WatchEventHandler {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        match event {
            Err(_) => self.notifier.notify_stale(),
            Ok(event) if event.need_rescan() => self.notifier.notify_stale(),
            Ok(event) => match self.watched.effect_of(&event) {
                EventEffect::None => {}
                EventEffect::Content => (self.notifier.hint)(),
                EventEffect::Directory => self.notifier.notify_stale(),
            },
        }
    }
}

/// The effect of an event on the watched root.
enum EventEffect {
    None,
    Content,
    /// A watched directory was created, removed or moved: its watch may be dead.
    Directory,
}

impl WatchedPaths {
    fn effect_of(&self, event: &Event) -> EventEffect {
        match event.kind {
            // Reads are not changes, and the reloader itself reads.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
            EventKind::Access(_) => return EventEffect::None,
            _ => {}
        }
        let is_root = |path: &PathBuf| Some(path) == self.root.as_ref();
        let is_watched = |path: &PathBuf| is_root(path) || self.directories.contains(path);
        let is_inside = |path: &PathBuf| {
            path.parent()
                .is_some_and(|parent| self.directories.contains(parent))
        };
        let moves = matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        if moves && event.paths.iter().any(is_watched) {
            EventEffect::Directory
        } else if event
            .paths
            .iter()
            .any(|path| is_watched(path) || is_inside(path))
        {
            EventEffect::Content
        } else {
            EventEffect::None
        }
    }
}

/// The root's own name in its canonical parent, as a watch on the parent reports it.
fn in_real_parent(root: &Path) -> Option<PathBuf> {
    let root = std::path::absolute(root).ok()?;
    let root = match root.file_name() {
        Some(_) => root,
        None => root.canonicalize().ok()?,
    };
    let parent = root.parent()?.canonicalize().ok()?;
    Some(parent.join(root.file_name()?))
}

/// Watches are recreated after this time in any case: a watcher's thread can die without an error.
const MAX_WATCH_AGE: Duration = Duration::from_secs(10 * 60);
