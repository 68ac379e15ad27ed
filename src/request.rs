//! An authorization request: may this user of one tenant reach that application of another?
//!
//! Typed values, parsed from protobuf by `rpc`; `identity` fills in those of a verified token. `None` always means
//! that the value is not known (semantics §5, a missing input), never "no". Nothing here reads a policy.

mod home;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

pub use home::{Home, IdentityProvider, MICROSOFT_ACCOUNTS, SAML_WS_FED};

use crate::id::{Aaguid, AppId, CustomControlId, GroupId, RoleId, TenantId, TermsOfUseId, UserId};
use crate::time::Timestamp;
use crate::vocabulary::{
    AuthenticationFlow, AuthenticationMethod, ClientAppType, Cloud, Country, CountrySource,
    InsiderRiskLevel, Platform, RiskLevel, UnknownWord, UserAction, UserType, WordSet,
};

/// An authorization request, in the terms of semantics §1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The tenant or identity provider of the account.
    pub home: Home,
    /// The tenant of the application. Equal to `home` for an internal user.
    pub resource: TenantId,
    /// The user's id in the home tenant. A collaboration user may have only a `resource_user`.
    pub user: Option<UserId>,
    /// The user's groups in the home tenant, in any order. Duplicates are allowed.
    pub groups: Vec<GroupId>,
    /// The resource application.
    pub app: AppId,
    /// The client application, if known.
    pub client_app: Option<AppId>,
    /// The cross-tenant access type. Has no effect for an internal user.
    pub access: AccessType,
    /// The shared channel that is accessed, if any.
    pub channel: Option<ChannelId>,
    /// The user's directory role templates in the resource tenant.
    pub roles: Vec<RoleId>,
    /// The type of external user that this is in the resource tenant.
    pub external_user_type: Option<UserType>,
    /// The user's guest object in the resource tenant.
    pub resource_user: Option<UserId>,
    /// The guest object's groups in the resource tenant.
    pub resource_groups: Vec<GroupId>,
    /// The home tenant's cloud; only used if the home tenant is not in the snapshot.
    pub home_cloud: Option<Cloud>,
    /// The tenant whose network or device the request comes from (semantics §6).
    pub restricting_tenant: Option<TenantId>,
    /// The tenant whose own issuer issued the token that crosstrust verified. `None`: it verified no token, or the
    /// issuer serves several tenants.
    pub issuing_tenant: Option<TenantId>,
    /// The claims of the token.
    pub claims: Claims,
    /// The signals that the gateway has about the sign-in.
    pub context: Context,
    /// The caller's id for this request, for logs. Has no effect on the decision.
    pub request_id: String,
}

/// The API that received a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// `AuthorizationService/Authorize`
    Authorize,
    /// `AuthorizationService/AuthorizeBatch`
    AuthorizeBatch,
    /// Envoy's `Authorization/Check`
    Check,
}

impl Api {
    /// All APIs.
    pub const ALL: [Api; 3] = [Api::Authorize, Api::AuthorizeBatch, Api::Check];

    /// The name of the gRPC method.
    pub const fn name(self) -> &'static str {
        match self {
            Api::Authorize => "Authorize",
            Api::AuthorizeBatch => "AuthorizeBatch",
            Api::Check => "Check",
        }
    }
}

/// The two cross-tenant access types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessType {
    /// B2B direct connect: the user has no object in the resource tenant.
    DirectConnect,
    /// B2B collaboration: the user has a guest object in the resource tenant.
    Collaboration,
}

/// Parses the values of `assumed-outbound.json`.
impl FromStr for AccessType {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        const WORDS: &[&str] = &["directConnect", "collaboration"];
        let types = [AccessType::DirectConnect, AccessType::Collaboration];
        let mut named = types.into_iter().zip(WORDS);
        named
            .find(|(_, word)| word.eq_ignore_ascii_case(text))
            .map(|(access, _)| access)
            .ok_or(UnknownWord { expected: WORDS })
    }
}

/// The id of a channel such as `19:…@thread.tacv2`: opaque and case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub String);

