//! `[[issuer]]`: whose tokens are believed.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::ConfigError;
use super::file::{File, Scalar, Table};
use super::value::{At, Origin, Shown, shown_list, shown_path};

/// An issuer as the file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerTable {
    /// Where it begins.
    pub origin: Origin,
    /// For logs; the issuer itself where the file does not say.
    pub name: At<String>,
    /// `entra-v1`, `entra-v2`, `okta` or `keycloak`.
    pub preset: At<String>,
    /// The `iss` of its tokens.
    pub issuer: At<String>,
    /// The `aud` values that are meant for us; at least one.
    pub audiences: Vec<At<String>>,
    /// The tenants that it may speak for.
    pub tenants: TenantsTable,
    /// The signatures that are accepted.
    pub algorithms: Vec<At<String>>,
    /// The `typ` values that are accepted.
    pub types: Vec<At<String>>,
    /// Where its keys are.
    pub keys: KeysTable,
    /// `always` or `sometimes`.
    pub groups: At<String>,
    /// The same for roles.
    pub roles: At<String>,
    /// What is read otherwise than the preset reads it.
    pub claims: Vec<ClaimTable>,
    /// Whether a token must have the mark of its preset's access tokens.
    pub access_token_mark: At<bool>,
}

/// `tenants` or `tenant`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantsTable {
    /// `tenants = "any"`
    Any(At<String>),
    /// `tenants = ["…"]`, at least one.
    Listed(Vec<At<String>>),
    /// `tenant = "…"`: the issuer knows no tenants.
    Fixed(At<String>),
}

/// `keys`, `keys_url` or `discovery`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysTable {
    /// A JWKS file.
    File(At<PathBuf>),
    /// A JWKS document behind a URL.
    Url(At<String>),
    /// A discovery document.
    Discovery(At<String>),
}

/// A line of `[issuer.claims]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimTable {
    /// What is read, with its line.
    pub field: At<String>,
    /// The claim that it is read from.
    pub claim: At<String>,
    /// How.
    pub read: ReadTable,
}

/// How a claim is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadTable {
    /// As it is.
    Take,
    /// True if the claim is this, or a list with it.
    Contains(Scalar),
    /// True if the claim is this.
    Equals(Scalar),
    /// Its words in ours.
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
    file: File<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<IssuerTable>, ConfigError> {
    let tables = file.tables("issuer", value, KEYS)?;
    tables.iter().map(issuer).collect()
}

