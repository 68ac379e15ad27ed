//! Maps claims to fields of a request: a rule per field, from a preset and the configuration.
//!
//! Claims without a rule are ignored. A field without a rule is treated like one whose claim is missing, and a missing claim
//! grants nothing.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::presets::{self, Preset};
use crate::id::parse_guid;
use crate::vocabulary::{AuthenticationMethod, UserType};

/// The rule of each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMap {
    preset: Preset,
    rules: BTreeMap<Field, ClaimRule>,
}

/// The claim of a field, and how its value is mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRule {
    /// The name of the claim, a top-level member of the payload.
    pub claim: String,
    /// How the value is mapped.
    pub mapping: ValueMapping,
}

/// How a claim's value is mapped to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueMapping {
    /// Unchanged: a GUID, a text, `true`, or a list, depending on the field.
    AsIs,
    /// For a flag: the claim equals this value, or is a list that contains it.
    Contains(ClaimValue),
    /// For a flag: the claim equals this value.
    Equals(ClaimValue),
    /// The claim's texts are replaced by this table. An id that is not in the table stays as it is; a word that is not in
    /// the table is ignored.
    Values(BTreeMap<String, String>),
}

/// A value that a claim is compared with. The types must be equal: `"1"` is not `1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimValue {
    /// A text, case-sensitive.
    Text(String),
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A GUID, or a text that a table maps to one.
    Id,
    /// A list of GUIDs.
    Ids,
    /// A tenant, in one of the forms of `idp`.
    Tenant,
    /// True or false.
    Flag,
    /// Values of an enumeration of Microsoft Graph.
    Words,
    /// A time in seconds since 1970.
    Time,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $kind:ident;)*) => {
        /// A field that a claim can fill.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $($(#[$doc])* $name,)* }

        impl Field {
            /// All fields.
            pub const ALL: &'static [Field] = &[$(Field::$name,)*];
            /// The names in the configuration.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];

            /// The name in the configuration.
            pub const fn name(self) -> &'static str {
                match self { $(Field::$name => $text,)* }
            }

            /// The type of the field.
            pub const fn kind(self) -> FieldKind {
                match self { $(Field::$name => FieldKind::$kind,)* }
            }
        }
    };
}

fields! {
    /// The tenant that the user signed in to.
    Tenant = "tenant", Id;
    /// The user's id there.
    User = "user", Id;
    /// The home tenant of a guest.
    HomeTenant = "home_tenant", Tenant;
    /// The guest's id in the home tenant.
    HomeUser = "home_user", Id;
    /// The user is a guest.
    Guest = "guest", Flag;
    /// Groups of the directory that the user signed in to.
    Groups = "groups", Ids;
    /// Directory roles there.
    Roles = "roles", Ids;
    /// The client application.
    ClientApp = "client_app", Id;
    /// When the user last authenticated.
    AuthTime = "auth_time", Time;
    /// The session, for revocation.
    SessionId = "session_id", Text;
    /// The device's id.
    DeviceId = "device_id", Text;
    /// MFA was done in the home tenant.
    Mfa = "mfa", Flag;
    /// MFA was done in the resource tenant.
    ResourceMfa = "resource_mfa", Flag;
    /// The device is compliant in the home tenant.
    CompliantDevice = "compliant_device", Flag;
    /// The device is hybrid joined in the home tenant.
    HybridJoinedDevice = "hybrid_joined_device", Flag;
    /// Authentication methods done in the home tenant.
    AuthenticationMethods = "authentication_methods", Words;
    /// Authentication methods done in the resource tenant.
    ResourceAuthenticationMethods = "resource_authentication_methods", Words;
    /// Authentication contexts.
    AuthenticationContexts = "authentication_contexts", Texts;
    /// Client capabilities.
    ClientCapabilities = "client_capabilities", Texts;
    /// The type of external user.
    ExternalUserType = "external_user_type", Words;
    /// Terms of use that the user accepted.
    AcceptedTermsOfUse = "accepted_terms_of_use", Ids;
    /// Custom controls that the user satisfied.
    AcceptedCustomControls = "accepted_custom_controls", Ids;
    /// The model (AAGUID) of the passkey.
    AuthenticatorAaguid = "authenticator_aaguid", Id;
    /// Key identifiers of the certificate's issuers.
    CertificateIssuerSkis = "certificate_issuer_skis", Texts;
    /// Policy OIDs of the certificate.
    CertificatePolicyOids = "certificate_policy_oids", Texts;
}

