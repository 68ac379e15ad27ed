//! What a process does to the files below a folder (traced by tests/preload/file_trace.rs), and what a power loss may
//! leave of them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::random::Rng;

/// The object to preload, built into this folder.
pub fn build_tracer(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preload/file_trace.rs");
    let object = folder.join("libfile_trace.so");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(compiler)
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "cdylib",
            "-D",
            "warnings",
            "-o",
        ])
        .arg(&object)
        .arg(source)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors}");
    object
}

/// A command that runs another one with its files below `folder` traced. `env` sets the variables, because
/// `Sidecar::spawn` clears the environment of what it starts.
pub fn traced(tracer: &Path, folder: &Path, trace: &Path) -> Command {
    let variable = |name: &str, value: &Path| [name.as_ref(), value.as_os_str()].join("=".as_ref());
    let mut command = Command::new("/usr/bin/env");
    command.arg(variable("LD_PRELOAD", tracer));
    command.arg(variable("FILE_TRACE_FOLDER", folder));
    command.arg(variable("FILE_TRACE_OUTPUT", trace));
    command
}

/// How long the trace is now: what is done later has its record behind this.
pub fn length(trace: &Path) -> u64 {
    fs::metadata(trace).unwrap().len()
}

#[derive(Debug, Clone)]
pub struct Event {
    /// Where its record ends in the trace.
    pub end: u64,
    pub operation: Operation,
}

#[derive(Debug, Clone)]
pub enum Operation {
    Opened {
        file: i32,
        path: PathBuf,
        truncates: bool,
    },
    Written {
        file: i32,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncated {
        file: i32,
        length: u64,
    },
    SyncBegan {
        file: i32,
    },
    Synced {
        file: i32,
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
    },
    Removed {
        path: PathBuf,
    },
    FolderMade {
        path: PathBuf,
    },
}

impl Operation {
    /// Whether it changes which names there are, or makes such a change durable.
    pub fn is_about_names(&self) -> bool {
        matches!(
            self,
            Operation::Opened { .. }
                | Operation::Renamed { .. }
                | Operation::Removed { .. }
                | Operation::FolderMade { .. }
        )
    }
}

/// All of a trace.
pub fn read(trace: &Path) -> Vec<Event> {
    let bytes = fs::read(trace).unwrap();
    let mut rest = Rest {
        bytes: &bytes,
        at: 0,
    };
    let mut events = Vec::new();
    while rest.at < bytes.len() {
        let operation = rest.operation();
        events.push(Event {
            end: rest.at as u64,
            operation,
        });
    }
    events
}

struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        taken
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn part(&mut self) -> &'a [u8] {
        let length = self.number();
        self.take(length.try_into().unwrap())
    }

    fn operation(&mut self) -> Operation {
        let kind = self.take(1)[0];
        let file = i32::from_le_bytes(self.take(4).try_into().unwrap());
        let number = self.number();
        let (first, second) = (self.part(), self.part());
        let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
        match kind {
            b'o' => Operation::Opened {
                file,
                path: path(first),
                truncates: number != 0,
            },
            b'w' => Operation::Written {
                file,
                at: number,
                bytes: first.to_owned(),
            },
            b't' => Operation::Truncated {
                file,
                length: number,
            },
            b'b' => Operation::SyncBegan { file },
            b's' => Operation::Synced { file },
            b'r' => Operation::Renamed {
                from: path(first),
                to: path(second),
            },
            b'u' => Operation::Removed { path: path(first) },
            b'm' => Operation::FolderMade { path: path(first) },
            other => panic!("a record of kind {other}"),
        }
    }
}

/// The files below a folder: as the process sees them, and how much of that a power loss leaves for certain.
///
/// Only what POSIX promises is certain: content after fdatasync or fsync of the file, names after fsync of their folder.
#[derive(Debug, Clone)]
pub struct TracedDisk {
    folder: PathBuf,
    files: Vec<Content>,
    names: BTreeMap<PathBuf, Node>,
    names_on_disk: BTreeMap<PathBuf, Node>,
    /// Changes of names that are not synced.
    pending: Vec<Naming>,
    opened: HashMap<i32, Opened>,
    syncing: HashMap<i32, Syncing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Clone, Default)]
struct Content {
    seen: Vec<u8>,
    on_disk: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Naming {
    Named(PathBuf, Node),
    Renamed(PathBuf, PathBuf, Node),
    Removed(PathBuf),
}

#[derive(Debug, Clone)]
struct Opened {
    path: PathBuf,
    node: Node,
}

#[derive(Debug, Clone)]
enum Syncing {
    Content(usize, Vec<u8>),
    Names(Vec<Naming>),
}

/// What a power loss takes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it.
    Everything,
    /// Each change of a name or not; of each file's new content nothing, a part, all, or all with pages of zeros.
    Anything,
}

