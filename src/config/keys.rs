//! The table of scalar keys: each is a line of the file, a flag and a variable, and nothing else is.

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
}

impl Key {
    /// The variable of the environment that gives it.
    pub fn variable(&self) -> String {
        format!("CROSSTRUST_{}", self.name.replace('.', "_").to_uppercase())
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
    ),
    key(
        "log.segment_bytes",
        "BYTES",
        "67108864",
        "A file of records that is larger is followed by a new one",
    ),
    key(
        "log.retention_bytes",
        "BYTES",
        "4294967296",
        "Old files are removed while all together are larger",
    ),
    key(
        "log.retention_days",
        "DAYS",
        "90",
        "Files whose records are all older are removed",
    ),
    key(
        "log.reserve_bytes",
        "BYTES",
        "16777216",
        "Space that is kept to record that the disk is full",
    ),
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
    ),
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
    ),
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
    ),
    key(
        "reload.debounce_ms",
        "MILLISECONDS",
        "100",
        "Wait until the folder has been quiet this long before reading it",
    ),
    key("threads", "NUMBER", "0", "Request threads; 0 = one a core"),
    key(
        "drain",
        "SECONDS",
        "10",
        "At shutdown, how long running calls may take to finish",
    ),
    key(
        "keys.refresh",
        "SECONDS",
        "600",
        "Fetch the key sets of issuers anew this often",
    ),
    key(
        "keys.max_stale",
        "SECONDS",
        "86400",
        "While an issuer is out of reach, its known keys count this long",
    ),
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
    key("limits.token_bytes", "BYTES", "16384", "Longest token"),
    key(
        "limits.token_lifetime",
        "SECONDS",
        "100800",
        "Longest time from a token's issue to its end",
    ),
    key(
        "limits.check_bytes",
        "BYTES",
        "262144",
        "Largest Check of Envoy's; a larger one is answered 503",
    ),
    key(
        "limits.authorize_bytes",
        "BYTES",
        "131072",
        "Largest Authorize or Explain request",
    ),
    key(
        "limits.batch_bytes",
        "BYTES",
        "1048576",
        "Largest AuthorizeBatch request",
    ),
    key(
        "limits.batch_items",
        "NUMBER",
        "100",
        "Most requests in one AuthorizeBatch",
    ),
    key(
        "limits.groups",
        "NUMBER",
        "1024",
        "Most entries of groups, and of resource_groups, in one request",
    ),
    key(
        "limits.connections",
        "NUMBER",
        "128",
        "Most connections at a time, at most half of the file limit",
    ),
    key(
        "limits.streams",
        "NUMBER",
        "256",
        "Most concurrent calls on one connection",
    ),
    key(
        "limits.in_flight",
        "NUMBER",
        "512",
        "Most calls at work at a time; further ones are RESOURCE_EXHAUSTED",
    ),
    key(
        "limits.queue_ms",
        "MILLISECONDS",
        "5",
        "Most time that a call waits for its thread while that is overloaded",
    ),
    key(
        "limits.open_streams",
        "NUMBER",
        "256",
        "Most open streams (WatchSnapshots, health Watch, reflection) at a time; further ones are RESOURCE_EXHAUSTED",
    ),
    key(
        "limits.open_streams_per_connection",
        "NUMBER",
        "8",
        "Most of them on one connection",
    ),
    key(
        "limits.unread_bytes",
        "BYTES",
        "1048576",
        "Most bytes of answers that a client has not read, on one connection, before its calls wait and it is closed",
    ),
    key(
        "limits.handler_ms",
        "MILLISECONDS",
        "100",
        "Most time that a call may take",
    ),
    key(
        "limits.first_byte",
        "SECONDS",
        "5",
        "Close a connection that has said nothing for this long",
    ),
];
