//! What is asked: may this user of one tenant reach that application of another?
//!
//! Plain values, parsed at the border (`rpc`, later `identity`) and the same for every caller.
//! An `Option` here always means "the caller does not say" (semantics §5, a missing input), never
//! "no". Nothing in this room looks at a policy.

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

/// One question, in the terms of semantics §1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where the account lives.
    pub home: Home,
    /// Where the application lives. Equal to `home` for an internal user.
    pub resource: TenantId,
    /// The user's id in the home tenant. A collaboration user may be known by `resource_user` only.
    pub user: Option<UserId>,
    /// The user's groups in the home tenant, in any order, repeats allowed.
    pub groups: Vec<GroupId>,
    /// The resource application.
    pub app: AppId,
    /// The application that the user holds in hand, where known.
    pub client_app: Option<AppId>,
    /// Which of the two cross-tenant access types is used. Plays no part for an internal user.
    pub access: AccessType,
    /// The shared channel that is reached, where one is.
    pub channel: Option<ChannelId>,
    /// Directory role templates of the user in the resource tenant.
    pub roles: Vec<RoleId>,
    /// What kind of external user the resource tenant takes this one for.
    pub external_user_type: Option<UserType>,
    /// The user's guest object in the resource tenant.
    pub resource_user: Option<UserId>,
    /// The guest object's groups in the resource tenant.
    pub resource_groups: Vec<GroupId>,
    /// The home tenant's cloud; read only where the home tenant is not in the snapshot.
    pub home_cloud: Option<Cloud>,
    /// The tenant whose network or device the request comes from (semantics §6).
    pub restricting_tenant: Option<TenantId>,
    /// The tenant whose own issuer issued the token that was verified here. `None`: no token was verified
    /// here, or its issuer speaks for several tenants.
    pub issuing_tenant: Option<TenantId>,
    /// What the token says.
    pub claims: Claims,
    /// What the gateway knows about the sign-in.
    pub context: Context,
    /// The caller's own name for this question; echoed in logs, decides nothing.
    pub request_id: String,
}

/// Which interface a question came through.
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
    /// Every interface.
    pub const ALL: [Api; 3] = [Api::Authorize, Api::AuthorizeBatch, Api::Check];

    /// The name of its method.
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
    /// B2B direct connect: no object of the user in the resource tenant.
    DirectConnect,
    /// B2B collaboration: the user has a guest object in the resource tenant.
    Collaboration,
}

/// The words of `assumed-outbound.json`.
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

/// The id of a channel such as `19:…@thread.tacv2`: opaque, compared with case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub String);

/// What the token says about the sign-in. A bool that is false means "the token does not say so".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// When the token ends.
    pub expires_at: Timestamp,
    /// When the token was issued.
    pub issued_at: Option<Timestamp>,
    /// When the user last authenticated; sign-in frequencies count from it.
    pub auth_time: Option<Timestamp>,
    /// MFA was done at home.
    pub mfa: bool,
    /// MFA was done in the resource tenant.
    pub resource_mfa: bool,
    /// The device is compliant at home.
    pub compliant_device: bool,
    /// The device is hybrid joined at home.
    pub hybrid_joined_device: bool,
    /// Methods done at home.
    pub authentication_methods: WordSet<AuthenticationMethod>,
    /// Methods done in the resource tenant.
    pub resource_authentication_methods: WordSet<AuthenticationMethod>,
    /// Authentication contexts (`acrs`); passed on in challenges, decide nothing.
    pub authentication_contexts: Vec<String>,
    /// The device's id; decides nothing (filters read the context's device).
    pub device_id: Option<String>,
    /// The session, for revocation.
    pub session_id: Option<String>,
    /// `groups` and `resource_groups` may lack some (group overage).
    pub groups_incomplete: bool,
    /// `roles` may lack some.
    pub roles_incomplete: bool,
    /// Terms of use that the user accepted.
    pub accepted_terms_of_use: Vec<TermsOfUseId>,
    /// Custom controls that the user satisfied.
    pub accepted_custom_controls: Vec<CustomControlId>,
    /// The model of the passkey that was used.
    pub authenticator_aaguid: Option<Aaguid>,
    /// Subject key identifiers of the certificate's issuers, in lower-case hexadecimal.
    pub certificate_issuer_skis: Vec<String>,
    /// Policy OIDs of the certificate.
    pub certificate_policy_oids: Vec<String>,
}

