//! A real disk with a valve that can block all writes or make them fail.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crosstrust::log::journal::disk::{Disk, DiskFile};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    /// Syncs wait.
    Blocked,
    /// Each sync takes this long.
    Slow(Duration),
    /// Every write fails.
    Failing(io::ErrorKind),
}

#[derive(Debug)]
pub struct Valve {
    state: Mutex<State>,
    turned: Condvar,
}

impl Valve {
    pub fn open() -> Arc<Valve> {
        Arc::new(Valve {
            state: Mutex::new(State::Open),
            turned: Condvar::new(),
        })
    }

    pub fn turn(&self, state: State) {
        *self.state.lock().unwrap() = state;
        self.turned.notify_all();
    }

    fn pass(&self) -> io::Result<()> {
        let state = self.state.lock().unwrap();
        let is_blocked = |state: &mut State| *state == State::Blocked;
        // Do not hold the lock during the sleep.
        let state = *self.turned.wait_while(state, is_blocked).unwrap();
        match state {
            State::Failing(kind) => Err(kind.into()),
            State::Slow(delay) => {
                std::thread::sleep(delay);
                Ok(())
            }
            State::Open | State::Blocked => Ok(()),
        }
    }
}

#[derive(Debug)]
pub struct ValveDisk<D> {
    pub disk: D,
    pub valve: Arc<Valve>,
}

#[derive(Debug)]
struct ValveFile {
    file: Box<dyn DiskFile>,
    valve: Arc<Valve>,
}

impl<D: Disk> Disk for ValveDisk<D> {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        self.disk.list()
    }

    fn read(&self, name: &str, from: u64, most: usize) -> io::Result<Vec<u8>> {
        self.disk.read(name, from, most)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.valve.pass()?;
        Ok(Box::new(ValveFile {
            file: self.disk.create(name)?,
            valve: Arc::clone(&self.valve),
        }))
    }

    fn write_again(&self, name: &str, from: u64) -> io::Result<()> {
        self.disk.write_again(name, from)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.valve.pass()?;
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.valve.pass()?;
        self.disk.sync_directory()
    }

    fn reserve(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.valve.pass()?;
        self.disk.reserve(name, bytes)
    }

    fn check_in_place(&self) -> io::Result<()> {
        self.disk.check_in_place()
    }

    fn reopen(&self) -> io::Result<()> {
        self.disk.reopen()
    }
}

impl DiskFile for ValveFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.valve.pass()?;
        self.file.sync()
    }

    fn check_in_place(&self) -> io::Result<()> {
        self.file.check_in_place()
    }
}
