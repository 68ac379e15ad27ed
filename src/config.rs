//! The configuration: scalar keys, each settable in the TOML file, by flag and by environment variable, and the tables of
//! the file.
//!
//! Precedence: flag, `CROSSTRUST_…` variable, file, default. Every value has its origin, which errors and `--print-config`
//! show. The configuration is read once, at the start; an unknown key or variable is an error. No other module reads the
//! environment.

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
pub use file::TomlScalar;
pub use issuer::{
    ClaimRuleConfig, IssuerConfig, KeySourceConfig, TenantsConfig, ValueMappingConfig,
};
pub use keys::{ConfigKey, KEYS, NumberRange};
pub use listener::{
    ClientsConfig, DEFAULT_ADDRESS, IdentitySource, JwtAuthnConfig, ListenerConfig, PeersConfig,
    TlsConfig,
};
pub use route::{ApplicationConfig, RouteConfig};
pub use value::{Assumption, ConfigValue, EffectiveValue, ValueOrigin};

use file::{ConfigFile, LineStarts};

/// Values from flags and environment variables, by key.
#[derive(Debug, Default)]
pub struct ConfigOverrides {
    /// Scalar keys.
    pub values: Vec<(&'static str, String, ValueOrigin)>,
    /// `--listen` or `CROSSTRUST_LISTEN`; may have several values.
    pub listen: Vec<(String, ValueOrigin)>,
}

/// The effective configuration.
#[derive(Debug)]
pub struct Config {
    values: BTreeMap<&'static str, ConfigValue<String>>,
    /// The listeners.
    pub listeners: Vec<ListenerConfig>,
    /// The trusted issuers.
    pub issuers: Vec<IssuerConfig>,
    /// Additional facts about applications.
    pub applications: Vec<ApplicationConfig>,
    /// The routes, for gateways that do not state the application.
    pub routes: Vec<RouteConfig>,
}

/// An environment variable of another standard, such as `OTEL_SDK_DISABLED`. An empty one counts as unset.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns an error if the environment has an unknown `CROSSTRUST_…` variable.
pub fn refuse_unknown_variables() -> Result<(), ConfigError> {
    variables::refuse_unknown(std::env::vars_os().map(|(name, _)| name))
}

/// Reads a configuration file. Of a file that is too large, reads one byte more than the limit.
pub fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let one_more = u64::try_from(MAX_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    std::fs::File::open(path)?
        .take(one_more)
        .read_to_string(&mut text)?;
    Ok(text)
}

impl Config {
    /// Combines the defaults, the file and the overrides.
    pub fn read(
        file: Option<(PathBuf, String)>,
        overrides: ConfigOverrides,
    ) -> Result<Self, ConfigError> {
        let defaults = KEYS.iter().map(|key| {
            (
                key.name,
                ConfigValue::default(key.name, key.default.to_owned()),
            )
        });
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
        for (name, value, origin) in overrides.values {
            let key = name.to_owned();
            config
                .values
                .insert(name, ConfigValue { value, key, origin });
        }
        if !overrides.listen.is_empty() {
            let addresses = overrides.listen.into_iter();
            config.listeners = addresses
                .map(|(address, origin)| ListenerConfig::at(address, origin))
                .collect();
        }
        if config.listeners.is_empty() {
            let default = ListenerConfig::at(DEFAULT_ADDRESS.to_owned(), ValueOrigin::Default);
            config.listeners.push(default);
        }
        config.check_ranges()?;
        Ok(config)
    }

    /// Checks that every number is within the range of its key. A key without a default may be unset.
    fn check_ranges(&self) -> Result<(), ConfigError> {
        for key in KEYS {
            let text = self.text(key.name);
            let is_unset = key.default.is_empty() && text.is_empty();
            if let Some(range) = key.range
                && !is_unset
                && !range.contains(text)
            {
                return Err(self.refuse(key.name, &format!("expected {range}")));
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        if text.len() > MAX_BYTES {
            return Err(ConfigError::TooLarge {
                file: path.display().to_string(),
                most: MAX_BYTES,
            });
        }
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            file: path.display().to_string(),
            message: error.to_string(),
        })?;
        let lines = &LineStarts::of(text);
        let file = ConfigFile { path, text, lines };
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
        file: ConfigFile<'_>,
    ) -> Result<(), ConfigError> {
        // In a `[policies]` table, the key `policies` is called `folder`.
        let name = match name {
            "policies.folder" => "policies",
            name => name,
        };
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(ConfigError::UnknownKey {
                key: name.to_owned(),
                origin: file.origin(value),
                known: keys_of_section(name),
            });
        };
        self.values.insert(key.name, file.key(key, value)?);
        Ok(())
    }

