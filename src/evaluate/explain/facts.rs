//! The facts that a request may omit and that a decision may depend on, each with its field and how to provide it
//! (semantics §5, "A condition whose input the request does not carry").
//!
//! A false flag in the claims is not a missing fact, and neither is a user action or an authentication context that
//! the request does not name.

use std::borrow::Cow;

use super::words;
use crate::id::AppId;
use crate::request::DeviceProperty;
use crate::vocabulary::CountrySource;

/// A fact that a request lacks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the fields of `request`")]
pub enum RequestFact {
    User,
    /// All of the user's groups in the home tenant.
    Groups,
    /// All of the guest object's groups.
    ResourceGroups,
    /// All of the user's roles.
    Roles,
    ResourceUser,
    ExternalUserType,
    ClientApp,
    IssuedAt,
    AuthTime,
    SessionId,
    AuthenticationMethods,
    ResourceAuthenticationMethods,
    AuthenticatorAaguid,
    CertificateIssuerSkis,
    CertificatePolicyOids,
    IpAddress,
    /// The country, determined by this method.
    Country(CountrySource),
    /// The country determined by this method, if the request carries one determined by the other method.
    CountryOfOtherMethod(CountrySource),
    Platform,
    ClientAppType,
    /// Whether an `exchangeActiveSync` client is an `easSupported` client.
    EasSupported,
    SignInRisk,
    UserRisk,
    InsiderRisk,
    AuthenticationFlow,
    Device,
    /// One property of a registered device.
    DeviceProperty(DeviceProperty),
    /// `Set_Name` in lower case.
    AppAttribute(String),
    ApprovedApplication,
    AppProtection,
    PasswordChanged,
    RiskRemediated,
    /// Whether the client is in a compliant network; no field carries it.
    CompliantNetwork,
    /// Whether the client is in the MFA trusted IPs; no field carries it.
    MfaTrustedIps,
    /// Whether this application is in a bundle; set in the configuration.
    Bundles(AppId),
    /// Whether the application is an agent resource; set in the configuration.
    AgentResource,
}

