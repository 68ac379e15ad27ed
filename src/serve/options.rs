//! Every limit of the server, with its default and the reason for it.
//!
//! Each is set explicitly, also where it equals the default of hyper or h2: a default that changes
//! underneath would otherwise remove a protection.

use std::sync::Arc;
use std::time::Duration;

use super::guard::{CallRules, PlainRules};

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Request threads; 0 means one for each core. Each is a runtime of its own, so that the answers of
    /// many calls on a connection leave in one write.
    pub threads: usize,
    /// Connections that are served at once. Half of them are reserved for the listeners in equal parts, the others are
    /// shared. At most half of the files that the process may open: the rest belongs to unopened connections, policies,
    /// logs and whoever debugs.
    pub connections: usize,
    /// Connections of each listener that are accepted and not served: they have not opened, or wait for a place. A new
    /// connection takes the place of the oldest one. 64 leaves an honest client 160 ms to open while 400 connections a
    /// second send nothing; each holds a file and up to 64 KiB of a TLS hello. Together at most an eighth
    /// of the files that the process may open, since as many again may wait to be dropped.
    pub unopened: usize,
    /// The time from a connection's first turn on its request thread in which it is not closed for a newer one: an honest
    /// client in the same region has opened by then, so a burst of clients all open. With 64 places a listener so accepts
    /// 1,280 connections a second that never open; the kernel holds more.
    pub unopened_grace: Duration,
    /// Calls at once on a connection (HTTP/2 SETTINGS_MAX_CONCURRENT_STREAMS). A further one is refused
    /// with REFUSED_STREAM, which a client may try again.
    pub streams: u32,
    /// Streams that the server had to reset before the connection is closed (RUSTSEC-2024-0003).
    pub local_error_resets: usize,
    /// Streams reset by the client and not yet accepted, before the connection is closed (CVE-2023-44487).
    pub pending_accept_resets: usize,
    /// Bytes of a call's headers together (SETTINGS_MAX_HEADER_LIST_SIZE).
    pub header_list_bytes: u32,
    /// Bytes of a frame; 16 KiB is the least that HTTP/2 knows, and larger ones gained nothing.
    pub frame_bytes: u32,
    /// Bytes that a client may send ahead on a call.
    pub stream_window_bytes: u32,
    /// Bytes that a client may send ahead on a connection; times `connections` it bounds the memory.
    pub connection_window_bytes: u32,
    /// Bytes of answers held for a call whose client reads slowly.
    pub send_buffer_bytes: u32,
    /// After so much silence a PING asks whether the client lives.
    pub keepalive_interval: Duration,
    /// The time that it has to answer a PING before the connection is closed.
    pub keepalive_timeout: Duration,
    /// The time from accepting a connection to the end of its HTTP/2 preface and first frame, with the TLS
    /// handshake before them. HTTP/2 keepalive does not reap one that says nothing, or half of the preface.
    pub first_byte: Duration,
    /// While a connection waits for a place, one without a call for so long gives its place up.
    pub idle_when_full: Duration,
    /// Calls at once over all connections, from their arrival to their response headers. Half of the places are
    /// reserved for the listeners in equal parts, the rest is shared. More are answered RESOURCE_EXHAUSTED: to queue
    /// would only make every answer too late.
    pub in_flight: usize,
    /// The time that a call may wait for its thread while that is overloaded: has had work without a pause for
    /// 100 ms. With the reading before and the writing after, an answer comes within about twice the time.
    pub queue_delay: Duration,
    /// The time that a call's message has to arrive before the call loses its place. A client sends it at once.
    pub message_wait: Duration,
    /// Open streams (WatchSnapshots, health Watch, reflection) over all connections; half of them are reserved for the
    /// listeners in equal parts. Some 8 KiB each.
    pub open_streams: usize,
    /// Open streams of one connection. A gRPC client that checks health has one.
    pub open_streams_per_connection: usize,
    /// Bytes of answers that a client has not read, for one connection: its further calls wait while there are more.
    /// Each counts until it is written; answers of less than 4 KiB do not count. Thirty batches of 100 fit.
    pub unread_bytes: usize,
    /// After so long at that limit a connection is closed. One that is slow makes room by the answer.
    pub unread_wait: Duration,
    /// The time from a call's arrival to its response headers; half of Envoy's default of 200 ms for ext_authz. It ends a
    /// handler that waits. One that computes is not interrupted.
    pub handler_budget: Duration,
    /// After so long, ±10 %, a connection is told to go (GOAWAY): clients spread anew over a changed
    /// set of servers, and not all at once.
    pub connection_age: Duration,
    /// The time from that GOAWAY to the cut.
    pub goaway_grace: Duration,
    /// The time that running calls have at shutdown before they are cut.
    pub drain: Duration,
    /// The first pause after a failed accept; it doubles with each failure. Without one, a process that
    /// has no files left burns a core.
    pub accept_backoff: Duration,
    /// The longest such pause.
    pub accept_backoff_most: Duration,
    /// How often the files of certificates are looked at.
    pub tls_rescan: Duration,
    /// What is to be known of single calls.
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
            accept_backoff_most: Duration::from_secs(1),
            tls_rescan: Duration::from_secs(5),
            rules: Arc::new(PlainRules),
        }
    }
}

/// An option that cannot be served with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: found {found}, expected {expected}")]
pub struct OptionError {
    /// The field.
    pub option: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

impl ServeOptions {
    /// Names the first option that hyper or h2 would panic over, or with which nothing would be answered.
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
            within(option, found, 1..=MOST, "1 to 1,000,000")?;
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
            ("accept_backoff_most", self.accept_backoff_most),
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

    /// The request threads that are started.
    pub(super) fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
    }

    /// The connections that are served at once.
    pub(super) fn places(&self) -> usize {
        self.connections.min(most_files() / 2).max(1)
    }

    /// The connections of each of so many listeners that are accepted and not served.
    pub(super) fn unopened_places(&self, listeners: usize) -> usize {
        let each = most_files() / 8 / listeners.max(1);
        self.unopened.min(each).max(1)
    }
}

/// How many files the process may have open.
fn most_files() -> usize {
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

/// More connections or calls than a machine can hold: a slip of the pen.
const MOST: usize = 1_000_000;

const YEAR: Duration = Duration::from_secs(366 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_served_with() {
        assert_eq!(ServeOptions::default().check(), Ok(()));
    }

    #[test]
    fn what_h2_would_panic_over_is_refused_by_name() {
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
    fn connections_leave_half_of_the_files_to_others() {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let options = ServeOptions {
            connections: MOST,
            ..ServeOptions::default()
        };
        let places = u64::try_from(options.places()).unwrap();
        assert!(files.is_none_or(|files| places <= files / 2));
    }
}
