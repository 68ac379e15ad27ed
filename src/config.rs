//! Configuration: one table of keys, each a line of the TOML file, a flag and a variable; and tables of the file.
//!
//! A flag beats a `CROSSTRUST_…` variable, a variable beats the file, the file beats the default. Every
//! value keeps its origin, so that an error and `--print-config` can say where it came from. Read once, at
//! start; an unknown key or variable is an error. No other room reads the environment.

mod error;
mod file;
mod issuer;
mod keys;
mod listener;
mod route;
mod value;
mod variables;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use error::ConfigError;
pub use file::Scalar;
pub use issuer::{ClaimTable, IssuerTable, KeysTable, ReadTable, TenantsTable};
pub use keys::{Bound, KEYS, Key};
pub use listener::{
    ClientsTable, DEFAULT_ADDRESS, IdentitySource, JwtAuthnTable, ListenerTable, PeersTable,
    TlsTable,
};
pub use route::{ApplicationTable, RouteTable};
pub use value::{Assumption, At, Origin, Shown};

use file::{File, LineStarts};

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
    values: BTreeMap<&'static str, At<String>>,
    /// Where to listen, and what to offer there.
    pub listeners: Vec<ListenerTable>,
    /// Whose tokens are believed.
    pub issuers: Vec<IssuerTable>,
    /// Further audiences of applications.
    pub applications: Vec<ApplicationTable>,
    /// What requests are for whose gateway cannot say it.
    pub routes: Vec<RouteTable>,
}

/// A variable that is not ours but a standard's, such as `OTEL_SDK_DISABLED`; an empty one is none.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Refuses a `CROSSTRUST_…` variable of the environment that names no key.
pub fn refuse_unknown_variables() -> Result<(), ConfigError> {
    variables::refuse_unknown(std::env::vars_os().map(|(name, _)| name))
}

/// The text of a configuration file. A file that is too large is not read to its end.
pub fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let one_more = u64::try_from(MOST_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    std::fs::File::open(path)?
        .take(one_more)
        .read_to_string(&mut text)?;
    Ok(text)
}

