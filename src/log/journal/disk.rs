//! The file layer: the operations that the journal needs on a folder. Tests use an implementation that loses unsynced
//! data.
//!
//! This module does not retry and does not buffer. Callers handle all errors.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate};

/// A folder of append-only files.
pub trait Disk: fmt::Debug + Send + Sync {
    /// The name and length of each file.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// At most `most` bytes of a file from this offset; fewer only at its end.
    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Vec<u8>>;
    /// Creates a file; fails if the name exists.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Rewrites the bytes of a file from this offset on, unchanged, and syncs them. After a failed sync, perhaps in
    /// another process, the bytes are readable but not on disk, and another sync alone would not write them.
    fn write_again(&self, name: &str, from: u64) -> io::Result<()>;
    /// Renames a file, replacing any file with the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Syncs the folder, so that created, renamed and removed files survive a power loss.
    fn sync_directory(&self) -> io::Result<()>;
    /// Creates a file and allocates this much disk space for it.
    fn reserve(&self, name: &str, bytes: u64) -> io::Result<()>;
    /// Fails if the locked folder or its lock file is no longer at its path: it was removed, renamed or replaced.
    fn check_in_place(&self) -> io::Result<()>;
    /// Locks the folder that is at the path now; creates it if it does not exist.
    fn reopen(&self) -> io::Result<()>;
}

/// An append-only file.
pub trait DiskFile: fmt::Debug + Send {
    /// Appends all bytes. On failure, any part of them may be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Syncs the appended bytes to disk. After an error, their state on disk is unknown for good.
    fn sync(&mut self) -> io::Result<()>;
    /// Fails if this file is no longer at its path: the file or its folder was removed, renamed or replaced.
    fn check_in_place(&self) -> io::Result<()>;
}

/// Replaces a file atomically: after a crash, the file has the old or the new content.
pub fn replace(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.half");
    match disk.remove(&temporary) {
        // A leftover of an interrupted call.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = disk.create(&temporary)?;
    file.append(bytes)?;
    file.sync()?;
    disk.rename(&temporary, name)?;
    disk.sync_directory()
}

/// A local folder, used by one process at a time.
#[derive(Debug)]
pub struct SystemDisk {
    folder: PathBuf,
    /// `None` if the folder is opened read-only.
    lock: Mutex<Option<Lock>>,
}

/// The lock on a folder, held while the file is open.
#[derive(Debug)]
struct Lock {
    _file: File,
    id: FileId,
}

/// Device and inode: they identify a file regardless of its name, while the file is open.
type FileId = (u64, u64);

impl Lock {
    fn take(folder: &Path) -> io::Result<Lock> {
        make_durable(folder)?;
        let mut options = private();
        options.create(true).truncate(false).read(true);
        let mut file = options.open(folder.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                return Err(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    format!("the folder is locked by process {}", holder.trim()),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        write!(file, "{}", std::process::id())?;
        let id = id(&file.metadata()?);
        Ok(Lock { _file: file, id })
    }
}

impl SystemDisk {
    /// Locks the folder for this process. Creates it if it does not exist.
    pub fn lock(folder: &Path) -> io::Result<SystemDisk> {
        Ok(SystemDisk {
            folder: folder.to_owned(),
            lock: Mutex::new(Some(Lock::take(folder)?)),
        })
    }

    /// Opens the folder read-only, while another process may write to it.
    pub fn read_only(folder: &Path) -> SystemDisk {
        SystemDisk {
            folder: folder.to_owned(),
            lock: Mutex::new(None),
        }
    }

    /// The id of the lock file; `None` if the folder is opened read-only.
    fn locked(&self) -> Option<FileId> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.as_ref().map(|lock| lock.id)
    }
}

fn id(about: &Metadata) -> FileId {
    (about.dev(), about.ino())
}

/// Fails unless this file is at this path.
fn check_leads_to(path: &Path, expected: FileId) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Ok(about) if id(&about) == expected => return Ok(()),
        Ok(_) => "found another file",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "found no file",
        Err(error) => return Err(error),
    };
    let path = path.display();
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "{path}: {found}, expected the file that this process has open: the file or its folder was removed, renamed or replaced"
        ),
    ))
}

impl Disk for SystemDisk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // A file that was removed after the listing is skipped.
            let (Ok(about), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else {
                continue;
            };
            if about.is_file() {
                files.push((name, about.len()));
            }
        }
        Ok(files)
    }

    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.folder.join(name))?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let path = self.folder.join(name);
        let file = private().create_new(true).open(&path)?;
        let id = id(&file.metadata()?);
        Ok(Box::new(SystemFile {
            file,
            length: 0,
            path,
            id,
        }))
    }

    fn write_again(&self, name: &str, from: u64) -> io::Result<()> {
        let file = private().read(true).open(self.folder.join(name))?;
        let mut part = vec![0; CHUNK_BYTES];
        let mut at = from;
        loop {
            let read = file.read_at(&mut part, at)?;
            let Some(bytes) = part.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return file.sync_data();
            };
            file.write_all_at(bytes, at)?;
            at += u64::try_from(read).unwrap_or(0);
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn reserve(&self, name: &str, bytes: u64) -> io::Result<()> {
        let path = self.folder.join(name);
        let file = private().create(true).truncate(false).open(&path)?;
        let taken = fallocate(&file, FallocateFlags::empty(), 0, bytes);
        taken.map_err(|error| {
            // A partial reserve is useless. If it cannot be removed now, it is released later.
            let _ = fs::remove_file(&path);
            error.into()
        })
    }

    fn check_in_place(&self) -> io::Result<()> {
        match self.locked() {
            Some(lock) => check_leads_to(&self.folder.join(LOCK), lock),
            None => Ok(()),
        }
    }

    fn reopen(&self) -> io::Result<()> {
        // The process already holds this lock, and a second lock on the same file would fail.
        if self.check_in_place().is_ok() {
            return Ok(());
        }
        let lock = Lock::take(&self.folder)?;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        Ok(())
    }
}

#[derive(Debug)]
struct SystemFile {
    file: File,
    /// The number of appended bytes.
    length: u64,
    path: PathBuf,
    id: FileId,
}

impl SystemFile {
    /// Fails if another process has truncated the file or written to it, as logrotate's `copytruncate` does.
    fn check_length(&self) -> io::Result<()> {
        let (found, expected) = (self.file.metadata()?.len(), self.length);
        if found == expected {
            return Ok(());
        }
        let path = self.path.display();
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{path}: found {found} bytes, expected the {expected} that this process has written: another process has truncated the file or written to it"
            ),
        ))
    }
}

impl DiskFile for SystemFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // After a truncation, the write would leave a hole and restore the expected length.
        self.check_length()?;
        self.file.write_all(bytes)?;
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(more);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn check_in_place(&self) -> io::Result<()> {
        check_leads_to(&self.path, self.id)?;
        self.check_length()
    }
}

/// Creates the folder and its missing ancestors, and syncs the parent of each: otherwise a power loss could remove the
/// folder with all synced files in it.
fn make_durable(folder: &Path) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|above| !above.exists());
    let missing: Vec<&Path> = missing.filter(|above| !is_empty(above)).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    for made in &missing {
        sync_parent(made)?;
    }
    if missing.is_empty() {
        // An earlier process may have ended before its sync. The parent of a folder that an administrator created may not
        // be readable.
        match sync_parent(folder) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !is_empty(parent));
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

const LOCK: &str = "lock";
const CHUNK_BYTES: usize = 256 << 10;
