//! Checks a token's claims against one issuer: audience, tenant and time. The same checks apply to a token that is
//! verified here and to claims that a gateway has verified.

use serde_json::{Map, Value};

use super::claims::{self, AcceptedNumbers, ClaimReader, Seconds};
use super::error::{Excerpt, TokenError};
use super::mapping::Field;
use super::{
    Issuer, IssuerIndex, IssuerName, MarkRequirement, Tenants, TokenLimits, TrustedIssuers,
    VerificationKey, VerifiedToken, home,
};
use crate::cache::protocol::Epoch;
use crate::id::{TenantId, parse_guid};
use crate::time::Timestamp;

/// The issuer that signed, and the key that verified the signature.
#[derive(Clone, Copy)]
pub(super) struct TokenSigner<'a> {
    pub index: IssuerIndex,
    pub issuer: &'a Issuer,
    /// `None` if a gateway verified the signature.
    pub key: Option<&'a VerificationKey>,
    pub key_epoch: Epoch,
}

/// Finds the issuer of the claims' `iss`, which need not be the one that signed them. If two configured issuers match, the
/// first is used for every check.
pub(super) fn find_issuer<'a>(
    trust: &'a TrustedIssuers,
    claims: &Map<String, Value>,
) -> Result<(IssuerIndex, &'a Issuer), TokenError> {
    let iss = iss_of(claims)?;
    let mut issuers = trust.issuers.iter().enumerate();
    issuers
        .find(|(_, issuer)| matches_iss(&issuer.iss, iss))
        .map(|(index, issuer)| (IssuerIndex(index), issuer))
        .ok_or_else(|| TokenError::UnknownIssuer(Excerpt::of(iss)))
}

/// Checks everything except the signature.
pub(super) fn check(
    claims: &Map<String, Value>,
    signer: TokenSigner<'_>,
    numbers: AcceptedNumbers,
    limits: TokenLimits,
    now: Timestamp,
) -> Result<VerifiedToken, TokenError> {
    let issuer = signer.issuer;
    let reading = ClaimReader {
        claims,
        map: &issuer.claims,
        numbers,
    };
    check_access_token(claims, issuer)?;
    let audiences = audiences(claims, issuer)?;
    let iss = iss_of(claims)?;
    let tenant = tenant(reading, issuer, iss)?;
    if let Some(bound_to) = signer.key.and_then(VerificationKey::issuer) {
        check_key_issuer(bound_to, iss, tenant)?;
    }
    let lifetime = lifetime(reading, limits, now)?;
    let facts = claims::facts(reading, issuer, lifetime.issued_at, lifetime.expires_at)?;
    Ok(VerifiedToken {
        issuer: signer.index,
        audiences,
        subject: home::subject(reading, issuer, tenant),
        issuing_tenant: tenant.filter(|_| signer.key.is_some() && issuer.is_of_one_tenant()),
        groups: facts.groups,
        roles: facts.roles,
        client_app: facts.client_app,
        claims: facts.claims,
        client_capabilities: facts.client_capabilities,
        external_user_type: facts.external_user_type,
        key_epoch: signer.key_epoch,
    })
}

/// Refuses tokens of other kinds, which may have the same issuer and audience (RFC 8725 §3.12). `at_hash` and `c_hash`
/// occur in ID tokens (OpenID Connect Core 1.0 §3.3.2.11), Keycloak states the kind as `typ`, and `cnf` (RFC 7800) requires
/// a proof of possession. An ID token of the code flow has none of these, so an access token needs its preset's mark.
fn check_access_token(claims: &Map<String, Value>, issuer: &Issuer) -> Result<(), TokenError> {
    let forbidden = ["at_hash", "c_hash", "cnf"];
    if let Some(claim) = forbidden
        .into_iter()
        .find(|claim| claims.contains_key(*claim))
    {
        return Err(TokenError::NotAnAccessToken(claim));
    }
    match claims.get("typ") {
        None => {}
        Some(kind) if *kind == "Bearer" => {}
        Some(_) => return Err(TokenError::NotAnAccessToken("typ")),
    }
    let mark = issuer.claims.preset().access_token_mark();
    match issuer.access_token_mark {
        MarkRequirement::Required if !mark.is_in(claims) => {
            Err(TokenError::NoAccessTokenMark(mark.describe()))
        }
        MarkRequirement::Required | MarkRequirement::Ignored => Ok(()),
    }
}

fn iss_of(claims: &Map<String, Value>) -> Result<&str, TokenError> {
    let iss = claims.get("iss").and_then(Value::as_str);
    iss.ok_or(TokenError::NoIssuer)
}

