//! The address of a listener: an IP address and port, or the path of a Unix socket.
//!
//! Host names are not resolved: a change in DNS would move the listener.

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// TCP. The kernel assigns a port for 0.
    Tcp(SocketAddr),
    /// A Unix socket at this path.
    Unix(PathBuf),
}

/// Why a text is not a listener address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Neither an IP address with a port nor `unix:PATH`.
    #[error(
        "found `{found}`, expected an IP address and port such as 127.0.0.1:50051 or [::1]:50051, or unix:PATH"
    )]
    Malformed {
        /// The text.
        found: String,
        /// The error of the standard library.
        source: AddrParseError,
    },
    /// `unix:` without a path.
    #[error("found `unix:`, expected a path after it")]
    NoPath,
}

impl ListenAddress {
    /// Whether it is reachable from this machine only.
    pub fn is_local(&self) -> bool {
        match self {
            // ::ffff:127.0.0.1 is the loopback of IPv4.
            ListenAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
            ListenAddress::Unix(_) => true,
        }
    }
}

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(AddressError::NoPath),
                path => Ok(ListenAddress::Unix(PathBuf::from(path))),
            };
        }
        match text.parse() {
            Ok(address) => Ok(ListenAddress::Tcp(address)),
            Err(source) => Err(AddressError::Malformed {
                found: text.to_owned(),
                source,
            }),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_displayed_as_it_was_written() {
        for text in [
            "127.0.0.1:50051",
            "[::1]:0",
            "0.0.0.0:1",
            "unix:/run/x.sock",
            "unix:x",
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_malformed_address_is_refused() {
        for text in [
            "",
            "unix:",
            "localhost:1",
            "127.0.0.1",
            "[::1]",
            "127.0.0.1:65536",
            ":1",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
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
            assert!(text.parse::<ListenAddress>().unwrap().is_local(), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            assert!(!text.parse::<ListenAddress>().unwrap().is_local(), "{text}");
        }
    }
}
