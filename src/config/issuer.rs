//! `[[issuer]]`: a trusted issuer of tokens.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::ConfigError;
use super::file::{ConfigFile, TomlScalar, TomlTable};
use super::value::{ConfigValue, EffectiveValue, ValueOrigin, list_value, path_value};

/// An `[[issuer]]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The first line of the table.
    pub origin: ValueOrigin,
    /// The name in logs and metrics; the issuer itself if the file sets none.
    pub name: ConfigValue<String>,
    /// `entra-v1`, `entra-v2`, `okta` or `keycloak`.
    pub preset: ConfigValue<String>,
    /// The `iss` of its tokens.
    pub issuer: ConfigValue<String>,
    /// The accepted `aud` values; at least one.
    pub audiences: Vec<ConfigValue<String>>,
    /// The tenants that it may issue tokens for.
    pub tenants: TenantsConfig,
    /// The accepted signature algorithms.
    pub algorithms: Vec<ConfigValue<String>>,
    /// The accepted `typ` values.
    pub types: Vec<ConfigValue<String>>,
    /// The source of its keys.
    pub keys: KeySourceConfig,
    /// `always` or `sometimes`.
    pub groups: ConfigValue<String>,
    /// The same for roles.
    pub roles: ConfigValue<String>,
    /// Claim rules that replace those of the preset.
    pub claims: Vec<ClaimRuleConfig>,
    /// Whether a token needs the mark of its preset's access tokens.
    pub access_token_mark: ConfigValue<bool>,
}

/// `tenants` or `tenant`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantsConfig {
    /// `tenants = "any"`
    Any(ConfigValue<String>),
    /// `tenants = ["…"]`, at least one.
    Listed(Vec<ConfigValue<String>>),
    /// `tenant = "…"`: the issuer has no tenants.
    Fixed(ConfigValue<String>),
}

/// `keys`, `keys_url` or `discovery`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySourceConfig {
    /// A JWKS file.
    File(ConfigValue<PathBuf>),
    /// The URL of a JWKS document.
    Url(ConfigValue<String>),
    /// The URL of a discovery document.
    Discovery(ConfigValue<String>),
}

/// A line of `[issuer.claims]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRuleConfig {
    /// The field, with its line.
    pub field: ConfigValue<String>,
    /// The claim.
    pub claim: ConfigValue<String>,
    /// How the value is mapped.
    pub mapping: ValueMappingConfig,
}

/// How a claim's value is mapped to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueMappingConfig {
    /// Unchanged.
    AsIs,
    /// True if the claim equals this value, or is a list that contains it.
    Contains(TomlScalar),
    /// True if the claim equals this value.
    Equals(TomlScalar),
    /// Values of the claim and the values that replace them.
    Values(Vec<(String, String)>),
}

const KEYS: &[&str] = &[
    "name",
    "preset",
    "issuer",
    "audiences",
    "tenants",
    "tenant",
    "algorithms",
    "types",
    "keys",
    "keys_url",
    "discovery",
    "groups",
    "roles",
    "claims",
    "access_token_mark",
];

const CLAIM_KEYS: &[&str] = &["claim", "contains", "equals", "values"];

pub(super) fn read<'a>(
    file: ConfigFile<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<IssuerConfig>, ConfigError> {
    let tables = file.tables("issuer", value, KEYS)?;
    tables.iter().map(issuer).collect()
}

fn issuer(table: &TomlTable<'_>) -> Result<IssuerConfig, ConfigError> {
    let issuer = table
        .text("issuer")?
        .ok_or_else(|| table.missing("issuer", "the `iss` of its tokens"))?;
    let name = ConfigValue {
        key: table.dotted("name"),
        ..issuer.clone()
    };
    Ok(IssuerConfig {
        origin: table.origin.clone(),
        name: table.text("name")?.unwrap_or(name),
        preset: table
            .text("preset")?
            .ok_or_else(|| table.missing("preset", "one of entra-v1, entra-v2, okta, keycloak"))?,
        issuer,
        audiences: table.texts("audiences")?.ok_or_else(|| {
            table.missing(
                "audiences",
                "the `aud` values of tokens for your applications",
            )
        })?,
        tenants: tenants(table)?,
        algorithms: table.texts_or("algorithms", &["RS256"])?,
        types: table.texts_or("types", &["JWT", "at+jwt"])?,
        keys: keys(table)?,
        groups: emitted(table, "groups")?,
        roles: emitted(table, "roles")?,
        claims: claims(table)?,
        access_token_mark: table.flag("access_token_mark", true)?,
    })
}

fn tenants(table: &TomlTable<'_>) -> Result<TenantsConfig, ConfigError> {
    let expected = "either `tenants` (a list of tenant ids, or \"any\") or `tenant` (an issuer whose tokens \
                    have no `tid`)";
    match (table.texts("tenants")?, table.text("tenant")?) {
        (None, None) => Err(table.incompatible("neither `tenants` nor `tenant`", expected)),
        (Some(_), Some(_)) => Err(table.incompatible("both `tenants` and `tenant`", expected)),
        (None, Some(tenant)) => Ok(TenantsConfig::Fixed(tenant)),
        (Some(tenants), None) => match tenants.as_slice() {
            [one] if one.value == "any" => Ok(TenantsConfig::Any(one.clone())),
            _ => Ok(TenantsConfig::Listed(tenants)),
        },
    }
}