impl Config {
    /// Defaults, then the file, then what flags and variables give.
    pub fn read(file: Option<(PathBuf, String)>, given: Given) -> Result<Self, ConfigError> {
        let defaults = KEYS
            .iter()
            .map(|key| (key.name, At::default(key.name, key.default.to_owned())));
        let mut config = Config {
            values: defaults.collect(),
            listeners: Vec::new(),
            issuers: Vec::new(),
            applications: Vec::new(),
            routes: Vec::new(),
        };
        if let Some((path, text)) = file {
            config.read_file(&path, &text)?;
        }
        for (name, value, origin) in given.values {
            let key = name.to_owned();
            config.values.insert(name, At { value, key, origin });
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
        config.check_bounds()?;
        Ok(config)
    }

    /// Every number is within the range of its key. A key without a default may be left out.
    fn check_bounds(&self) -> Result<(), ConfigError> {
        for key in KEYS {
            let text = self.text(key.name);
            let is_left_out = key.default.is_empty() && text.is_empty();
            if let Some(bound) = key.bound
                && !is_left_out
                && !bound.holds(text)
            {
                return Err(self.refuse(key.name, &format!("expected {bound}")));
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        if text.len() > MOST_BYTES {
            return Err(ConfigError::TooLarge {
                file: path.display().to_string(),
                most: MOST_BYTES,
            });
        }
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            file: path.display().to_string(),
            message: error.to_string(),
        })?;
        let lines = &LineStarts::of(text);
        let file = File { path, text, lines };
        for (key, value) in table.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("listen", _) => self
                    .listeners
                    .extend(listener::read_addresses(file, value)?),
                ("listener", _) => self.listeners.extend(listener::read(file, value)?),
                ("issuer", _) => self.issuers.extend(issuer::read(file, value)?),
                ("application", _) => self
                    .applications
                    .extend(route::read_applications(file, value)?),
                ("route", _) => self.routes.extend(route::read(file, value)?),
                (section, DeValue::Table(table)) => {
                    for (key, value) in table {
                        self.set(&format!("{section}.{}", key.get_ref()), value, file)?;
                    }
                }
                (name, _) => self.set(name, value, file)?,
            }
        }
        Ok(())
    }

    fn set(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        file: File<'_>,
    ) -> Result<(), ConfigError> {
        // `policies = "DIR"` as a line of a `[policies]` table.
        let name = match name {
            "policies.folder" => "policies",
            name => name,
        };
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(ConfigError::UnknownKey {
                key: name.to_owned(),
                origin: file.origin(value),
                known: known_beside(name),
            });
        };
        self.values.insert(key.name, file.key(key, value)?);
        Ok(())
    }

    /// The lines of `--print-config`.
    pub fn shown(&self) -> Vec<Shown> {
        let listeners = self.listeners.iter().flat_map(ListenerTable::shown);
        let issuers = self.issuers.iter().flat_map(IssuerTable::shown);
        let applications = self.applications.iter().flat_map(ApplicationTable::shown);
        let routes = self.routes.iter().flat_map(RouteTable::shown);
        let values = self.values.values().map(At::shown);
        let tables = listeners.chain(issuers).chain(applications).chain(routes);
        tables.chain(values).collect()
    }

    /// A value as it is.
    pub fn text(&self, name: &'static str) -> &str {
        self.values.get(name).map_or("", |at| &at.value)
    }

    /// Whether neither file, variable nor flag gives the value.
    pub fn is_default(&self, name: &'static str) -> bool {
        let given = self.values.get(name);
        given.is_none_or(|at| at.origin == Origin::Default)
    }

    /// A value that may be empty, which says nothing.
    pub fn optional(&self, name: &'static str) -> Option<String> {
        let text = self.text(name);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A path, relative to the file that gives it, or else to where the process was started; none if empty.
    pub fn path(&self, name: &'static str) -> Option<PathBuf> {
        let at = self.values.get(name).filter(|at| !at.value.is_empty())?;
        Some(match &at.origin {
            Origin::File { file, .. } => file.parent().unwrap_or(Path::new("")).join(&at.value),
            Origin::Flag | Origin::Variable | Origin::Default => PathBuf::from(&at.value),
        })
    }

    /// Where state belongs: systemd says so in `STATE_DIRECTORY` (systemd.exec(5)), the first of several; else `state`.
    pub fn state_directory(&self) -> PathBuf {
        let told = std::env::var_os("STATE_DIRECTORY").unwrap_or_default();
        let first = std::env::split_paths(&told).next();
        let first = first.filter(|path| !path.as_os_str().is_empty());
        first.unwrap_or_else(|| PathBuf::from("state"))
    }

    /// The values of a key that may have several.
    pub fn list(&self, name: &'static str) -> Vec<String> {
        let items = self.text(name).split(',').map(str::trim);
        items
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// A whole number.
    pub fn number<N: FromStr>(&self, name: &'static str) -> Result<N, ConfigError> {
        let text = self.text(name).replace('_', "");
        let expected = "expected a whole number that is not too large";
        text.parse().map_err(|_| self.refuse(name, expected))
    }

    /// A number of seconds; fractions are allowed.
    pub fn seconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        let seconds = self.text(name).replace('_', "").parse::<f64>().ok();
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|span| !span.is_zero())
            .ok_or_else(|| self.refuse(name, "expected a number of seconds above 0"))
    }

    /// A whole number of milliseconds.
    pub fn milliseconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        self.number(name).map(Duration::from_millis)
    }

    /// `on` or `off`.
    pub fn switch(&self, name: &'static str) -> Result<bool, ConfigError> {
        let words = [
            ("on", true),
            ("off", false),
            ("true", true),
            ("false", false),
        ];
        self.one_of(name, &words)
    }

    /// One of some words.
    pub fn one_of<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        match self.values.get(name) {
            Some(at) => at.one_of(words),
            None => Err(self.refuse(name, "expected a key of the table")),
        }
    }

    /// The error of a value that is none, with its origin.
    pub fn refuse(&self, name: &'static str, why: &str) -> ConfigError {
        let unknown = At::default(name, String::new());
        self.values.get(name).unwrap_or(&unknown).refuse(why)
    }
}

/// The keys that could stand where an unknown one does: those of its section, or else everything.
fn known_beside(name: &str) -> Vec<&'static str> {
    let names = KEYS.iter().map(|key| key.name);
    let section = name.split_once('.').map_or("", |(section, _)| section);
    let of_section = |name: &&str| {
        let found = name.split_once('.');
        found.is_some_and(|(found, _)| found == section)
    };
    let beside: Vec<_> = names.clone().filter(of_section).collect();
    if beside.is_empty() {
        let tables = ["listen", "listener", "issuer", "application", "route"];
        names.chain(tables).collect()
    } else {
        beside
    }
}

/// The largest configuration file: some thousand routes. A larger one is another file by mistake.
const MOST_BYTES: usize = 1 << 20;
