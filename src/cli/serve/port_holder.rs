//! Finds the process that listens on an address that is in use, for the error at the start.
//!
//! Linux lists sockets in /proc/net (proc_pid_net(5)) and each process's sockets in /proc/PID/fd, which only its user
//! and root may read. If anything is missing, the error names no process.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::serve::ListenAddress;

/// ` by NAME (process 4711)`, or nothing.
pub(super) fn suffix(address: &ListenAddress) -> String {
    let inode = match address {
        ListenAddress::Tcp(at) => tcp_inode(*at),
        ListenAddress::Unix(path) => unix_inode(path),
    };
    let process = inode.and_then(process_with_socket);
    process.map_or_else(String::new, |(id, name)| {
        format!(" by {name} (process {id})")
    })
}

/// The inode of the socket that listens on the address, or on the same port of all addresses.
fn tcp_inode(at: SocketAddr) -> Option<u64> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let mut rows = texts.iter().flat_map(|text| text.lines().skip(1));
    rows.find_map(|row| {
        let cells: Vec<&str> = row.split_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = cells.as_slice() else {
            return None;
        };
        let (ip, port) = socket_address(local)?;
        let clashes = ip == at.ip().to_canonical()
            || ip.is_unspecified()
            || at.ip().to_canonical().is_unspecified();
        let listens = *state == LISTEN && port == at.port() && clashes;
        listens.then(|| inode.parse().ok())?
    })
}

/// Parses `0100007F:1F90`: in hexadecimal, each 32-bit group of the address in the machine's byte order.
fn socket_address(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let groups = ip.as_bytes().chunks(8).map(|group| {
        let group = std::str::from_utf8(group).ok()?;
        let group = Some(group).filter(|group| group.len() == 8)?;
        Some(u32::from_str_radix(group, 16).ok()?.to_ne_bytes())
    });
    let bytes = groups.collect::<Option<Vec<[u8; 4]>>>()?.concat();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?)),
    };
    Some((ip.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

fn unix_inode(path: &Path) -> Option<u64> {
    let table = fs::read_to_string("/proc/net/unix").ok()?;
    let rows = table.lines().skip(1);
    let mut cells = rows.map(|row| row.split_whitespace().collect::<Vec<&str>>());
    cells.find_map(|cells| match cells.as_slice() {
        // A connection that is not accepted yet has the same path but no inode.
        [_, _, _, flags, _, _, inode, at] if *flags == ACCEPTS && Path::new(at) == path => {
            inode.parse().ok()
        }
        _ => None,
    })
}

fn process_with_socket(inode: u64) -> Option<(u32, String)> {
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut processes = processes.filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((id, entry.path()))
    });
    processes.find_map(|(id, folder)| {
        let mut files = fs::read_dir(folder.join("fd")).ok()?.flatten();
        let has_socket = files.any(|file| {
            fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == socket.as_str())
        });
        let name = || fs::read_to_string(folder.join("comm")).unwrap_or_default();
        has_socket.then(|| (id, name().trim().to_owned()))
    })
}

/// `__SO_ACCEPTCON` of the kernel (include/uapi/linux/net.h).
const ACCEPTS: &str = "00010000";
/// TCP_LISTEN of the kernel (include/net/tcp_states.h).
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listening_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        if cfg!(target_os = "linux") {
            let own = format!("(process {})", std::process::id());
            let found = suffix(&ListenAddress::Tcp(at));
            assert!(found.contains(&own), "{found}");
            let anywhere = SocketAddr::from(([0, 0, 0, 0], at.port()));
            assert!(suffix(&ListenAddress::Tcp(anywhere)).contains(&own));
        }
        drop(listener);
        assert_eq!(suffix(&ListenAddress::Tcp(at)), "");
    }

    #[test]
    fn an_address_of_proc_net_tcp_is_parsed() {
        let loopback = u32::from_ne_bytes([127, 0, 0, 1]);
        let text = format!("{loopback:08X}:1F90");
        let expected = (IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
        assert_eq!(socket_address(&text), Some(expected));
        for bad in ["", ":", "0:1F90", "0100007F", "0100007F:x", "é100007:1F90"] {
            assert_eq!(socket_address(bad), None, "{bad}");
        }
    }
}
