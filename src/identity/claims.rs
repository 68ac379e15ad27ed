//! Reads the claims of a token by the issuer's claim rules.
//!
//! A malformed claim that would grant something grants nothing. A malformed claim that would restrict something makes the
//! field unknown: a group that is not a GUID makes the groups incomplete. The token is refused for a list that is longer
//! than in a request, a text that is too long or has control characters, and a time outside the calendar.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::error::{Excerpt, TokenError};
use super::mapping::{ClaimMap, ClaimRule, ClaimValue, Field, ValueMapping};
use super::{Emitted, Issuer};
use crate::id::{AppId, GroupId, RoleId};
use crate::request::Claims;
use crate::time::Timestamp;
use crate::vocabulary::{AuthenticationMethod, UserType, WordSet};

/// The claims of one token and the rules to read them.
#[derive(Clone, Copy)]
pub(super) struct ClaimReader<'a> {
    pub claims: &'a Map<String, Value>,
    pub map: &'a ClaimMap,
    pub numbers: AcceptedNumbers,
}

/// A time claim in whole seconds. It may have a fraction (RFC 7519 §2); each use takes the stricter rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds {
    pub floor: Timestamp,
    pub ceil: Timestamp,
}

/// Which JSON numbers are integers, in claims other than times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptedNumbers {
    /// Only numbers that are written as integers.
    Integers,
    /// Also doubles without a fraction: protobuf's `Struct` has no other numbers.
    WholeDoubles,
}

/// The claims' facts other than the user's identity.
pub(super) struct TokenFacts {
    pub groups: Vec<GroupId>,
    pub roles: Vec<RoleId>,
    pub client_app: Option<AppId>,
    pub claims: Claims,
    pub client_capabilities: Vec<String>,
    pub external_user_type: Option<UserType>,
}

/// A list of ids, and whether some may be missing.
struct IdList<T> {
    ids: Vec<T>,
    is_incomplete: bool,
}

