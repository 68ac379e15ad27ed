//! Which claim says what: a rule for each field of a request, from a preset and from the configuration.
//!
//! A claim that no rule names is not read. A field without a rule is as unsaid as one whose claim is missing, and
//! what is unsaid grants nothing.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::presets::{self, Preset};
use crate::id::parse_guid;
use crate::vocabulary::{AuthenticationMethod, UserType};

/// The rule of each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMap {
    preset: Preset,
    rules: BTreeMap<Field, Rule>,
}

/// Where a field's value is, and how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The claim, a member of the payload itself.
    pub claim: String,
    /// How its value is read.
    pub read: Read,
}

/// How a claim's value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// As it is: a GUID, a text, `true`, or a list of such, whatever the field is.
    Take,
    /// A yes-or-no field: the claim is this, or a list with this in it.
    Contains(Scalar),
    /// A yes-or-no field: the claim is exactly this.
    Equals(Scalar),
    /// The claim's texts are translated by this table. An id that is not in it is read as it is; a word that is
    /// not in it says nothing.
    Values(BTreeMap<String, String>),
}

/// A value that a claim is compared with. Compared with its type: `"1"` is not `1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A text, compared with case.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
}

/// What kind of thing a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A GUID, or a word that a table turns into one.
    Id,
    /// A list of those.
    Ids,
    /// A tenant, in the forms of `idp`.
    Tenant,
    /// Yes or no.
    Flag,
    /// Words of one of Microsoft's lists.
    Words,
    /// An instant, in seconds since 1970.
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
            /// Every field.
            pub const ALL: &'static [Field] = &[$(Field::$name,)*];
            /// The names, as the configuration writes them.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];

            /// The name that the configuration knows it by.
            pub const fn name(self) -> &'static str {
                match self { $(Field::$name => $text,)* }
            }

            /// What kind of thing it is.
            pub const fn kind(self) -> Kind {
                match self { $(Field::$name => Kind::$kind,)* }
            }
        }
    };
}

fields! {
    /// The tenant that was signed in to.
    Tenant = "tenant", Id;
    /// The user's id there.
    User = "user", Id;
    /// The tenant where a guest's account lives.
    HomeTenant = "home_tenant", Tenant;
    /// A guest's id there.
    HomeUser = "home_user", Id;
    /// The user is a guest.
    Guest = "guest", Flag;
    /// Groups of the directory that was signed in to.
    Groups = "groups", Ids;
    /// Directory roles there.
    Roles = "roles", Ids;
    /// The application that the user holds in hand.
    ClientApp = "client_app", Id;
    /// When the user last authenticated.
    AuthTime = "auth_time", Time;
    /// The session, for revocation.
    SessionId = "session_id", Text;
    /// The device's id.
    DeviceId = "device_id", Text;
    /// MFA was done at home.
    Mfa = "mfa", Flag;
    /// MFA was done in the resource tenant.
    ResourceMfa = "resource_mfa", Flag;
    /// The device is compliant at home.
    CompliantDevice = "compliant_device", Flag;
    /// The device is hybrid joined at home.
    HybridJoinedDevice = "hybrid_joined_device", Flag;
    /// Methods done at home.
    AuthenticationMethods = "authentication_methods", Words;
    /// Methods done in the resource tenant.
    ResourceAuthenticationMethods = "resource_authentication_methods", Words;
    /// Authentication contexts.
    AuthenticationContexts = "authentication_contexts", Texts;
    /// What the client can do.
    ClientCapabilities = "client_capabilities", Texts;
    /// What kind of external user this is.
    ExternalUserType = "external_user_type", Words;
    /// Terms of use that the user accepted.
    AcceptedTermsOfUse = "accepted_terms_of_use", Ids;
    /// Custom controls that the user satisfied.
    AcceptedCustomControls = "accepted_custom_controls", Ids;
    /// The model of the passkey.
    AuthenticatorAaguid = "authenticator_aaguid", Id;
    /// Key identifiers of the certificate's issuers.
    CertificateIssuerSkis = "certificate_issuer_skis", Texts;
    /// Policy OIDs of the certificate.
    CertificatePolicyOids = "certificate_policy_oids", Texts;
}

