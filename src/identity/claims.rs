//! What an issuer's claims say, field by field, by its rules.
//!
//! What would grant something and is malformed grants nothing; what would take something away and is malformed is
//! taken for unknown: a group that is no GUID makes the groups incomplete. A list that is longer than any request
//! may have, a text that may not stand in a log, and a time outside the calendar refuse the token.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::error::{TokenError, Told};
use super::mapping::{ClaimMap, Field, Read, Rule, Scalar};
use super::{Emitted, Issuer};
use crate::id::{AppId, GroupId, RoleId};
use crate::request::Claims;
use crate::time::Timestamp;
use crate::vocabulary::{AuthenticationMethod, UserType, WordSet};

/// The claims of one token, and how they are to be read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub claims: &'a Map<String, Value>,
    pub map: &'a ClaimMap,
    pub numbers: Numbers,
}

/// An instant in whole seconds, from a claim that may have a fraction (RFC 7519 §2). Each use takes the strict side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds {
    pub down: Timestamp,
    pub up: Timestamp,
}

/// What counts as a whole number, in a claim that is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Only what is written as one.
    Integers,
    /// A double without a fraction too: protobuf's `Struct` has no other numbers.
    WholeDoubles,
}

/// What the claims say beside whose the token is.
pub(super) struct Facts {
    pub groups: Vec<GroupId>,
    pub roles: Vec<RoleId>,
    pub client_app: Option<AppId>,
    pub claims: Claims,
    pub client_capabilities: Vec<String>,
    pub external_user_type: Option<UserType>,
}

/// A list of ids, and whether it may lack some.
struct Listed<T> {
    ids: Vec<T>,
    is_incomplete: bool,
}

pub(super) fn facts(
    reading: Reading<'_>,
    issuer: &Issuer,
    issued_at: Timestamp,
    expires_at: Timestamp,
) -> Result<Facts, TokenError> {
    let groups = memberships(reading, Field::Groups, issuer.groups, MOST_GROUPS)?;
    let roles = memberships(reading, Field::Roles, issuer.roles, MOST_ROLES)?;
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
        accepted_terms_of_use: reading.ids(Field::AcceptedTermsOfUse, MOST_ITEMS)?.ids,
        accepted_custom_controls: reading.ids(Field::AcceptedCustomControls, MOST_ITEMS)?.ids,
        authenticator_aaguid: reading.id(Field::AuthenticatorAaguid).ok().flatten(),
        certificate_issuer_skis: skis.iter().map(|ski| ski.to_ascii_lowercase()).collect(),
        certificate_policy_oids: reading.texts(Field::CertificatePolicyOids)?,
    };
    let types: Vec<UserType> = reading.words(Field::ExternalUserType)?;
    Ok(Facts {
        groups: groups.ids,
        roles: roles.ids,
        client_app: reading.id(Field::ClientApp).ok().flatten(),
        claims,
        client_capabilities: reading.texts(Field::ClientCapabilities)?,
        // Two types are none: it is not known which.
        external_user_type: match types.as_slice() {
            [one] => Some(*one),
            _ => None,
        },
    })
}

/// Groups or roles. Unsaid means none only where the issuer says all it knows.
fn memberships<T: FromStr>(
    reading: Reading<'_>,
    field: Field,
    emitted: Emitted,
    most: usize,
) -> Result<Listed<T>, TokenError> {
    let mut listed = reading.ids(field, most)?;
    let rule = reading.map.rule(field);
    let is_said = rule.is_some_and(|rule| reading.claims.contains_key(&rule.claim));
    let is_left_out = rule.is_some_and(|rule| has_overage(reading.claims, &rule.claim));
    listed.is_incomplete |= is_left_out || !is_said && emitted == Emitted::Sometimes;
    Ok(listed)
}

/// Whether the issuer says that it left some out, in any of Entra's ways
/// (learn.microsoft.com/entra/identity-platform/access-token-claims-reference, groups overage). Where the rest is
/// said to be is never read: the address comes from the token.
fn has_overage(claims: &Map<String, Value>, claim: &str) -> bool {
    let pointed_at = match claims.get("_claim_names") {
        None => false,
        Some(Value::Object(names)) => names.contains_key(claim),
        Some(_) => true,
    };
    let has = claims.get(&format!("has{claim}"));
    let source = format!("{claim}:src");
    pointed_at
        || has.is_some_and(|has| *has != Value::Bool(false))
        || claims.keys().any(|name| name.starts_with(&source))
}

impl<'a> Reading<'a> {
    /// The field's rule and its claim's value, if both are there.
    pub fn said(self, field: Field) -> Option<(&'a Rule, &'a Value)> {
        let rule = self.map.rule(field)?;
        Some((rule, self.claims.get(&rule.claim)?))
    }

    /// A GUID; an error where there is something else.
    pub fn id<T: FromStr>(self, field: Field) -> Result<Option<T>, Malformed> {
        let Some((rule, value)) = self.said(field) else {
            return Ok(None);
        };
        let text = value.as_str().ok_or(Malformed)?;
        let id = translated(&rule.read, text).parse();
        id.map(Some).map_err(|_| Malformed)
    }

    /// Whether the claims say yes. Anything unclear is no.
    pub fn flag(self, field: Field) -> bool {
        let Some((rule, value)) = self.said(field) else {
            return false;
        };
        match &rule.read {
            Read::Take => *value == Value::Bool(true),
            Read::Equals(scalar) => self.is(value, scalar),
            Read::Contains(scalar) => items(value).iter().any(|item| self.is(item, scalar)),
            Read::Values(_) => false,
        }
    }

