//! The real binary, which can be killed, frozen and started again. It ends on drop.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::waiting::until;

pub struct Sidecar {
    process: Child,
    log: PathBuf,
}

impl Sidecar {
    /// Runs `crosstrust serve` in this folder with this configuration file; returns once it serves.
    pub fn start(folder: &Path, configuration: &Path) -> Sidecar {
        let log = folder.join("crosstrust.log");
        let output = File::create(&log).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
            .arg("serve")
            .args(["--admin", "127.0.0.1:0"])
            .arg("--config")
            .arg(configuration)
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut sidecar = Sidecar { process, log };
        until("crosstrust to serve", || {
            if let Some(status) = sidecar.process.try_wait().unwrap() {
                panic!("crosstrust ended, {status}");
            }
            sidecar.log().contains(" serving").then_some(())
        });
        sidecar
    }

    /// SIGSTOP: connections stay open, and no call is answered. Returns when every thread has stopped: the kernel does not
    /// stop them all at the same time.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        let threads = format!("/proc/{}/task", self.process.id());
        let has_stopped = |thread: &Path| {
            let stat = fs::read_to_string(thread.join("stat")).unwrap_or_default();
            // The state follows the name, which is in parentheses.
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('T'))
        };
        until("every thread to stop", || {
            let mut threads = fs::read_dir(&threads).unwrap();
            threads
                .all(|thread| has_stopped(&thread.unwrap().path()))
                .then_some(())
        });
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Sends SIGKILL, which also ends a frozen process.
impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("crosstrust:\n{}", self.log());
        }
    }
}