pub(super) fn facts(
    reading: ClaimReader<'_>,
    issuer: &Issuer,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> Result<TokenFacts, TokenError> {
    let groups = memberships(reading, Field::Groups, issuer.groups, MAX_GROUPS)?;
    let roles = memberships(reading, Field::Roles, issuer.roles, MAX_ROLES)?;
    let methods = |field| -> Result<WordSet<AuthenticationMethod>, TokenError> {
        Ok(reading.words(field)?.into_iter().collect())
    };
    let skis = reading.texts(Field::CertificateIssuerSkis)?;
    let claims = Claims {
        expires_at,
        issued_at: Some(issued_at),
        auth_time: reading.time(Field::AuthTime, "auth_time")?,
        mfa: reading.flag(Field::Mfa),
        resource_mfa: reading.flag(Field::ResourceMfa),
        compliant_device: reading.flag(Field::CompliantDevice),
        hybrid_joined_device: reading.flag(Field::HybridJoinedDevice),
        authentication_methods: methods(Field::AuthenticationMethods)?,
        resource_authentication_methods: methods(Field::ResourceAuthenticationMethods)?,
        authentication_contexts: reading.texts(Field::AuthenticationContexts)?,
        device_id: reading.text(Field::DeviceId)?,
        session_id: reading.text(Field::SessionId)?,
        groups_incomplete: groups.is_incomplete,
        roles_incomplete: roles.is_incomplete,
        accepted_terms_of_use: reading.ids(Field::AcceptedTermsOfUse, MAX_ITEMS)?.ids,
        accepted_custom_controls: reading.ids(Field::AcceptedCustomControls, MAX_ITEMS)?.ids,
        authenticator_aaguid: reading.id(Field::AuthenticatorAaguid).ok().flatten(),
        certificate_issuer_skis: skis.iter().map(|ski| ski.to_ascii_lowercase()).collect(),
        certificate_policy_oids: reading.texts(Field::CertificatePolicyOids)?,
    };
    let types: Vec<UserType> = reading.words(Field::ExternalUserType)?;
    Ok(TokenFacts {
        groups: groups.ids,
        roles: roles.ids,
        client_app: reading.id(Field::ClientApp).ok().flatten(),
        claims,
        client_capabilities: reading.texts(Field::ClientCapabilities)?,
        // Several types are ambiguous, so the type is unknown.
        external_user_type: match types.as_slice() {
            [one] => Some(*one),
            _ => None,
        },
    })
}

/// Groups or roles. A missing claim means none only if the issuer always emits it.
fn memberships<T: FromStr>(
    reading: ClaimReader<'_>,
    field: Field,
    emitted: Emitted,
    most: usize,
) -> Result<IdList<T>, TokenError> {
    let mut listed = reading.ids(field, most)?;
    let rule = reading.map.rule(field);
    let is_present = rule.is_some_and(|rule| reading.claims.contains_key(&rule.claim));
    let has_overage = rule.is_some_and(|rule| has_overage(reading.claims, &rule.claim));
    listed.is_incomplete |= has_overage || !is_present && emitted == Emitted::Sometimes;
    Ok(listed)
}

/// Whether the token has an overage marker in one of Entra's forms: the issuer left out some members
/// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference, groups overage). The address of the complete
/// list is never used, because it comes from the token.
fn has_overage(claims: &Map<String, Value>, claim: &str) -> bool {
    let is_distributed = match claims.get("_claim_names") {
        None => false,
        Some(Value::Object(names)) => names.contains_key(claim),
        Some(_) => true,
    };
    let has = claims.get(&format!("has{claim}"));
    let source = format!("{claim}:src");
    is_distributed
        || has.is_some_and(|has| *has != Value::Bool(false))
        || claims.keys().any(|name| name.starts_with(&source))
}

impl<'a> ClaimReader<'a> {
    /// The field's rule and the claim's value, if both exist.
    pub fn claim_of(self, field: Field) -> Option<(&'a ClaimRule, &'a Value)> {
        let rule = self.map.rule(field)?;
        Some((rule, self.claims.get(&rule.claim)?))
    }

    /// A GUID, or an error if the claim is not one.
    pub fn id<T: FromStr>(self, field: Field) -> Result<Option<T>, MalformedClaim> {
        let Some((rule, value)) = self.claim_of(field) else {
            return Ok(None);
        };
        let text = value.as_str().ok_or(MalformedClaim)?;
        let id = mapped(&rule.mapping, text).parse();
        id.map(Some).map_err(|_| MalformedClaim)
    }

    /// Whether the claim is true. Any other value is false.
    pub fn flag(self, field: Field) -> bool {
        let Some((rule, value)) = self.claim_of(field) else {
            return false;
        };
        match &rule.mapping {
            ValueMapping::AsIs => *value == Value::Bool(true),
            ValueMapping::Equals(scalar) => self.equals(value, scalar),
            ValueMapping::Contains(scalar) => {
                items(value).iter().any(|item| self.equals(item, scalar))
            }
            ValueMapping::Values(_) => false,
        }
    }

    /// Whether the claim is missing, or is false in a value of the expected type.
    pub fn is_false_or_missing(self, field: Field) -> bool {
        let Some((rule, value)) = self.claim_of(field) else {
            return true;
        };
        let is_clear = match &rule.mapping {
            ValueMapping::AsIs => value.is_boolean(),
            ValueMapping::Equals(scalar) => self.has_type_of(value, scalar),
            ValueMapping::Contains(scalar) => items(value)
                .iter()
                .all(|item| self.has_type_of(item, scalar)),
            ValueMapping::Values(_) => false,
        };
        is_clear && !self.flag(field)
    }

    /// Seconds since 1970, or an error if the value is not that.
    pub fn seconds(self, name: &'static str, value: &Value) -> Result<Seconds, TokenError> {
        let Value::Number(number) = value else {
            return Err(TokenError::NotATime(name));
        };
        let rounded = match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Some((integer, integer)),
            (None, Some(double)) => as_integer(double.floor()).zip(as_integer(double.ceil())),
            (None, None) => None,
        };
        let in_range = rounded.filter(|(floor, ceil)| 0 <= *floor && *ceil <= LAST_SECOND);
        let (floor, ceil) = in_range.ok_or(TokenError::TimeOutOfRange(name))?;
        Ok(Seconds {
            floor: Timestamp::from_seconds(floor),
            ceil: Timestamp::from_seconds(ceil),
        })
    }

    fn time(self, field: Field, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
        let Some((_, value)) = self.claim_of(field) else {
            return Ok(None);
        };
        match self.seconds(name, value) {
            // The earlier time is stricter: a new sign-in is due sooner.
            Ok(time) => Ok(Some(time.floor)),
            Err(TokenError::NotATime(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn ids<T: FromStr>(self, field: Field, most: usize) -> Result<IdList<T>, TokenError> {
        let mut listed = IdList {
            ids: Vec::new(),
            is_incomplete: false,
        };
        let Some((rule, value)) = self.claim_of(field) else {
            return Ok(listed);
        };
        for item in bounded(rule, value, most)? {
            let text = item.as_str().map(|text| mapped(&rule.mapping, text));
            match text.map(str::parse) {
                Some(Ok(id)) => listed.ids.push(id),
                Some(Err(_)) | None => listed.is_incomplete = true,
            }
        }
        Ok(listed)
    }

    fn words<W: FromStr>(self, field: Field) -> Result<Vec<W>, TokenError> {
        let Some((rule, value)) = self.claim_of(field) else {
            return Ok(Vec::new());
        };
        let texts = bounded(rule, value, MAX_ITEMS)?.iter();
        let words = texts.filter_map(|item| match &rule.mapping {
            ValueMapping::Values(table) => table.get(item.as_str()?).map(String::as_str),
            ValueMapping::AsIs | ValueMapping::Contains(_) | ValueMapping::Equals(_) => {
                item.as_str()
            }
        });
        Ok(words.filter_map(|word| word.parse().ok()).collect())
    }

    fn texts(self, field: Field) -> Result<Vec<String>, TokenError> {
        let Some((rule, value)) = self.claim_of(field) else {
            return Ok(Vec::new());
        };
        let mut texts = Vec::new();
        for item in bounded(rule, value, MAX_ITEMS)? {
            let text = item.as_str().map(|text| mapped(&rule.mapping, text));
            let Some(text) = text.filter(|text| !text.is_empty()) else {
                continue;
            };
            if text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) {
                return Err(TokenError::BadText(Excerpt::of(&rule.claim)));
            }
            texts.push(text.to_owned());
        }
        Ok(texts)
    }

    /// A text. A list is ignored.
    fn text(self, field: Field) -> Result<Option<String>, TokenError> {
        match self.claim_of(field) {
            Some((_, Value::String(_))) => Ok(self.texts(field)?.pop()),
            Some(_) | None => Ok(None),
        }
    }

    fn integer(self, value: &Value) -> Option<i64> {
        let Value::Number(number) = value else {
            return None;
        };
        match self.numbers {
            AcceptedNumbers::Integers => number.as_i64(),
            AcceptedNumbers::WholeDoubles => {
                number.as_i64().or_else(|| as_integer(number.as_f64()?))
            }
        }
    }

    fn equals(self, value: &Value, scalar: &ClaimValue) -> bool {
        match scalar {
            ClaimValue::Text(text) => value.as_str() == Some(text),
            ClaimValue::Integer(number) => self.integer(value) == Some(*number),
            ClaimValue::Bool(flag) => value.as_bool() == Some(*flag),
        }
    }

    fn has_type_of(self, value: &Value, scalar: &ClaimValue) -> bool {
        match scalar {
            ClaimValue::Text(_) => value.is_string(),
            ClaimValue::Integer(_) => self.integer(value).is_some(),
            ClaimValue::Bool(_) => value.is_boolean(),
        }
    }
}

/// A claim that exists but is not of the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MalformedClaim;

/// The items of a list, or a single value as a list of one.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        value => std::slice::from_ref(value),
    }
}

fn bounded<'a>(rule: &ClaimRule, value: &'a Value, most: usize) -> Result<&'a [Value], TokenError> {
    let items = items(value);
    if items.len() > most {
        return Err(TokenError::TooMany {
            claim: Excerpt::of(&rule.claim),
            found: items.len(),
            most,
        });
    }
    Ok(items)
}

fn mapped<'a>(mapping: &'a ValueMapping, text: &'a str) -> &'a str {
    match mapping {
        ValueMapping::Values(table) => table.get(text).map_or(text, String::as_str),
        ValueMapping::AsIs | ValueMapping::Contains(_) | ValueMapping::Equals(_) => text,
    }
}

/// A double as an integer. Doubles represent every integer up to 2^53, beyond every valid time.
fn as_integer(double: f64) -> Option<i64> {
    const MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an integer of at most 2^53"
    )]
    (double.fract() == 0.0 && double.abs() <= MAX).then_some(double as i64)
}

/// The limit of gRPC requests. Entra's tokens have at most 200, other issuers may emit more.
const MAX_GROUPS: usize = 1024;
/// The limit of gRPC requests.
const MAX_ROLES: usize = 256;
/// The limit of gRPC requests for every other list.
const MAX_ITEMS: usize = 256;
/// The limit of gRPC requests.
const MAX_TEXT_BYTES: usize = 1024;
/// 9999-12-31T23:59:59Z
const LAST_SECOND: i64 = 253_402_300_799;
