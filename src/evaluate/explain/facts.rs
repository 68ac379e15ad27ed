//! The facts that a request may leave out and a decision may depend on, each with its field and with how to
//! provide it (semantics §5, "A condition whose input the request does not carry").
//!
//! A flag of the claims that is false is an answer ("the token does not say so") and no missing fact; so is a
//! user action or an authentication context that the request does not name.

use std::borrow::Cow;

use super::words;
use crate::id::AppId;
use crate::request::DeviceProperty;
use crate::vocabulary::CountrySource;

/// A fact that a request lacks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of `request`")]
pub enum Fact {
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
    /// The country, found in this way.
    Country(CountrySource),
    /// The country found in this way, where the request carries one that was found in the other.
    CountryOfOtherMethod(CountrySource),
    Platform,
    ClientAppType,
    /// Whether a client of `exchangeActiveSync` is one of `easSupported`.
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
    /// Whether the client is in a compliant network: no field carries it.
    CompliantNetwork,
    /// Whether the client is in the MFA trusted IPs: no field carries it.
    MfaTrustedIps,
    /// Whether this application is in a bundle: the configuration states it.
    Bundles(AppId),
    /// Whether the application is a resource of agents: the configuration states it.
    AgentResource,
}

/// How a fact gets into a request.
enum Provided {
    /// As this field of the context; an operator may assume it.
    Context,
    /// As a field of the request or of its claims, or by the token.
    Token,
    /// As one more entry of a map in the context.
    Entry(&'static str),
    /// As a complete list, with the flag of the claims that says so.
    Whole(&'static str),
    /// By no field, or by one that is given and does not say enough.
    Never,
}

impl Fact {
    /// Its path in `AuthorizeRequest`; empty where no field can carry it.
    pub fn field(&self) -> Cow<'static, str> {
        match self {
            Fact::User => "user".into(),
            Fact::Groups => "groups".into(),
            Fact::ResourceGroups => "resource_groups".into(),
            Fact::Roles => "roles".into(),
            Fact::ResourceUser => "resource_user".into(),
            Fact::ExternalUserType => "external_user_type".into(),
            Fact::ClientApp => "client_app".into(),
            Fact::IssuedAt => "claims.issued_at".into(),
            Fact::AuthTime => "claims.auth_time".into(),
            Fact::SessionId => "claims.session_id".into(),
            Fact::AuthenticationMethods => "claims.authentication_methods".into(),
            Fact::ResourceAuthenticationMethods => "claims.resource_authentication_methods".into(),
            Fact::AuthenticatorAaguid => "claims.authenticator_aaguid".into(),
            Fact::CertificateIssuerSkis => "claims.certificate_issuer_skis".into(),
            Fact::CertificatePolicyOids => "claims.certificate_policy_oids".into(),
            Fact::IpAddress => "context.ip_address".into(),
            Fact::Country(_) | Fact::CountryOfOtherMethod(_) => "context.country".into(),
            Fact::Platform => "context.platform".into(),
            Fact::ClientAppType | Fact::EasSupported => "context.client_app_type".into(),
            Fact::SignInRisk => "context.sign_in_risk".into(),
            Fact::UserRisk => "context.user_risk".into(),
            Fact::InsiderRisk => "context.insider_risk".into(),
            Fact::AuthenticationFlow => "context.authentication_flow".into(),
            Fact::Device => "context.device".into(),
            Fact::DeviceProperty(property) => {
                format!("context.device.properties.{}", property.name()).into()
            }
            Fact::AppAttribute(name) => format!("context.app_attributes.{name}").into(),
            Fact::ApprovedApplication => "context.approved_application".into(),
            Fact::AppProtection => "context.app_protection".into(),
            Fact::PasswordChanged => "context.password_changed".into(),
            Fact::RiskRemediated => "context.risk_remediated".into(),
            Fact::CompliantNetwork
            | Fact::MfaTrustedIps
            | Fact::Bundles(_)
            | Fact::AgentResource => "".into(),
        }
    }

    fn provided(&self) -> Provided {
        match self {
            Fact::IpAddress
            | Fact::Country(_)
            | Fact::Platform
            | Fact::ClientAppType
            | Fact::SignInRisk
            | Fact::UserRisk
            | Fact::InsiderRisk
            | Fact::AuthenticationFlow
            | Fact::Device
            | Fact::ApprovedApplication
            | Fact::AppProtection
            | Fact::PasswordChanged
            | Fact::RiskRemediated => Provided::Context,
            Fact::User
            | Fact::ResourceUser
            | Fact::ExternalUserType
            | Fact::ClientApp
            | Fact::IssuedAt
            | Fact::AuthTime
            | Fact::SessionId
            | Fact::AuthenticationMethods
            | Fact::ResourceAuthenticationMethods
            | Fact::AuthenticatorAaguid
            | Fact::CertificateIssuerSkis
            | Fact::CertificatePolicyOids => Provided::Token,
            Fact::DeviceProperty(_) => Provided::Entry("context.device.properties"),
            Fact::AppAttribute(_) => Provided::Entry("context.app_attributes"),
            Fact::Groups | Fact::ResourceGroups => Provided::Whole("groups_incomplete"),
            Fact::Roles => Provided::Whole("roles_incomplete"),
            Fact::EasSupported
            | Fact::CountryOfOtherMethod(_)
            | Fact::CompliantNetwork
            | Fact::MfaTrustedIps
            | Fact::Bundles(_)
            | Fact::AgentResource => Provided::Never,
        }
    }

    /// Whether an operator can state it under `assume`.
    pub fn is_assumable(&self) -> bool {
        matches!(self.provided(), Provided::Context)
    }

    /// What is missing and how to provide it, in a sentence.
    pub fn sentence(&self) -> String {
        let field = self.field();
        let name = field.rsplit('.').next().unwrap_or(&field);
        if let Fact::Bundles(app) = self {
            return format!(
                "whether the application {} is in a bundle of Microsoft's is not known: state its `bundles` under \
                 [[application]] in the configuration",
                words::app(*app)
            );
        }
        if let Fact::CountryOfOtherMethod(source) = self {
            return format!(
                "the country was sent, but found by another method: the location compares only a country found by \
                 {source}; send that one, with country_source {source}; a country that was sent replaces an assumed one"
            );
        }
        match self.provided() {
            Provided::Context if *self == Fact::Country(CountrySource::AuthenticatorAppGps) => {
                let source = CountrySource::AuthenticatorAppGps;
                format!(
                    "{name} found by {source} was not provided: send it with country_source {source}, or set both \
                     under `assume` for this listener"
                )
            }
            // Its properties differ from device to device.
            Provided::Context if *self == Fact::Device => format!(
                "{name} was not provided: send it, or set it to `unregistered` under `assume` for this listener"
            ),
            Provided::Context => format!(
                "{name} was not provided: send it, or set it under `assume` for this listener"
            ),
            Provided::Token if *self == Fact::ClientApp => String::from(
                "client_app was not provided, and app is not known to be allowed: if the setting allows the client \
                 application, send it as client_app, or map it to a claim of the token; it cannot be assumed",
            ),
            Provided::Token => format!(
                "{name} was not provided: send it as {field}, or map it to a claim of the token; it cannot be assumed"
            ),
            Provided::Entry(map) => format!(
                "{name} was not provided: send it in {map} (null where it is known to be unset); it cannot be assumed"
            ),
            Provided::Whole(flag) => format!(
                "{name} is incomplete: send all of them as {field}, without claims.{flag}; it cannot be assumed"
            ),
            Provided::Never if *self == Fact::EasSupported => String::from(
                "client_app_type exchangeActiveSync leaves open whether the client is easSupported: send easSupported \
                 where it is; it cannot be assumed",
            ),
            Provided::Never if *self == Fact::MfaTrustedIps => String::from(
                "whether the client is in the MFA trusted IPs is not known: define the location \
                 00000000-0000-0000-0000-000000000000 in named-locations.json",
            ),
            Provided::Never if *self == Fact::AgentResource => String::from(
                "whether the application is a resource of agents is not known: state `agent` for it under \
                 [[application]] in the configuration",
            ),
            Provided::Never => String::from(
                "whether the client is in a compliant network is never known: no field of a request carries it; \
                 name an IP or country location in the policy instead",
            ),
        }
    }
}
