//! The checks of a token's claims: issuer, audience, tenant and time, all of one issuer. The same for a token that
//! is verified here and for claims that a gateway has verified.

use serde_json::{Map, Value};

use super::claims::{self, Numbers, Reading, Seconds};
use super::error::{TokenError, Told};
use super::mapping::Field;
use super::{
    Issuer, IssuerIndex, IssuerName, Key, MarkNeeded, Tenants, TokenLimits, Trust, Verified, home,
};
use crate::cache::protocol::Epoch;
use crate::id::{TenantId, parse_guid};
use crate::time::Timestamp;

/// Who signed, and how much is believed of it.
#[derive(Clone, Copy)]
pub(super) struct Vouched<'a> {
    pub index: IssuerIndex,
    pub issuer: &'a Issuer,
    /// The key, where the signature was checked here.
    pub key: Option<&'a Key>,
    pub under: Epoch,
}

/// The issuer that the claims name, whether or not it is the one who signed them. Where the configuration names one
/// twice, the first: a token has to fit it in everything, and never the second in the rest.
pub(super) fn issuer_named<'a>(
    trust: &'a Trust,
    claims: &Map<String, Value>,
) -> Result<(IssuerIndex, &'a Issuer), TokenError> {
    let iss = iss_of(claims)?;
    let mut issuers = trust.issuers.iter().enumerate();
    issuers
        .find(|(_, issuer)| can_be(&issuer.iss, iss))
        .map(|(index, issuer)| (IssuerIndex(index), issuer))
        .ok_or_else(|| TokenError::UnknownIssuer(Told::of(iss)))
}

/// Checks all but the signature.
pub(super) fn check(
    claims: &Map<String, Value>,
    vouched: Vouched<'_>,
    numbers: Numbers,
    limits: TokenLimits,
    now: Timestamp,
) -> Result<Verified, TokenError> {
    let issuer = vouched.issuer;
    let reading = Reading {
        claims,
        map: &issuer.claims,
        numbers,
    };
    is_for_access(claims, issuer)?;
    let audiences = audiences(claims, issuer)?;
    let iss = iss_of(claims)?;
    let tenant = tenant(reading, issuer, iss)?;
    if let Some(bound_to) = vouched.key.and_then(Key::issuer) {
        is_bound(bound_to, iss, tenant)?;
    }
    let lifetime = lifetime(reading, limits, now)?;
    let facts = claims::facts(reading, issuer, lifetime.issued_at, lifetime.expires_at)?;
    Ok(Verified {
        issuer: vouched.index,
        audiences,
        who: home::who(reading, issuer, tenant),
        issuing_tenant: tenant.filter(|_| vouched.key.is_some() && issuer.is_of_one_tenant()),
        groups: facts.groups,
        roles: facts.roles,
        client_app: facts.client_app,
        claims: facts.claims,
        client_capabilities: facts.client_capabilities,
        external_user_type: facts.external_user_type,
        under: vouched.under,
    })
}

/// Tokens of one issuer and audience are of several kinds (RFC 8725 §3.12). `at_hash` and `c_hash` are an ID token's
/// (OpenID Connect Core 1.0 §3.3.2.11), Keycloak writes the kind as `typ`, and `cnf` (RFC 7800) wants a proof. An ID
/// token of the code flow has none of these, so an access token has to have its preset's mark.
fn is_for_access(claims: &Map<String, Value>, issuer: &Issuer) -> Result<(), TokenError> {
    let told = ["at_hash", "c_hash", "cnf"];
    if let Some(claim) = told.into_iter().find(|claim| claims.contains_key(*claim)) {
        return Err(TokenError::NotAnAccessToken(claim));
    }
    match claims.get("typ") {
        None => {}
        Some(kind) if *kind == "Bearer" => {}
        Some(_) => return Err(TokenError::NotAnAccessToken("typ")),
    }
    let mark = issuer.claims.began_as().access_token_mark();
    match issuer.access_token_mark {
        MarkNeeded::Required if !mark.is_in(claims) => {
            Err(TokenError::NoAccessTokenMark(mark.shown()))
        }
        MarkNeeded::Required | MarkNeeded::Ignored => Ok(()),
    }
}

fn iss_of(claims: &Map<String, Value>) -> Result<&str, TokenError> {
    let iss = claims.get("iss").and_then(Value::as_str);
    iss.ok_or(TokenError::NoIssuer)
}

/// Whether this can be the issuer's `iss`, for some tenant.
fn can_be(name: &IssuerName, iss: &str) -> bool {
    match name {
        IssuerName::Exact(exact) => exact == iss,
        IssuerName::PerTenant { before, after } => iss
            .strip_prefix(before.as_str())
            .and_then(|rest| rest.strip_suffix(after.as_str()))
            .is_some_and(|tenant| {
                parse_guid(tenant).is_ok_and(|id| TenantId(id).to_string() == tenant)
            }),
    }
}

