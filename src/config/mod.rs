//! Configuration: one table of keys, each a line of the TOML file, a flag and a variable.
//!
//! A flag beats a `CROSSTRUST_…` variable, a variable beats the file, the file beats the default. Every
//! value keeps its origin, so that an error and `--print-config` can say where it came from. Read once, at
//! start; an unknown key is an error. No other room reads the environment.

mod keys;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use keys::{KEYS, Key};

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

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => out.write_str("flag"),
            Origin::Variable => out.write_str("environment"),
            Origin::File { file, line } => write!(out, "{}:{line}", file.display()),
            Origin::Default => out.write_str("default"),
        }
    }
}

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
    /// A key that is not in the table.
    #[error("{origin}: unknown key `{key}`; known keys: {}", known_keys())]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        origin: Origin,
    },
    /// A value that cannot be read.
    #[error("{key} = `{found}` ({origin}): expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// Where it came from.
        origin: Origin,
        /// What would do.
        expected: String,
    },
}

fn known_keys() -> String {
    let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    format!("{}, listen, listener", names.join(", "))
}

/// A listener as the file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTable {
    /// `127.0.0.1:50051` or `unix:/run/crosstrust.sock`.
    pub address: String,
    /// Whether it may be reached from beyond this machine without TLS.
    pub plaintext: bool,
    /// Which services it offers; all of them where the file does not say.
    pub services: Option<Vec<String>>,
    /// On a Unix socket: who may call, by user id; everybody where the file does not say.
    pub uids: Option<Vec<u32>>,
    /// Whether its callers may explain and reload.
    pub operator: bool,
    /// Whether its callers may bring claims of their own (`Authorize` without a token).
    pub own_claims: bool,
    /// Where it came from.
    pub origin: Origin,
}

impl ListenerTable {
    /// An address alone: everything is offered to everybody who can reach it.
    pub fn at(address: String, origin: Origin) -> Self {
        ListenerTable {
            address,
            plaintext: false,
            services: None,
            uids: None,
            operator: true,
            own_claims: true,
            origin,
        }
    }
}

/// Where `serve` listens when nothing says otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:50051";

/// Values given from outside the file, by key; `listen` may have several.
#[derive(Debug, Default)]
pub struct Given {
    /// Scalar keys.
    pub values: Vec<(&'static str, String, Origin)>,
    /// `--listen`, or the variable.
    pub listen: Vec<(String, Origin)>,
}

/// The effective configuration.
#[derive(Debug)]
pub struct Config {
    values: BTreeMap<&'static str, (String, Origin)>,
    /// Where to listen, and what to offer there.
    pub listeners: Vec<ListenerTable>,
}

impl Config {
    /// Defaults, then the file, then what flags and variables give.
    pub fn read(file: Option<(PathBuf, String)>, given: Given) -> Result<Self, ConfigError> {
        let defaults = KEYS
            .iter()
            .map(|key| (key.name, (key.default.to_owned(), Origin::Default)));
        let mut config = Config {
            values: defaults.collect(),
            listeners: Vec::new(),
        };
        if let Some((path, text)) = file {
            config.read_file(&path, &text)?;
        }
        for (name, value, origin) in given.values {
            config.values.insert(name, (value, origin));
        }
        if !given.listen.is_empty() {
            let given = given.listen.into_iter();
            config.listeners = given
                .map(|(text, from)| ListenerTable::at(text, from))
                .collect();
        }
        if config.listeners.is_empty() {
            let default = ListenerTable::at(DEFAULT_ADDRESS.to_owned(), Origin::Default);
            config.listeners.push(default);
        }
        Ok(config)
    }

