//! A server's process: started on the server's core, read from outside, killed when it is dropped and when this process
//! ends in whatever way. What it costs is what the kernel counts for its threads; it is never asked itself.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::cores;

/// CPU time, in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub run_ns: u64,
    /// Ready to run, while somebody else had the core.
    pub wait_ns: u64,
}

impl Spent {
    pub fn since(self, before: Spent) -> Spent {
        Spent {
            run_ns: self.run_ns.saturating_sub(before.run_ns),
            wait_ns: self.wait_ns.saturating_sub(before.wait_ns),
        }
    }
}

#[derive(Debug)]
pub struct Process {
    child: Child,
}

/// A command for this program. The kernel kills it when this process has ended, and its environment is empty: variables
/// of whoever measures change nothing.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command.env_clear().stdin(Stdio::null());
    command
}

impl Process {
    /// One that [`command`] has made. setpriv becomes the program, so the id is the program's.
    pub fn start(command: &mut Command) -> Result<Process> {
        let child = cores::on_the_servers(|| command.spawn())?;
        let child = child.context("cannot start setpriv (util-linux)")?;
        Ok(Process { child })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// What the kernel has counted for all of its threads: the first two numbers of `schedstat`.
    pub fn spent(&self) -> Result<Spent> {
        let tasks = format!("/proc/{}/task", self.pid());
        let tasks = fs::read_dir(&tasks).context("a server has ended under load")?;
        let mut sum = Spent::default();
        for task in tasks {
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let mut numbers = text.split_whitespace().map(str::parse::<u64>);
            let mut number = || {
                numbers
                    .next()
                    .context("a short schedstat")?
                    .context("no number")
            };
            sum.run_ns += number()?;
            sum.wait_ns += number()?;
        }
        Ok(sum)
    }

    /// The most resident memory so far, in KiB: `VmHWM`.
    pub fn peak_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .context("no VmHWM")?
            .parse()
            .context("VmHWM is no number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