/// The claims of the token about the sign-in. A `bool` is false if the claim is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// When the token expires.
    pub expires_at: Timestamp,
    /// When the token was issued.
    pub issued_at: Option<Timestamp>,
    /// When the user last authenticated; the sign-in frequency counts from it.
    pub auth_time: Option<Timestamp>,
    /// The user completed MFA in the home tenant.
    pub mfa: bool,
    /// The user completed MFA in the resource tenant.
    pub resource_mfa: bool,
    /// The device is compliant in the home tenant.
    pub compliant_device: bool,
    /// The device is hybrid joined in the home tenant.
    pub hybrid_joined_device: bool,
    /// The authentication methods used in the home tenant.
    pub authentication_methods: WordSet<AuthenticationMethod>,
    /// The authentication methods used in the resource tenant.
    pub resource_authentication_methods: WordSet<AuthenticationMethod>,
    /// Authentication contexts (`acrs`); used in challenges, no effect on the decision.
    pub authentication_contexts: Vec<String>,
    /// The device's id; no effect on the decision (device filters use [`Context::device`]).
    pub device_id: Option<String>,
    /// The session id, for revocation.
    pub session_id: Option<String>,
    /// `groups` and `resource_groups` may be incomplete (group overage).
    pub groups_incomplete: bool,
    /// `roles` may be incomplete.
    pub roles_incomplete: bool,
    /// The terms of use that the user accepted.
    pub accepted_terms_of_use: Vec<TermsOfUseId>,
    /// The custom controls that the user satisfied.
    pub accepted_custom_controls: Vec<CustomControlId>,
    /// The model of the passkey.
    pub authenticator_aaguid: Option<Aaguid>,
    /// The subject key identifiers of the certificate's issuers, in lower-case hexadecimal.
    pub certificate_issuer_skis: Vec<String>,
    /// The policy OIDs of the certificate.
    pub certificate_policy_oids: Vec<String>,
}

/// The signals that the gateway has about the sign-in. `None` = not known, which never disables a policy
/// (semantics §5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The client's address. An IPv4-mapped IPv6 address counts as the IPv4 address.
    pub ip_address: Option<IpAddr>,
    /// The client's country, and how it was determined.
    pub country: Option<LocatedCountry>,
    /// The device's platform.
    pub platform: Option<Platform>,
    /// The type of client.
    pub client_app_type: Option<ClientAppType>,
    /// The risk of this sign-in, as assessed by the resource tenant.
    pub sign_in_risk: Option<RiskLevel>,
    /// The risk of this user.
    pub user_risk: Option<RiskLevel>,
    /// The insider risk of this user.
    pub insider_risk: Option<InsiderRiskLevel>,
    /// The device.
    pub device: Option<Device>,
    /// The custom security attributes of the application; the keys are `Set_Name` in lower case.
    pub app_attributes: BTreeMap<String, PropertyValue>,
    /// The client is an approved client app.
    pub approved_application: Option<bool>,
    /// The client has an app protection policy.
    pub app_protection: Option<bool>,
    /// The user completed a required password change.
    pub password_changed: Option<bool>,
    /// The user's risk was remediated.
    pub risk_remediated: Option<bool>,
    /// The user action.
    pub user_action: Option<UserAction>,
    /// The authentication context that the application requires (`c1` … `c99`), in lower case.
    pub authentication_context: Option<String>,
    /// The authentication flow that transferred the sign-in.
    pub authentication_flow: Option<AuthenticationFlow>,
    /// Client capabilities: `cp1` = the client handles claims challenges. No effect on the decision.
    pub client_capabilities: Vec<String>,
}

macro_rules! fill {
    ($context:ident from $($field:ident),*) => {{
        let mut filled = Vec::new();
        $(if $context.$field.is_none() && $field.is_some() {
            $context.$field.clone_from($field);
            filled.push(stringify!($field));
        })*
        filled
    }};
}

impl Context {
    /// A context in which nothing is known.
    pub const EMPTY: Context = Context {
        ip_address: None,
        country: None,
        platform: None,
        client_app_type: None,
        sign_in_risk: None,
        user_risk: None,
        insider_risk: None,
        device: None,
        app_attributes: BTreeMap::new(),
        approved_application: None,
        app_protection: None,
        password_changed: None,
        risk_remediated: None,
        user_action: None,
        authentication_context: None,
        authentication_flow: None,
        client_capabilities: Vec::new(),
    };

    /// Copies each value from `other` that is `None` in `self`, and returns the names of the copied fields. Lists
    /// and maps are not copied.
    pub fn fill_from(&mut self, other: &Context) -> Vec<&'static str> {
        // Destructured without `..`, so that the compiler reports a new field.
        let Context {
            ip_address,
            country,
            platform,
            client_app_type,
            sign_in_risk,
            user_risk,
            insider_risk,
            device,
            app_attributes: _,
            approved_application,
            app_protection,
            password_changed,
            risk_remediated,
            user_action,
            authentication_context,
            authentication_flow,
            client_capabilities: _,
        } = other;
        fill!(self from ip_address, country, platform, client_app_type, sign_in_risk, user_risk, insider_risk,
            device, approved_application, app_protection, password_changed, risk_remediated, user_action,
            authentication_context, authentication_flow)
    }
}