/// How to provide a fact.
enum Provided {
    /// In a field of the context; an operator may set it under `assume`.
    Context,
    /// In a field of the request or of its claims, or by the token.
    Token,
    /// As an entry of a map in the context.
    MapEntry(&'static str),
    /// As a complete list, without this flag of the claims.
    CompleteList(&'static str),
    /// In no field, or in one whose value is ambiguous.
    Never,
}

impl RequestFact {
    /// The path in `AuthorizeRequest`; empty if no field carries it.
    pub fn field(&self) -> Cow<'static, str> {
        match self {
            RequestFact::User => "user".into(),
            RequestFact::Groups => "groups".into(),
            RequestFact::ResourceGroups => "resource_groups".into(),
            RequestFact::Roles => "roles".into(),
            RequestFact::ResourceUser => "resource_user".into(),
            RequestFact::ExternalUserType => "external_user_type".into(),
            RequestFact::ClientApp => "client_app".into(),
            RequestFact::IssuedAt => "claims.issued_at".into(),
            RequestFact::AuthTime => "claims.auth_time".into(),
            RequestFact::SessionId => "claims.session_id".into(),
            RequestFact::AuthenticationMethods => "claims.authentication_methods".into(),
            RequestFact::ResourceAuthenticationMethods => {
                "claims.resource_authentication_methods".into()
            }
            RequestFact::AuthenticatorAaguid => "claims.authenticator_aaguid".into(),
            RequestFact::CertificateIssuerSkis => "claims.certificate_issuer_skis".into(),
            RequestFact::CertificatePolicyOids => "claims.certificate_policy_oids".into(),
            RequestFact::IpAddress => "context.ip_address".into(),
            RequestFact::Country(_) | RequestFact::CountryOfOtherMethod(_) => {
                "context.country".into()
            }
            RequestFact::Platform => "context.platform".into(),
            RequestFact::ClientAppType | RequestFact::EasSupported => {
                "context.client_app_type".into()
            }
            RequestFact::SignInRisk => "context.sign_in_risk".into(),
            RequestFact::UserRisk => "context.user_risk".into(),
            RequestFact::InsiderRisk => "context.insider_risk".into(),
            RequestFact::AuthenticationFlow => "context.authentication_flow".into(),
            RequestFact::Device => "context.device".into(),
            RequestFact::DeviceProperty(property) => {
                format!("context.device.properties.{}", property.name()).into()
            }
            RequestFact::AppAttribute(name) => format!("context.app_attributes.{name}").into(),
            RequestFact::ApprovedApplication => "context.approved_application".into(),
            RequestFact::AppProtection => "context.app_protection".into(),
            RequestFact::PasswordChanged => "context.password_changed".into(),
            RequestFact::RiskRemediated => "context.risk_remediated".into(),
            RequestFact::CompliantNetwork
            | RequestFact::MfaTrustedIps
            | RequestFact::Bundles(_)
            | RequestFact::AgentResource => "".into(),
        }
    }

    fn provided(&self) -> Provided {
        match self {
            RequestFact::IpAddress
            | RequestFact::Country(_)
            | RequestFact::Platform
            | RequestFact::ClientAppType
            | RequestFact::SignInRisk
            | RequestFact::UserRisk
            | RequestFact::InsiderRisk
            | RequestFact::AuthenticationFlow
            | RequestFact::Device
            | RequestFact::ApprovedApplication
            | RequestFact::AppProtection
            | RequestFact::PasswordChanged
            | RequestFact::RiskRemediated => Provided::Context,
            RequestFact::User
            | RequestFact::ResourceUser
            | RequestFact::ExternalUserType
            | RequestFact::ClientApp
            | RequestFact::IssuedAt
            | RequestFact::AuthTime
            | RequestFact::SessionId
            | RequestFact::AuthenticationMethods
            | RequestFact::ResourceAuthenticationMethods
            | RequestFact::AuthenticatorAaguid
            | RequestFact::CertificateIssuerSkis
            | RequestFact::CertificatePolicyOids => Provided::Token,
            RequestFact::DeviceProperty(_) => Provided::MapEntry("context.device.properties"),
            RequestFact::AppAttribute(_) => Provided::MapEntry("context.app_attributes"),
            RequestFact::Groups | RequestFact::ResourceGroups => {
                Provided::CompleteList("groups_incomplete")
            }
            RequestFact::Roles => Provided::CompleteList("roles_incomplete"),
            RequestFact::EasSupported
            | RequestFact::CountryOfOtherMethod(_)
            | RequestFact::CompliantNetwork
            | RequestFact::MfaTrustedIps
            | RequestFact::Bundles(_)
            | RequestFact::AgentResource => Provided::Never,
        }
    }

    /// Whether an operator can set it under `assume`.
    pub fn is_assumable(&self) -> bool {
        matches!(self.provided(), Provided::Context)
    }

    /// What is missing and how to provide it, in one sentence.
    pub fn sentence(&self) -> String {
        let field = self.field();
        let name = field.rsplit('.').next().unwrap_or(&field);
        if let RequestFact::Bundles(app) = self {
            return format!(
                "it is unknown whether the application {} is in a Microsoft application bundle: set its `bundles` \
                 under [[application]] in the configuration",
                words::app(*app)
            );
        }
        if let RequestFact::CountryOfOtherMethod(source) = self {
            return format!(
                "the country was sent, but determined by another method: the location compares only a country \
                 determined by {source}; send that one with country_source {source}; a country in the request \
                 replaces an assumed one"
            );
        }
        match self.provided() {
            Provided::Context
                if *self == RequestFact::Country(CountrySource::AuthenticatorAppGps) =>
            {
                let source = CountrySource::AuthenticatorAppGps;
                format!(
                    "{name} determined by {source} was not provided: send it with country_source {source}, or set \
                     both under `assume` for this listener"
                )
            }
            // Device properties differ per device, so only `unregistered` can be assumed.
            Provided::Context if *self == RequestFact::Device => format!(
                "{name} was not provided: send it, or set it to `unregistered` under `assume` for this listener"
            ),
            Provided::Context => format!(
                "{name} was not provided: send it, or set it under `assume` for this listener"
            ),
            Provided::Token if *self == RequestFact::ClientApp => String::from(
                "client_app was not provided, and the setting is not known to allow app: if it allows the client \
                 application, send that as client_app, or map it to a claim of the token; it cannot be assumed",
            ),
            Provided::Token => format!(
                "{name} was not provided: send it as {field}, or map it to a claim of the token; it cannot be assumed"
            ),
            Provided::MapEntry(map) => format!(
                "{name} was not provided: send it in {map} (null if it is known to be unset); it cannot be assumed"
            ),
            Provided::CompleteList(flag) => format!(
                "{name} is incomplete: send all of them as {field}, without claims.{flag}; it cannot be assumed"
            ),
            Provided::Never if *self == RequestFact::EasSupported => String::from(
                "client_app_type exchangeActiveSync does not state whether the client is easSupported: send \
                 easSupported if it is; it cannot be assumed",
            ),
            Provided::Never if *self == RequestFact::MfaTrustedIps => String::from(
                "it is unknown whether the client is in the MFA trusted IPs: define the location \
                 00000000-0000-0000-0000-000000000000 in named-locations.json",
            ),
            Provided::Never if *self == RequestFact::AgentResource => String::from(
                "it is unknown whether the application is an agent resource: set `agent` for it under \
                 [[application]] in the configuration",
            ),
            Provided::Never => String::from(
                "it is unknown whether the client is in a compliant network: no field of a request carries it; \
                 name an IP or country location in the policy instead",
            ),
        }
    }
}
