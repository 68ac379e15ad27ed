//! The table of scalar keys. Each can be set in the file, by flag and by environment variable.

use std::fmt;
use std::time::Duration;

/// A scalar key of the configuration.
#[derive(Debug)]
pub struct ConfigKey {
    /// Dotted name in the file: `limits.groups`. The flag is `--limits-groups`, the variable
    /// `CROSSTRUST_LIMITS_GROUPS`.
    pub name: &'static str,
    /// The form or unit of a value, for help texts.
    pub value_name: &'static str,
    /// The default value; may be empty.
    pub default: &'static str,
    /// The meaning, in one sentence.
    pub help: &'static str,
    /// Whether it has several values: a list in the file, separated by commas in a flag.
    pub is_list: bool,
    /// The range of a number; `None` for words, paths and other texts.
    pub range: Option<NumberRange>,
}

/// The range of a number, inclusive. Each maximum is above every sensible value, and below values that overflow arithmetic
/// on clocks or exceed the memory of every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberRange {
    /// A whole number.
    Whole {
        /// The minimum.
        min: u64,
        /// The maximum.
        max: u64,
    },
    /// Seconds from 0.001, fractions allowed: a loop with a shorter wait would use a core.
    Seconds {
        /// The maximum.
        max: u64,
    },
    /// The same, or 0 for no limit.
    SecondsOrZero {
        /// The maximum.
        max: u64,
    },
}

impl NumberRange {
    /// Whether this text is a number within the range.
    pub fn contains(self, text: &str) -> bool {
        let text = text.replace('_', "");
        let whole = || text.parse::<u64>().ok();
        let seconds = |max: u64| {
            let span = text.parse::<f64>().ok();
            let span = span.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            span.is_some_and(|span| (MIN_WAIT..=Duration::from_secs(max)).contains(&span))
        };
        match self {
            NumberRange::Whole { min, max } => {
                whole().is_some_and(|number| (min..=max).contains(&number))
            }
            NumberRange::Seconds { max } => seconds(max),
            NumberRange::SecondsOrZero { max } => text == "0" || seconds(max),
        }
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumberRange::Whole { min, max } => write!(out, "a whole number from {min} to {max}"),
            NumberRange::Seconds { max } => write!(out, "a number of seconds from 0.001 to {max}"),
            NumberRange::SecondsOrZero { max } => {
                write!(out, "0, or a number of seconds from 0.001 to {max}")
            }
        }
    }
}

impl ConfigKey {
    /// The environment variable of this key.
    pub fn variable(&self) -> String {
        format!("CROSSTRUST_{}", self.name.replace('.', "_").to_uppercase())
    }

    const fn with_range(self, range: NumberRange) -> ConfigKey {
        ConfigKey {
            range: Some(range),
            ..self
        }
    }

    const fn whole(self, min: u64, max: u64) -> ConfigKey {
        self.with_range(NumberRange::Whole { min, max })
    }

    const fn seconds(self, max: u64) -> ConfigKey {
        self.with_range(NumberRange::Seconds { max })
    }
}

const fn key(
    name: &'static str,
    value_name: &'static str,
    default: &'static str,
    help: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        value_name,
        default,
        help,
        is_list: false,
        range: None,
    }
}

const fn list(name: &'static str, value_name: &'static str, help: &'static str) -> ConfigKey {
    ConfigKey {
        is_list: true,
        ..key(name, value_name, "", help)
    }
}