/// A text that is not the name of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", Field::NAMES.join(", "))]
pub struct NotAField;

impl FromStr for Field {
    type Err = NotAField;
    fn from_str(text: &str) -> Result<Self, NotAField> {
        let mut all = Field::ALL.iter().copied();
        all.find(|field| field.name() == text).ok_or(NotAField)
    }
}

/// A rule that does not match its field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRuleError {
    /// `contains` or `equals` for a field that is not a flag.
    #[error("{}: found `contains` or `equals`, expected them for flags only", .0.name())]
    NotAFlag(Field),
    /// A table of values for a flag or a time.
    #[error("{}: found `values`, expected it for ids, words and texts only", .0.name())]
    NoTable(Field),
    /// A table maps a value to one that is invalid for the field.
    #[error("{}: `values` maps `{from}` to `{to}`, expected {expected}", .field.name())]
    BadTarget {
        /// The field.
        field: Field,
        /// The claim's value.
        from: String,
        /// The value in the table.
        to: String,
        /// The valid values.
        expected: &'static str,
    },
}

impl ClaimMap {
    /// The rules of a preset.
    pub fn from_preset(preset: Preset) -> Self {
        let rules = presets::rules(preset).collect();
        ClaimMap { preset, rules }
    }

    /// Replaces the rule of this field.
    pub fn set(&mut self, field: Field, rule: ClaimRule) -> Result<(), ClaimRuleError> {
        match (&rule.mapping, field.kind()) {
            (ValueMapping::Contains(_) | ValueMapping::Equals(_), FieldKind::Flag)
            | (ValueMapping::AsIs, _) => {}
            (ValueMapping::Contains(_) | ValueMapping::Equals(_), _) => {
                return Err(ClaimRuleError::NotAFlag(field));
            }
            (ValueMapping::Values(_), FieldKind::Flag | FieldKind::Time) => {
                return Err(ClaimRuleError::NoTable(field));
            }
            (
                ValueMapping::Values(_),
                FieldKind::Id
                | FieldKind::Ids
                | FieldKind::Tenant
                | FieldKind::Words
                | FieldKind::Text
                | FieldKind::Texts,
            ) => {}
        }
        if let ValueMapping::Values(table) = &rule.mapping {
            check_targets(field, table)?;
        }
        self.rules.insert(field, rule);
        Ok(())
    }

    /// The field's rule, if it has one.
    pub fn rule(&self, field: Field) -> Option<&ClaimRule> {
        self.rules.get(&field)
    }

    /// The preset that these rules are based on.
    pub fn preset(&self) -> Preset {
        self.preset
    }
}

/// Refuses a table with a target that is invalid for the field: it would be dropped from every token.
fn check_targets(field: Field, table: &BTreeMap<String, String>) -> Result<(), ClaimRuleError> {
    let is_guid = |text: &str| parse_guid(text).is_ok();
    let (is_valid, expected): (&dyn Fn(&str) -> bool, _) = match (field, field.kind()) {
        (_, FieldKind::Id | FieldKind::Ids) => (&is_guid, "a GUID"),
        (Field::ExternalUserType, _) => (
            &|text| text.parse::<UserType>().is_ok(),
            "a type of external user such as b2bCollaborationGuest",
        ),
        (_, FieldKind::Words) => (
            &|text| text.parse::<AuthenticationMethod>().is_ok(),
            "an authentication method such as fido2",
        ),
        (_, FieldKind::Tenant) => (
            &super::home::is_valid_home,
            "a tenant's id, live.com, mail, google.com, facebook.com, or the URI of a SAML or WS-Fed issuer",
        ),
        (_, FieldKind::Flag | FieldKind::Time | FieldKind::Text | FieldKind::Texts) => {
            return Ok(());
        }
    };
    match table.iter().find(|(_, to)| !is_valid(to)) {
        None => Ok(()),
        Some((from, to)) => Err(ClaimRuleError::BadTarget {
            field,
            from: from.clone(),
            to: to.clone(),
            expected,
        }),
    }
}

impl ClaimRule {
    /// Uses the claim unchanged.
    pub fn as_is(claim: &str) -> Self {
        ClaimRule {
            claim: claim.to_owned(),
            mapping: ValueMapping::AsIs,
        }
    }
}

impl From<&str> for ClaimValue {
    fn from(text: &str) -> Self {
        ClaimValue::Text(text.to_owned())
    }
}
