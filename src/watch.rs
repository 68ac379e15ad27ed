//! The watcher: tells that something may have changed, and is never believed to tell everything.
//!
//! Watched are the parent of a root, be it a folder or a file (it may be renamed into place), and every
//! directory of its tree, links resolved; never files, whose watches die with the first save. The watches are
//! made anew whenever the directories are no longer the same, on any error and on a queue that overflowed.
//! Without a watcher (inotify instances are few, and shared by a node's containers) the rescan does all the work.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventHandler, EventKind, RecursiveMode, Watcher};

use crate::files::Directory;

/// How watchers are made.
pub struct Watching(Make);

type Make = Box<dyn Fn(Ear) -> notify::Result<Box<dyn Watcher + Send>> + Send>;

impl Watching {
    /// The operating system's watcher.
    pub fn native() -> Self {
        Watching::with(|ear| Ok(Box::new(notify::recommended_watcher(ear)?)))
    }

    /// Whatever this makes.
    pub fn with(
        make: impl Fn(Ear) -> notify::Result<Box<dyn Watcher + Send>> + Send + 'static,
    ) -> Self {
        Watching(Box::new(make))
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Watching")
    }
}

/// Hears the watcher's events and passes on those that matter; never waits.
pub struct Ear {
    bell: Arc<Bell>,
    interest: Interest,
}

/// What is rung when something may have changed.
struct Bell {
    hint: Box<dyn Fn() + Send + Sync>,
    /// The watches may no longer tell.
    is_stale: AtomicBool,
}

#[derive(Debug, Default)]
struct Interest {
    /// The root, in its parent.
    root: Option<PathBuf>,
    directories: HashSet<PathBuf>,
}

/// The watches on one folder or file.
pub struct Watch {
    make: Make,
    bell: Arc<Bell>,
    /// The root in its real parent, if it has one.
    root: Option<PathBuf>,
    running: Option<Running>,
    /// The last failure, told once.
    told: Option<String>,
}

struct Running {
    /// Watches until it is dropped.
    _watcher: Box<dyn Watcher + Send>,
    directories: Vec<Directory>,
    since: Instant,
}

impl Watch {
    /// Nothing is watched yet. `hint` is called on the watcher's thread, and may not wait.
    pub fn new(root: &Path, watching: Watching, hint: impl Fn() + Send + Sync + 'static) -> Self {
        let Watching(make) = watching;
        Watch {
            make,
            bell: Arc::new(Bell {
                hint: Box::new(hint),
                is_stale: AtomicBool::new(false),
            }),
            root: in_real_parent(root),
            running: None,
            told: None,
        }
    }

    /// Whether there is a watcher.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Watches these directories from now on. True if the watches are new: what was read before may have
    /// changed unseen.
    pub fn follow(&mut self, directories: &[Directory]) -> bool {
        let is_stale = self.bell.is_stale.swap(false, Ordering::SeqCst);
        if let Some(running) = &self.running
            && !is_stale
            && running.directories == directories
            && running.since.elapsed() < LONGEST_WATCH
        {
            return false;
        }
        match self.start(directories) {
            Ok(running) => {
                self.running = Some(running);
                self.told = None;
                true
            }
            Err(error) => {
                self.running = None;
                let error = error.to_string();
                if self.told.as_ref() != Some(&error) {
                    let root = self.root.as_deref().unwrap_or(Path::new(""));
                    tracing::warn!(
                        ?root,
                        ?error,
                        "cannot be watched; it is still looked at regularly"
                    );
                    self.told = Some(error);
                }
                false
            }
        }
    }

    fn start(&self, directories: &[Directory]) -> notify::Result<Running> {
        let paths = || directories.iter().map(|directory| &directory.path);
        let ear = Ear {
            bell: Arc::clone(&self.bell),
            interest: Interest {
                root: self.root.clone(),
                directories: paths().cloned().collect(),
            },
        };
        let mut watcher = (self.make)(ear)?;
        if let Some(parent) = self.root.as_deref().and_then(Path::parent) {
            watcher.watch(parent, RecursiveMode::NonRecursive)?;
        }
        for path in paths() {
            match watcher.watch(path, RecursiveMode::NonRecursive) {
                // It has vanished since: the watch on its parent tells.
                Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
                outcome => outcome?,
            }
        }
        Ok(Running {
            _watcher: watcher,
            directories: directories.to_vec(),
            since: Instant::now(),
        })
    }
}

impl Bell {
    fn ring_for_stale_watches(&self) {
        self.is_stale.store(true, Ordering::SeqCst);
        (self.hint)();
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Ear").field(&self.interest).finish()
    }
}

impl EventHandler for Ear {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        match event {
            Err(_) => self.bell.ring_for_stale_watches(),
            Ok(event) if event.need_rescan() => self.bell.ring_for_stale_watches(),
            Ok(event) => match self.interest.of(&event) {
                Concern::None => {}
                Concern::Content => (self.bell.hint)(),
                Concern::Directory => self.bell.ring_for_stale_watches(),
            },
        }
    }
}

/// What an event means to whoever follows the root.
enum Concern {
    None,
    Content,
    /// A directory that is watched has come, gone or moved: its watch may be dead.
    Directory,
}

impl Interest {
    fn of(&self, event: &Event) -> Concern {
        match event.kind {
            // Reading is no change, and whoever follows reads.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
            EventKind::Access(_) => return Concern::None,
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
            Concern::Directory
        } else if event
            .paths
            .iter()
            .any(|path| is_watched(path) || is_inside(path))
        {
            Concern::Content
        } else {
            Concern::None
        }
    }
}

/// The root by its own name in its parent's real place, as a watch on the parent names it.
fn in_real_parent(root: &Path) -> Option<PathBuf> {
    let root = std::path::absolute(root).ok()?;
    let root = match root.file_name() {
        Some(_) => root,
        None => root.canonicalize().ok()?,
    };
    let parent = root.parent()?.canonicalize().ok()?;
    Some(parent.join(root.file_name()?))
}

/// Watches are made anew after this long, whatever happens: a watcher's thread can die unheard.
const LONGEST_WATCH: Duration = Duration::from_secs(10 * 60);