    /// All effective values, for `--print-config`.
    pub fn effective_values(&self) -> Vec<EffectiveValue> {
        let listeners = self
            .listeners
            .iter()
            .flat_map(ListenerConfig::effective_values);
        let issuers = self.issuers.iter().flat_map(IssuerConfig::effective_values);
        let applications = self
            .applications
            .iter()
            .flat_map(ApplicationConfig::effective_values);
        let routes = self.routes.iter().flat_map(RouteConfig::effective_values);
        let values = self.values.values().map(ConfigValue::effective_value);
        let tables = listeners.chain(issuers).chain(applications).chain(routes);
        tables.chain(values).collect()
    }

    /// A value as text.
    pub fn text(&self, name: &'static str) -> &str {
        self.values.get(name).map_or("", |at| &at.value)
    }

    /// Whether neither file, variable nor flag sets the value.
    pub fn is_default(&self, name: &'static str) -> bool {
        let value = self.values.get(name);
        value.is_none_or(|at| at.origin == ValueOrigin::Default)
    }

    /// A value, or `None` if it is empty.
    pub fn optional(&self, name: &'static str) -> Option<String> {
        let text = self.text(name);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A path, or `None` if it is empty. Relative to the folder of the file that sets it, otherwise to the working directory.
    pub fn path(&self, name: &'static str) -> Option<PathBuf> {
        let at = self.values.get(name).filter(|at| !at.value.is_empty())?;
        Some(match &at.origin {
            ValueOrigin::File { file, .. } => {
                file.parent().unwrap_or(Path::new("")).join(&at.value)
            }
            ValueOrigin::Flag | ValueOrigin::Variable | ValueOrigin::Default => {
                PathBuf::from(&at.value)
            }
        })
    }

    /// The directory for state: the first one of systemd's `STATE_DIRECTORY` (systemd.exec(5)), otherwise `state`.
    pub fn state_directory(&self) -> PathBuf {
        let directories = std::env::var_os("STATE_DIRECTORY").unwrap_or_default();
        let first = std::env::split_paths(&directories).next();
        let first = first.filter(|path| !path.as_os_str().is_empty());
        first.unwrap_or_else(|| PathBuf::from("state"))
    }

    /// The values of a list key.
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

    /// A number of seconds, fractions allowed.
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

    /// One of the given words.
    pub fn one_of<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        match self.values.get(name) {
            Some(at) => at.one_of(words),
            None => Err(self.refuse(name, "expected a key of KEYS")),
        }
    }

    /// The error of an invalid value, with its origin. `why` begins with `expected` or states the fault.
    pub fn refuse(&self, name: &'static str, why: &str) -> ConfigError {
        let unknown = ConfigValue::default(name, String::new());
        self.values.get(name).unwrap_or(&unknown).refuse(why)
    }
}

/// The known keys of an unknown key's section; all keys and tables if the section is unknown too.
fn keys_of_section(name: &str) -> Vec<&'static str> {
    let names = KEYS.iter().map(|key| key.name);
    let section = name.split_once('.').map_or("", |(section, _)| section);
    let of_section = |name: &&str| {
        let found = name.split_once('.');
        found.is_some_and(|(found, _)| found == section)
    };
    let in_section: Vec<_> = names.clone().filter(of_section).collect();
    if in_section.is_empty() {
        let tables = ["listen", "listener", "issuer", "application", "route"];
        names.chain(tables).collect()
    } else {
        in_section
    }
}

/// The largest configuration file: some thousand routes. A larger file is probably not a configuration.
const MAX_BYTES: usize = 1 << 20;
