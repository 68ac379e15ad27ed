//! Reads the configuration file: TOML values become typed values with their line.
//!
//! Paths in the file are relative to its folder. Before a table is read, its keys are checked; the error of an unknown key
//! lists the known keys.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::value::{Assumption, ConfigValue, ValueOrigin};
use super::{ConfigError, ConfigKey};

/// The configuration file.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConfigFile<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
    pub(super) lines: &'a LineStarts,
}

/// The offset of each line of a text, so that the line of a value is found without scanning the text.
#[derive(Debug)]
pub(super) struct LineStarts(Vec<usize>);

impl LineStarts {
    pub(super) fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = breaks.map(|(offset, _)| offset + 1);
        LineStarts(std::iter::once(0).chain(starts).collect())
    }

    /// The line of this byte, from 1.
    fn line_of(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

/// A TOML value with its position.
type TomlValue<'a> = Spanned<DeValue<'a>>;

impl<'a> ConfigFile<'a> {
    pub(super) fn origin<T>(&self, value: &Spanned<T>) -> ValueOrigin {
        ValueOrigin::File {
            file: self.path.to_owned(),
            line: self.lines.line_of(value.span().start),
        }
    }

    /// The source text of a value, on one line.
    fn source(&self, value: &TomlValue<'_>) -> String {
        let text = self.text.get(value.span()).unwrap_or("");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(super) fn refuse(&self, key: &str, value: &TomlValue<'_>, why: &str) -> ConfigError {
        ConfigError::Value {
            key: key.to_owned(),
            found: self.source(value),
            origin: self.origin(value),
            why: why.to_owned(),
        }
    }

    fn at<T>(&self, key: &str, value: &TomlValue<'_>, read: T) -> ConfigValue<T> {
        ConfigValue {
            value: read,
            key: key.to_owned(),
            origin: self.origin(value),
        }
    }

    /// The value of a scalar key as text. The items of a list are separated by commas, as in a flag.
    pub(super) fn key(
        &self,
        key: &ConfigKey,
        value: &TomlValue<'_>,
    ) -> Result<ConfigValue<String>, ConfigError> {
        if key.is_list {
            let items = self.texts(key.name, value)?;
            let items: Vec<String> = items.into_iter().map(|item| item.value).collect();
            return Ok(self.at(key.name, value, items.join(",")));
        }
        match scalar(value.get_ref()) {
            Some(text) => Ok(self.at(key.name, value, text)),
            None => Err(self.refuse(key.name, value, &format!("expected {}", key.value_name))),
        }
    }

    pub(super) fn text(
        &self,
        key: &str,
        value: &TomlValue<'_>,
    ) -> Result<ConfigValue<String>, ConfigError> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(self.at(key, value, text.to_string())),
            _ => Err(self.refuse(key, value, "expected a string in quotes that is not empty")),
        }
    }

    /// Strings, at least one. A single string needs no brackets.
    pub(super) fn texts(
        &self,
        key: &str,
        value: &TomlValue<'_>,
    ) -> Result<Vec<ConfigValue<String>>, ConfigError> {
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() => {
                Err(self.refuse(key, value, "expected at least one string"))
            }
            DeValue::Array(items) => items.iter().map(|item| self.text(key, item)).collect(),
            _ => Ok(vec![self.text(key, value)?]),
        }
    }

    /// An array of tables, each under `[[name]]`.
    pub(super) fn tables(
        &self,
        name: &'static str,
        value: &'a TomlValue<'a>,
        keys: &[&'static str],
    ) -> Result<Vec<TomlTable<'a>>, ConfigError> {
        let DeValue::Array(tables) = value.get_ref() else {
            let why = format!("expected tables, each under [[{name}]]");
            return Err(self.refuse(name, value, &why));
        };
        let tables = tables.iter();
        tables
            .map(|table| TomlTable::open(*self, name, table, keys))
            .collect()
    }
}

/// A TOML table of the file.
#[derive(Debug)]
pub(super) struct TomlTable<'a> {
    file: ConfigFile<'a>,
    name: String,
    entries: &'a DeTable<'a>,
    pub(super) origin: ValueOrigin,
}

