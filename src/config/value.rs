//! A value of the configuration, and where it came from.
//!
//! Whoever reads a value further (into a GUID, a URL, a word) does it with [`At::read`], so that the error
//! names the line that has to be mended.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use super::ConfigError;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag,
    /// A variable of the environment.
    Variable,
    /// A line of the configuration file.
    File {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// Nothing gave it.
    Default,
}

impl Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => out.write_str("flag"),
            Origin::Variable => out.write_str("environment"),
            Origin::File { file, line } => write!(out, "{}:{line}", file.display()),
            Origin::Default => out.write_str("default"),
        }
    }
}

/// A value with its key and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its key, dotted: `issuer.audiences`.
    pub key: String,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> At<T> {
    /// A value that nothing gave.
    pub(super) fn default(key: &str, value: T) -> Self {
        At {
            value,
            key: key.to_owned(),
            origin: Origin::Default,
        }
    }

    /// Another value from the same place.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At {
            value: change(self.value),
            key: self.key,
            origin: self.origin,
        }
    }
}

impl<T: Display> At<T> {
    /// The error that says why this value will not do: `why` begins with `expected` or says what is wrong.
    pub fn refuse(&self, why: impl Display) -> ConfigError {
        ConfigError::Value {
            key: self.key.clone(),
            found: self.value.to_string(),
            origin: self.origin.clone(),
            why: why.to_string(),
        }
    }

    /// The line of `--print-config`.
    pub(super) fn shown(&self) -> Shown {
        Shown {
            key: self.key.clone(),
            value: self.value.to_string(),
            origin: self.origin.clone(),
        }
    }
}

impl At<String> {
    /// Reads the text as something else; the error of that type says what was expected.
    pub fn read<U: FromStr<Err: Display>>(&self) -> Result<U, ConfigError> {
        self.value.parse().map_err(|error| self.refuse(error))
    }

    /// One of some words.
    pub fn one_of<U: Copy>(&self, words: &[(&str, U)]) -> Result<U, ConfigError> {
        let found = words.iter().find(|(word, _)| *word == self.value);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(format_args!("expected one of {}", words.join(", ")))
        })
    }
}

/// A fact that is assumed where a request is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    /// The field of `Context`.
    pub fact: String,
    /// Its value, as a text.
    pub value: At<String>,
}

/// A line of `--print-config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The key, dotted.
    pub key: String,
    /// The value.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// The line of a list: its items in one cell, the origin of the first.
pub(super) fn shown_list<T: Display>(items: &[At<T>]) -> Option<Shown> {
    let first = items.first()?;
    let texts: Vec<String> = items.iter().map(|item| item.value.to_string()).collect();
    Some(Shown {
        value: texts.join(", "),
        ..first.shown()
    })
}

/// The line of a path.
pub(super) fn shown_path(path: &At<PathBuf>) -> Shown {
    path.clone().map(|path| path.display().to_string()).shown()
}
