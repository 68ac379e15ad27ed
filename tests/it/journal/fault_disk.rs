//! A disk in memory that fails and loses everything that a real disk may lose: bytes that are not synced are dropped,
//! torn at any byte or replaced by pages of zeros, changes of names that are not synced may be lost, and any
//! operation may fail partially. A failed sync loses the bytes that it should have written, and the next sync succeeds.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crosstrust::log::journal::disk::{Disk, DiskFile};

use crate::support::random::Rng;

/// Clones share one disk.
#[derive(Debug, Clone)]
pub struct FaultDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: Rng,
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    names_on_disk: BTreeMap<String, usize>,
    /// Changes of names that are not synced.
    unsynced_names: Vec<NameChange>,
    /// The number of operations of 1,000 that fail.
    faults: usize,
    capacity: Option<u64>,
    /// The number of operations until the process ends.
    power: Option<u64>,
    is_off: bool,
    /// The number of starts; files opened before the last start are invalid.
    starts: u64,
    operations: Vec<String>,
}

#[derive(Debug, Default, Clone)]
struct Content {
    visible: Vec<u8>,
    on_disk: Vec<u8>,
    /// Bytes that a failed sync has lost: visible while the power is on, and not written by a later sync.
    dropped: Vec<Range<usize>>,
    reserved: u64,
}

#[derive(Debug, Clone)]
enum NameChange {
    Named(String, usize),
    Renamed(String, String, usize),
    Removed(String),
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The machine keeps running: everything that was written is visible.
    Killed,
    /// The power fails: only synced data is certain to remain.
    PowerLost,
}

