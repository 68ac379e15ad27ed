//! The file operations of a process below a folder (traced by tests/preload/file_trace.rs), and images of that folder
//! after a power loss.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::random::Rng;

/// Builds the object to preload into this folder.
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

/// The current length of the trace in bytes. Later operations have their records after it.
pub fn length(trace: &Path) -> u64 {
    fs::metadata(trace).unwrap().len()
}

#[derive(Debug, Clone)]
pub struct Event {
    /// The end of its record in the trace, in bytes.
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
    /// Whether it opens or creates, renames or removes a name.
    pub fn changes_names(&self) -> bool {
        matches!(
            self,
            Operation::Opened { .. }
                | Operation::Renamed { .. }
                | Operation::Removed { .. }
                | Operation::FolderMade { .. }
        )
    }
}

/// Reads a trace.
pub fn read(trace: &Path) -> Vec<Event> {
    let bytes = fs::read(trace).unwrap();
    let mut reader = TraceReader {
        bytes: &bytes,
        at: 0,
    };
    let mut events = Vec::new();
    while reader.at < bytes.len() {
        let operation = reader.operation();
        events.push(Event {
            end: reader.at as u64,
            operation,
        });
    }
    events
}

struct TraceReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> TraceReader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        taken
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn field(&mut self) -> &'a [u8] {
        let length = self.number();
        self.take(length.try_into().unwrap())
    }

    fn operation(&mut self) -> Operation {
        let kind = self.take(1)[0];
        let file = i32::from_le_bytes(self.take(4).try_into().unwrap());
        let number = self.number();
        let (first, second) = (self.field(), self.field());
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
            other => panic!("unknown kind of record: {other}"),
        }
    }
}

/// The files below a folder: the state that the process sees, and the durable state, which a power loss leaves intact.
///
/// Durable is only what POSIX promises: content after fdatasync or fsync of the file, names after fsync of their folder.
#[derive(Debug, Clone)]
pub struct TracedDisk {
    folder: PathBuf,
    files: Vec<FileContent>,
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    /// Unsynced changes of names.
    pending: Vec<NameChange>,
    opened: HashMap<i32, OpenFile>,
    syncing: HashMap<i32, PendingSync>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Clone, Default)]
struct FileContent {
    current: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum NameChange {
    Named(PathBuf, Node),
    Renamed(PathBuf, PathBuf, Node),
    Removed(PathBuf),
}

#[derive(Debug, Clone)]
struct OpenFile {
    path: PathBuf,
    node: Node,
}

#[derive(Debug, Clone)]
enum PendingSync {
    Content(usize, Vec<u8>),
    Names(Vec<NameChange>),
}

/// Which unsynced changes a power loss loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of them.
    Everything,
    /// Any part: each change of a name is lost or not; of new content nothing, a part or all remains, or all with pages of zeros.
    Anything,
}

impl TracedDisk {
    /// The current files below this folder, all durable.
    pub fn of(folder: &Path) -> TracedDisk {
        let mut disk = TracedDisk {
            folder: folder.to_owned(),
            files: Vec::new(),
            names: BTreeMap::from([(folder.to_owned(), Node::Folder)]),
            durable_names: BTreeMap::new(),
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
                    let current = fs::read(&path).unwrap();
                    let durable = current.clone();
                    disk.new_file(FileContent { current, durable })
                };
                disk.names.insert(path, node);
            }
        }
        disk.durable_names.clone_from(&disk.names);
        disk
    }

    fn new_file(&mut self, content: FileContent) -> Node {
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
                    let node = self.new_file(FileContent::default());
                    self.change_name(NameChange::Named(path.clone(), node));
                    node
                });
                if let (true, Node::File(index)) = (*truncates, node) {
                    self.files[index].current.clear();
                }
                let path = path.clone();
                self.opened.insert(*file, OpenFile { path, node });
            }
            Operation::Written { file, at, bytes } => {
                let current = &mut self.content(*file).current;
                let at = usize::try_from(*at).unwrap();
                current.resize(current.len().max(at + bytes.len()), 0);
                current[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Operation::Truncated { file, length } => {
                let length = usize::try_from(*length).unwrap();
                self.content(*file).current.resize(length, 0);
            }
            Operation::SyncBegan { file } => {
                let opened = &self.opened[file];
                let syncing = match opened.node {
                    Node::File(index) => {
                        PendingSync::Content(index, self.files[index].current.clone())
                    }
                    Node::Folder => {
                        let within = |change: &&NameChange| change.is_within(&opened.path);
                        PendingSync::Names(self.pending.iter().filter(within).cloned().collect())
                    }
                };
                self.syncing.insert(*file, syncing);
            }
            Operation::Synced { file } => match self.syncing.remove(file).unwrap() {
                PendingSync::Content(index, content) => self.files[index].durable = content,
                PendingSync::Names(synced) => {
                    for change in synced {
                        change.apply_to(&mut self.durable_names);
                        self.pending.retain(|one| *one != change);
                    }
                }
            },
            Operation::Renamed { from, to } => {
                let node = self.names[from];
                self.change_name(NameChange::Renamed(from.clone(), to.clone(), node));
            }
            Operation::Removed { path } => self.change_name(NameChange::Removed(path.clone())),
            Operation::FolderMade { path } => {
                self.change_name(NameChange::Named(path.clone(), Node::Folder));
            }
        }
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply_to(&mut self.names);
        self.pending.push(change);
    }

    fn content(&mut self, file: i32) -> &mut FileContent {
        match self.opened[&file].node {
            Node::File(index) => &mut self.files[index],
            Node::Folder => panic!("a write to a folder"),
        }
    }

    /// Every file with its content, as the process sees them.
    pub fn current(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = self.names.iter().filter_map(|(path, node)| match node {
            Node::File(index) => Some((path.clone(), self.files[*index].current.clone())),
            Node::Folder => None,
        });
        files.collect()
    }

    /// Writes an image of the state after a power loss into another folder.
    pub fn write_image(mut self, loss: Loss, random: &mut Rng, into: &Path) {
        let mut names = self.durable_names;
        for change in self.pending {
            if loss == Loss::Anything && random.chance(50) {
                change.apply_to(&mut names);
            }
        }
        fs::create_dir(into).unwrap();
        // A path sorts after its parents. Without its folder, a file is lost too.
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

impl NameChange {
    fn is_within(&self, folder: &Path) -> bool {
        match self {
            NameChange::Named(path, _) | NameChange::Removed(path) => path.parent() == Some(folder),
            NameChange::Renamed(from, to, _) => {
                assert_eq!(from.parent(), to.parent(), "a rename between folders");
                to.parent() == Some(folder)
            }
        }
    }

    fn apply_to(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            NameChange::Named(path, node) => {
                names.insert(path.clone(), *node);
            }
            NameChange::Renamed(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
            NameChange::Removed(path) => {
                names.remove(path);
            }
        }
    }
}

impl FileContent {
    fn lose(&mut self, loss: Loss, random: &mut Rng) -> Vec<u8> {
        let (current, durable) = (std::mem::take(&mut self.current), &self.durable);
        if loss == Loss::Everything {
            return durable.clone();
        }
        if !current.starts_with(durable) {
            // The content was changed in place.
            return if random.chance(50) {
                current
            } else {
                durable.clone()
            };
        }
        let new = durable.len()..current.len();
        tear(current, new, random)
    }
}

fn tear(mut content: Vec<u8>, new: Range<usize>, random: &mut Rng) -> Vec<u8> {
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

/// The size of a sector in bytes: the smallest unit that a disk writes atomically.
const PAGE: usize = 512;
