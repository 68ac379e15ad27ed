//! The limits and timeouts of the server, with their defaults and the reasons.
//!
//! All are set explicitly, even if equal to the default of hyper or h2: otherwise an update that changes a default
//! could remove a protection.

use std::sync::Arc;
use std::time::Duration;

use super::guard::{CallRules, DefaultCallRules};

/// The limits and timeouts of a server.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Request threads; 0 means one per core. Each has its own runtime, so that the responses of many calls on a
    /// connection are sent in one write.
    pub threads: usize,
    /// The connection limit: served connections. Half are reserved for the listeners in equal parts, the rest is shared.
    /// At most half of the file limit of the process: the rest is for unopened connections, policies, logs and debugging.
    pub connections: usize,
    /// The limit of unopened connections of each listener: opening, or waiting for a connection slot. A new connection
    /// replaces the oldest one. 64 leaves a well-behaved client 160 ms to open while 400 connections a second send
    /// nothing. Each holds a file descriptor and up to 64 KiB of a TLS ClientHello. In total at most an eighth of the file
    /// limit, because the same number of closed connections may wait to be dropped.
    pub unopened: usize,
    /// The time from a connection's first turn on its request thread in which it is not closed for a newer one. A
    /// well-behaved client in the same region has opened by then, so all clients of a burst can open. With a limit of 64 a
    /// listener accepts 1,280 connections a second that never open; the kernel queues more.
    pub unopened_grace: Duration,
    /// Concurrent calls of a connection (HTTP/2 SETTINGS_MAX_CONCURRENT_STREAMS). More are refused with
    /// REFUSED_STREAM, which a client may retry.
    pub streams: u32,
    /// Streams that the server resets because of client errors before it closes the connection (RUSTSEC-2024-0003).
    pub local_error_resets: usize,
    /// Streams reset by the client and not yet accepted, before the connection is closed (CVE-2023-44487).
    pub pending_accept_resets: usize,
    /// Bytes of all headers of a call (SETTINGS_MAX_HEADER_LIST_SIZE).
    pub header_list_bytes: u32,
    /// Bytes of a frame. 16 KiB is the minimum of HTTP/2; larger frames were not faster.
    pub frame_bytes: u32,
    /// The flow-control window of a call, in bytes.
    pub stream_window_bytes: u32,
    /// The flow-control window of a connection, in bytes. Multiplied by `connections` it bounds the memory.
    pub connection_window_bytes: u32,
    /// Bytes of a response buffered for a client that reads slowly.
    pub send_buffer_bytes: u32,
    /// The idle time after which the server sends a keepalive PING.
    pub keepalive_interval: Duration,
    /// The time to answer a PING before the connection is closed.
    pub keepalive_timeout: Duration,
    /// The time from accepting a connection to the end of its TLS handshake, HTTP/2 preface and first frame. HTTP/2
    /// keepalive does not close a connection without a complete preface.
    pub first_byte: Duration,
    /// The idle timeout that applies while another connection waits for a connection slot.
    pub idle_when_full: Duration,
    /// The limit of calls in flight over all connections, from their arrival to their response headers. Half are
    /// reserved for the listeners in equal parts, the rest is shared. More are answered with RESOURCE_EXHAUSTED:
    /// queueing would only delay all responses past their deadlines.
    pub in_flight: usize,
    /// The time that a call may wait for its thread if that is overloaded: busy for 100 ms without being idle. With
    /// reading and writing, a response arrives within about twice the time.
    pub queue_delay: Duration,
    /// The time for the request message to arrive before the call is ended. Clients send it immediately.
    pub message_wait: Duration,
    /// The limit of open streams (WatchSnapshots, health Watch, reflection) over all connections. Half are reserved for
    /// the listeners in equal parts. About 8 KiB each.
    pub open_streams: usize,
    /// The limit of open streams of one connection. A gRPC client that checks health has one.
    pub open_streams_per_connection: usize,
    /// The limit of unread response bytes of one connection, at which its further calls wait. Responses count until they
    /// are written; those below 4 KiB do not count. Thirty batches of 100 fit.
    pub unread_bytes: usize,
    /// The time at that limit after which a connection is closed. A slow reader drops below it in between.
    pub unread_wait: Duration,
    /// The time from a call's arrival to its response headers: half of Envoy's default of 200 ms for ext_authz. It ends a
    /// handler that waits, and cannot interrupt one that computes.
    pub handler_budget: Duration,
    /// The maximum age of a connection, ±10 %, at which the server sends GOAWAY: clients rebalance over a changed set of
    /// servers, and not all at the same time.
    pub connection_age: Duration,
    /// The time from that GOAWAY until the connection is closed.
    pub goaway_grace: Duration,
    /// The drain timeout: the time for running calls to finish at shutdown.
    pub drain: Duration,
    /// The first pause after a failed accept; it doubles with each failure. Without it, a process without free file
    /// descriptors uses a full core.
    pub accept_backoff: Duration,
    /// The longest pause.
    pub accept_backoff_max: Duration,
    /// How often the TLS files are checked for changes.
    pub tls_rescan: Duration,
    /// Rules for single calls.
    pub rules: Arc<dyn CallRules>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        ServeOptions {
            threads: 0,
            connections: 128,
            unopened: 64,
            unopened_grace: Duration::from_millis(50),
            streams: 256,
            local_error_resets: 64,
            pending_accept_resets: 20,
            header_list_bytes: 16 * KIB,
            frame_bytes: 16 * KIB,
            stream_window_bytes: 64 * KIB,
            connection_window_bytes: 256 * KIB,
            send_buffer_bytes: 64 * KIB,
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            first_byte: Duration::from_secs(5),
            idle_when_full: Duration::from_secs(5),
            in_flight: 512,
            queue_delay: Duration::from_millis(5),
            message_wait: Duration::from_secs(1),
            open_streams: 256,
            open_streams_per_connection: 8,
            unread_bytes: 1024 * 1024,
            unread_wait: Duration::from_secs(5),
            handler_budget: Duration::from_millis(100),
            connection_age: Duration::from_secs(30 * 60),
            goaway_grace: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            accept_backoff: Duration::from_millis(50),
            accept_backoff_max: Duration::from_secs(1),
            tls_rescan: Duration::from_secs(5),
            rules: Arc::new(DefaultCallRules),
        }
    }
}