/// All scalar keys.
pub const KEYS: &[ConfigKey] = &[
    key(
        "policies",
        "DIR",
        "policies",
        "Policies folder, with one folder per tenant",
    ),
    key(
        "admin",
        "ADDR",
        "127.0.0.1:9090",
        "Address of metrics and health over HTTP: IP:PORT, or off",
    ),
    list(
        "policies.undecisive_members",
        "NAMES",
        "Unknown members of policies that are accepted although they contain a member that affects decisions",
    ),
    key(
        "log.mode",
        "strict|async|off",
        "strict",
        "strict: an allow is sent after its record is on disk; async: a crash may lose the last 10 ms; off: no records",
    ),
    key(
        "log.directory",
        "DIR",
        "",
        "Directory of sign-in and audit records [default: $STATE_DIRECTORY/log, else state/log]",
    ),
    key(
        "log.queue",
        "NUMBER",
        "8192",
        "Maximum number of records waiting to be written to disk",
    ).whole(1, MILLION),
    key(
        "log.wait",
        "MILLISECONDS",
        "",
        "Maximum wait for a record; beyond it an allow becomes AUDIT_UNAVAILABLE [default: 16 group commits as measured, 80 to 160]",
    ).whole(1, 60_000),
    key(
        "log.segment_bytes",
        "BYTES",
        "67108864",
        "Size of a file of records after which a new file is started",
    ).whole(MIN_SEGMENT, TIB),
    key(
        "log.retention_bytes",
        "BYTES",
        "4294967296",
        "Maximum total size; the oldest files are removed above it",
    ).whole(0, 1024 * TIB),
    key(
        "log.retention_days",
        "DAYS",
        "90",
        "Maximum age; a file is removed when all its records are older",
    ).whole(0, 36_500),
    key(
        "log.reserve_bytes",
        "BYTES",
        "16777216",
        "Reserved disk space, to record that the disk is full",
    ).whole(0, TIB),
    key(
        "log.signing_key",
        "FILE",
        "",
        "Ed25519 key that signs checkpoints; created if it does not exist [default: signing.key in log.directory]",
    ),
    key(
        "log.pseudonym_key",
        "FILE",
        "",
        "Secret of at least 32 bytes; with it, records contain keyed hashes in place of user ids",
    ),
    key(
        "log.export",
        "URL",
        "",
        "OTLP collector (gRPC) that receives all records [default: $OTEL_EXPORTER_OTLP_LOGS_ENDPOINT]",
    ),
    list(
        "metrics.tenants",
        "IDS",
        "Resource tenants with separate metrics",
    ),
    key(
        "stale.budget",
        "SECONDS",
        "0",
        "Maximum time that policies may be stale: different from the folder, or not confirmed by a scan; 0 = no limit",
    ).with_range(NumberRange::SecondsOrZero { max: YEAR }),
    key(
        "stale.then",
        "serve|deny",
        "serve",
        "After stale.budget: serve = continue and report it; deny = not ready, and answer NO_SNAPSHOT",
    ),
    key(
        "cache",
        "on|off",
        "on",
        "Cache each decision until the user's token expires",
    ),
    key(
        "cache_bytes",
        "BYTES",
        "8388608",
        "Maximum memory used by cached decisions",
    ).whole(0, TIB),
    key(
        "log_format",
        "text|json",
        "text",
        "Format of log lines",
    ),
    key(
        "reflection",
        "on|off",
        "on",
        "Serve gRPC reflection, so that grpcurl and ghz need no proto file",
    ),
    key(
        "reload.rescan",
        "SECONDS",
        "5",
        "Interval between scans of policies and key set files, which find changes that the file system does not report",
    ).seconds(DAY),
    key(
        "reload.debounce_ms",
        "MILLISECONDS",
        "100",
        "Time without changes in the folder before it is read",
    ).whole(0, 60_000),
    key("threads", "NUMBER", "0", "Request threads; 0 = one per core").whole(0, 1024),
    key(
        "drain",
        "SECONDS",
        "10",
        "At shutdown, time limit for running calls to finish",
    ).seconds(DAY),
    key(
        "keys.refresh",
        "SECONDS",
        "600",
        "Interval between fetches of the key sets of issuers",
    ).seconds(31 * DAY),
    key(
        "keys.max_stale",
        "SECONDS",
        "86400",
        "Time that the last fetched keys are used while an issuer cannot be reached",
    ).seconds(YEAR),
    key(
        "keys.ca",
        "FILE",
        "",
        "PEM file of a private CA for fetching key sets, in addition to the system's CAs",
    ),
    list(
        "keys.origins",
        "ORIGINS",
        "Origins that a discovery document may name besides its own; http:// only if it is listed here",
    ),
    key(
        "challenge.mfa",
        "ACRS",
        "",
        "Authentication context that requires multifactor authentication, such as c1",
    ),
    key(
        "challenge.compliant_device",
        "ACRS",
        "",
        "Authentication context that requires a compliant device",
    ),
    key(
        "challenge.hybrid_joined_device",
        "ACRS",
        "",
        "Authentication context that requires a hybrid joined device",
    ),
    key(
        "challenge.realm",
        "TEXT",
        "",
        "realm in WWW-Authenticate",
    ),
    key(
        "challenge.authorization_uri",
        "URL",
        "https://login.microsoftonline.com/common/oauth2/authorize",
        "authorization_uri in WWW-Authenticate: where a challenged client signs in",
    ),
    key("limits.token_bytes", "BYTES", "16384", "Maximum size of a token").whole(1, MIB),
    key(
        "limits.token_lifetime",
        "SECONDS",
        "100800",
        "Maximum lifetime of a token, from iat to exp",
    ).seconds(100 * YEAR),
    key(
        "limits.check_bytes",
        "BYTES",
        "262144",
        "Maximum size of an Envoy Check request; a larger one is answered with status 503",
    ).whole(1, 64 * MIB),
    key(
        "limits.authorize_bytes",
        "BYTES",
        "131072",
        "Maximum size of an Authorize or Explain request",
    ).whole(1, 64 * MIB),
    key(
        "limits.batch_bytes",
        "BYTES",
        "1048576",
        "Maximum size of an AuthorizeBatch request",
    ).whole(1, 64 * MIB),
    key(
        "limits.batch_items",
        "NUMBER",
        "100",
        "Maximum number of requests in one AuthorizeBatch",
    ).whole(1, MILLION),
    key(
        "limits.groups",
        "NUMBER",
        "1024",
        "Maximum number of groups, and of resource_groups, in one request",
    ).whole(0, MILLION),
    key(
        "limits.connections",
        "NUMBER",
        "128",
        "Maximum number of connections, at most half of the open file limit; half of them are reserved for the listeners in equal parts",
    ).whole(1, MILLION),
    key(
        "limits.unopened",
        "NUMBER",
        "64",
        "Maximum number of connections per listener that have not opened or wait for limits.connections; above it the oldest is closed",
    ).whole(1, MILLION),
    key(
        "limits.streams",
        "NUMBER",
        "256",
        "Maximum number of concurrent calls on one connection",
    ).whole(1, MILLION),
    key(
        "limits.in_flight",
        "NUMBER",
        "512",
        "Maximum number of calls in progress; further ones are RESOURCE_EXHAUSTED",
    ).whole(1, MILLION),
    key(
        "limits.queue_ms",
        "MILLISECONDS",
        "5",
        "Maximum time that a call waits for its thread while the thread is overloaded",
    ).whole(1, 3_600_000),
    key(
        "limits.open_streams",
        "NUMBER",
        "256",
        "Maximum number of open streams (WatchSnapshots, health Watch, reflection); further ones are RESOURCE_EXHAUSTED",
    ).whole(1, MILLION),
    key(
        "limits.open_streams_per_connection",
        "NUMBER",
        "8",
        "Maximum number of open streams on one connection",
    ).whole(1, MILLION),
    key(
        "limits.unread_bytes",
        "BYTES",
        "1048576",
        "Maximum bytes of unread responses on one connection; at the limit its calls wait, then it is closed",
    ).whole(1024, 2 * GIB - 1),
    key(
        "limits.handler_ms",
        "MILLISECONDS",
        "100",
        "Maximum time of a call",
    ).whole(1, 3_600_000),
    key(
        "limits.first_byte",
        "SECONDS",
        "5",
        "Time limit for the TLS handshake, HTTP/2 preface and first frame of a connection",
    ).seconds(3600),
];

/// With a shorter wait, a background loop would use a core.
const MIN_WAIT: Duration = Duration::from_millis(1);
/// A segment begins with half a kilobyte of metadata.
const MIN_SEGMENT: u64 = 65_536;
/// Above the number of connections, calls or records that fit in a machine's memory.
const MILLION: u64 = 1_000_000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Above the size of a sidecar's memory and file systems.
const TIB: u64 = 1 << 40;
const DAY: u64 = 24 * 60 * 60;
/// A leap year. A hundred of them fit in 64 bits of nanoseconds, the form of timestamps.
const YEAR: u64 = 366 * DAY;
