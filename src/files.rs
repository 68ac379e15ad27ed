//! Policy files: a tree is listed and read into owned memory, as one state of it.
//!
//! Names that begin with a dot are skipped, except the ignore file at the root. A file whose name does not end in
//! `.json` is listed by name and not read. Links are followed (a Kubernetes ConfigMap consists of them). A tree is
//! listed, read, and listed again until both listings agree, so that files of two states never come together.
//! Everything has a bound, and what cannot be read is an error, never left out. Knows no JSON.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::graph::{Code, Finding, IGNORE_FILE, Place, PolicyFiles, SourceFile};

/// What a tree may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in one file.
    pub file_bytes: u64,
    /// Bytes in all files.
    pub total_bytes: u64,
    /// Files, those that are not read among them, and also directories.
    pub files: usize,
    /// Directories inside each other.
    pub depth: usize,
}

/// Ten times what a million partner entries take, and a tree that no export makes deeper.
impl Default for Limits {
    fn default() -> Self {
        Limits {
            file_bytes: 1 << 30,
            total_bytes: 4 << 30,
            files: 1_000_000,
            depth: 16,
        }
    }
}

/// A digest of every path and every byte of a tree, and of the names that were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeDigest(pub [u8; 32]);

/// Which files there are, and all that tells that one was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The files, sorted by path.
    pub files: Vec<FileStamp>,
    /// The paths that do not end in `.json`, sorted: not read.
    pub unread: Vec<String>,
    /// The ignore file at the root.
    pub ignore: Option<FileStamp>,
    /// The directories that they are in, links resolved, sorted; without repeats.
    pub directories: Vec<Directory>,
}

/// A file, and what tells whether it is still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamp {
    /// The path to be shown: relative to the root, with `/`; of a root that is a file, as named.
    pub path: String,
    location: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A directory, and which one it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Directory {
    /// Where it really is.
    pub path: PathBuf,
    device: u64,
    inode: u64,
}

/// One state of a tree.
#[derive(Debug)]
pub struct Tree {
    /// The files, sorted by path.
    pub files: Vec<SourceFile>,
    /// The ignore file at the root.
    pub ignore: Option<SourceFile>,
    /// Their digest.
    pub digest: TreeDigest,
    /// The listing that held before and after.
    pub listing: Listing,
}

/// Why a tree cannot be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself in its message")]
pub enum FilesError {
    #[error("cannot be read: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("is neither a file nor a directory")]
    NotAFile { path: PathBuf },
    #[error("the name is not UTF-8")]
    Name { path: PathBuf },
    #[error("has more than {limit} bytes")]
    FileTooLarge { path: PathBuf, limit: u64 },
    #[error("holds more than {limit} bytes")]
    TreeTooLarge { path: PathBuf, limit: u64 },
    #[error("holds more than {limit} files or directories")]
    TooManyFiles { path: PathBuf, limit: usize },
    #[error("directories go deeper than {limit}, or round in a circle of links")]
    TooDeep { path: PathBuf, limit: usize },
    #[error("kept changing while it was read")]
    Changing { path: PathBuf },
}

/// Lists the tree, or the one file, at `root`.
pub fn list(root: &Path, limits: &Limits) -> Result<Listing, FilesError> {
    let metadata = fs::metadata(root).map_err(|error| unreadable(root, error))?;
    let mut walk = Walk {
        root,
        limits,
        files: Vec::new(),
        unread: Vec::new(),
        ignore: None,
        bytes: 0,
        directories: Vec::new(),
        around: Vec::new(),
    };
    if metadata.is_dir() {
        walk.directory(root, "")?;
    } else {
        let shown = root.to_str().ok_or_else(|| FilesError::Name {
            path: root.to_owned(),
        })?;
        let file = walk.file(root, shown, &metadata)?;
        walk.files.push(file);
        walk.home_of(root)?;
        // Where it is a link, and may come to lead elsewhere.
        if let Ok(Some(parent)) = std::path::absolute(root).as_deref().map(Path::parent) {
            walk.remember(parent)?;
        }
    }
    let Walk {
        mut files,
        mut unread,
        ignore,
        mut directories,
        ..
    } = walk;
    unread.sort_unstable();
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    directories.sort_unstable();
    directories.dedup();
    Ok(Listing {
        files,
        unread,
        ignore,
        directories,
    })
}

