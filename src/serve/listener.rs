//! Binds listeners: TCP sockets, and Unix sockets with their file, mode and permitted uids.
//!
//! A Unix socket has mode 0600, or 0666 if uids are listed: the kernel reports the uid of each peer (SO_PEERCRED,
//! unix(7)), and the connection of an unlisted one is closed before a byte is read, so that no shared group is needed.
//! The mode is set before the socket listens. Until then connecting fails, so no other user can connect.

use std::fs;
use std::io;
use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::tls::TlsEndpoint;
use super::{ListenAddress, ListenerTls, TlsError};

/// The configuration of a listener, and its service.
#[derive(Debug, Clone)]
pub struct Listener<S> {
    /// Where to listen.
    pub address: ListenAddress,
    /// Allows an address beyond loopback without authentication of clients, because something else protects it.
    pub plaintext: bool,
    /// The user ids that may connect. If `None`, the mode of the file decides. Unix sockets only.
    pub uids: Option<Vec<u32>>,
    /// TLS; plaintext HTTP/2 if `None`. TCP only.
    pub tls: Option<ListenerTls>,
    /// Cloned for every connection.
    pub service: S,
}

/// Why a listener cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Reachable beyond loopback, without authentication of clients and without `plaintext`.
    #[error(
        "{address} is reachable from other machines and does not authenticate clients; expected TLS with \
         client_ca and peers, or plaintext = true if something else protects it"
    )]
    Unprotected {
        /// The address of the listener.
        address: ListenAddress,
    },
    /// TCP does not report the uid of a peer.
    #[error("{address}: found uids on a TCP listener, expected them on Unix sockets only")]
    NoUids {
        /// The address of the listener.
        address: ListenAddress,
    },
    /// A Unix socket has uids instead.
    #[error(
        "{address}: found tls on a Unix socket, expected it on TCP listeners only; use uids to restrict who may connect"
    )]
    NoTls {
        /// The address of the listener.
        address: ListenAddress,
    },
    /// The TLS files cannot be used.
    #[error("{address}: TLS: {source}")]
    Tls {
        /// The address of the listener.
        address: ListenAddress,
        /// The cause.
        source: TlsError,
    },
    /// The address is in use.
    #[error("{address}: another process listens on this address")]
    InUse {
        /// The address of the listener.
        address: ListenAddress,
    },
    /// The path exists and is not a socket, so it is not removed.
    #[error("{address}: found a file that is not a socket; remove it or use another path")]
    NotASocket {
        /// The address of the listener.
        address: ListenAddress,
    },
    /// A system call failed.
    #[error("{address}: {source}")]
    Io {
        /// The address of the listener.
        address: ListenAddress,
        /// The error of the system.
        source: io::Error,
    },
}

/// Listeners that are bound before their services exist. A TCP socket does not listen yet, so clients are refused
/// immediately.
#[derive(Debug, Default)]
pub struct BoundListeners(pub(super) Vec<BoundListener<()>>);

impl BoundListeners {
    /// Binds the address and reads the TLS files.
    pub fn add(&mut self, listener: Listener<()>) -> Result<(), ListenError> {
        self.0.push(listener.bind()?);
        Ok(())
    }
}

/// A listener that is bound to its address.
#[derive(Debug)]
pub(super) struct BoundListener<S> {
    /// The address with the port that the kernel assigned.
    pub(super) address: ListenAddress,
    pub(super) socket: BoundSocket,
    pub(super) tls: Option<Arc<TlsEndpoint>>,
    pub(super) service: S,
}

#[derive(Debug)]
pub(super) enum BoundSocket {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        file: SocketFile,
        uids: Option<Vec<u32>>,
    },
}

