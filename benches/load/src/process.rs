//! A server's process: started on the server core, and killed on drop or when this process ends for any reason. Its CPU
//! time is what the kernel counts for its threads.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::cores;

/// CPU time, in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub run_ns: u64,
    /// Ready to run, but waiting for a core.
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

/// A command for this program. The kernel kills it when this process ends, and its environment is empty, so that the
/// caller's variables have no effect.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command.env_clear().stdin(Stdio::null());
    command
}

impl Process {
    /// Starts a command of [`command`]. setpriv execs the program, so the process id is the program's.
    pub fn start(command: &mut Command) -> Result<Process> {
        let child = cores::on_server_core(|| command.spawn())?;
        let child = child.context("cannot start setpriv (util-linux)")?;
        Ok(Process { child })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// CPU and wait time of all threads: the first two numbers of `schedstat`.
    pub fn spent(&self) -> Result<Spent> {
        let tasks = format!("/proc/{}/task", self.pid());
        let tasks = fs::read_dir(&tasks).context("a server ended under load")?;
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
                    .context("a schedstat with too few fields")?
                    .context("not a number")
            };
            sum.run_ns += number()?;
            sum.wait_ns += number()?;
        }
        Ok(sum)
    }

    /// Peak resident memory in KiB: `VmHWM`.
    pub fn peak_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .context("no VmHWM")?
            .parse()
            .context("VmHWM is not a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
