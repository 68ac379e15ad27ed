//! The table of scalar keys: each is a line of the file, a flag and a variable, and nothing else is.

use std::fmt;
use std::time::Duration;

/// A key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Name in the file, dotted: `limits.groups`. The flag is `--limits-groups`, the variable
    /// `CROSSTRUST_LIMITS_GROUPS`.
    pub name: &'static str,
    /// What a value looks like, for help texts.
    pub takes: &'static str,
    /// The value where nothing else gives one.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// Several values: a list in the file, with commas between them in a flag.
    pub many: bool,
    /// The range of a number; `None` for words, paths and other texts.
    pub bound: Option<Bound>,
}

/// The range of a number, both ends included. Each upper end is beyond every sensible value and below the first that
/// overflows arithmetic on clocks, or that no machine has memory for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A whole number.
    Whole {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Seconds from 0.001, fractions allowed: a loop that waits less never rests.
    Seconds {
        /// The most.
        most: u64,
    },
    /// The same, or 0 for no limit.
    SecondsOrZero {
        /// The most.
        most: u64,
    },
}

impl Bound {
    /// Whether this text is a number within the range.
    pub fn holds(self, text: &str) -> bool {
        let text = text.replace('_', "");
        let whole = || text.parse::<u64>().ok();
        let seconds = |most: u64| {
            let span = text.parse::<f64>().ok();
            let span = span.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            span.is_some_and(|span| (SHORTEST..=Duration::from_secs(most)).contains(&span))
        };
        match self {
            Bound::Whole { least, most } => {
                whole().is_some_and(|number| (least..=most).contains(&number))
            }
            Bound::Seconds { most } => seconds(most),
            Bound::SecondsOrZero { most } => text == "0" || seconds(most),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Whole { least, most } => write!(out, "a whole number from {least} to {most}"),
            Bound::Seconds { most } => write!(out, "a number of seconds from 0.001 to {most}"),
            Bound::SecondsOrZero { most } => {
                write!(out, "0, or a number of seconds from 0.001 to {most}")
            }
        }
    }
}

impl Key {
    /// The variable of the environment that gives it.
    pub fn variable(&self) -> String {
        format!("CROSSTRUST_{}", self.name.replace('.', "_").to_uppercase())
    }

    const fn bounded(self, bound: Bound) -> Key {
        Key {
            bound: Some(bound),
            ..self
        }
    }

    const fn whole(self, least: u64, most: u64) -> Key {
        self.bounded(Bound::Whole { least, most })
    }

    const fn seconds(self, most: u64) -> Key {
        self.bounded(Bound::Seconds { most })
    }
}

const fn key(
    name: &'static str,
    takes: &'static str,
    default: &'static str,
    help: &'static str,
) -> Key {
    Key {
        name,
        takes,
        default,
        help,
        many: false,
        bound: None,
    }
}

const fn list(name: &'static str, takes: &'static str, help: &'static str) -> Key {
    Key {
        many: true,
        ..key(name, takes, "", help)
    }
}

