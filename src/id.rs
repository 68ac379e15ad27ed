//! Identifiers: GUIDs as 128-bit integers, with one newtype for each kind of object.
//!
//! semantics §1: every identifier is a GUID (8-4-4-4-12, braces allowed) that is compared as a 128-bit value.
//! The newtypes keep a user id from being used as a group id.

use std::fmt;
use std::str::FromStr;

use uuid_simd::UuidExt as _;

/// The error for a string that is not a GUID of the form `8-4-4-4-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a GUID such as 1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11")]
pub struct NotAGuid;

/// Parses a GUID: 36 characters `8-4-4-4-12` in any case, or the same in braces. Graph writes neither 32 bare
/// digits nor `urn:uuid:`, so these are errors.
pub fn parse_guid(text: &str) -> Result<u128, NotAGuid> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or(NotAGuid)?,
        None => text,
    };
    <&[u8; 36]>::try_from(inner.as_bytes())
        .map_err(|_| NotAGuid)
        .and_then(parse_guid_bytes)
}

/// Parses a GUID of the form `8-4-4-4-12`, in any case.
pub fn parse_guid_bytes(text: &[u8; 36]) -> Result<u128, NotAGuid> {
    // Uses SIMD if available: a request may contain hundreds of group ids.
    uuid::Uuid::parse_hyphenated(text)
        .map(|guid| guid.as_u128())
        .map_err(|_| NotAGuid)
}

/// Writes a GUID as Graph does: lower case, with hyphens, without braces.
pub fn write_guid(value: u128, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt::Display::fmt(uuid::Uuid::from_u128(value).as_hyphenated(), out)
}

macro_rules! guid_newtypes {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl FromStr for $name {
            type Err = NotAGuid;
            fn from_str(text: &str) -> Result<Self, NotAGuid> {
                parse_guid(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_guid(self.0, out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_guid(self.0, out)
            }
        }

        impl From<$name> for u128 {
            fn from(id: $name) -> u128 {
                id.0
            }
        }
    )*};
}

guid_newtypes! {
    /// An organisation (Entra `tenantId`).
    TenantId;
    /// A user object of one directory (`oid`).
    UserId;
    /// A group of one directory.
    GroupId;
    /// The application (client) id of a resource application or of a client.
    AppId;
    /// A directory role template (`wids`).
    RoleId;
    /// A Conditional Access policy.
    PolicyId;
    /// A named location.
    LocationId;
    /// An authentication strength policy.
    StrengthId;
    /// A terms-of-use agreement.
    TermsOfUseId;
    /// A custom control (`customAuthenticationFactors`).
    CustomControlId;
    /// A team that a channel is shared with; equal to the id of the team's group.
    TeamId;
    /// The model of a passkey (AAGUID).
    Aaguid;
    /// The sign-in event of a decision.
    DecisionId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_parse_in_any_case_and_with_braces_and_print_in_one_form() {
        let expected = "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11";
        for text in [
            expected,
            "1F3C9A52-07D4-4C1E-9B6B-2F0F5D0C7A11",
            "{1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11}",
        ] {
            assert_eq!(
                text.parse::<UserId>().map(|id| id.to_string()).as_deref(),
                Ok(expected)
            );
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "all",
            "1f3c9a5207d44c1e9b6b2f0f5d0c7a11",
            "urn:uuid:1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11",
            "{1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11",
            "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11}",
            " 1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11",
            "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a1g",
            "1f3c9a5207d4-4c1e-9b6b-2f0f5d0c7a11-",
        ] {
            assert_eq!(parse_guid(text), Err(NotAGuid), "{text:?}");
        }
    }
}