/// An option that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: found {found}, expected {expected}")]
pub struct OptionError {
    /// The name of the field.
    pub option: &'static str,
    /// Its value.
    pub found: String,
    /// The permitted range.
    pub expected: &'static str,
}

impl ServeOptions {
    /// Checks that hyper and h2 accept the options and that calls can be answered. Returns the first error.
    pub fn check(&self) -> Result<(), OptionError> {
        let counts = [
            ("connections", self.connections),
            ("unopened", self.unopened),
            ("in_flight", self.in_flight),
            ("open_streams", self.open_streams),
            (
                "open_streams_per_connection",
                self.open_streams_per_connection,
            ),
            (
                "streams",
                usize::try_from(self.streams).unwrap_or(usize::MAX),
            ),
        ];
        for (option, found) in counts {
            within(option, found, 1..=MAX_COUNT, "1 to 1,000,000")?;
        }
        within("threads", self.threads, 0..=1024, "0 to 1,024")?;
        // RFC 9113 §6.5.2
        let frame = 16_384..=16_777_215;
        within(
            "frame_bytes",
            self.frame_bytes,
            frame,
            "16,384 to 16,777,215",
        )?;
        let windows = [
            ("stream_window_bytes", self.stream_window_bytes),
            ("connection_window_bytes", self.connection_window_bytes),
            ("send_buffer_bytes", self.send_buffer_bytes),
            ("header_list_bytes", self.header_list_bytes),
        ];
        for (option, found) in windows {
            within(option, found, 1_024..=0x7fff_ffff, "1,024 to 2,147,483,647")?;
        }
        within(
            "unread_bytes",
            self.unread_bytes,
            1_024..=0x7fff_ffff,
            "1,024 to 2,147,483,647",
        )?;
        let spans = [
            ("queue_delay", self.queue_delay),
            ("message_wait", self.message_wait),
            ("unread_wait", self.unread_wait),
            ("keepalive_interval", self.keepalive_interval),
            ("keepalive_timeout", self.keepalive_timeout),
            ("first_byte", self.first_byte),
            ("unopened_grace", self.unopened_grace),
            ("idle_when_full", self.idle_when_full),
            ("handler_budget", self.handler_budget),
            ("connection_age", self.connection_age),
            ("goaway_grace", self.goaway_grace),
            ("accept_backoff", self.accept_backoff),
            ("accept_backoff_max", self.accept_backoff_max),
            ("tls_rescan", self.tls_rescan),
        ];
        for (option, found) in spans {
            within(
                option,
                found,
                Duration::from_millis(1)..=YEAR,
                "1 ms to a year",
            )?;
        }
        within("drain", self.drain, Duration::ZERO..=YEAR, "0 s to a year")
    }

    /// The number of request threads.
    pub(super) fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
    }

    /// The effective limit of served connections.
    pub(super) fn connection_limit(&self) -> usize {
        self.connections.min(max_open_files() / 2).max(1)
    }

    /// The effective limit of unopened connections of each listener.
    pub(super) fn unopened_limit(&self, listeners: usize) -> usize {
        let each = max_open_files() / 8 / listeners.max(1);
        self.unopened.min(each).max(1)
    }
}

/// The file limit of the process (RLIMIT_NOFILE).
fn max_open_files() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    files.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    })
}

fn within<T: PartialOrd + std::fmt::Debug>(
    option: &'static str,
    found: T,
    range: std::ops::RangeInclusive<T>,
    expected: &'static str,
) -> Result<(), OptionError> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(OptionError {
        option,
        found: format!("{found:?}"),
        expected,
    })
}

const KIB: u32 = 1024;

/// More connections or calls than a machine can handle: a typo.
const MAX_COUNT: usize = 1_000_000;

const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(ServeOptions::default().check(), Ok(()));
    }

    #[test]
    fn an_option_that_would_panic_in_h2_is_refused_by_name() {
        let options = ServeOptions {
            frame_bytes: 16_383,
            ..ServeOptions::default()
        };
        assert_eq!(options.check().unwrap_err().option, "frame_bytes");
        let options = ServeOptions {
            stream_window_bytes: 0x8000_0000,
            ..ServeOptions::default()
        };
        assert_eq!(options.check().unwrap_err().option, "stream_window_bytes");
        let options = ServeOptions {
            in_flight: 0,
            ..ServeOptions::default()
        };
        assert_eq!(options.check().unwrap_err().option, "in_flight");
    }

    #[test]
    fn the_connection_limit_is_at_most_half_of_the_file_limit() {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let options = ServeOptions {
            connections: MAX_COUNT,
            ..ServeOptions::default()
        };
        let limit = u64::try_from(options.connection_limit()).unwrap();
        assert!(files.is_none_or(|files| limit <= files / 2));
    }
}
