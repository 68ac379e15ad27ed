//! Reads a tree of policy files into owned memory, as one consistent state.
//!
//! Names that begin with a dot are skipped, except the ignore file at the root. A file whose name does not end in
//! `.json` is listed by name and not read. Links are followed (a Kubernetes ConfigMap consists of them). A tree is
//! listed, read and listed again until both listings agree, so that files of two states are never mixed. Everything is
//! bounded, and a file that cannot be read is an error, never skipped. This module does not parse JSON.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::graph::{Code, Finding, IGNORE_FILE, PolicyFiles, SourceFile, SourceLocation};

/// Limits of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLimits {
    /// Bytes per file.
    pub file_bytes: u64,
    /// Bytes in all files.
    pub total_bytes: u64,
    /// Number of files, including unread ones; also the number of directories.
    pub files: usize,
    /// Nesting depth of directories.
    pub depth: usize,
}

/// Ten times the size of a million partner entries, and deeper than any export.
impl Default for TreeLimits {
    fn default() -> Self {
        TreeLimits {
            file_bytes: 1 << 30,
            total_bytes: 4 << 30,
            files: 1_000_000,
            depth: 16,
        }
    }
}

/// A digest of all paths and contents of a tree, and of the names of unread files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeDigest(pub [u8; 32]);

/// The files of a tree with the metadata that shows a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The files, sorted by path.
    pub files: Vec<FileStamp>,
    /// The paths of unread files (not `.json`), sorted.
    pub unread: Vec<String>,
    /// The ignore file at the root.
    pub ignore: Option<FileStamp>,
    /// The directories of the files, links resolved, sorted, without duplicates.
    pub directories: Vec<Directory>,
}

/// A file with the metadata that shows a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamp {
    /// The path for display: relative to the root, with `/`; the given path if the root is a file.
    pub path: String,
    location: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A directory and its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Directory {
    /// The canonical path.
    pub path: PathBuf,
    device: u64,
    inode: u64,
}

/// One consistent state of a tree.
#[derive(Debug)]
pub struct Tree {
    /// The files, sorted by path.
    pub files: Vec<SourceFile>,
    /// The ignore file at the root.
    pub ignore: Option<SourceFile>,
    /// Their digest.
    pub digest: TreeDigest,
    /// The listing, the same before and after reading.
    pub listing: Listing,
}

/// Why a tree cannot be read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum FilesError {
    #[error("cannot be read: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("is neither a file nor a directory")]
    NotAFile { path: PathBuf },
    #[error("the name is not UTF-8")]
    Name { path: PathBuf },
    #[error("has more than {limit} bytes")]
    FileTooLarge { path: PathBuf, limit: u64 },
    #[error("contains more than {limit} bytes")]
    TreeTooLarge { path: PathBuf, limit: u64 },
    #[error("contains more than {limit} files or directories")]
    TooManyFiles { path: PathBuf, limit: usize },
    #[error("directories are nested deeper than {limit}, or links form a cycle")]
    TooDeep { path: PathBuf, limit: usize },
    #[error("changed while it was being read, several times in a row")]
    Changing { path: PathBuf },
}

