//! `[[issuer]]` tables and `[keys]` → whom we believe, and how key sets are followed.

use std::collections::HashMap;

use anyhow::Context as _;
use url::Url;

use crate::config::{
    At, ClaimTable, Config, ConfigError, IssuerTable, KeysTable, ReadTable, Scalar as TomlScalar,
    TenantsTable,
};
use crate::id::TenantId;
use crate::identity::follow::{FollowOptions, Follower};
use crate::identity::{
    Algorithm, ClaimMap, Emitted, Issuer, KeySource, MarkNeeded, Preset, Read, Rule, Scalar,
    Tenants, TokenLimits, Trust,
};

/// Whom we believe.
pub(super) fn trust(config: &Config) -> Result<Trust, ConfigError> {
    refuse_twice(&config.issuers)?;
    let issuers = config.issuers.iter().map(issuer);
    Ok(Trust {
        issuers: issuers.collect::<Result<_, _>>()?,
    })
}

/// A token is checked against the first issuer of its `iss` alone, so a second one would never count. Issuers with
/// `{tenantid}` are few: only with those is each later one compared.
fn refuse_twice(issuers: &[IssuerTable]) -> Result<(), ConfigError> {
    let mut exact: HashMap<&str, &At<String>> = HashMap::new();
    let mut templates: Vec<(&str, &str, &At<String>)> = Vec::new();
    for later in issuers.iter().map(|table| &table.issuer) {
        let text = later.value.as_str();
        let of_template = || {
            let mut templates = templates.iter();
            let found = templates.find(|(before, after, _)| is_tenant_of(before, after, text));
            found.map(|(_, _, first)| *first)
        };
        if let Some(first) = exact.get(text).copied().or_else(of_template) {
            return Err(ConfigError::Twice {
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

/// Whether an issuer is one tenant of the template with this text before and after the tenant's id.
fn is_tenant_of(before: &str, after: &str, issuer: &str) -> bool {
    let rest = issuer.strip_prefix(before);
    let tenant = rest.and_then(|rest| rest.strip_suffix(after));
    tenant.is_some_and(|tenant| tenant.parse::<TenantId>().is_ok())
}

/// How large a token may be and how long it may live.
pub(super) fn limits(config: &Config) -> Result<TokenLimits, ConfigError> {
    Ok(TokenLimits {
        bytes: config.number("limits.token_bytes")?,
        lifetime: config.seconds("limits.token_lifetime")?,
    })
}

/// Finds what following the key sets would refuse, before anything is started or written.
pub(super) fn check_keys(config: &Config) -> anyhow::Result<()> {
    let (trust, options) = (trust(config)?, following(config)?);
    Follower::check(&trust, &options).context("cannot follow the key sets of issuers")
}

/// How key sets are followed.
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

fn issuer(table: &IssuerTable) -> Result<Issuer, ConfigError> {
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
            .map(At::read::<Algorithm>)
            .collect::<Result<_, _>>()?,
        types: texts(&table.types),
        keys: keys(&table.keys)?,
        groups: table.groups.one_of(&emitted)?,
        roles: table.roles.one_of(&emitted)?,
        claims: claims(table)?,
        access_token_mark: if table.access_token_mark.value {
            MarkNeeded::Required
        } else {
            MarkNeeded::Ignored
        },
    })
}

fn texts(items: &[At<String>]) -> Vec<String> {
    items.iter().map(|item| item.value.clone()).collect()
}

fn tenants(table: &TenantsTable) -> Result<Tenants, ConfigError> {
    Ok(match table {
        TenantsTable::Any(_) => Tenants::Any,
        TenantsTable::Fixed(tenant) => Tenants::Fixed(tenant.read()?),
        TenantsTable::Listed(tenants) => {
            let tenants = tenants.iter().map(At::read);
            Tenants::Listed(tenants.collect::<Result<_, _>>()?)
        }
    })
}

fn keys(table: &KeysTable) -> Result<KeySource, ConfigError> {
    Ok(match table {
        KeysTable::File(path) => KeySource::File(path.value.clone()),
        KeysTable::Url(url) => KeySource::Url(address(url)?),
        KeysTable::Discovery(url) => KeySource::Discovery(address(url)?),
    })
}

fn address(text: &At<String>) -> Result<Url, ConfigError> {
    let url: Result<Url, _> = text.value.parse();
    if let Ok(url) = &url
        && (!url.username().is_empty() || url.password().is_some())
    {
        // What is refused may be a secret: it is not repeated.
        let hidden = At {
            value: "…".to_owned(),
            ..text.clone()
        };
        return Err(hidden.refuse("expected an address without user and password"));
    }
    let is_one = |url: &Url| matches!(url.scheme(), "https" | "http") && url.has_host();
    url.ok()
        .filter(is_one)
        .ok_or_else(|| text.refuse("expected an address that begins with https://"))
}

fn claims(table: &IssuerTable) -> Result<ClaimMap, ConfigError> {
    let mut map = ClaimMap::preset(table.preset.read::<Preset>()?);
    for ClaimTable { field, claim, read } in &table.claims {
        let rule = Rule {
            claim: claim.value.clone(),
            read: reading(read),
        };
        let misfit = map.set(field.read()?, rule);
        misfit.map_err(|misfit| claim.refuse(misfit))?;
    }
    Ok(map)
}

fn reading(table: &ReadTable) -> Read {
    match table {
        ReadTable::Take => Read::Take,
        ReadTable::Contains(value) => Read::Contains(scalar(value)),
        ReadTable::Equals(value) => Read::Equals(scalar(value)),
        ReadTable::Values(words) => Read::Values(words.iter().cloned().collect()),
    }
}

fn scalar(value: &TomlScalar) -> Scalar {
    match value {
        TomlScalar::Text(text) => Scalar::Text(text.clone()),
        TomlScalar::Number(number) => Scalar::Integer(*number),
        TomlScalar::Flag(flag) => Scalar::Bool(*flag),
    }
}
