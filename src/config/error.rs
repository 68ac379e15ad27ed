//! What can be wrong with the configuration: each error says where, what was found and what was expected.

use super::Origin;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not TOML.
    #[error("{file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// What the TOML reader says, with line and caret.
        message: String,
    },
    /// The file is too large.
    #[error(
        "{file}: found more than {most} bytes, expected a configuration file of at most {most} bytes"
    )]
    TooLarge {
        /// The file.
        file: String,
        /// The limit in bytes.
        most: usize,
    },
    /// A key that does not exist there.
    #[error("{origin}: unknown key `{key}`; known keys: {}", known.join(", "))]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        origin: Origin,
        /// The keys that could stand there.
        known: Vec<&'static str>,
    },
    /// A variable of the environment that names no key.
    #[error(
        "environment: unknown variable `{variable}`, expected the variable of a key such as {}; `crosstrust serve \
         --help` lists the keys, and where Kubernetes injects the variable, `enableServiceLinks: false` ends that",
        near.join(", ")
    )]
    UnknownVariable {
        /// Its name.
        variable: String,
        /// The names that are nearest to it.
        near: Vec<String>,
    },
    /// A value that cannot be read.
    #[error("{key} = `{found}` ({origin}): {why}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// Where it came from.
        origin: Origin,
        /// What would do.
        why: String,
    },
    /// A table lacks something.
    #[error("{table} ({origin}): found no `{key}`, expected {expected}")]
    Missing {
        /// The table.
        table: String,
        /// Where it begins.
        origin: Origin,
        /// What it lacks.
        key: &'static str,
        /// What would do.
        expected: &'static str,
    },
    /// The keys of a table do not go together.
    #[error("{table} ({origin}): found {found}, expected {expected}")]
    Together {
        /// The table.
        table: String,
        /// Where it begins.
        origin: Origin,
        /// The keys.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// Something that may be there once.
    #[error("{key} = `{found}` ({origin}): given before at {first}")]
    Twice {
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// Where it stands the second time.
        origin: Origin,
        /// Where it stands the first time.
        first: Origin,
    },
    /// A route that no request ever reaches.
    #[error(
        "route ({origin}): never reached, because every request that fits it fits the route at {first}"
    )]
    Shadowed {
        /// The route.
        origin: Origin,
        /// The one that takes its requests.
        first: Origin,
    },
}
