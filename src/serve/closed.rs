//! Why the server closes connections, counted for each listener.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Address;

/// Why the server closed a connection that its client had not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer may not connect.
    Peer(PeerRefusal),
    /// The first bytes are those of another protocol.
    Protocol(WrongProtocol),
    /// The TLS handshake failed for another reason than who the peer is.
    Handshake,
    /// The handshake, or the HTTP/2 preface and the first frame, were not complete in time.
    Silent,
    /// It had not opened, or had no place yet, and was the oldest one when a newer connection came.
    Unopened,
    /// It had no call, and another connection waited for a place.
    Crowded,
    /// Its client read no answers.
    Unread,
    /// It was cut when the time to drain was over.
    Drain,
}

/// Why a peer may not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerRefusal {
    /// Its user id is not among `uids`.
    Uid,
    /// It sent no certificate.
    NoCertificate,
    /// Its certificate is good, but the URI in it is not among `peers`.
    NotListed,
    /// Its certificate, or one above it, has expired.
    Expired,
    /// Its certificate, or one above it, is not valid yet.
    NotYetValid,
    /// No client CA signed it.
    UnknownIssuer,
    /// It is on a revocation list.
    Revoked,
    /// `client_crl` has no usable revocation list of an issuer in its chain.
    NoRevocationList,
    /// The revocation list of an issuer in its chain is past its `nextUpdate`.
    RevocationListExpired,
    /// It is not for clients (extended key usage).
    Purpose,
    /// Anything else that rustls refuses, such as an unknown critical extension.
    Invalid,
}

/// The protocol that a client speaks, where the listener expects another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongProtocol {
    /// TLS to a listener without TLS.
    Tls,
    /// HTTP/1.
    Http1,
    /// HTTP/2 without TLS to a listener with TLS.
    PlaintextHttp2,
    /// None of these.
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

    /// The label `reason` of the metric; empty where the cause says it all.
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
    /// The word in metrics and log lines.
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
    /// The word in metrics and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            WrongProtocol::Tls => "tls",
            WrongProtocol::Http1 => "http1",
            WrongProtocol::PlaintextHttp2 => "plaintextHttp2",
            WrongProtocol::Unknown => "unknown",
        }
    }
}

/// What happened to the connections of one listener since the start.
#[derive(Debug)]
pub struct ListenerCounters {
    /// The listener.
    pub address: Address,
    /// Connections that had opened and found all places taken.
    pub waited: AtomicU64,
    /// Connections that are accepted now and not served: they have not opened, or wait for a place.
    pub unopened: AtomicU64,
    /// In the order of [`CloseCause::ALL`].
    closed: [AtomicU64; CloseCause::ALL.len()],
}

impl ListenerCounters {
    pub(super) fn new(address: Address) -> Self {
        ListenerCounters {
            address,
            waited: AtomicU64::new(0),
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

    /// How many connections were closed, by cause.
    pub fn closed(&self) -> impl Iterator<Item = (CloseCause, u64)> {
        let counts = self.closed.iter().map(|one| one.load(Ordering::Relaxed));
        CloseCause::ALL.into_iter().zip(counts)
    }

    /// How many connections were closed with this cause, whatever the reason.
    pub fn closed_by(&self, cause: &str) -> u64 {
        let those = self.closed().filter(|(one, _)| one.name() == cause);
        those.map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_counted_under_its_own_labels() {
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