impl FaultDisk {
    pub fn new(random: Rng) -> Self {
        FaultDisk(Arc::new(Mutex::new(State {
            random,
            files: Vec::new(),
            names: BTreeMap::new(),
            names_on_disk: BTreeMap::new(),
            unsynced_names: Vec::new(),
            faults: 0,
            capacity: None,
            power: None,
            is_off: false,
            starts: 0,
            operations: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the number of operations of 1,000 that fail from now on.
    pub fn set_faults(&self, of_a_thousand: usize) {
        self.state().faults = of_a_thousand;
    }

    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Ends the process after this number of operations.
    pub fn end_after(&self, operations: Option<u64>) {
        self.state().power = operations;
    }

    /// Ends the process now.
    pub fn end(&self) {
        self.state().is_off = true;
    }

    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Starts the next process with the state that this end has left.
    pub fn start_after(&self, end: End) {
        let mut state = self.state();
        state.is_off = false;
        state.power = None;
        state.starts += 1;
        state.operations.push(format!("-- {end:?}"));
        if end == End::PowerLost {
            state.lose_power();
        }
    }

    /// All operations since the creation of the disk, one a line.
    pub fn operations(&self) -> String {
        self.state().operations.join("\n")
    }

    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let files = state.names.iter();
        files
            .map(|(name, file)| (name.clone(), state.files[*file].visible.clone()))
            .collect()
    }

    /// A disk on which these files are synced.
    pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let disk = FaultDisk::new(Rng::new(0));
        let mut state = disk.state();
        for (index, (name, bytes)) in files.iter().enumerate() {
            state.files.push(Content {
                visible: bytes.clone(),
                on_disk: bytes.clone(),
                ..Content::default()
            });
            state.names.insert(name.clone(), index);
        }
        state.names_on_disk = state.names.clone();
        drop(state);
        disk
    }
}

impl State {
    /// Logs the next operation, and returns the error with which it fails, if any.
    fn next(&mut self, what: String) -> io::Result<()> {
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        if let Some(operations) = &mut self.power {
            *operations = operations.saturating_sub(1);
            if *operations == 0 {
                self.is_off = true;
                self.operations.push(format!("{what}: power off"));
                return Err(io::Error::other("the power went off"));
            }
        }
        let fails = self.random.below(1000) < self.faults;
        self.operations
            .push(format!("{what}{}", if fails { ": FAILS" } else { "" }));
        if fails {
            let code = self.random.one(&[EIO, EIO, ENOSPC, EFBIG]);
            return Err(io::Error::from_raw_os_error(code));
        }
        Ok(())
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn used(&self) -> u64 {
        let files = self.names.values().map(|file| &self.files[*file]);
        files
            .map(|file| file.reserved.max(file.visible.len() as u64))
            .sum()
    }

    /// The number of these bytes that fit on the disk.
    fn available(&self, requested: usize) -> usize {
        let free = self
            .capacity
            .map_or(u64::MAX, |most| most.saturating_sub(self.used()));
        requested.min(usize::try_from(free).unwrap_or(usize::MAX))
    }

    fn lose_power(&mut self) {
        self.names.clone_from(&self.names_on_disk);
        for change in std::mem::take(&mut self.unsynced_names) {
            if self.random.chance(50) {
                change.apply(&mut self.names);
            }
        }
        self.names_on_disk.clone_from(&self.names);
        let random = &mut self.random;
        self.files
            .iter_mut()
            .for_each(|file| file.lose_power(random));
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Named(name, file) => {
                names.insert(name.clone(), *file);
            }
            NameChange::Renamed(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            NameChange::Removed(name) => {
                names.remove(name);
            }
        }
    }
}

impl Content {
    fn unsynced(&self) -> Range<usize> {
        self.on_disk.len()..self.visible.len()
    }

    fn sync(&mut self) {
        self.on_disk.clone_from(&self.visible);
        for lost in &self.dropped {
            self.on_disk[lost.clone()].fill(0);
        }
    }

    fn write_again(&mut self, from: usize) {
        for lost in &mut self.dropped {
            lost.end = lost.end.min(from).max(lost.start);
        }
        self.sync();
    }

    fn lose_power(&mut self, random: &mut Rng) {
        let unsynced = self.unsynced();
        let mut remaining = self.visible.clone();
        if !unsynced.is_empty() {
            let torn = unsynced.start + random.below(unsynced.len() + 1);
            match random.below(4) {
                0 => remaining.truncate(unsynced.start),
                1 => remaining.truncate(torn),
                2 => {}
                _ => {
                    remaining.truncate(if random.chance(50) {
                        torn
                    } else {
                        unsynced.end
                    });
                    for page in (0..remaining.len()).step_by(PAGE) {
                        let page = page.max(unsynced.start)..(page + PAGE).min(remaining.len());
                        if !page.is_empty() && random.chance(40) {
                            remaining[page].fill(0);
                        }
                    }
                }
            }
        }
        for lost in std::mem::take(&mut self.dropped) {
            let lost = lost.start.min(remaining.len())..lost.end.min(remaining.len());
            remaining[lost].fill(0);
        }
        self.visible.clone_from(&remaining);
        self.on_disk = remaining;
    }
}

impl Disk for FaultDisk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut state = self.state();
        state.next("list".to_owned())?;
        let names = state.names.iter();
        Ok(names
            .map(|(name, file)| (name.clone(), state.files[*file].visible.len() as u64))
            .collect())
    }

    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.next(format!("read {name} from {from}"))?;
        let file = state.find(name)?;
        let bytes = &state.files[file].visible;
        let from = usize::try_from(from).unwrap().min(bytes.len());
        Ok(bytes[from..bytes.len().min(from.saturating_add(most))].to_vec())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let next = state.next(format!("create {name}"));
        if state.names.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        // A failed create may have created the file.
        if next.is_ok() || state.random.chance(50) {
            state.files.push(Content::default());
            let file = state.files.len() - 1;
            state.change_name(NameChange::Named(name.to_owned(), file));
        }
        next?;
        self.handle(&state, name)
    }

    fn write_again(&self, name: &str, from: u64) -> io::Result<()> {
        let mut state = self.state();
        let next = state.next(format!("write {name} again from {from}"));
        let found = state.find(name)?;
        let is_off = state.is_off;
        let file = &mut state.files[found];
        if next.is_ok() {
            file.write_again(usize::try_from(from).unwrap());
        } else if !is_off {
            let unsynced = file.unsynced();
            file.dropped.push(unsynced);
        }
        next
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.next(format!("rename {from} to {to}"))?;
        let file = state.find(from)?;
        state.change_name(NameChange::Renamed(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.next(format!("remove {name}"))?;
        state.find(name)?;
        state.change_name(NameChange::Removed(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        state.next("sync the directory".to_owned())?;
        state.names_on_disk = state.names.clone();
        state.unsynced_names.clear();
        Ok(())
    }

    fn reserve(&self, name: &str, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        state.next(format!("reserve {bytes} bytes"))?;
        let reserved = state
            .find(name)
            .map_or(0, |file| state.files[file].reserved);
        let missing = usize::try_from(bytes.saturating_sub(reserved)).unwrap();
        if state.available(missing) < missing {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        if state.find(name).is_err() {
            state.files.push(Content::default());
            let file = state.files.len() - 1;
            state.change_name(NameChange::Named(name.to_owned(), file));
        }
        let file = state.find(name)?;
        state.files[file].reserved = bytes.max(reserved);
        Ok(())
    }

    fn check_in_place(&self) -> io::Result<()> {
        self.state().next("check the folder".to_owned())
    }

    fn reopen(&self) -> io::Result<()> {
        self.state().next("open the folder again".to_owned())
    }
}

impl FaultDisk {
    fn handle(&self, state: &State, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(Handle {
            disk: self.clone(),
            file: state.find(name)?,
            name: name.to_owned(),
            start: state.starts,
        }))
    }
}

#[derive(Debug)]
struct Handle {
    disk: FaultDisk,
    file: usize,
    name: String,
    start: u64,
}

impl DiskFile for Handle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        assert_eq!(
            self.start, state.starts,
            "the file belongs to a process that has ended"
        );
        let was_on = !state.is_off;
        let next = state.next(format!("append {} to {}", bytes.len(), self.name));
        let mut written = state.available(bytes.len());
        if next.is_err() {
            let part = state.random.below(bytes.len() + 1);
            written = if was_on { written.min(part) } else { 0 };
        }
        state.files[self.file]
            .visible
            .extend_from_slice(&bytes[..written]);
        next?;
        if written < bytes.len() {
            state.operations.push(String::from("… full"));
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        assert_eq!(
            self.start, state.starts,
            "the file belongs to a process that has ended"
        );
        let next = state.next(format!("sync {}", self.name));
        let is_off = state.is_off;
        let file = &mut state.files[self.file];
        if next.is_err() && !is_off {
            // The error is reported once; later syncs succeed.
            let unsynced = file.unsynced();
            file.dropped.push(unsynced);
        } else if next.is_ok() {
            file.sync();
        }
        next
    }

    fn check_in_place(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.next(format!("check {}", self.name))?;
        match state.find(&self.name)? == self.file {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
}

const PAGE: usize = 512;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EFBIG: i32 = 27;