/// Every scalar key.
pub const KEYS: &[Key] = &[
    key(
        "policies",
        "DIR",
        "policies",
        "Folder of policies, one folder per tenant",
    ),
    key(
        "admin",
        "ADDR",
        "127.0.0.1:9090",
        "Where metrics and health are over HTTP: HOST:PORT, or off",
    ),
    list(
        "policies.undecisive_members",
        "NAMES",
        "Unknown members of settings that are accepted although a member that decides stands in them",
    ),
    key(
        "log.mode",
        "strict|async|off",
        "strict",
        "strict: an allow leaves after its record is on disk; async: a crash may lose the last 10 ms",
    ),
    key(
        "log.directory",
        "DIR",
        "",
        "Where sign-in and audit records are [default: $STATE_DIRECTORY/log, else state/log]",
    ),
    key(
        "log.queue",
        "NUMBER",
        "8192",
        "Most records that wait for the disk",
    ).whole(1, MILLION),
    key(
        "log.wait",
        "MILLISECONDS",
        "",
        "Longest wait for a record before an allow is AUDIT_UNAVAILABLE [default: 16 group commits as measured, 80 to 160]",
    ).whole(1, 60_000),
    key(
        "log.segment_bytes",
        "BYTES",
        "67108864",
        "A file of records that is larger is followed by a new one",
    ).whole(SHORTEST_SEGMENT, TIB),
    key(
        "log.retention_bytes",
        "BYTES",
        "4294967296",
        "Old files are removed while all together are larger",
    ).whole(0, 1024 * TIB),
    key(
        "log.retention_days",
        "DAYS",
        "90",
        "Files whose records are all older are removed",
    ).whole(0, 36_500),
    key(
        "log.reserve_bytes",
        "BYTES",
        "16777216",
        "Space that is kept to record that the disk is full",
    ).whole(0, TIB),
    key(
        "log.signing_key",
        "FILE",
        "",
        "The Ed25519 key that signs checkpoints; made where there is none [default: signing.key in log.directory]",
    ),
    key(
        "log.pseudonym_key",
        "FILE",
        "",
        "A secret of at least 32 bytes; with it users are keyed hashes in records",
    ),
    key(
        "log.export",
        "URL",
        "",
        "An OTLP collector (gRPC) that gets every record [default: $OTEL_EXPORTER_OTLP_LOGS_ENDPOINT]",
    ),
    list(
        "metrics.tenants",
        "IDS",
        "Resource tenants that have a metric label of their own",
    ),
    key(
        "stale.budget",
        "SECONDS",
        "0",
        "How long policies may be stale: not what the folder holds, or not confirmed to be; 0 for ever",
    ).bounded(Bound::SecondsOrZero { most: YEAR }),
    key(
        "stale.then",
        "serve|deny",
        "serve",
        "Past the budget: serve goes on and says so; deny is not ready and answers NO_SNAPSHOT",
    ),
    key(
        "cache",
        "on|off",
        "on",
        "Keep each decision until the user's token expires",
    ),
    key(
        "cache_bytes",
        "BYTES",
        "8388608",
        "Most memory that kept decisions may take",
    ).whole(0, TIB),
    key(
        "log_format",
        "text|json",
        "text",
        "How log lines are written",
    ),
    key(
        "reflection",
        "on|off",
        "on",
        "Offer gRPC reflection, so that grpcurl and ghz need no proto file",
    ),
    key(
        "reload.rescan",
        "SECONDS",
        "5",
        "How often policies and key set files are looked at though the file system reports no change",
    ).seconds(DAY),
    key(
        "reload.debounce_ms",
        "MILLISECONDS",
        "100",
        "Wait until the folder has been quiet this long before reading it",
    ).whole(0, 60_000),
    key("threads", "NUMBER", "0", "Request threads; 0 = one a core").whole(0, 1024),
    key(
        "drain",
        "SECONDS",
        "10",
        "At shutdown, how long running calls may take to finish",
    ).seconds(DAY),
    key(
        "keys.refresh",
        "SECONDS",
        "600",
        "Fetch the key sets of issuers anew this often",
    ).seconds(31 * DAY),
    key(
        "keys.max_stale",
        "SECONDS",
        "86400",
        "While an issuer is out of reach, its known keys count this long",
    ).seconds(YEAR),
    key(
        "keys.ca",
        "FILE",
        "",
        "PEM file of a private CA for key sets behind HTTPS, beside the system's",
    ),
    list(
        "keys.origins",
        "ORIGINS",
        "Where discovery may lead besides its own origin; http:// only if it is listed here",
    ),
    key(
        "challenge.mfa",
        "ACRS",
        "",
        "The authentication context that demands multifactor authentication, such as c1",
    ),
    key(
        "challenge.compliant_device",
        "ACRS",
        "",
        "The authentication context that demands a compliant device",
    ),
    key(
        "challenge.hybrid_joined_device",
        "ACRS",
        "",
        "The authentication context that demands a hybrid joined device",
    ),
    key(
        "challenge.realm",
        "TEXT",
        "",
        "The realm of WWW-Authenticate",
    ),
    key(
        "challenge.authorization_uri",
        "URL",
        "https://login.microsoftonline.com/common/oauth2/authorize",
        "Where a client that is challenged signs in",
    ),
    key("limits.token_bytes", "BYTES", "16384", "Longest token").whole(1, MIB),
    key(
        "limits.token_lifetime",
        "SECONDS",
        "100800",
        "Longest time from a token's issue to its end",
    ).seconds(100 * YEAR),
    key(
        "limits.check_bytes",
        "BYTES",
        "262144",
        "Largest Check of Envoy's; a larger one is answered 503",
    ).whole(1, 64 * MIB),
    key(
        "limits.authorize_bytes",
        "BYTES",
        "131072",
        "Largest Authorize or Explain request",
    ).whole(1, 64 * MIB),
    key(
        "limits.batch_bytes",
        "BYTES",
        "1048576",
        "Largest AuthorizeBatch request",
    ).whole(1, 64 * MIB),
    key(
        "limits.batch_items",
        "NUMBER",
        "100",
        "Most requests in one AuthorizeBatch",
    ).whole(1, MILLION),
    key(
        "limits.groups",
        "NUMBER",
        "1024",
        "Most entries of groups, and of resource_groups, in one request",
    ).whole(0, MILLION),
    key(
        "limits.connections",
        "NUMBER",
        "128",
        "Most connections at a time, at most half of the file limit; half of them are reserved for the listeners in equal parts",
    ).whole(1, MILLION),
    key(
        "limits.unopened",
        "NUMBER",
        "64",
        "Most connections of a listener that have not opened or wait for a place; beyond it the oldest is closed",
    ).whole(1, MILLION),
    key(
        "limits.streams",
        "NUMBER",
        "256",
        "Most concurrent calls on one connection",
    ).whole(1, MILLION),
    key(
        "limits.in_flight",
        "NUMBER",
        "512",
        "Most calls at work at a time; further ones are RESOURCE_EXHAUSTED",
    ).whole(1, MILLION),
    key(
        "limits.queue_ms",
        "MILLISECONDS",
        "5",
        "Most time that a call waits for its thread while that is overloaded",
    ).whole(1, 3_600_000),
    key(
        "limits.open_streams",
        "NUMBER",
        "256",
        "Most open streams (WatchSnapshots, health Watch, reflection) at a time; further ones are RESOURCE_EXHAUSTED",
    ).whole(1, MILLION),
    key(
        "limits.open_streams_per_connection",
        "NUMBER",
        "8",
        "Most of them on one connection",
    ).whole(1, MILLION),
    key(
        "limits.unread_bytes",
        "BYTES",
        "1048576",
        "Most bytes of answers that a client has not read, on one connection, before its calls wait and it is closed",
    ).whole(1024, 2 * GIB - 1),
    key(
        "limits.handler_ms",
        "MILLISECONDS",
        "100",
        "Most time that a call may take",
    ).whole(1, 3_600_000),
    key(
        "limits.first_byte",
        "SECONDS",
        "5",
        "Close a connection whose handshake, preface and first frame are not complete after this long",
    ).seconds(3600),
];

/// Below the shortest wait, a background loop would use a core.
const SHORTEST: Duration = Duration::from_millis(1);
/// A file of records begins with half a kilobyte that is not records.
const SHORTEST_SEGMENT: u64 = 65_536;
/// More connections, calls or records in memory than a machine holds.
const MILLION: u64 = 1_000_000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// More than the file systems and machines of a sidecar hold.
const TIB: u64 = 1 << 40;
const DAY: u64 = 24 * 60 * 60;
/// A leap year. A hundred of them stay within 64 bits of nanoseconds, as timestamps are.
const YEAR: u64 = 366 * DAY;