/// The file of a Unix socket, removed on drop if it is still the one that was created.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl<S> Listener<S> {
    pub(super) fn bind(self) -> Result<BoundListener<S>, ListenError> {
        let is_protected = self
            .tls
            .as_ref()
            .is_some_and(ListenerTls::authenticates_clients);
        if !self.address.is_local() && !is_protected && !self.plaintext {
            return Err(ListenError::Unprotected {
                address: self.address,
            });
        }
        let tls = self.tls.as_ref().map(|tls| self.load(tls)).transpose()?;
        let (address, socket) = match &self.address {
            ListenAddress::Tcp(_) if self.uids.is_some() => {
                return Err(ListenError::NoUids {
                    address: self.address,
                });
            }
            ListenAddress::Tcp(at) => {
                bind_tcp(*at).map_err(|source| failed(&self.address, source))?
            }
            ListenAddress::Unix(path) => {
                self.remove_stale_socket(path)?;
                let socket = bind_unix(path, self.uids.clone());
                let socket = socket.map_err(|source| failed(&self.address, source))?;
                (self.address.clone(), socket)
            }
        };
        Ok(BoundListener {
            address,
            socket,
            tls,
            service: self.service,
        })
    }

    fn load(&self, tls: &ListenerTls) -> Result<Arc<TlsEndpoint>, ListenError> {
        let address = || self.address.clone();
        match &self.address {
            ListenAddress::Unix(_) => Err(ListenError::NoTls { address: address() }),
            ListenAddress::Tcp(_) => match TlsEndpoint::load(address(), tls.clone()) {
                Ok(endpoint) => Ok(Arc::new(endpoint)),
                Err(source) => Err(ListenError::Tls {
                    address: address(),
                    source,
                }),
            },
        }
    }

    /// Removes the socket file of a killed process, and nothing else.
    fn remove_stale_socket(&self, path: &Path) -> Result<(), ListenError> {
        let address = || self.address.clone();
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&self.address, error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(ListenError::NotASocket { address: address() });
            }
            Ok(_) => {}
        }
        if has_listener(path).map_err(|source| failed(&self.address, source))? {
            return Err(ListenError::InUse { address: address() });
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed(&self.address, error))
            }
            _ => Ok(()),
        }
    }
}

impl<S> BoundListener<S> {
    /// Adds the service.
    pub(super) fn with_service<T>(self, service: T) -> BoundListener<T> {
        let BoundListener {
            address,
            socket,
            tls,
            service: _,
        } = self;
        BoundListener {
            address,
            socket,
            tls,
            service,
        }
    }

    /// Starts to listen. A Unix socket listens since it was bound: otherwise another process would take it for the file
    /// of a killed one.
    pub(super) fn listen(&self) -> Result<(), ListenError> {
        match &self.socket {
            BoundSocket::Tcp(listener) => {
                let listening = SockRef::from(listener).listen(BACKLOG);
                listening.map_err(|source| failed(&self.address, source))
            }
            BoundSocket::Unix { .. } => Ok(()),
        }
    }
}

fn failed(address: &ListenAddress, source: io::Error) -> ListenError {
    let address = address.clone();
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address },
        _ => ListenError::Io { address, source },
    }
}

/// Binds like the standard library, without listening.
fn bind_tcp(at: std::net::SocketAddr) -> io::Result<(ListenAddress, BoundSocket)> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    // Allows a restart while connections of the previous process are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(at))?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(std::os::fd::OwnedFd::from(socket));
    let address = ListenAddress::Tcp(listener.local_addr()?);
    Ok((address, BoundSocket::Tcp(listener)))
}

fn bind_unix(path: &Path, uids: Option<Vec<u32>>) -> io::Result<BoundSocket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let mode = if uids.is_some() { 0o666 } else { 0o600 };
    let file = SocketFile {
        path: path.to_owned(),
        identity: set_mode(path, fs::Permissions::from_mode(mode))?,
    };
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(BoundSocket::Unix {
        listener: UnixListener::from(std::os::fd::OwnedFd::from(socket)),
        file,
        uids,
    })
}

/// Sets the mode of the socket file, and returns its device and inode. The file is opened only once: another user with
/// write access to the folder could replace it by a link to another file.
#[cfg(target_os = "linux")]
fn set_mode(path: &Path, permissions: fs::Permissions) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::OpenOptionsExt;

    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = fs::File::options()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let found = file.metadata()?;
    if !found.file_type().is_socket() {
        return Err(io::Error::other(
            "the socket file was replaced by another file",
        ));
    }
    // fchmod(2) refuses such a descriptor; its link in /proc leads to the file itself (proc_pid_fd(5)).
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::set_permissions(link, permissions)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(not(target_os = "linux"))]
fn set_mode(path: &Path, permissions: fs::Permissions) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    fs::set_permissions(path, permissions)?;
    Ok((found.dev(), found.ino()))
}

/// Nonblocking, because a connect to a listener with a full backlog would block.
fn has_listener(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        // No permission, a full backlog, another socket type: in use in any case.
        _ => Ok(true),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A new process may have replaced it.
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket file");
        }
    }
}

/// Connections that the kernel queues: enough for all clients that reconnect after a restart.
const BACKLOG: i32 = 1024;
