//! A listener bound: the socket, and for a Unix socket its file, its mode and who may connect.
//!
//! A Unix socket gets mode 0600, or 0666 where peers are named by uid: the kernel reports the uid of each peer
//! (SO_PEERCRED, unix(7)), and one that is not named is closed before a byte is read, so the mode need not keep
//! others out and no group has to be shared. The mode is set before the socket listens: until then connecting
//! fails, and there is no moment in which another user can connect.

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

use super::tls::Endpoint;
use super::{Address, Tls, TlsError};

/// A place to listen on, and what answers there.
#[derive(Debug, Clone)]
pub struct Listener<S> {
    /// Where.
    pub address: Address,
    /// Beyond loopback there must be protection; `true` says that something else gives it.
    pub plaintext: bool,
    /// The user ids that may connect; everybody that the file's mode lets in when `None`. Unix sockets only.
    pub uids: Option<Vec<u32>>,
    /// TLS, and whose certificates; plain HTTP/2 when `None`. TCP only.
    pub tls: Option<Tls>,
    /// What answers; a clone of it for every connection.
    pub service: S,
}

/// Why a listener cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Beyond loopback and not said to be protected.
    #[error(
        "{address} is reachable from other machines and does not ask them who they are; expected TLS with a \
         client CA and peers, or plaintext = true where something else protects it"
    )]
    Unprotected {
        /// Where.
        address: Address,
    },
    /// TCP tells nobody's uid.
    #[error("{address}: uids can be checked on Unix sockets only")]
    NoUids {
        /// Where.
        address: Address,
    },
    /// The kernel knows who is at the other end.
    #[error(
        "{address}: TLS is for TCP listeners; on a Unix socket the mode and the uids say who may connect"
    )]
    NoTls {
        /// Where.
        address: Address,
    },
    /// Its files cannot be used.
    #[error("{address}: TLS: {source}")]
    Tls {
        /// Where.
        address: Address,
        /// Why.
        source: TlsError,
    },
    /// Another process has the address.
    #[error("{address}: another process listens there")]
    InUse {
        /// Where.
        address: Address,
    },
    /// Something that is not ours to remove.
    #[error("{address}: there is a file that is not a socket")]
    NotASocket {
        /// Where.
        address: Address,
    },
    /// The system refuses.
    #[error("{address}: {source}")]
    Io {
        /// Where.
        address: Address,
        /// What it says.
        source: io::Error,
    },
}

/// Addresses that are held, before there is anything to answer there. A TCP address does not listen yet: clients are
/// refused and not kept waiting.
#[derive(Debug, Default)]
pub struct Held(pub(super) Vec<Bound<()>>);

impl Held {
    /// Takes the address and reads the TLS files.
    pub fn add(&mut self, listener: Listener<()>) -> Result<(), ListenError> {
        self.0.push(listener.bind()?);
        Ok(())
    }
}

/// A listener that holds its address.
#[derive(Debug)]
pub(super) struct Bound<S> {
    /// The address with the real port.
    pub(super) address: Address,
    pub(super) socket: BoundSocket,
    pub(super) tls: Option<Arc<Endpoint>>,
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

/// The file of a Unix socket; it is removed with this value, if it is still the one that was made.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl<S> Listener<S> {
    pub(super) fn bind(self) -> Result<Bound<S>, ListenError> {
        let is_protected = self.tls.as_ref().is_some_and(Tls::knows_peers);
        if !self.address.is_local() && !is_protected && !self.plaintext {
            return Err(ListenError::Unprotected {
                address: self.address,
            });
        }
        let tls = self.tls.as_ref().map(|tls| self.load(tls)).transpose()?;
        let (address, socket) = match &self.address {
            Address::Tcp(_) if self.uids.is_some() => {
                return Err(ListenError::NoUids {
                    address: self.address,
                });
            }
            Address::Tcp(at) => bind_tcp(*at).map_err(|source| failed(&self.address, source))?,
            Address::Unix(path) => {
                self.make_room(path)?;
                let socket = bind_unix(path, self.uids.clone());
                let socket = socket.map_err(|source| failed(&self.address, source))?;
                (self.address.clone(), socket)
            }
        };
        Ok(Bound {
            address,
            socket,
            tls,
            service: self.service,
        })
    }

    fn load(&self, tls: &Tls) -> Result<Arc<Endpoint>, ListenError> {
        let address = || self.address.clone();
        match &self.address {
            Address::Unix(_) => Err(ListenError::NoTls { address: address() }),
            Address::Tcp(_) => match Endpoint::load(address(), tls.clone()) {
                Ok(endpoint) => Ok(Arc::new(endpoint)),
                Err(source) => Err(ListenError::Tls {
                    address: address(),
                    source,
                }),
            },
        }
    }

    /// Removes a socket that a process left behind when it was killed, and nothing else.
    fn make_room(&self, path: &Path) -> Result<(), ListenError> {
        let address = || self.address.clone();
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&self.address, error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(ListenError::NotASocket { address: address() });
            }
            Ok(_) => {}
        }
        if somebody_listens(path).map_err(|source| failed(&self.address, source))? {
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

impl<S> Bound<S> {
    /// The same address, with what answers there.
    pub(super) fn with<T>(self, service: T) -> Bound<T> {
        let Bound {
            address,
            socket,
            tls,
            service: _,
        } = self;
        Bound {
            address,
            socket,
            tls,
            service,
        }
    }

    /// From here on clients can connect. A Unix socket listens since it was bound: one that does not would be taken
    /// for one that was left behind.
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

fn failed(address: &Address, source: io::Error) -> ListenError {
    let address = address.clone();
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address },
        _ => ListenError::Io { address, source },
    }
}

/// As the standard library binds, without listening.
fn bind_tcp(at: std::net::SocketAddr) -> io::Result<(Address, BoundSocket)> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    // A server that starts again is not kept out by connections of the last one (TIME_WAIT).
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(at))?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(std::os::fd::OwnedFd::from(socket));
    let address = Address::Tcp(listener.local_addr()?);
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

/// Gives the socket file its mode, and returns its device and inode. The file is opened once and not by its name
/// again: another user with write access to the folder could put a link to another file in its place.
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
            "another file took the place of the socket",
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

/// Without waiting: a listener whose backlog is full would hold a blocking connect.
fn somebody_listens(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        // No permission, a full backlog, another kind of socket: somebody's, in any case.
        _ => Ok(true),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A successor may have put its own in place.
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket file stays behind");
        }
    }
}

/// Connections that the kernel holds for us: all that a burst of clients opens at a restart.
const BACKLOG: i32 = 1024;