/// A country and how it was determined. One value, so that a country is never combined with the source of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocatedCountry {
    /// The country.
    pub country: Country,
    /// How it was determined.
    pub source: CountrySource,
}

/// The gateway's information about the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// The device is not registered: every property is null.
    Unregistered,
    /// The device is registered. A property that is not in the map is not known.
    Registered(BTreeMap<DeviceProperty, PropertyValue>),
}

/// The value of a device property or of a custom security attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyValue {
    /// Null, which is different from not known.
    Null,
    /// A string. Booleans are `True` or `False`; numbers are written in decimal.
    Text(String),
    /// A collection.
    List(Vec<String>),
}

/// A property that device filters can use
/// (learn.microsoft.com/entra/identity/conditional-access/concept-condition-filters-for-devices).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are Microsoft's")]
pub enum DeviceProperty {
    DeviceId,
    MdmAppId,
    DisplayName,
    EnrollmentProfileName,
    Manufacturer,
    Model,
    OperatingSystem,
    OperatingSystemVersion,
    DeviceOwnership,
    IsCompliant,
    ProfileType,
    TrustType,
    PhysicalIds,
    SystemLabels,
    /// `extensionAttribute1` to `extensionAttribute15`.
    ExtensionAttribute(u8),
}

impl DeviceProperty {
    /// The names of all properties, as Microsoft writes them.
    pub const NAMES: &'static [&'static str] = &[
        "deviceId",
        "mdmAppId",
        "displayName",
        "enrollmentProfileName",
        "manufacturer",
        "model",
        "operatingSystem",
        "operatingSystemVersion",
        "deviceOwnership",
        "isCompliant",
        "profileType",
        "trustType",
        "physicalIds",
        "systemLabels",
        "extensionAttribute1 … extensionAttribute15",
    ];

    /// The name, as Microsoft writes it.
    pub fn name(self) -> Cow<'static, str> {
        let name = match self {
            DeviceProperty::DeviceId => "deviceId",
            DeviceProperty::MdmAppId => "mdmAppId",
            DeviceProperty::DisplayName => "displayName",
            DeviceProperty::EnrollmentProfileName => "enrollmentProfileName",
            DeviceProperty::Manufacturer => "manufacturer",
            DeviceProperty::Model => "model",
            DeviceProperty::OperatingSystem => "operatingSystem",
            DeviceProperty::OperatingSystemVersion => "operatingSystemVersion",
            DeviceProperty::DeviceOwnership => "deviceOwnership",
            DeviceProperty::IsCompliant => "isCompliant",
            DeviceProperty::ProfileType => "profileType",
            DeviceProperty::TrustType => "trustType",
            DeviceProperty::PhysicalIds => "physicalIds",
            DeviceProperty::SystemLabels => "systemLabels",
            DeviceProperty::ExtensionAttribute(number) => {
                return format!("extensionAttribute{number}").into();
            }
        };
        name.into()
    }
}

/// Parses property names in any case: Microsoft's page calls them case-sensitive, but its sample uses another case.
impl FromStr for DeviceProperty {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        use DeviceProperty as P;
        const NAMED: &[DeviceProperty] = &[
            P::DeviceId,
            P::MdmAppId,
            P::DisplayName,
            P::EnrollmentProfileName,
            P::Manufacturer,
            P::Model,
            P::OperatingSystem,
            P::OperatingSystemVersion,
            P::DeviceOwnership,
            P::IsCompliant,
            P::ProfileType,
            P::TrustType,
            P::PhysicalIds,
            P::SystemLabels,
        ];
        let named = NAMED
            .iter()
            .zip(Self::NAMES)
            .find(|(_, name)| text.eq_ignore_ascii_case(name));
        if let Some((property, _)) = named {
            return Ok(*property);
        }
        let lower = text.to_ascii_lowercase();
        lower
            .strip_prefix("extensionattribute")
            .filter(|digits| !digits.starts_with(['0', '+']))
            .and_then(|digits| digits.parse::<u8>().ok())
            .filter(|number| (1..=15).contains(number))
            .map(P::ExtensionAttribute)
            .ok_or(UnknownWord {
                expected: Self::NAMES,
            })
    }
}

