//! A disk in memory that fails and loses whatever it may: what was not synced is dropped, torn at any byte or has holes
//! of zeros, names that were not synced are there or not, and any operation may fail half done. A sync that has failed
//! loses what it should have written, and the next one succeeds all the same.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crosstrust::log::journal::disk::{Disk, DiskFile};

use crate::support::random::Rng;

/// Its clones are one disk.
#[derive(Debug, Clone)]
pub struct FaultDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: Rng,
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    names_on_disk: BTreeMap<String, usize>,
    /// What was done to names and is not synced.
    renamed: Vec<Naming>,
    /// How many of 1,000 operations fail.
    faults: usize,
    capacity: Option<u64>,
    /// How many operations are left until the power goes.
    power: Option<u64>,
    is_off: bool,
    /// Times that it was started; what was opened before is of no use.
    starts: u64,
    operations: Vec<String>,
}

#[derive(Debug, Default, Clone)]
struct Content {
    seen: Vec<u8>,
    on_disk: Vec<u8>,
    /// What a failed sync has lost: it is seen while the power is on, and no sync writes it.
    dropped: Vec<Range<usize>>,
    reserved: u64,
}

#[derive(Debug, Clone)]
enum Naming {
    Named(String, usize),
    Renamed(String, String, usize),
    Removed(String),
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The machine goes on: everything that was written is seen.
    Killed,
    /// The power goes: only what was synced is sure.
    PowerLost,
}

