//! Counts why the server closes connections, for each listener.

use std::sync::atomic::{AtomicU64, Ordering};

use super::ListenAddress;

/// Why the server closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer may not connect.
    Peer(PeerRefusal),
    /// The first bytes are those of another protocol.
    Protocol(WrongProtocol),
    /// The TLS handshake failed for another reason than the peer's certificate.
    Handshake,
    /// The TLS handshake, HTTP/2 preface and first frame were not complete in time.
    Silent,
    /// It was the oldest unopened connection when a newer one was accepted.
    Unopened,
    /// It was idle while another connection waited for a connection slot.
    Crowded,
    /// The client did not read its responses.
    Unread,
    /// It was aborted at the drain timeout.
    Drain,
}

/// Why a peer may not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerRefusal {
    /// Its user id is not in `uids`.
    Uid,
    /// It sent no certificate.
    NoCertificate,
    /// Its certificate is valid, but its URI is not in `peers`.
    NotListed,
    /// Its certificate, or an issuer's, has expired.
    Expired,
    /// Its certificate, or an issuer's, is not valid yet.
    NotYetValid,
    /// Its certificate is not signed by a client CA.
    UnknownIssuer,
    /// Its certificate is revoked.
    Revoked,
    /// `client_crl` has no usable revocation list of an issuer in its chain.
    NoRevocationList,
    /// The revocation list of an issuer in its chain is past its `nextUpdate`.
    RevocationListExpired,
    /// Its certificate is not for client authentication (extended key usage).
    Purpose,
    /// Another error of rustls, for example an unknown critical extension.
    Invalid,
}

/// The protocol of a client that the listener does not support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongProtocol {
    /// TLS to a listener without TLS.
    Tls,
    /// HTTP/1.
    Http1,
    /// HTTP/2 without TLS to a listener with TLS.
    PlaintextHttp2,
    /// Unknown.
    Unknown,
}

impl CloseCause {
    /// Every cause.
    pub const ALL: [CloseCause; 21] = {
        use CloseCause::*;
        [
            Peer(PeerRefusal::Uid),
            Peer(PeerRefusal::NoCertificate),
            Peer(PeerRefusal::NotListed),
            Peer(PeerRefusal::Expired),
            Peer(PeerRefusal::NotYetValid),
            Peer(PeerRefusal::UnknownIssuer),
            Peer(PeerRefusal::Revoked),
            Peer(PeerRefusal::NoRevocationList),
            Peer(PeerRefusal::RevocationListExpired),
            Peer(PeerRefusal::Purpose),
            Peer(PeerRefusal::Invalid),
            Protocol(WrongProtocol::Tls),
            Protocol(WrongProtocol::Http1),
            Protocol(WrongProtocol::PlaintextHttp2),
            Protocol(WrongProtocol::Unknown),
            Handshake,
            Silent,
            Unopened,
            Crowded,
            Unread,
            Drain,
        ]
    };

    /// The label `cause` of the metric.
    pub const fn name(self) -> &'static str {
        match self {
            CloseCause::Peer(_) => "peer",
            CloseCause::Protocol(_) => "protocol",
            CloseCause::Handshake => "handshake",
            CloseCause::Silent => "silent",
            CloseCause::Unopened => "unopened",
            CloseCause::Crowded => "crowded",
            CloseCause::Unread => "unread",
            CloseCause::Drain => "drain",
        }
    }

    /// The label `reason` of the metric; empty if the cause has no reasons.
    pub const fn reason(self) -> &'static str {
        match self {
            CloseCause::Peer(refusal) => refusal.name(),
            CloseCause::Protocol(protocol) => protocol.name(),
            CloseCause::Handshake
            | CloseCause::Silent
            | CloseCause::Unopened
            | CloseCause::Crowded
            | CloseCause::Unread
            | CloseCause::Drain => "",
        }
    }
}

impl PeerRefusal {
    /// The name in metrics and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            PeerRefusal::Uid => "uid",
            PeerRefusal::NoCertificate => "noCertificate",
            PeerRefusal::NotListed => "notListed",
            PeerRefusal::Expired => "expired",
            PeerRefusal::NotYetValid => "notYetValid",
            PeerRefusal::UnknownIssuer => "unknownIssuer",
            PeerRefusal::Revoked => "revoked",
            PeerRefusal::NoRevocationList => "noRevocationList",
            PeerRefusal::RevocationListExpired => "revocationListExpired",
            PeerRefusal::Purpose => "purpose",
            PeerRefusal::Invalid => "invalid",
        }
    }
}

impl WrongProtocol {
    /// The name in metrics and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            WrongProtocol::Tls => "tls",
            WrongProtocol::Http1 => "http1",
            WrongProtocol::PlaintextHttp2 => "plaintextHttp2",
            WrongProtocol::Unknown => "unknown",
        }
    }
}

/// Connection counters of one listener since the start.
#[derive(Debug)]
pub struct ListenerCounters {
    /// The address of the listener.
    pub address: ListenAddress,
    /// Connections delayed by the connection limit.
    pub delayed: AtomicU64,
    /// Gauge of unopened connections: opening, or waiting for a connection slot.
    pub unopened: AtomicU64,
    /// In the order of [`CloseCause::ALL`].
    closed: [AtomicU64; CloseCause::ALL.len()],
}

impl ListenerCounters {
    pub(super) fn new(address: ListenAddress) -> Self {
        ListenerCounters {
            address,
            delayed: AtomicU64::new(0),
            unopened: AtomicU64::new(0),
            closed: [const { AtomicU64::new(0) }; CloseCause::ALL.len()],
        }
    }

    pub(super) fn count(&self, cause: CloseCause) {
        let mut all = CloseCause::ALL.iter().zip(&self.closed);
        if let Some((_, counter)) = all.find(|(one, _)| **one == cause) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Closed connections by cause and reason.
    pub fn closed(&self) -> impl Iterator<Item = (CloseCause, u64)> {
        let counts = self.closed.iter().map(|one| one.load(Ordering::Relaxed));
        CloseCause::ALL.into_iter().zip(counts)
    }

    /// Closed connections with this cause, for all reasons.
    pub fn closed_by(&self, cause: &str) -> u64 {
        let matching = self.closed().filter(|(one, _)| one.name() == cause);
        matching.map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_a_separate_counter_and_labels() {
        let counters = ListenerCounters::new("127.0.0.1:1".parse().unwrap());
        for (times, cause) in (1..).zip(CloseCause::ALL) {
            (0..times).for_each(|_| counters.count(cause));
        }
        let counts: Vec<u64> = counters.closed().map(|(_, count)| count).collect();
        let expected: Vec<u64> = (1..).take(CloseCause::ALL.len()).collect();
        assert_eq!(counts, expected);
        let mut labels: Vec<_> = CloseCause::ALL.map(|one| (one.name(), one.reason())).into();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), CloseCause::ALL.len());
    }
}