impl<'a> TomlTable<'a> {
    /// Opens a table and checks that it has only these keys.
    fn open(
        file: ConfigFile<'a>,
        name: &str,
        value: &'a TomlValue<'a>,
        keys: &[&'static str],
    ) -> Result<Self, ConfigError> {
        let table = Self::open_any(file, name, value)?;
        let unknown = |key: &&Spanned<_>| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            !keys.contains(&key.as_ref())
        };
        match table.entries.keys().find(unknown) {
            None => Ok(table),
            Some(key) => Err(ConfigError::UnknownKey {
                key: format!("{name}.{}", key.get_ref()),
                origin: file.origin(key),
                known: keys.to_vec(),
            }),
        }
    }

    /// Opens a table with arbitrary keys.
    fn open_any(
        file: ConfigFile<'a>,
        name: &str,
        value: &'a TomlValue<'a>,
    ) -> Result<Self, ConfigError> {
        let DeValue::Table(entries) = value.get_ref() else {
            return Err(file.refuse(name, value, "expected a table"));
        };
        Ok(TomlTable {
            file,
            name: name.to_owned(),
            entries,
            origin: file.origin(value),
        })
    }

    fn get(&self, key: &str) -> Option<(String, &'a TomlValue<'a>)> {
        let value = self.entries.get(key)?;
        Some((self.dotted(key), value))
    }

    pub(super) fn dotted(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    /// The entries of a table with arbitrary keys: key, dotted key and value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, String, &'a TomlValue<'a>)> {
        self.entries.iter().map(|(key, value)| {
            let key = key.get_ref().as_ref();
            (key, self.dotted(key), value)
        })
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<ConfigValue<String>>, ConfigError> {
        let value = self.get(key);
        value
            .map(|(key, value)| self.file.text(&key, value))
            .transpose()
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<ConfigValue<String>>>, ConfigError> {
        let value = self.get(key);
        value
            .map(|(key, value)| self.file.texts(&key, value))
            .transpose()
    }

    /// Strings. The list may be empty.
    pub(super) fn texts_or_none(
        &self,
        key: &str,
    ) -> Result<Option<Vec<ConfigValue<String>>>, ConfigError> {
        match self.get(key) {
            Some((_, value)) if value.get_ref().as_array().is_some_and(|it| it.is_empty()) => {
                Ok(Some(Vec::new()))
            }
            Some(_) | None => self.texts(key),
        }
    }

    /// The strings, or the default if the key is missing.
    pub(super) fn texts_or(
        &self,
        key: &str,
        default: &[&str],
    ) -> Result<Vec<ConfigValue<String>>, ConfigError> {
        let found = self.texts(key)?;
        Ok(found.unwrap_or_else(|| {
            let default = default.iter();
            default
                .map(|text| ConfigValue::default(&self.dotted(key), (*text).to_owned()))
                .collect()
        }))
    }

    /// A path, relative to the folder of the file.
    pub(super) fn path(&self, key: &str) -> Result<Option<ConfigValue<PathBuf>>, ConfigError> {
        let folder = self.file.path.parent().unwrap_or(Path::new(""));
        let text = self.text(key)?;
        Ok(text.map(|text| text.map(|path| folder.join(path))))
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Result<ConfigValue<bool>, ConfigError> {
        let Some((key, value)) = self.get(key) else {
            return Ok(ConfigValue::default(&self.dotted(key), default));
        };
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(self.file.at(&key, value, *flag)),
            _ => Err(self.file.refuse(&key, value, "expected true or false")),
        }
    }

    pub(super) fn optional_flag(
        &self,
        key: &str,
    ) -> Result<Option<ConfigValue<bool>>, ConfigError> {
        match self.get(key) {
            Some(_) => self.flag(key, false).map(Some),
            None => Ok(None),
        }
    }

    /// User ids, at least one.
    pub(super) fn uids(&self, key: &str) -> Result<Option<Vec<ConfigValue<u32>>>, ConfigError> {
        let Some((key, value)) = self.get(key) else {
            return Ok(None);
        };
        let expected = || {
            let why = "expected a list of user ids such as [101]";
            self.file.refuse(&key, value, why)
        };
        let DeValue::Array(items) = value.get_ref() else {
            return Err(expected());
        };
        let uids = items.iter().map(|item| {
            let uid = scalar(item.get_ref())?.parse().ok()?;
            Some(self.file.at(&key, item, uid))
        });
        let uids = uids.collect::<Option<Vec<_>>>();
        let uids = uids.filter(|uids| !uids.is_empty()).ok_or_else(expected)?;
        Ok(Some(uids))
    }

    /// A nested table with only these keys.
    pub(super) fn table(
        &self,
        key: &str,
        keys: &[&'static str],
    ) -> Result<Option<TomlTable<'a>>, ConfigError> {
        let value = self.get(key);
        value
            .map(|(key, value)| TomlTable::open(self.file, &key, value, keys))
            .transpose()
    }

    /// A nested table with arbitrary keys.
    pub(super) fn open_table(&self, key: &str) -> Result<Option<TomlTable<'a>>, ConfigError> {
        let value = self.get(key);
        value
            .map(|(key, value)| TomlTable::open_any(self.file, &key, value))
            .transpose()
    }

    /// A value of a table with arbitrary keys, as a string.
    pub(super) fn inner_text(
        &self,
        key: &str,
        value: &TomlValue<'_>,
    ) -> Result<ConfigValue<String>, ConfigError> {
        self.file.text(key, value)
    }

    /// A value of a table with arbitrary keys, as a table with only these keys, if it is a table.
    pub(super) fn inner(
        &self,
        key: &str,
        value: &'a TomlValue<'a>,
        keys: &[&'static str],
    ) -> Result<Option<TomlTable<'a>>, ConfigError> {
        match value.get_ref() {
            DeValue::Table(_) => TomlTable::open(self.file, key, value, keys).map(Some),
            _ => Ok(None),
        }
    }

    /// A scalar with its TOML type.
    pub(super) fn scalar(&self, key: &str) -> Result<Option<ConfigValue<TomlScalar>>, ConfigError> {
        let Some((key, value)) = self.get(key) else {
            return Ok(None);
        };
        let read = match value.get_ref() {
            DeValue::String(text) => Some(TomlScalar::Text(text.to_string())),
            DeValue::Boolean(flag) => Some(TomlScalar::Flag(*flag)),
            DeValue::Integer(_) => scalar(value.get_ref())
                .and_then(|text| text.parse().ok())
                .map(TomlScalar::Number),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                None
            }
        };
        let read = read.ok_or_else(|| {
            let why = "expected a string in quotes, a whole number, true or false";
            self.file.refuse(&key, value, why)
        })?;
        Ok(Some(self.file.at(&key, value, read)))
    }

