//! The file layer: what the journal asks of a folder on a disk. Tests put one in its place that loses what was not
//! synced.
//!
//! Nothing here retries and nothing is buffered: an error goes to whoever knows what it means.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate};

/// A folder of files that are written at their end.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Every file: its name and how long it is.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// At most `most` bytes of a file, from this place; fewer only at its end.
    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Vec<u8>>;
    /// A new file; an error where there is one of this name.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Writes what a file has from this place on once more, as it is, and syncs it. After a sync that failed, perhaps
    /// in another process, that is seen and not on disk, and a sync alone would not bring it there.
    fn write_again(&self, name: &str, from: u64) -> io::Result<()>;
    /// Gives a file another name, in place of whatever has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Which files there are, and their names, are on disk when this has returned.
    fn sync_directory(&self) -> io::Result<()>;
    /// A file that takes this much of the disk, whatever it holds.
    fn reserve(&self, name: &str, bytes: u64) -> io::Result<()>;
    /// Fails where the folder's path does not lead to the folder that was locked: it was removed, renamed or replaced,
    /// or its lock was.
    fn check_in_place(&self) -> io::Result<()>;
    /// Locks the folder that the path leads to now; creates it where there is none.
    fn reopen(&self) -> io::Result<()>;
}

/// A file that is written at its end.
pub trait DiskFile: fmt::Debug + Send {
    /// Writes all of this, or fails having written any part of it.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// What was appended is on disk when this has returned. After an error that can never be known.
    fn sync(&mut self) -> io::Result<()>;
    /// Fails where the file's path does not lead to this file: the file or its folder was removed, renamed or replaced.
    fn check_in_place(&self) -> io::Result<()>;
}

/// Replaces a file, whole: after a crash there is the one before or this one.
pub fn replace(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let half = format!("{name}.half");
    match disk.remove(&half) {
        // One from before was never in force.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = disk.create(&half)?;
    file.append(bytes)?;
    file.sync()?;
    disk.rename(&half, name)?;
    disk.sync_directory()
}

/// A folder of this machine, used by one process at a time.
#[derive(Debug)]
pub struct SystemDisk {
    folder: PathBuf,
    /// None where the folder is only read.
    lock: Mutex<Option<Lock>>,
}

/// The lock on a folder: it lasts as long as the file is open.
#[derive(Debug)]
struct Lock {
    _file: File,
    id: FileId,
}

/// Which file it is, whatever its name: device and inode. No other file has the same while this one is open.
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
                    format!("process {} writes its records there", holder.trim()),
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
    /// The folder, made where there is none, for this process alone.
    pub fn lock(folder: &Path) -> io::Result<SystemDisk> {
        Ok(SystemDisk {
            folder: folder.to_owned(),
            lock: Mutex::new(Some(Lock::take(folder)?)),
        })
    }

    /// The folder, to be read beside whoever writes there.
    pub fn beside(folder: &Path) -> SystemDisk {
        SystemDisk {
            folder: folder.to_owned(),
            lock: Mutex::new(None),
        }
    }

    /// Which file is the lock; none where the folder is only read.
    fn locked(&self) -> Option<FileId> {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.as_ref().map(|lock| lock.id)
    }
}

fn id(about: &Metadata) -> FileId {
    (about.dev(), about.ino())
}

/// Fails unless this path leads to this file.
fn check_leads_to(path: &Path, expected: FileId) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Ok(about) if id(&about) == expected => return Ok(()),
        Ok(_) => "another file is there",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "no file is there",
        Err(error) => return Err(error),
    };
    let path = path.display();
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "{path}: {found}; expected the one that this process has open: it was removed, renamed or replaced, or its folder was"
        ),
    ))
}

impl Disk for SystemDisk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // A file may vanish between the two: then it is not there.
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
        let mut part = vec![0; AT_A_TIME];
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
            // Half a reserve is none; where it cannot be removed either, it is still ours to give up later.
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
        // A second lock on the same file would be refused.
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
    /// Bytes that were appended.
    length: u64,
    path: PathBuf,
    id: FileId,
}

impl SystemFile {
    /// Fails where another process has cut the file or written to it, as logrotate's `copytruncate` does.
    fn check_length(&self) -> io::Result<()> {
        let (found, expected) = (self.file.metadata()?.len(), self.length);
        if found == expected {
            return Ok(());
        }
        let path = self.path.display();
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{path}: found {found} bytes, expected the {expected} that this process has written: another process has cut the file or written to it"
            ),
        ))
    }
}

impl DiskFile for SystemFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Behind a cut the write would leave a hole, and the length would be right again.
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

/// Makes the folder where there is none, and syncs the folders that its name, and the names of those above it that were
/// made with it, stand in: otherwise a power loss may take the folder with all that was synced in it.
fn make_durable(folder: &Path) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|above| !above.exists());
    let missing: Vec<&Path> = missing.filter(|above| !is_empty(above)).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    for made in &missing {
        sync_parent(made)?;
    }
    if missing.is_empty() {
        // An earlier process may have ended before it synced. Where the folder was made for this process, its parent may
        // not be readable.
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
const AT_A_TIME: usize = 256 << 10;
