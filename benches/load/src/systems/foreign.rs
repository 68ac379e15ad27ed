//! Third-party programs: started like crosstrust, and ready when they accept connections.

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

/// Starts the program and waits until it listens at the address. Its output goes to the folder.
pub fn start(command: &mut Command, address: SocketAddr, folder: TempDir) -> Result<Running> {
    let output_file = folder.path().join("output");
    let output = fs::File::create(&output_file)?;
    command.stdout(output.try_clone()?).stderr(output);
    let mut process = Process::start(command)?;
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if process.child().try_wait()?.is_some() || begun.elapsed() > START {
            bail!(
                "the program does not serve: {}",
                fs::read_to_string(output_file)?
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(Running {
        process: Rc::new(process),
        address: Address::Tcp(address),
        folder: Rc::new(folder),
    })
}

/// A free loopback address, for programs that cannot report the port that the kernel chose.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
