//! `[[issuer]]` tables and `[keys]` → trusted issuers, and how their key sets are fetched.

use std::collections::HashMap;

use anyhow::Context as _;
use url::Url;

use crate::config::{
    ClaimRuleConfig, Config, ConfigError, ConfigValue, IssuerConfig, KeySourceConfig,
    TenantsConfig, TomlScalar, ValueMappingConfig,
};
use crate::id::TenantId;
use crate::identity::follow::{FollowOptions, KeySetFollower};
use crate::identity::{
    Algorithm, ClaimMap, ClaimRule, ClaimValue, Emitted, Issuer, KeySource, MarkRequirement,
    Preset, Tenants, TokenLimits, TrustedIssuers, ValueMapping,
};

/// The trusted issuers.
pub(super) fn trust(config: &Config) -> Result<TrustedIssuers, ConfigError> {
    refuse_duplicates(&config.issuers)?;
    let issuers = config.issuers.iter().map(issuer);
    Ok(TrustedIssuers {
        issuers: issuers.collect::<Result<_, _>>()?,
    })
}

/// A token is checked only against the first issuer that has its `iss`, so a second one would never apply. Issuers with
/// `{tenantid}` are few, so each later issuer is compared with all of them.
fn refuse_duplicates(issuers: &[IssuerConfig]) -> Result<(), ConfigError> {
    let mut exact: HashMap<&str, &ConfigValue<String>> = HashMap::new();
    let mut templates: Vec<(&str, &str, &ConfigValue<String>)> = Vec::new();
    for later in issuers.iter().map(|table| &table.issuer) {
        let text = later.value.as_str();
        let of_template = || {
            let mut templates = templates.iter();
            let found = templates.find(|(before, after, _)| is_tenant_of(before, after, text));
            found.map(|(_, _, first)| *first)
        };
        if let Some(first) = exact.get(text).copied().or_else(of_template) {
            return Err(ConfigError::Duplicate {
                key: later.key.clone(),
                found: later.value.clone(),
                origin: later.origin.clone(),
                first: first.origin.clone(),
            });
        }
        exact.insert(text, later);
        if let Some((before, after)) = text.split_once("{tenantid}") {
            templates.push((before, after, later));
        }
    }
    Ok(())
}

/// Whether an issuer is the template `{before}{tenantid}{after}` with some tenant's id.
fn is_tenant_of(before: &str, after: &str, issuer: &str) -> bool {
    let rest = issuer.strip_prefix(before);
    let tenant = rest.and_then(|rest| rest.strip_suffix(after));
    tenant.is_some_and(|tenant| tenant.parse::<TenantId>().is_ok())
}

/// The limits on a token's size and lifetime.
pub(super) fn limits(config: &Config) -> Result<TokenLimits, ConfigError> {
    Ok(TokenLimits {
        bytes: config.number("limits.token_bytes")?,
        lifetime: config.seconds("limits.token_lifetime")?,
    })
}

/// Reports errors in the settings of key sets, before anything is started or written.
pub(super) fn check_keys(config: &Config) -> anyhow::Result<()> {
    let (trust, options) = (trust(config)?, following(config)?);
    KeySetFollower::check(&trust, &options).context("cannot fetch the key sets of issuers")
}

/// How key sets are fetched and watched.
pub(super) fn following(config: &Config) -> Result<FollowOptions, ConfigError> {
    Ok(FollowOptions {
        refresh: config.seconds("keys.refresh")?,
        max_stale: config.seconds("keys.max_stale")?,
        rescan: config.seconds("reload.rescan")?,
        origins: config.list("keys.origins"),
        ca: config.path("keys.ca"),
        ..FollowOptions::default()
    })
}

fn issuer(table: &IssuerConfig) -> Result<Issuer, ConfigError> {
    let emitted = [
        ("always", Emitted::Always),
        ("sometimes", Emitted::Sometimes),
    ];
    Ok(Issuer {
        name: table.name.value.clone(),
        iss: table.issuer.read()?,
        audiences: texts(&table.audiences),
        tenants: tenants(&table.tenants)?,
        algorithms: table
            .algorithms
            .iter()
            .map(ConfigValue::read::<Algorithm>)
            .collect::<Result<_, _>>()?,
        types: texts(&table.types),
        keys: key_source(&table.keys)?,
        groups: table.groups.one_of(&emitted)?,
        roles: table.roles.one_of(&emitted)?,
        claims: claims(table)?,
        access_token_mark: if table.access_token_mark.value {
            MarkRequirement::Required
        } else {
            MarkRequirement::Ignored
        },
    })
}

fn texts(items: &[ConfigValue<String>]) -> Vec<String> {
    items.iter().map(|item| item.value.clone()).collect()
}

fn tenants(table: &TenantsConfig) -> Result<Tenants, ConfigError> {
    Ok(match table {
        TenantsConfig::Any(_) => Tenants::Any,
        TenantsConfig::Fixed(tenant) => Tenants::Fixed(tenant.read()?),
        TenantsConfig::Listed(tenants) => {
            let tenants = tenants.iter().map(ConfigValue::read);
            Tenants::Listed(tenants.collect::<Result<_, _>>()?)
        }
    })
}

fn key_source(table: &KeySourceConfig) -> Result<KeySource, ConfigError> {
    Ok(match table {
        KeySourceConfig::File(path) => KeySource::File(path.value.clone()),
        KeySourceConfig::Url(url) => KeySource::Url(http_url(url)?),
        KeySourceConfig::Discovery(url) => KeySource::Discovery(http_url(url)?),
    })
}

fn http_url(text: &ConfigValue<String>) -> Result<Url, ConfigError> {
    let url: Result<Url, _> = text.value.parse();
    if let Ok(url) = &url
        && (!url.username().is_empty() || url.password().is_some())
    {
        // The value may contain a secret, so the error does not repeat it.
        let hidden = ConfigValue {
            value: "…".to_owned(),
            ..text.clone()
        };
        return Err(hidden.refuse("expected a URL without user and password"));
    }
    let is_http = |url: &Url| matches!(url.scheme(), "https" | "http") && url.has_host();
    url.ok()
        .filter(is_http)
        .ok_or_else(|| text.refuse("expected a URL that begins with https://"))
}

fn claims(table: &IssuerConfig) -> Result<ClaimMap, ConfigError> {
    let mut map = ClaimMap::from_preset(table.preset.read::<Preset>()?);
    for ClaimRuleConfig {
        field,
        claim,
        mapping,
    } in &table.claims
    {
        let rule = ClaimRule {
            claim: claim.value.clone(),
            mapping: value_mapping(mapping),
        };
        let misfit = map.set(field.read()?, rule);
        misfit.map_err(|misfit| claim.refuse(misfit))?;
    }
    Ok(map)
}

fn value_mapping(table: &ValueMappingConfig) -> ValueMapping {
    match table {
        ValueMappingConfig::AsIs => ValueMapping::AsIs,
        ValueMappingConfig::Contains(value) => ValueMapping::Contains(scalar(value)),
        ValueMappingConfig::Equals(value) => ValueMapping::Equals(scalar(value)),
        ValueMappingConfig::Values(words) => ValueMapping::Values(words.iter().cloned().collect()),
    }
}

fn scalar(value: &TomlScalar) -> ClaimValue {
    match value {
        TomlScalar::Text(text) => ClaimValue::Text(text.clone()),
        TomlScalar::Number(number) => ClaimValue::Integer(*number),
        TomlScalar::Flag(flag) => ClaimValue::Bool(*flag),
    }
}
