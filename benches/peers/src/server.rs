//! A program under test: started on a core of its own and a loopback port of its own, ended when it is dropped and when
//! this process ends in whatever way.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Where every server runs; the generator has the other one.
pub const CORE: usize = 0;
/// How long a start may take.
const START: Duration = Duration::from_secs(60);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts the program on its core and waits until it accepts connections. What it says goes to `log`.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        address: SocketAddr,
        log: &Path,
    ) -> Result<Self> {
        let output = fs::File::create(log)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "taskset", "-c", &CORE.to_string()])
            .arg(program)
            .args(arguments)
            .env("GOMAXPROCS", "1")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("setpriv and taskset cannot start {}", program.display()))?;
        let mut server = Server { child, address };
        server.wait(log)?;
        Ok(server)
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        let end = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                bail!("it does not serve: {}", fs::read_to_string(log)?);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// setpriv and taskset become the program, so the id is the program's.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What its threads have run until now.
    pub fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            // A thread may end while it is looked at.
            if let Ok(line) = fs::read_to_string(task?.path().join("schedstat")) {
                let running = line.split(' ').next().context("an empty schedstat")?;
                nanos += running.parse::<u64>()?;
            }
        }
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address of loopback at which nobody listens now.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