impl FaultDisk {
    pub fn new(random: Rng) -> Self {
        FaultDisk(Arc::new(Mutex::new(State {
            random,
            files: Vec::new(),
            names: BTreeMap::new(),
            names_on_disk: BTreeMap::new(),
            renamed: Vec::new(),
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

    /// So many of 1,000 operations fail from now on.
    pub fn set_faults(&self, of_a_thousand: usize) {
        self.state().faults = of_a_thousand;
    }

    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// The process ends within this many operations.
    pub fn end_after(&self, operations: Option<u64>) {
        self.state().power = operations;
    }

    /// The process ends now.
    pub fn end(&self) {
        self.state().is_off = true;
    }

    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// The next process finds what this end has left.
    pub fn start_after(&self, end: End) {
        let mut state = self.state();
        state.is_off = false;
        state.power = None;
        state.starts += 1;
        state.operations.push(format!("-- {end:?}"));
        if end == End::PowerLost {
            state.lose();
        }
    }

    /// What was done since the beginning, for people.
    pub fn operations(&self) -> String {
        self.state().operations.join("\n")
    }

    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let files = state.names.iter();
        files
            .map(|(name, file)| (name.clone(), state.files[*file].seen.clone()))
            .collect()
    }

    /// A disk with these files, on disk.
    pub fn of(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let disk = FaultDisk::new(Rng::new(0));
        let mut state = disk.state();
        for (index, (name, bytes)) in files.iter().enumerate() {
            state.files.push(Content {
                seen: bytes.clone(),
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
    /// Whether the next operation is done; where not, how it fails.
    fn next(&mut self, what: String) -> io::Result<()> {
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        if let Some(left) = &mut self.power {
            *left = left.saturating_sub(1);
            if *left == 0 {
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

    fn do_naming(&mut self, naming: Naming) {
        naming.on(&mut self.names);
        self.renamed.push(naming);
    }

    fn used(&self) -> u64 {
        let files = self.names.values().map(|file| &self.files[*file]);
        files
            .map(|file| file.reserved.max(file.seen.len() as u64))
            .sum()
    }

    /// How many of these bytes there is room for.
    fn room(&self, wanted: usize) -> usize {
        let room = self
            .capacity
            .map_or(u64::MAX, |most| most.saturating_sub(self.used()));
        wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
    }

    fn lose(&mut self) {
        self.names.clone_from(&self.names_on_disk);
        for naming in std::mem::take(&mut self.renamed) {
            if self.random.chance(50) {
                naming.on(&mut self.names);
            }
        }
        self.names_on_disk.clone_from(&self.names);
        let random = &mut self.random;
        self.files.iter_mut().for_each(|file| file.lose(random));
    }
}

impl Naming {
    fn on(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Naming::Named(name, file) => {
                names.insert(name.clone(), *file);
            }
            Naming::Renamed(from, to, file) => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Naming::Removed(name) => {
                names.remove(name);
            }
        }
    }
}

impl Content {
    fn dirty(&self) -> Range<usize> {
        self.on_disk.len()..self.seen.len()
    }

    fn sync(&mut self) {
        self.on_disk.clone_from(&self.seen);
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

    fn lose(&mut self, random: &mut Rng) {
        let dirty = self.dirty();
        let mut left = self.seen.clone();
        if !dirty.is_empty() {
            let torn = dirty.start + random.below(dirty.len() + 1);
            match random.below(4) {
                0 => left.truncate(dirty.start),
                1 => left.truncate(torn),
                2 => {}
                _ => {
                    left.truncate(if random.chance(50) { torn } else { dirty.end });
                    for page in (0..left.len()).step_by(PAGE) {
                        let page = page.max(dirty.start)..(page + PAGE).min(left.len());
                        if !page.is_empty() && random.chance(40) {
                            left[page].fill(0);
                        }
                    }
                }
            }
        }
        for lost in std::mem::take(&mut self.dropped) {
            let lost = lost.start.min(left.len())..lost.end.min(left.len());
            left[lost].fill(0);
        }
        self.seen.clone_from(&left);
        self.on_disk = left;
    }
}

impl Disk for FaultDisk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut state = self.state();
        state.next("list".to_owned())?;
        let names = state.names.iter();
        Ok(names
            .map(|(name, file)| (name.clone(), state.files[*file].seen.len() as u64))
            .collect())
    }

    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.next(format!("read {name} from {from}"))?;
        let file = state.find(name)?;
        let seen = &state.files[file].seen;
        let from = usize::try_from(from).unwrap().min(seen.len());
        Ok(seen[from..seen.len().min(from.saturating_add(most))].to_vec())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let next = state.next(format!("create {name}"));
        if state.names.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        // One that failed may have made it all the same.
        if next.is_ok() || state.random.chance(50) {
            state.files.push(Content::default());
            let file = state.files.len() - 1;
            state.do_naming(Naming::Named(name.to_owned(), file));
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
            let dirty = file.dirty();
            file.dropped.push(dirty);
        }
        next
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.next(format!("rename {from} to {to}"))?;
        let file = state.find(from)?;
        state.do_naming(Naming::Renamed(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.next(format!("remove {name}"))?;
        state.find(name)?;
        state.do_naming(Naming::Removed(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        state.next("sync the directory".to_owned())?;
        state.names_on_disk = state.names.clone();
        state.renamed.clear();
        Ok(())
    }

    fn reserve(&self, name: &str, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        state.next(format!("reserve {bytes} bytes"))?;
        let has = state
            .find(name)
            .map_or(0, |file| state.files[file].reserved);
        let wanted = usize::try_from(bytes.saturating_sub(has)).unwrap();
        if state.room(wanted) < wanted {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        if state.find(name).is_err() {
            state.files.push(Content::default());
            let file = state.files.len() - 1;
            state.do_naming(Naming::Named(name.to_owned(), file));
        }
        let file = state.find(name)?;
        state.files[file].reserved = bytes.max(has);
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
        assert_eq!(self.start, state.starts, "of a process that has ended");
        let was_on = !state.is_off;
        let next = state.next(format!("append {} to {}", bytes.len(), self.name));
        let mut taken = state.room(bytes.len());
        if next.is_err() {
            let part = state.random.below(bytes.len() + 1);
            taken = if was_on { taken.min(part) } else { 0 };
        }
        state.files[self.file]
            .seen
            .extend_from_slice(&bytes[..taken]);
        next?;
        if taken < bytes.len() {
            state.operations.push(String::from("… full"));
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        assert_eq!(self.start, state.starts, "of a process that has ended");
        let next = state.next(format!("sync {}", self.name));
        let is_off = state.is_off;
        let file = &mut state.files[self.file];
        if next.is_err() && !is_off {
            // Said once, and never again.
            let dirty = file.dirty();
            file.dropped.push(dirty);
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