/// What the gateway knows about the sign-in. Absent = not known, which never switches a protection
/// off (semantics §5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The client's address; an IPv4-mapped IPv6 address is the IPv4 address.
    pub ip_address: Option<IpAddr>,
    /// The client's country, with how it was found.
    pub country: Option<LocatedCountry>,
    /// The device's platform.
    pub platform: Option<Platform>,
    /// The kind of client.
    pub client_app_type: Option<ClientAppType>,
    /// The risk of this sign-in, as the resource tenant sees it.
    pub sign_in_risk: Option<RiskLevel>,
    /// The risk of this user.
    pub user_risk: Option<RiskLevel>,
    /// The insider risk of this user.
    pub insider_risk: Option<InsiderRiskLevel>,
    /// The device that is used.
    pub device: Option<Device>,
    /// Custom security attributes of the application, key `Set_Name` in lower case.
    pub app_attributes: BTreeMap<String, PropertyValue>,
    /// The client is an approved client app.
    pub approved_application: Option<bool>,
    /// The client has an app protection policy.
    pub app_protection: Option<bool>,
    /// The user changed the password as asked.
    pub password_changed: Option<bool>,
    /// The user's risk was remediated.
    pub risk_remediated: Option<bool>,
    /// The user action that is performed.
    pub user_action: Option<UserAction>,
    /// The authentication context that the application asks for (`c1` … `c99`), in lower case.
    pub authentication_context: Option<String>,
    /// How the sign-in was transferred, if it was.
    pub authentication_flow: Option<AuthenticationFlow>,
    /// What the client can do: `cp1` = it understands claims challenges. Decides nothing.
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
    /// Nothing is said.
    pub const UNSAID: Context = Context {
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

    /// Takes over each single fact that is unsaid here and said there, and names their fields. Lists and maps
    /// are not filled.
    pub fn fill_from(&mut self, other: &Context) -> Vec<&'static str> {
        // Taken apart without `..`, so that a new fact cannot be forgotten.
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

/// A country and how it was found: one value, so that a source never joins a country that it was not
/// stated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocatedCountry {
    /// The country.
    pub country: Country,
    /// How it was found.
    pub source: CountrySource,
}

/// A device that the gateway knows something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// Known not to be registered: every property is null.
    Unregistered,
    /// Registered; a property that is not in the map is not known.
    Registered(BTreeMap<DeviceProperty, PropertyValue>),
}

/// The value of a device property or of a custom security attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyValue {
    /// Known to be null.
    Null,
    /// A string, and how a boolean (`True`, `False`) or a number is written.
    Text(String),
    /// A collection.
    List(Vec<String>),
}

/// A property that device filters can name
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
    /// Every property's name, as Microsoft writes it.
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

    /// Its name, as Microsoft writes it.
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

/// Property names are read in any case: Microsoft's page says "case-sensitive" and its own sample
/// does not keep to it.
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
    /// A direct connect question that says only what it must; everything else is unsaid.
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

    /// Which of the three kinds of user asks.
    pub fn user_class(&self) -> UserClass {
        match (&self.home, self.access) {
            (Home::Tenant(home), _) if *home == self.resource => UserClass::Internal,
            (Home::Tenant(_), AccessType::DirectConnect) => UserClass::DirectConnect,
            (Home::Tenant(_), AccessType::Collaboration) | (Home::Provider(_), _) => {
                UserClass::Collaboration
            }
        }
    }

    /// Checks what no single field can tell: semantics §4 stage 0. The border turns a contradiction
    /// into `INVALID_ARGUMENT`.
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
                return Some(Contradiction::NotOfAProvider { field });
            }
        }
        let class = self.user_class();
        let may_lack_user = class == UserClass::Collaboration && self.resource_user.is_some();
        if self.user.is_none() && !may_lack_user {
            return Some(Contradiction::UserMissing);
        }
        let named = self.external_user_type?;
        let has_guest_object = self.resource_user.is_some();
        let can_be = match class {
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
        (!can_be).then_some(Contradiction::UserTypeCannotBe { named, class })
    }
}

impl Claims {
    /// Claims that say nothing but when the token ends.
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

/// The three kinds of user that the rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserClass {
    /// Home and resource tenant are one.
    Internal,
    /// A user of another tenant, by B2B direct connect.
    DirectConnect,
    /// A user of another tenant, by B2B collaboration.
    Collaboration,
}

/// A request whose fields do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// No `user`, and this is not a collaboration user known by `resource_user`.
    UserMissing,
    /// The account lives in no tenant, and the field says what only one of a tenant can have, or lacks what
    /// such an account needs (semantics §3, "Users without a home tenant").
    NotOfAProvider {
        /// The field, by its name in the contract.
        field: &'static str,
    },
    /// The user cannot be of the type that the request names.
    UserTypeCannotBe {
        /// The type that the request names.
        named: UserType,
        /// What the request's other fields make of the user.
        class: UserClass,
    },
}