/// Reads the tree, or the one file, at `root`: one state of it, or an error.
pub fn read(root: &Path, limits: &Limits) -> Result<Tree, FilesError> {
    let mut pause = FIRST_PAUSE;
    let mut attempts_left = ATTEMPTS;
    loop {
        attempts_left -= 1;
        match read_once(root, limits) {
            // What has just vanished may be on its way to be replaced.
            Err(error) if attempts_left == 0 || !error.may_pass() => return Err(error),
            Err(_) => {}
            Ok(tree) => return Ok(tree),
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
}

fn read_once(root: &Path, limits: &Limits) -> Result<Tree, FilesError> {
    let listing = list(root, limits)?;
    let mut files = Vec::with_capacity(listing.files.len());
    for stamp in &listing.files {
        files.push(source_file(stamp, limits)?);
    }
    let ignore_limits = Limits {
        file_bytes: IGNORE_BYTES.min(limits.file_bytes),
        ..*limits
    };
    let ignore = listing.ignore.as_ref();
    let ignore = ignore
        .map(|stamp| source_file(stamp, &ignore_limits))
        .transpose()?;
    if list(root, limits)? != listing {
        return Err(FilesError::Changing {
            path: root.to_owned(),
        });
    }
    let digest = digest_of(&files, &listing.unread, ignore.as_ref());
    Ok(Tree {
        files,
        ignore,
        digest,
        listing,
    })
}

fn source_file(stamp: &FileStamp, limits: &Limits) -> Result<SourceFile, FilesError> {
    Ok(SourceFile {
        path: stamp.path.clone(),
        bytes: read_file(stamp, limits)?.into(),
    })
}

fn read_file(stamp: &FileStamp, limits: &Limits) -> Result<Vec<u8>, FilesError> {
    let path = &stamp.location;
    let failed = |error| unreadable(path, error);
    // Non-blocking, in case a pipe has come in the file's place; it makes no difference to files.
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(FilesError::NotAFile { path: path.clone() });
    }
    let expected = usize::try_from(stamp.size).unwrap_or(0);
    let mut bytes = Vec::with_capacity(expected);
    file.take(limits.file_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if stamp.size > limits.file_bytes {
        Err(FilesError::FileTooLarge {
            path: path.clone(),
            limit: limits.file_bytes,
        })
    } else if bytes.len() == expected {
        Ok(bytes)
    } else {
        Err(FilesError::Changing { path: path.clone() })
    }
}

fn digest_of(files: &[SourceFile], unread: &[String], ignore: Option<&SourceFile>) -> TreeDigest {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    add(&(files.len() as u64).to_le_bytes());
    for SourceFile { path, bytes } in files.iter().chain(ignore) {
        add(path.as_bytes());
        add(bytes);
    }
    add(&(unread.len() as u64).to_le_bytes());
    for path in unread {
        add(path.as_bytes());
    }
    TreeDigest(digest.finalize().into())
}

struct Walk<'a> {
    root: &'a Path,
    limits: &'a Limits,
    files: Vec<FileStamp>,
    unread: Vec<String>,
    ignore: Option<FileStamp>,
    bytes: u64,
    directories: Vec<Directory>,
    /// The directory that is walked, and those around it.
    around: Vec<Directory>,
}

impl Walk<'_> {
    fn directory(&mut self, location: &Path, shown: &str) -> Result<(), FilesError> {
        let this = self.remember(location)?;
        if self.around.len() > self.limits.depth || self.around.contains(&this) {
            return Err(FilesError::TooDeep {
                path: location.to_owned(),
                limit: self.limits.depth,
            });
        }
        self.around.push(this);
        let failed = |error| unreadable(location, error);
        for entry in fs::read_dir(location).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (name, location) = (entry.file_name(), entry.path());
            if name == IGNORE_FILE && shown.is_empty() {
                self.ignore_file(&location)?;
                continue;
            }
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let shown_as = |name: &str| match shown {
                "" => name.to_owned(),
                parent => format!("{parent}/{name}"),
            };
            let kind = entry.file_type().map_err(failed)?;
            let is_json = Path::new(&name)
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
            if kind.is_file() && !is_json {
                self.not_read(shown_as(&name.to_string_lossy()))?;
                continue;
            }
            // A link that leads nowhere is an error: a tenant may be behind it.
            let metadata = fs::metadata(&location).map_err(|error| unreadable(&location, error))?;
            if !metadata.is_dir() && !is_json {
                self.not_read(shown_as(&name.to_string_lossy()))?;
                continue;
            }
            let Some(name) = name.to_str() else {
                return Err(FilesError::Name { path: location });
            };
            let shown = shown_as(name);
            if metadata.is_dir() {
                self.directory(&location, &shown)?;
            } else {
                let file = self.file(&location, &shown, &metadata)?;
                self.files.push(file);
                if kind.is_symlink() {
                    self.home_of(&location)?;
                }
            }
        }
        self.around.pop();
        Ok(())
    }

    /// A file that is not read, by name.
    fn not_read(&mut self, shown: String) -> Result<(), FilesError> {
        self.check_number_of_files()?;
        self.unread.push(shown);
        Ok(())
    }

    fn ignore_file(&mut self, location: &Path) -> Result<(), FilesError> {
        let metadata = fs::metadata(location).map_err(|error| unreadable(location, error))?;
        self.ignore = Some(self.file(location, IGNORE_FILE, &metadata)?);
        self.home_of(location)
    }

    fn check_number_of_files(&self) -> Result<(), FilesError> {
        if self.files.len() + self.unread.len() < self.limits.files {
            return Ok(());
        }
        Err(FilesError::TooManyFiles {
            path: self.root.to_owned(),
            limit: self.limits.files,
        })
    }

    fn file(
        &mut self,
        location: &Path,
        shown: &str,
        metadata: &Metadata,
    ) -> Result<FileStamp, FilesError> {
        let path = || location.to_owned();
        let root = || self.root.to_owned();
        let limits = self.limits;
        if !metadata.is_file() {
            return Err(FilesError::NotAFile { path: path() });
        }
        if metadata.len() > limits.file_bytes {
            return Err(FilesError::FileTooLarge {
                path: path(),
                limit: limits.file_bytes,
            });
        }
        self.check_number_of_files()?;
        self.bytes = self.bytes.saturating_add(metadata.size());
        if self.bytes > limits.total_bytes {
            return Err(FilesError::TreeTooLarge {
                path: root(),
                limit: limits.total_bytes,
            });
        }
        Ok(FileStamp {
            path: shown.to_owned(),
            location: path(),
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Remembers the directory that a file really is in.
    fn home_of(&mut self, file: &Path) -> Result<(), FilesError> {
        let real = fs::canonicalize(file).map_err(|error| unreadable(file, error))?;
        match real.parent() {
            Some(home) => self.remember(home).map(drop),
            None => Ok(()),
        }
    }

    fn remember(&mut self, directory: &Path) -> Result<Directory, FilesError> {
        if self.directories.len() >= self.limits.files {
            return Err(FilesError::TooManyFiles {
                path: self.root.to_owned(),
                limit: self.limits.files,
            });
        }
        let failed = |error| unreadable(directory, error);
        let path = fs::canonicalize(directory).map_err(failed)?;
        let metadata = fs::metadata(&path).map_err(failed)?;
        let directory = Directory {
            path,
            device: metadata.dev(),
            inode: metadata.ino(),
        };
        self.directories.push(directory.clone());
        Ok(directory)
    }
}

impl Tree {
    /// What there is to be read as policies, shown by paths relative to the root.
    pub fn policy_files(&self) -> PolicyFiles {
        PolicyFiles {
            unread: self.listing.unread.clone(),
            ignore: self.ignore.clone(),
            ..PolicyFiles::from(self.files.clone())
        }
    }
}

impl FilesError {
    /// The error as a finding, at its place.
    pub fn finding(&self) -> Finding {
        let path = self.path().to_string_lossy();
        Finding::error(Place::of_file(path), Code::Unreadable, self.to_string())
    }

    fn path(&self) -> &Path {
        match self {
            FilesError::Unreadable { path, .. }
            | FilesError::NotAFile { path }
            | FilesError::Name { path }
            | FilesError::FileTooLarge { path, .. }
            | FilesError::TreeTooLarge { path, .. }
            | FilesError::TooManyFiles { path, .. }
            | FilesError::TooDeep { path, .. }
            | FilesError::Changing { path } => path,
        }
    }

    /// Whether trying again in a moment may help.
    fn may_pass(&self) -> bool {
        match self {
            FilesError::Changing { .. } => true,
            FilesError::Unreadable { error, .. } => matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::IsADirectory
                    | io::ErrorKind::StaleNetworkFileHandle
                    | io::ErrorKind::Interrupted
            ),
            FilesError::NotAFile { .. }
            | FilesError::Name { .. }
            | FilesError::FileTooLarge { .. }
            | FilesError::TreeTooLarge { .. }
            | FilesError::TooManyFiles { .. }
            | FilesError::TooDeep { .. } => false,
        }
    }
}

fn unreadable(path: &Path, error: io::Error) -> FilesError {
    FilesError::Unreadable {
        path: path.to_owned(),
        error,
    }
}

/// Bytes of an ignore file: some thousand patterns.
const IGNORE_BYTES: u64 = 64 << 10;

/// How often a tree that changes is read before the reader gives up; the next look will try again.
const ATTEMPTS: u32 = 5;

/// Doubled each time: 150 ms in all.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