/// Whether this is the issuer's `iss`, for any tenant.
fn matches_iss(name: &IssuerName, iss: &str) -> bool {
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

/// The token's audiences that are configured for the issuer.
fn audiences(claims: &Map<String, Value>, issuer: &Issuer) -> Result<Vec<String>, TokenError> {
    let named = match claims.get("aud") {
        None => return Err(TokenError::Missing("aud")),
        Some(Value::Array(list)) if (1..=MAX_AUDIENCES).contains(&list.len()) => list.as_slice(),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(_) => return Err(TokenError::BadAudience),
    };
    let mut accepted = Vec::new();
    for one in named {
        let Value::String(audience) = one else {
            return Err(TokenError::BadAudience);
        };
        if issuer.audiences.contains(audience) && !accepted.contains(audience) {
            accepted.push(audience.clone());
        }
    }
    if accepted.is_empty() {
        return Err(TokenError::OtherAudience);
    }
    Ok(accepted)
}

/// The tenant that the token states, if any. It must be a tenant of the issuer.
fn tenant(
    reading: ClaimReader<'_>,
    issuer: &Issuer,
    iss: &str,
) -> Result<Option<TenantId>, TokenError> {
    let claimed = reading.id::<TenantId>(Field::Tenant);
    let tenant = match &issuer.tenants {
        Tenants::Fixed(fixed) => match claimed {
            Ok(None) => Some(*fixed),
            Ok(Some(tenant)) if tenant == *fixed => Some(*fixed),
            Ok(Some(_)) | Err(_) => return Err(TokenError::NotTheFixedTenant),
        },
        Tenants::Listed(listed) => match claimed.ok().flatten() {
            Some(tenant) if !listed.contains(&tenant) => {
                return Err(TokenError::OtherTenant(tenant));
            }
            tenant => tenant,
        },
        Tenants::Any => claimed.ok().flatten(),
    };
    if let IssuerName::PerTenant { before, after } = &issuer.iss {
        let tenant = tenant.ok_or(TokenError::TenantNotOfIssuer)?;
        if iss != format!("{before}{tenant}{after}") {
            return Err(TokenError::TenantNotOfIssuer);
        }
    }
    Ok(tenant)
}

/// Entra's key sets state an issuer for each key. Without this check, a key of the consumer service could sign tokens of
/// organisations (CSRB, Review of the Summer 2023 Microsoft Exchange Online Intrusion).
fn check_key_issuer(bound_to: &str, iss: &str, tenant: Option<TenantId>) -> Result<(), TokenError> {
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

/// Checks `exp`, `nbf` and the lifetime. `exp` has no leeway: an answer is valid until then. The first stage of the
/// decision checks `iat`, because it can state when to retry. It receives `iat` rounded down, because revocations compare
/// with earlier issue times; the rounded-up second is checked here.
fn lifetime(
    reading: ClaimReader<'_>,
    limits: TokenLimits,
    now: Timestamp,
) -> Result<Lifetime, TokenError> {
    let time = |name: &'static str| -> Result<Option<Seconds>, TokenError> {
        let value = reading.claims.get(name);
        value.map(|value| reading.seconds(name, value)).transpose()
    };
    let expires_at = time("exp")?.ok_or(TokenError::Missing("exp"))?;
    let issued_at = time("iat")?.ok_or(TokenError::Missing("iat"))?;
    if expires_at.ceil > issued_at.floor.plus(limits.lifetime) {
        let (end, start) = (expires_at.ceil.as_parts().0, issued_at.floor.as_parts().0);
        return Err(TokenError::LivesTooLong {
            seconds: end.saturating_sub(start),
            most: limits.lifetime.as_secs(),
        });
    }
    let latest = now.plus(CLOCK_SKEW);
    if let Some(not_before) = time("nbf")?
        && not_before.ceil > latest
    {
        return Err(TokenError::NotYetValid(not_before.ceil));
    }
    if issued_at.floor <= latest && issued_at.ceil > latest {
        return Err(TokenError::NotYetValid(issued_at.ceil));
    }
    if expires_at.floor <= now {
        return Err(TokenError::Expired(expires_at.floor));
    }
    Ok(Lifetime {
        issued_at: issued_at.floor,
        expires_at: expires_at.floor,
    })
}

/// A token with more audiences is not specific to any.
const MAX_AUDIENCES: usize = 8;
/// As in the decision's first stage (semantics §4).
const CLOCK_SKEW: std::time::Duration = std::time::Duration::from_secs(5 * 60);