    /// The `assume` table: scalars as text.
    pub(super) fn assume(&self) -> Result<Vec<Assumption>, ConfigError> {
        let Some(table) = self.open_table("assume")? else {
            return Ok(Vec::new());
        };
        let facts = table.entries().map(|(fact, key, value)| {
            let text = scalar(value.get_ref()).ok_or_else(|| {
                let why = "expected a string in quotes, true or false";
                self.file.refuse(&key, value, why)
            })?;
            Ok(Assumption {
                fact: fact.to_owned(),
                value: self.file.at(&key, value, text),
            })
        });
        facts.collect()
    }

    /// The error of a missing key.
    pub(super) fn missing(&self, key: &'static str, expected: &'static str) -> ConfigError {
        ConfigError::Missing {
            table: self.name.clone(),
            origin: self.origin.clone(),
            key,
            expected,
        }
    }

    /// The error of keys that contradict each other.
    pub(super) fn incompatible(&self, found: &str, expected: &'static str) -> ConfigError {
        ConfigError::Incompatible {
            table: self.name.clone(),
            origin: self.origin.clone(),
            found: found.to_owned(),
            expected,
        }
    }
}

/// A scalar with its TOML type, to be compared with a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TomlScalar {
    /// `"mfa"`
    Text(String),
    /// `1`
    Number(i64),
    /// `true`
    Flag(bool),
}

/// A scalar as text; whole numbers as decimal digits.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
