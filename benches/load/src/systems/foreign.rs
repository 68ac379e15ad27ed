//! Programs of others: started like ours, and ready when they accept connections.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tempfile::TempDir;

use super::{Running, START};
use crate::process::Process;
use crate::server::Address;

/// Starts it, and waits until it listens there. What it says goes to the folder.
pub fn start(command: &mut Command, address: SocketAddr, folder: TempDir) -> Result<Running> {
    let said = folder.path().join("said");
    let output = fs::File::create(&said)?;
    command.stdout(output.try_clone()?).stderr(output);
    let mut process = Process::start(command)?;
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if process.child().try_wait()?.is_some() || begun.elapsed() > START {
            bail!("it does not serve: {}", fs::read_to_string(said)?);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(Running {
        process: Rc::new(process),
        address: Address::Tcp(address),
        folder: Rc::new(folder),
    })
}

/// An address of loopback at which nobody listens now, for those who cannot tell which one they were given.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