impl Request {
    /// A direct connect request with only the required fields.
    pub fn new(
        home: impl Into<Home>,
        resource: TenantId,
        user: UserId,
        app: AppId,
        expires_at: Timestamp,
    ) -> Self {
        Request {
            home: home.into(),
            resource,
            user: Some(user),
            groups: Vec::new(),
            app,
            client_app: None,
            access: AccessType::DirectConnect,
            channel: None,
            roles: Vec::new(),
            external_user_type: None,
            resource_user: None,
            resource_groups: Vec::new(),
            home_cloud: None,
            restricting_tenant: None,
            issuing_tenant: None,
            claims: Claims::expiring_at(expires_at),
            context: Context::default(),
            request_id: String::new(),
        }
    }

    /// The class of the user.
    pub fn user_class(&self) -> UserClass {
        match (&self.home, self.access) {
            (Home::Tenant(home), _) if *home == self.resource => UserClass::Internal,
            (Home::Tenant(_), AccessType::DirectConnect) => UserClass::DirectConnect,
            (Home::Tenant(_), AccessType::Collaboration) | (Home::Provider(_), _) => {
                UserClass::Collaboration
            }
        }
    }

    /// Checks whether the fields contradict each other (semantics §4, stage 0). `rpc` returns a contradiction as
    /// `INVALID_ARGUMENT`.
    pub fn contradiction(&self) -> Option<Contradiction> {
        if self.home.provider().is_some() {
            let fields = [
                ("access_type", self.access != AccessType::Collaboration),
                ("user", self.user.is_some()),
                ("groups", !self.groups.is_empty()),
                ("home_cloud", self.home_cloud.is_some()),
                ("resource_user", self.resource_user.is_none()),
            ];
            if let Some((field, _)) = fields.into_iter().find(|(_, is_wrong)| *is_wrong) {
                return Some(Contradiction::InvalidForProvider { field });
            }
        }
        let class = self.user_class();
        let may_lack_user = class == UserClass::Collaboration && self.resource_user.is_some();
        if self.user.is_none() && !may_lack_user {
            return Some(Contradiction::UserMissing);
        }
        let named = self.external_user_type?;
        let has_guest_object = self.resource_user.is_some();
        let is_possible = match class {
            UserClass::Internal => named == UserType::InternalGuest,
            UserClass::DirectConnect => match named {
                UserType::DirectConnectUser => true,
                UserType::CollaborationGuest | UserType::CollaborationMember => has_guest_object,
                UserType::InternalGuest
                | UserType::OtherExternalUser
                | UserType::ServiceProvider => false,
            },
            UserClass::Collaboration => {
                !matches!(named, UserType::InternalGuest | UserType::DirectConnectUser)
            }
        };
        (!is_possible).then_some(Contradiction::UserTypeMismatch { named, class })
    }
}

impl Claims {
    /// Claims with only an expiry.
    pub fn expiring_at(expires_at: Timestamp) -> Self {
        Claims {
            expires_at,
            issued_at: None,
            auth_time: None,
            mfa: false,
            resource_mfa: false,
            compliant_device: false,
            hybrid_joined_device: false,
            authentication_methods: WordSet::EMPTY,
            resource_authentication_methods: WordSet::EMPTY,
            authentication_contexts: Vec::new(),
            device_id: None,
            session_id: None,
            groups_incomplete: false,
            roles_incomplete: false,
            accepted_terms_of_use: Vec::new(),
            accepted_custom_controls: Vec::new(),
            authenticator_aaguid: None,
            certificate_issuer_skis: Vec::new(),
            certificate_policy_oids: Vec::new(),
        }
    }
}

/// The three classes of user that the policies distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserClass {
    /// The home tenant is the resource tenant.
    Internal,
    /// A user of another tenant, through B2B direct connect.
    DirectConnect,
    /// A user of another tenant, through B2B collaboration.
    Collaboration,
}

/// Fields of a request that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// `user` is missing, and this is not a collaboration user with a `resource_user`.
    UserMissing,
    /// The account has no home tenant, and the field is set although it requires one, or is missing although such
    /// an account requires it (semantics §3, "Users without a home tenant").
    InvalidForProvider {
        /// The name of the field in the protobuf message.
        field: &'static str,
    },
    /// `external_user_type` does not match the other fields.
    UserTypeMismatch {
        /// The type in `external_user_type`.
        named: UserType,
        /// The class of the user according to the other fields.
        class: UserClass,
    },
}
