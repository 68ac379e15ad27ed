//! Errors of the configuration. Messages state where, what was found and what was expected.

use super::ValueOrigin;

/// An error of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not TOML.
    #[error("{file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The message of the TOML parser, with line and caret.
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
    /// An unknown key.
    #[error("{origin}: unknown key `{key}`; known keys: {}", known.join(", "))]
    UnknownKey {
        /// The key.
        key: String,
        /// Its origin.
        origin: ValueOrigin,
        /// The known keys.
        known: Vec<&'static str>,
    },
    /// An unknown environment variable.
    #[error(
        "environment: unknown variable `{variable}`, expected the variable of a key such as {}; `crosstrust serve \
         --help` lists the keys; if Kubernetes injects the variable, set `enableServiceLinks: false` in the pod",
        near.join(", ")
    )]
    UnknownVariable {
        /// Its name.
        variable: String,
        /// The most similar known names.
        near: Vec<String>,
    },
    /// An invalid value.
    #[error("{origin}: {key} = `{found}`: {why}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// Its origin.
        origin: ValueOrigin,
        /// What was expected, or the fault.
        why: String,
    },
    /// A table lacks a required key.
    #[error("{origin}: {table}: found no `{key}`, expected {expected}")]
    Missing {
        /// The table.
        table: String,
        /// Its first line.
        origin: ValueOrigin,
        /// The missing key.
        key: &'static str,
        /// The expected value.
        expected: &'static str,
    },
    /// The keys of a table contradict each other.
    #[error("{origin}: {table}: found {found}, expected {expected}")]
    Incompatible {
        /// The table.
        table: String,
        /// Its first line.
        origin: ValueOrigin,
        /// The keys.
        found: String,
        /// The expected keys.
        expected: &'static str,
    },
    /// A value that may occur only once.
    #[error("{origin}: {key} = `{found}`: already set at {first}, expected it once")]
    Duplicate {
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// The origin of the second occurrence.
        origin: ValueOrigin,
        /// The origin of the first occurrence.
        first: ValueOrigin,
    },
    /// A route that no request can match.
    #[error(
        "{origin}: route: never matches, because the route at {first} matches all its requests; move it before that route"
    )]
    Shadowed {
        /// The route.
        origin: ValueOrigin,
        /// The earlier route that matches its requests.
        first: ValueOrigin,
    },
}