    /// Whether the claims say clearly no, or nothing: what is there is of the kind that is compared with.
    pub fn denies(self, field: Field) -> bool {
        let Some((rule, value)) = self.said(field) else {
            return true;
        };
        let is_clear = match &rule.read {
            Read::Take => value.is_boolean(),
            Read::Equals(scalar) => self.is_like(value, scalar),
            Read::Contains(scalar) => items(value).iter().all(|item| self.is_like(item, scalar)),
            Read::Values(_) => false,
        };
        is_clear && !self.flag(field)
    }

    /// Seconds since 1970; an error where there is something else.
    pub fn seconds(self, name: &'static str, value: &Value) -> Result<Seconds, TokenError> {
        let Value::Number(number) = value else {
            return Err(TokenError::NotATime(name));
        };
        let rounded = match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Some((whole, whole)),
            (None, Some(double)) => whole(double.floor()).zip(whole(double.ceil())),
            (None, None) => None,
        };
        let in_range = rounded.filter(|(down, up)| 0 <= *down && *up <= LAST_SECOND);
        let (down, up) = in_range.ok_or(TokenError::TimeOutOfRange(name))?;
        Ok(Seconds {
            down: Timestamp::from_seconds(down),
            up: Timestamp::from_seconds(up),
        })
    }

    fn time(self, field: Field, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
        let Some((_, value)) = self.said(field) else {
            return Ok(None);
        };
        match self.seconds(name, value) {
            // The earlier the last sign-in, the sooner a new one is due.
            Ok(time) => Ok(Some(time.down)),
            Err(TokenError::NotATime(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn ids<T: FromStr>(self, field: Field, most: usize) -> Result<Listed<T>, TokenError> {
        let mut listed = Listed {
            ids: Vec::new(),
            is_incomplete: false,
        };
        let Some((rule, value)) = self.said(field) else {
            return Ok(listed);
        };
        for item in bounded(rule, value, most)? {
            let text = item.as_str().map(|text| translated(&rule.read, text));
            match text.map(str::parse) {
                Some(Ok(id)) => listed.ids.push(id),
                Some(Err(_)) | None => listed.is_incomplete = true,
            }
        }
        Ok(listed)
    }

    fn words<W: FromStr>(self, field: Field) -> Result<Vec<W>, TokenError> {
        let Some((rule, value)) = self.said(field) else {
            return Ok(Vec::new());
        };
        let texts = bounded(rule, value, MOST_ITEMS)?.iter();
        let words = texts.filter_map(|item| match &rule.read {
            Read::Values(table) => table.get(item.as_str()?).map(String::as_str),
            Read::Take | Read::Contains(_) | Read::Equals(_) => item.as_str(),
        });
        Ok(words.filter_map(|word| word.parse().ok()).collect())
    }

    fn texts(self, field: Field) -> Result<Vec<String>, TokenError> {
        let Some((rule, value)) = self.said(field) else {
            return Ok(Vec::new());
        };
        let mut texts = Vec::new();
        for item in bounded(rule, value, MOST_ITEMS)? {
            let text = item.as_str().map(|text| translated(&rule.read, text));
            let Some(text) = text.filter(|text| !text.is_empty()) else {
                continue;
            };
            if text.len() > MOST_TEXT_BYTES || text.chars().any(char::is_control) {
                return Err(TokenError::BadText(Told::of(&rule.claim)));
            }
            texts.push(text.to_owned());
        }
        Ok(texts)
    }

    /// A list is no text.
    fn text(self, field: Field) -> Result<Option<String>, TokenError> {
        match self.said(field) {
            Some((_, Value::String(_))) => Ok(self.texts(field)?.pop()),
            Some(_) | None => Ok(None),
        }
    }

    fn integer(self, value: &Value) -> Option<i64> {
        let Value::Number(number) = value else {
            return None;
        };
        match self.numbers {
            Numbers::Integers => number.as_i64(),
            Numbers::WholeDoubles => number.as_i64().or_else(|| whole(number.as_f64()?)),
        }
    }

    fn is(self, value: &Value, scalar: &Scalar) -> bool {
        match scalar {
            Scalar::Text(text) => value.as_str() == Some(text),
            Scalar::Integer(number) => self.integer(value) == Some(*number),
            Scalar::Bool(flag) => value.as_bool() == Some(*flag),
        }
    }

    fn is_like(self, value: &Value, scalar: &Scalar) -> bool {
        match scalar {
            Scalar::Text(_) => value.is_string(),
            Scalar::Integer(_) => self.integer(value).is_some(),
            Scalar::Bool(_) => value.is_boolean(),
        }
    }
}

/// A claim that is there and is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// A list of one may be written as the one.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

fn bounded<'a>(rule: &Rule, value: &'a Value, most: usize) -> Result<&'a [Value], TokenError> {
    let items = items(value);
    if items.len() > most {
        return Err(TokenError::TooMany {
            claim: Told::of(&rule.claim),
            found: items.len(),
            most,
        });
    }
    Ok(items)
}

fn translated<'a>(read: &'a Read, text: &'a str) -> &'a str {
    match read {
        Read::Values(table) => table.get(text).map_or(text, String::as_str),
        Read::Take | Read::Contains(_) | Read::Equals(_) => text,
    }
}

/// Doubles hold every whole number up to 2^53, more than any instant or flag has.
fn whole(double: f64) -> Option<i64> {
    const MOST: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
    (double.fract() == 0.0 && double.abs() <= MOST).then_some(double as i64)
}

/// As in a request by gRPC: a token has 200, a table may give more.
const MOST_GROUPS: usize = 1024;
/// As in a request by gRPC.
const MOST_ROLES: usize = 256;
/// As in a request by gRPC: members of every other list.
const MOST_ITEMS: usize = 256;
/// As in a request by gRPC.
const MOST_TEXT_BYTES: usize = 1024;
/// 9999-12-31T23:59:59Z
const LAST_SECOND: i64 = 253_402_300_799;
