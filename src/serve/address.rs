//! Where to listen: an IP address and port, or the path of a Unix socket.
//!
//! Names are never resolved: a name that resolves differently tomorrow would move a listener.

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// A place to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// A Unix socket at this path.
    Unix(PathBuf),
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither an IP address with a port nor `unix:PATH`.
    #[error(
        "found `{found}`, expected an IP address and port such as 127.0.0.1:50051 or [::1]:50051, or unix:PATH"
    )]
    Malformed {
        /// The text.
        found: String,
        /// What the standard library says of it.
        source: AddrParseError,
    },
    /// `unix:` with nothing behind it.
    #[error("found `unix:`, expected a path after it")]
    NoPath,
}

impl Address {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            // ::ffff:127.0.0.1 is the loopback of IPv4.
            Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(AddressError::NoPath),
                path => Ok(Address::Unix(PathBuf::from(path))),
            };
        }
        match text.parse() {
            Ok(address) => Ok(Address::Tcp(address)),
            Err(source) => Err(AddressError::Malformed {
                found: text.to_owned(),
                source,
            }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        for text in [
            "127.0.0.1:50051",
            "[::1]:0",
            "0.0.0.0:1",
            "unix:/run/x.sock",
            "unix:x",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "unix:",
            "localhost:1",
            "127.0.0.1",
            "[::1]",
            "127.0.0.1:65536",
            ":1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_and_unix_sockets_are_local() {
        for text in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
            "unix:x",
        ] {
            assert!(text.parse::<Address>().unwrap().is_local(), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            assert!(!text.parse::<Address>().unwrap().is_local(), "{text}");
        }
    }
}