    fn read_file(&mut self, path: &std::path::Path, text: &str) -> Result<(), ConfigError> {
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            file: path.display().to_string(),
            message: error.to_string(),
        })?;
        let file = File { path, text };
        for (key, value) in table.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("listen", _) => self.listeners.extend(file.addresses(value)?),
                ("listener", DeValue::Array(tables)) => {
                    for table in tables {
                        self.listeners.push(file.listener(table)?);
                    }
                }
                (section, DeValue::Table(table)) => {
                    for (key, value) in table {
                        self.set(&format!("{section}.{}", key.get_ref()), value, &file)?;
                    }
                }
                (name, _) => self.set(name, value, &file)?,
            }
        }
        Ok(())
    }

    fn set(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        file: &File<'_>,
    ) -> Result<(), ConfigError> {
        let origin = file.origin(value);
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(ConfigError::UnknownKey {
                key: name.to_owned(),
                origin,
            });
        };
        let text = scalar(value.get_ref())
            .ok_or_else(|| file.mismatch(name, value, key.takes.to_owned()))?;
        self.values.insert(key.name, (text, origin));
        Ok(())
    }

    /// The effective values, by key, each with its origin.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, &str, &Origin)> {
        self.values
            .iter()
            .map(|(name, (value, origin))| (*name, value.as_str(), origin))
    }

    /// A value as it is.
    pub fn text(&self, name: &'static str) -> &str {
        self.values.get(name).map_or("", |(text, _)| text)
    }

    /// A whole number.
    pub fn number<N: std::str::FromStr>(&self, name: &'static str) -> Result<N, ConfigError> {
        let text = self.text(name).replace('_', "");
        text.parse()
            .map_err(|_| self.mismatch(name, "a whole number that is not too large".to_owned()))
    }

    /// A number of seconds; fractions are allowed.
    pub fn seconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        let seconds = self.text(name).parse::<f64>().ok();
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|span| !span.is_zero())
            .ok_or_else(|| self.mismatch(name, "a number of seconds above 0".to_owned()))
    }

    /// A whole number of milliseconds.
    pub fn milliseconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        self.number(name).map(Duration::from_millis)
    }

    /// `on` or `off`.
    pub fn switch(&self, name: &'static str) -> Result<bool, ConfigError> {
        self.one_of(
            name,
            &[
                ("on", true),
                ("off", false),
                ("true", true),
                ("false", false),
            ],
        )
    }

    /// One of some words.
    pub fn one_of<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        let text = self.text(name);
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.mismatch(name, format!("one of {}", words.join(", ")))
        })
    }

    fn mismatch(&self, name: &'static str, expected: String) -> ConfigError {
        let origin = self.values.get(name).map(|(_, origin)| origin.clone());
        ConfigError::Value {
            key: name.to_owned(),
            found: self.text(name).to_owned(),
            origin: origin.unwrap_or(Origin::Default),
            expected,
        }
    }
}

/// The configuration file while it is read.
struct File<'a> {
    path: &'a std::path::Path,
    text: &'a str,
}

impl File<'_> {
    fn origin<T>(&self, value: &Spanned<T>) -> Origin {
        let before = self.text.as_bytes().iter().take(value.span().start);
        Origin::File {
            file: self.path.to_owned(),
            line: before.filter(|byte| **byte == b'\n').count() + 1,
        }
    }

    fn mismatch(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: String) -> ConfigError {
        ConfigError::Value {
            key: key.to_owned(),
            found: self.text.get(value.span()).unwrap_or("").to_owned(),
            origin: self.origin(value),
            expected,
        }
    }

    fn addresses(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<ListenerTable>, ConfigError> {
        let texts = self.texts("listen", value)?;
        let origin = self.origin(value);
        let listeners = texts.into_iter();
        Ok(listeners
            .map(|text| ListenerTable::at(text, origin.clone()))
            .collect())
    }

    fn listener(&self, value: &Spanned<DeValue<'_>>) -> Result<ListenerTable, ConfigError> {
        let expected = "a table with an address".to_owned();
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.mismatch("listener", value, expected));
        };
        let mut listener = ListenerTable::at(String::new(), self.origin(value));
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match name {
                "address" => listener.address = self.text_of(name, value)?,
                "plaintext" => listener.plaintext = self.bool_of(name, value)?,
                "operator" => listener.operator = self.bool_of(name, value)?,
                "own_claims" => listener.own_claims = self.bool_of(name, value)?,
                "services" => listener.services = Some(self.texts(name, value)?),
                "uids" => listener.uids = Some(self.uids(name, value)?),
                _ => {
                    return Err(ConfigError::UnknownKey {
                        key: format!("listener.{name}"),
                        origin: self.origin(value),
                    });
                }
            }
        }
        if listener.address.is_empty() {
            return Err(self.mismatch("listener", value, expected));
        }
        Ok(listener)
    }

    fn text_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigError> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.mismatch(key, value, "a text in quotes".to_owned())),
        }
    }

    fn bool_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<bool, ConfigError> {
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.mismatch(key, value, "true or false".to_owned())),
        }
    }

    fn texts(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, ConfigError> {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| self.text_of(key, item)).collect(),
            _ => Ok(vec![self.text_of(key, value)?]),
        }
    }

    fn uids(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Vec<u32>, ConfigError> {
        let expected = || self.mismatch(key, value, "a list of user ids such as [101]".to_owned());
        let DeValue::Array(items) = value.get_ref() else {
            return Err(expected());
        };
        let uids = items
            .iter()
            .map(|item| scalar(item.get_ref())?.parse().ok())
            .collect::<Option<Vec<u32>>>();
        uids.ok_or_else(expected)
    }
}

/// The text of a scalar.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