/// Lists the tree, or the one file, at `root`.
pub fn list(root: &Path, limits: &TreeLimits) -> Result<Listing, FilesError> {
    let metadata = fs::metadata(root).map_err(|error| unreadable(root, error))?;
    let mut walk = TreeWalk {
        root,
        limits,
        files: Vec::new(),
        unread: Vec::new(),
        ignore: None,
        bytes: 0,
        directories: Vec::new(),
        ancestors: Vec::new(),
    };
    if metadata.is_dir() {
        walk.directory(root, "")?;
    } else {
        let shown = root.to_str().ok_or_else(|| FilesError::Name {
            path: root.to_owned(),
        })?;
        let file = walk.file(root, shown, &metadata)?;
        walk.files.push(file);
        walk.add_parent_of(root)?;
        // The root may be a link whose target changes.
        if let Ok(Some(parent)) = std::path::absolute(root).as_deref().map(Path::parent) {
            walk.add_directory(parent)?;
        }
    }
    let TreeWalk {
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

/// Reads the tree, or the one file, at `root` as one consistent state.
pub fn read(root: &Path, limits: &TreeLimits) -> Result<Tree, FilesError> {
    let mut pause = FIRST_PAUSE;
    let mut attempts_left = ATTEMPTS;
    loop {
        attempts_left -= 1;
        match read_once(root, limits) {
            // A missing file may be about to be replaced.
            Err(error) if attempts_left == 0 || !error.is_transient() => return Err(error),
            Err(_) => {}
            Ok(tree) => return Ok(tree),
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
}

fn read_once(root: &Path, limits: &TreeLimits) -> Result<Tree, FilesError> {
    let listing = list(root, limits)?;
    let mut files = Vec::with_capacity(listing.files.len());
    for stamp in &listing.files {
        files.push(source_file(stamp, limits)?);
    }
    let ignore_limits = TreeLimits {
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

fn source_file(stamp: &FileStamp, limits: &TreeLimits) -> Result<SourceFile, FilesError> {
    Ok(SourceFile {
        path: stamp.path.clone(),
        bytes: read_file(stamp, limits)?.into(),
    })
}

fn read_file(stamp: &FileStamp, limits: &TreeLimits) -> Result<Vec<u8>, FilesError> {
    let path = &stamp.location;
    let failed = |error| unreadable(path, error);
    // Non-blocking, in case a pipe has replaced the file; regular files are not affected.
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

struct TreeWalk<'a> {
    root: &'a Path,
    limits: &'a TreeLimits,
    files: Vec<FileStamp>,
    unread: Vec<String>,
    ignore: Option<FileStamp>,
    bytes: u64,
    directories: Vec<Directory>,
    /// The current directory and its ancestors.
    ancestors: Vec<Directory>,
}

impl TreeWalk<'_> {
    fn directory(&mut self, location: &Path, shown: &str) -> Result<(), FilesError> {
        let this = self.add_directory(location)?;
        if self.ancestors.len() > self.limits.depth || self.ancestors.contains(&this) {
            return Err(FilesError::TooDeep {
                path: location.to_owned(),
                limit: self.limits.depth,
            });
        }
        self.ancestors.push(this);
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
                self.add_unread(shown_as(&name.to_string_lossy()))?;
                continue;
            }
            // A broken link is an error: it may have been a tenant.
            let metadata = fs::metadata(&location).map_err(|error| unreadable(&location, error))?;
            if !metadata.is_dir() && !is_json {
                self.add_unread(shown_as(&name.to_string_lossy()))?;
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
                    self.add_parent_of(&location)?;
                }
            }
        }
        self.ancestors.pop();
        Ok(())
    }

    /// Lists a file by name without reading it.
    fn add_unread(&mut self, shown: String) -> Result<(), FilesError> {
        self.check_number_of_files()?;
        self.unread.push(shown);
        Ok(())
    }

    fn ignore_file(&mut self, location: &Path) -> Result<(), FilesError> {
        let metadata = fs::metadata(location).map_err(|error| unreadable(location, error))?;
        self.ignore = Some(self.file(location, IGNORE_FILE, &metadata)?);
        self.add_parent_of(location)
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

    /// Lists the canonical directory of a file.
    fn add_parent_of(&mut self, file: &Path) -> Result<(), FilesError> {
        let real = fs::canonicalize(file).map_err(|error| unreadable(file, error))?;
        match real.parent() {
            Some(parent) => self.add_directory(parent).map(drop),
            None => Ok(()),
        }
    }

    fn add_directory(&mut self, directory: &Path) -> Result<Directory, FilesError> {
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
    /// The policy files, with paths relative to the root for display.
    pub fn policy_files(&self) -> PolicyFiles {
        PolicyFiles {
            unread: self.listing.unread.clone(),
            ignore: self.ignore.clone(),
            ..PolicyFiles::from(self.files.clone())
        }
    }
}

impl FilesError {
    /// The error as a finding at its path.
    pub fn finding(&self) -> Finding {
        let path = self.path().to_string_lossy();
        Finding::error(
            SourceLocation::of_file(path),
            Code::Unreadable,
            self.to_string(),
        )
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

    /// Whether a retry may succeed.
    fn is_transient(&self) -> bool {
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

/// Maximum size of an ignore file: several thousand patterns.
const IGNORE_BYTES: u64 = 64 << 10;

/// Attempts to read a changing tree. The next scan tries again.
const ATTEMPTS: u32 = 5;

/// Doubled for each retry: 150 ms in total.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