fn issuer(table: &Table<'_>) -> Result<IssuerTable, ConfigError> {
    let issuer = table
        .text("issuer")?
        .ok_or_else(|| table.missing("issuer", "the `iss` of its tokens"))?;
    let name = At {
        key: table.dotted("name"),
        ..issuer.clone()
    };
    Ok(IssuerTable {
        origin: table.origin.clone(),
        name: table.text("name")?.unwrap_or(name),
        preset: table
            .text("preset")?
            .ok_or_else(|| table.missing("preset", "one of entra-v1, entra-v2, okta, keycloak"))?,
        issuer,
        audiences: table.texts("audiences")?.ok_or_else(|| {
            table.missing(
                "audiences",
                "the `aud` values of tokens that are meant for you",
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

fn tenants(table: &Table<'_>) -> Result<TenantsTable, ConfigError> {
    let expected = "either `tenants` (a list of tenant ids, or \"any\") or `tenant` (an issuer whose tokens \
                    have no `tid`)";
    match (table.texts("tenants")?, table.text("tenant")?) {
        (None, None) => Err(table.together("neither `tenants` nor `tenant`", expected)),
        (Some(_), Some(_)) => Err(table.together("both `tenants` and `tenant`", expected)),
        (None, Some(tenant)) => Ok(TenantsTable::Fixed(tenant)),
        (Some(tenants), None) => match tenants.as_slice() {
            [one] if one.value == "any" => Ok(TenantsTable::Any(one.clone())),
            _ => Ok(TenantsTable::Listed(tenants)),
        },
    }
}

fn keys(table: &Table<'_>) -> Result<KeysTable, ConfigError> {
    let found = [
        ("`keys`", table.path("keys")?.map(KeysTable::File)),
        ("`keys_url`", table.text("keys_url")?.map(KeysTable::Url)),
        (
            "`discovery`",
            table.text("discovery")?.map(KeysTable::Discovery),
        ),
    ];
    let mut found = found
        .into_iter()
        .filter_map(|(name, keys)| Some((name, keys?)));
    let expected =
        "exactly one of `keys` (a file), `keys_url` and `discovery` (addresses of its keys)";
    match (found.next(), found.next()) {
        (Some((_, keys)), None) => Ok(keys),
        (Some((one, _)), Some((another, _))) => {
            Err(table.together(&format!("{one} and {another}"), expected))
        }
        (None, _) => Err(table.together("none of its keys", expected)),
    }
}

fn emitted(table: &Table<'_>, key: &str) -> Result<At<String>, ConfigError> {
    let found = table.text(key)?;
    Ok(found.unwrap_or_else(|| At::default(&table.dotted(key), "sometimes".to_owned())))
}

fn claims(table: &Table<'_>) -> Result<Vec<ClaimTable>, ConfigError> {
    let Some(claims) = table.open_table("claims")? else {
        return Ok(Vec::new());
    };
    let rules = claims.entries().map(|(field, key, value)| {
        let Some(rule) = claims.inner(&key, value, CLAIM_KEYS)? else {
            let claim = claims.inner_text(&key, value)?;
            return Ok(ClaimTable {
                field: claim.clone().map(|_| field.to_owned()),
                claim,
                read: ReadTable::Take,
            });
        };
        let claim = rule
            .text("claim")?
            .ok_or_else(|| rule.missing("claim", "the name of a claim"))?;
        Ok(ClaimTable {
            field: At {
                value: field.to_owned(),
                key,
                origin: rule.origin.clone(),
            },
            claim,
            read: reading(&rule)?,
        })
    });
    rules.collect()
}

fn reading(rule: &Table<'_>) -> Result<ReadTable, ConfigError> {
    let contains = rule.scalar("contains")?;
    let equals = rule.scalar("equals")?;
    let values = rule.open_table("values")?;
    match (contains, equals, values) {
        (None, None, None) => Ok(ReadTable::Take),
        (Some(value), None, None) => Ok(ReadTable::Contains(value.value)),
        (None, Some(value), None) => Ok(ReadTable::Equals(value.value)),
        (None, None, Some(table)) => {
            let words = table.entries().map(|(word, key, value)| {
                Ok((word.to_owned(), table.inner_text(&key, value)?.value))
            });
            Ok(ReadTable::Values(words.collect::<Result<_, _>>()?))
        }
        _ => Err(rule.together(
            "more than one of them",
            "at most one of `contains`, `equals`, `values`",
        )),
    }
}

impl IssuerTable {
    /// Its lines of `--print-config`.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let tenants = match &self.tenants {
            TenantsTable::Any(one) | TenantsTable::Fixed(one) => Some(one.shown()),
            TenantsTable::Listed(tenants) => shown_list(tenants),
        };
        let keys = match &self.keys {
            KeysTable::File(path) => shown_path(path),
            KeysTable::Url(url) | KeysTable::Discovery(url) => url.shown(),
        };
        let lines = [
            Some(self.name.shown()),
            Some(self.preset.shown()),
            Some(self.issuer.shown()),
            shown_list(&self.audiences),
            tenants,
            shown_list(&self.algorithms),
            shown_list(&self.types),
            Some(keys),
            Some(self.groups.shown()),
            Some(self.roles.shown()),
            Some(self.access_token_mark.shown()),
        ];
        let claims = self.claims.iter().map(ClaimTable::shown);
        lines.into_iter().flatten().chain(claims).collect()
    }
}

impl ClaimTable {
    fn shown(&self) -> Shown {
        let scalar = |value: &Scalar| match value {
            Scalar::Text(text) => format!("\"{text}\""),
            Scalar::Number(number) => number.to_string(),
            Scalar::Flag(flag) => flag.to_string(),
        };
        let claim = &self.claim.value;
        let value = match &self.read {
            ReadTable::Take => claim.clone(),
            ReadTable::Contains(value) => format!("{claim} contains {}", scalar(value)),
            ReadTable::Equals(value) => format!("{claim} equals {}", scalar(value)),
            ReadTable::Values(words) => {
                let words = words.iter().map(|(word, ours)| format!("{word}: {ours}"));
                format!("{claim} ({})", words.collect::<Vec<_>>().join(", "))
            }
        };
        Shown {
            value,
            ..self.field.shown()
        }
    }
}