/// A text that names no field.
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

/// A field that cannot be read like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// `contains` and `equals` are for yes-or-no fields.
    #[error("{}: `contains` and `equals` are for fields that are yes or no", .0.name())]
    NotAFlag(Field),
    /// A table of values has no meaning for this field.
    #[error("{}: `values` is for ids, words and texts", .0.name())]
    NoTable(Field),
    /// A table turns a value into something that this field cannot be.
    #[error("{}: `values` turns `{from}` into `{to}`, expected {expected}", .field.name())]
    BadTarget {
        /// The field.
        field: Field,
        /// The value of a claim.
        from: String,
        /// What the table makes of it.
        to: String,
        /// What it could be.
        expected: &'static str,
    },
}

impl ClaimMap {
    /// What an issuer of this kind says by itself.
    pub fn preset(preset: Preset) -> Self {
        let rules = presets::rules(preset).collect();
        ClaimMap { preset, rules }
    }

    /// Reads this field like that, in place of what the preset says.
    pub fn set(&mut self, field: Field, rule: Rule) -> Result<(), Misfit> {
        match (&rule.read, field.kind()) {
            (Read::Contains(_) | Read::Equals(_), Kind::Flag) | (Read::Take, _) => {}
            (Read::Contains(_) | Read::Equals(_), _) => return Err(Misfit::NotAFlag(field)),
            (Read::Values(_), Kind::Flag | Kind::Time) => return Err(Misfit::NoTable(field)),
            (
                Read::Values(_),
                Kind::Id | Kind::Ids | Kind::Tenant | Kind::Words | Kind::Text | Kind::Texts,
            ) => {}
        }
        if let Read::Values(table) = &rule.read {
            check_targets(field, table)?;
        }
        self.rules.insert(field, rule);
        Ok(())
    }

    /// The field's rule, if it has one.
    pub fn rule(&self, field: Field) -> Option<&Rule> {
        self.rules.get(&field)
    }

    /// The preset that it began with.
    pub fn began_as(&self) -> Preset {
        self.preset
    }
}

/// Refuses a table with a target that no value of the field can be: such a value would be dropped from each token.
fn check_targets(field: Field, table: &BTreeMap<String, String>) -> Result<(), Misfit> {
    let is_guid = |text: &str| parse_guid(text).is_ok();
    let (fits, expected): (&dyn Fn(&str) -> bool, _) = match (field, field.kind()) {
        (_, Kind::Id | Kind::Ids) => (&is_guid, "a GUID"),
        (Field::ExternalUserType, _) => (
            &|text| text.parse::<UserType>().is_ok(),
            "a type of external user such as b2bCollaborationGuest",
        ),
        (_, Kind::Words) => (
            &|text| text.parse::<AuthenticationMethod>().is_ok(),
            "an authentication method such as fido2",
        ),
        (_, Kind::Tenant) => (
            &super::home::is_home,
            "a tenant's id, live.com, mail, google.com, facebook.com, or the URI of a SAML or WS-Fed issuer",
        ),
        (_, Kind::Flag | Kind::Time | Kind::Text | Kind::Texts) => return Ok(()),
    };
    match table.iter().find(|(_, to)| !fits(to)) {
        None => Ok(()),
        Some((from, to)) => Err(Misfit::BadTarget {
            field,
            from: from.clone(),
            to: to.clone(),
            expected,
        }),
    }
}

impl Rule {
    /// The claim as it is.
    pub fn take(claim: &str) -> Self {
        Rule {
            claim: claim.to_owned(),
            read: Read::Take,
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Scalar::Text(text.to_owned())
    }
}