/// Those of the token's audiences that are configured for the issuer.
fn audiences(claims: &Map<String, Value>, issuer: &Issuer) -> Result<Vec<String>, TokenError> {
    let named = match claims.get("aud") {
        None => return Err(TokenError::Missing("aud")),
        Some(Value::Array(list)) if (1..=MOST_AUDIENCES).contains(&list.len()) => list.as_slice(),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(_) => return Err(TokenError::BadAudience),
    };
    let mut ours = Vec::new();
    for one in named {
        let Value::String(audience) = one else {
            return Err(TokenError::BadAudience);
        };
        if issuer.audiences.contains(audience) && !ours.contains(audience) {
            ours.push(audience.clone());
        }
    }
    if ours.is_empty() {
        return Err(TokenError::OtherAudience);
    }
    Ok(ours)
}

/// The tenant that the token is from, if it tells one: one that the issuer may speak for.
fn tenant(
    reading: Reading<'_>,
    issuer: &Issuer,
    iss: &str,
) -> Result<Option<TenantId>, TokenError> {
    let told = reading.id::<TenantId>(Field::Tenant);
    let tenant = match &issuer.tenants {
        Tenants::Fixed(fixed) => match told {
            Ok(None) => Some(*fixed),
            Ok(Some(told)) if told == *fixed => Some(*fixed),
            Ok(Some(_)) | Err(_) => return Err(TokenError::NotTheFixedTenant),
        },
        Tenants::Listed(listed) => match told.ok().flatten() {
            Some(told) if !listed.contains(&told) => return Err(TokenError::OtherTenant(told)),
            told => told,
        },
        Tenants::Any => told.ok().flatten(),
    };
    if let IssuerName::PerTenant { before, after } = &issuer.iss {
        let tenant = tenant.ok_or(TokenError::TenantNotOfIssuer)?;
        if iss != format!("{before}{tenant}{after}") {
            return Err(TokenError::TenantNotOfIssuer);
        }
    }
    Ok(tenant)
}

/// Entra's key sets name an issuer for each key. Without this, a key of the consumer service would sign for
/// organisations (CSRB, Review of the Summer 2023 Microsoft Exchange Online Intrusion).
fn is_bound(bound_to: &str, iss: &str, tenant: Option<TenantId>) -> Result<(), TokenError> {
    let is_same = match (bound_to.split_once("{tenantid}"), tenant) {
        (None, _) => bound_to == iss,
        (Some((before, after)), Some(tenant)) => iss == format!("{before}{tenant}{after}"),
        (Some(_), None) => false,
    };
    if is_same {
        Ok(())
    } else {
        Err(TokenError::KeyOfOtherIssuer)
    }
}

struct Lifetime {
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// No leeway at the end: an answer is good until then and no longer. That `iat` is not ahead is the decision's own
/// first stage, which knows when to ask again. It receives the second before a fraction, since revocations compare with
/// what was issued earlier, so the rest of that second is checked here.
fn lifetime(
    reading: Reading<'_>,
    limits: TokenLimits,
    now: Timestamp,
) -> Result<Lifetime, TokenError> {
    let time = |name: &'static str| -> Result<Option<Seconds>, TokenError> {
        let value = reading.claims.get(name);
        value.map(|value| reading.seconds(name, value)).transpose()
    };
    let expires_at = time("exp")?.ok_or(TokenError::Missing("exp"))?;
    let issued_at = time("iat")?.ok_or(TokenError::Missing("iat"))?;
    if expires_at.up > issued_at.down.plus(limits.lifetime) {
        let (end, start) = (expires_at.up.as_parts().0, issued_at.down.as_parts().0);
        return Err(TokenError::LivesTooLong {
            seconds: end.saturating_sub(start),
            most: limits.lifetime.as_secs(),
        });
    }
    let latest = now.plus(CLOCK_SKEW);
    if let Some(not_before) = time("nbf")?
        && not_before.up > latest
    {
        return Err(TokenError::NotYetValid(not_before.up));
    }
    if issued_at.down <= latest && issued_at.up > latest {
        return Err(TokenError::NotYetValid(issued_at.up));
    }
    if expires_at.down <= now {
        return Err(TokenError::Expired(expires_at.down));
    }
    Ok(Lifetime {
        issued_at: issued_at.down,
        expires_at: expires_at.down,
    })
}

/// More would be a token for everybody.
const MOST_AUDIENCES: usize = 8;
/// As in the decision's first stage (semantics §4).
const CLOCK_SKEW: std::time::Duration = std::time::Duration::from_secs(5 * 60);
