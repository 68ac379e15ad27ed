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
        "Look at the policies folder this often, whatever the file system tells",
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