fn keys(table: &TomlTable<'_>) -> Result<KeySourceConfig, ConfigError> {
    let found = [
        ("`keys`", table.path("keys")?.map(KeySourceConfig::File)),
        (
            "`keys_url`",
            table.text("keys_url")?.map(KeySourceConfig::Url),
        ),
        (
            "`discovery`",
            table.text("discovery")?.map(KeySourceConfig::Discovery),
        ),
    ];
    let mut found = found
        .into_iter()
        .filter_map(|(name, keys)| Some((name, keys?)));
    let expected = "exactly one of `keys` (a file), `keys_url` and `discovery` (URLs)";
    match (found.next(), found.next()) {
        (Some((_, keys)), None) => Ok(keys),
        (Some((one, _)), Some((another, _))) => {
            Err(table.incompatible(&format!("{one} and {another}"), expected))
        }
        (None, _) => {
            Err(table.incompatible("none of `keys`, `keys_url` and `discovery`", expected))
        }
    }
}

fn emitted(table: &TomlTable<'_>, key: &str) -> Result<ConfigValue<String>, ConfigError> {
    let found = table.text(key)?;
    Ok(found.unwrap_or_else(|| ConfigValue::default(&table.dotted(key), "sometimes".to_owned())))
}

fn claims(table: &TomlTable<'_>) -> Result<Vec<ClaimRuleConfig>, ConfigError> {
    let Some(claims) = table.open_table("claims")? else {
        return Ok(Vec::new());
    };
    let rules = claims.entries().map(|(field, key, value)| {
        let Some(rule) = claims.inner(&key, value, CLAIM_KEYS)? else {
            let claim = claims.inner_text(&key, value)?;
            return Ok(ClaimRuleConfig {
                field: claim.clone().map(|_| field.to_owned()),
                claim,
                mapping: ValueMappingConfig::AsIs,
            });
        };
        let claim = rule
            .text("claim")?
            .ok_or_else(|| rule.missing("claim", "the name of a claim"))?;
        Ok(ClaimRuleConfig {
            field: ConfigValue {
                value: field.to_owned(),
                key,
                origin: rule.origin.clone(),
            },
            claim,
            mapping: value_mapping(&rule)?,
        })
    });
    rules.collect()
}

fn value_mapping(rule: &TomlTable<'_>) -> Result<ValueMappingConfig, ConfigError> {
    let contains = rule.scalar("contains")?;
    let equals = rule.scalar("equals")?;
    let values = rule.open_table("values")?;
    match (contains, equals, values) {
        (None, None, None) => Ok(ValueMappingConfig::AsIs),
        (Some(value), None, None) => Ok(ValueMappingConfig::Contains(value.value)),
        (None, Some(value), None) => Ok(ValueMappingConfig::Equals(value.value)),
        (None, None, Some(table)) => {
            let words = table.entries().map(|(word, key, value)| {
                Ok((word.to_owned(), table.inner_text(&key, value)?.value))
            });
            Ok(ValueMappingConfig::Values(words.collect::<Result<_, _>>()?))
        }
        _ => Err(rule.incompatible(
            "more than one of `contains`, `equals`, `values`",
            "at most one of them",
        )),
    }
}

impl IssuerConfig {
    /// The lines of `--print-config`.
    pub(super) fn effective_values(&self) -> Vec<EffectiveValue> {
        let tenants = match &self.tenants {
            TenantsConfig::Any(one) | TenantsConfig::Fixed(one) => Some(one.effective_value()),
            TenantsConfig::Listed(tenants) => list_value(tenants),
        };
        let keys = match &self.keys {
            KeySourceConfig::File(path) => path_value(path),
            KeySourceConfig::Url(url) | KeySourceConfig::Discovery(url) => url.effective_value(),
        };
        let lines = [
            Some(self.name.effective_value()),
            Some(self.preset.effective_value()),
            Some(self.issuer.effective_value()),
            list_value(&self.audiences),
            tenants,
            list_value(&self.algorithms),
            list_value(&self.types),
            Some(keys),
            Some(self.groups.effective_value()),
            Some(self.roles.effective_value()),
            Some(self.access_token_mark.effective_value()),
        ];
        let claims = self.claims.iter().map(ClaimRuleConfig::effective_value);
        lines.into_iter().flatten().chain(claims).collect()
    }
}

impl ClaimRuleConfig {
    fn effective_value(&self) -> EffectiveValue {
        let scalar = |value: &TomlScalar| match value {
            TomlScalar::Text(text) => format!("\"{text}\""),
            TomlScalar::Number(number) => number.to_string(),
            TomlScalar::Flag(flag) => flag.to_string(),
        };
        let claim = &self.claim.value;
        let value = match &self.mapping {
            ValueMappingConfig::AsIs => claim.clone(),
            ValueMappingConfig::Contains(value) => format!("{claim} contains {}", scalar(value)),
            ValueMappingConfig::Equals(value) => format!("{claim} equals {}", scalar(value)),
            ValueMappingConfig::Values(words) => {
                let words = words.iter().map(|(from, to)| format!("{from}: {to}"));
                format!("{claim} ({})", words.collect::<Vec<_>>().join(", "))
            }
        };
        EffectiveValue {
            value,
            ..self.field.effective_value()
        }
    }
}