impl TracedDisk {
    /// All that is below this folder now, on disk.
    pub fn of(folder: &Path) -> TracedDisk {
        let mut disk = TracedDisk {
            folder: folder.to_owned(),
            files: Vec::new(),
            names: BTreeMap::from([(folder.to_owned(), Node::Folder)]),
            names_on_disk: BTreeMap::new(),
            pending: Vec::new(),
            opened: HashMap::new(),
            syncing: HashMap::new(),
        };
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let node = if path.is_dir() {
                    folders.push(path.clone());
                    Node::Folder
                } else {
                    let seen = fs::read(&path).unwrap();
                    let on_disk = seen.clone();
                    disk.new_file(Content { seen, on_disk })
                };
                disk.names.insert(path, node);
            }
        }
        disk.names_on_disk.clone_from(&disk.names);
        disk
    }

    fn new_file(&mut self, content: Content) -> Node {
        self.files.push(content);
        Node::File(self.files.len() - 1)
    }

    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Opened {
                file,
                path,
                truncates,
            } => {
                let node = self.names.get(path).copied().unwrap_or_else(|| {
                    let node = self.new_file(Content::default());
                    self.name(Naming::Named(path.clone(), node));
                    node
                });
                if let (true, Node::File(index)) = (*truncates, node) {
                    self.files[index].seen.clear();
                }
                let path = path.clone();
                self.opened.insert(*file, Opened { path, node });
            }
            Operation::Written { file, at, bytes } => {
                let seen = &mut self.content(*file).seen;
                let at = usize::try_from(*at).unwrap();
                seen.resize(seen.len().max(at + bytes.len()), 0);
                seen[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Operation::Truncated { file, length } => {
                let length = usize::try_from(*length).unwrap();
                self.content(*file).seen.resize(length, 0);
            }
            Operation::SyncBegan { file } => {
                let opened = &self.opened[file];
                let syncing = match opened.node {
                    Node::File(index) => Syncing::Content(index, self.files[index].seen.clone()),
                    Node::Folder => {
                        let within = |naming: &&Naming| naming.is_within(&opened.path);
                        Syncing::Names(self.pending.iter().filter(within).cloned().collect())
                    }
                };
                self.syncing.insert(*file, syncing);
            }
            Operation::Synced { file } => match self.syncing.remove(file).unwrap() {
                Syncing::Content(index, content) => self.files[index].on_disk = content,
                Syncing::Names(synced) => {
                    for naming in synced {
                        naming.apply_to(&mut self.names_on_disk);
                        self.pending.retain(|one| *one != naming);
                    }
                }
            },
            Operation::Renamed { from, to } => {
                let node = self.names[from];
                self.name(Naming::Renamed(from.clone(), to.clone(), node));
            }
            Operation::Removed { path } => self.name(Naming::Removed(path.clone())),
            Operation::FolderMade { path } => {
                self.name(Naming::Named(path.clone(), Node::Folder));
            }
        }
    }

    fn name(&mut self, naming: Naming) {
        naming.apply_to(&mut self.names);
        self.pending.push(naming);
    }

    fn content(&mut self, file: i32) -> &mut Content {
        match self.opened[&file].node {
            Node::File(index) => &mut self.files[index],
            Node::Folder => panic!("a folder is written"),
        }
    }

    /// Every file and its content, as the process sees them.
    pub fn seen(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = self.names.iter().filter_map(|(path, node)| match node {
            Node::File(index) => Some((path.clone(), self.files[*index].seen.clone())),
            Node::Folder => None,
        });
        files.collect()
    }

    /// Writes what is left after a power loss into another folder.
    pub fn write_image(mut self, loss: Loss, random: &mut Rng, into: &Path) {
        let mut names = self.names_on_disk;
        for naming in self.pending {
            if loss == Loss::Anything && random.chance(50) {
                naming.apply_to(&mut names);
            }
        }
        fs::create_dir(into).unwrap();
        // A path sorts behind its parents; what is in a folder that is gone is gone too.
        for (path, node) in names {
            let Ok(below) = path.strip_prefix(&self.folder) else {
                continue;
            };
            let target = into.join(below);
            if below.as_os_str().is_empty() || !target.parent().unwrap().is_dir() {
                continue;
            }
            match node {
                Node::Folder => fs::create_dir(target).unwrap(),
                Node::File(index) => {
                    fs::write(target, self.files[index].lose(loss, random)).unwrap();
                }
            }
        }
    }
}

impl Naming {
    fn is_within(&self, folder: &Path) -> bool {
        match self {
            Naming::Named(path, _) | Naming::Removed(path) => path.parent() == Some(folder),
            Naming::Renamed(from, to, _) => {
                assert_eq!(from.parent(), to.parent(), "a rename between folders");
                to.parent() == Some(folder)
            }
        }
    }

    fn apply_to(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Naming::Named(path, node) => {
                names.insert(path.clone(), *node);
            }
            Naming::Renamed(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
            Naming::Removed(path) => {
                names.remove(path);
            }
        }
    }
}

impl Content {
    fn lose(&mut self, loss: Loss, random: &mut Rng) -> Vec<u8> {
        let (seen, on_disk) = (std::mem::take(&mut self.seen), &self.on_disk);
        if loss == Loss::Everything {
            return on_disk.clone();
        }
        if !seen.starts_with(on_disk) {
            // It was changed in place.
            return if random.chance(50) {
                seen
            } else {
                on_disk.clone()
            };
        }
        let new = on_disk.len()..seen.len();
        torn(seen, new, random)
    }
}

fn torn(mut content: Vec<u8>, new: Range<usize>, random: &mut Rng) -> Vec<u8> {
    let somewhere = new.start + random.below(new.len() + 1);
    match random.below(4) {
        0 => content.truncate(new.start),
        1 => content.truncate(somewhere),
        2 => {}
        _ => {
            for page in (0..content.len()).step_by(PAGE) {
                let page = page.max(new.start)..(page + PAGE).min(content.len());
                if !page.is_empty() && random.chance(40) {
                    content[page].fill(0);
                }
            }
        }
    }
    content
}

/// A disk writes sectors of at least this size whole.
const PAGE: usize = 512;
