//! The cache key: an unambiguous encoding of a request.
//!
//! `Request`, `Claims` and `Context` are destructured without `..`, so that a new field does not compile until it is
//! handled here. The key contains every field except `request_id`. Groups are encoded as snapshot positions, because a
//! group that no rule names cannot change an answer. Facts of the context that no policy reads are left out. Both
//! depend only on the snapshot, and so on the epoch that every entry is checked for.
//!
//! Each field is encoded with a fixed length or a length prefix, always in the same order: two keys are equal only if
//! all fields are.

use std::collections::BTreeMap;
use std::net::IpAddr;

use smallvec::SmallVec;

use crate::evaluate::Evaluation;
use crate::request::{
    AccessType, ChannelId, Claims, Context, Device, DeviceProperty, Home, IdentityProvider,
    LocatedCountry, PropertyValue, Request, SAML_WS_FED,
};
use crate::snapshot::ContextReads;
use crate::time::Timestamp;

/// The cache key of a request, compared in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionKey(Vec<u8>);

impl DecisionKey {
    /// The key of this evaluation.
    pub fn of(evaluation: &Evaluation<'_>) -> Self {
        let mut key = DecisionKey(Vec::with_capacity(INITIAL_BYTES));
        let Request {
            home,
            resource,
            user,
            groups: _, // as snapshot positions, below
            app,
            client_app,
            access,
            channel,
            roles,
            external_user_type,
            resource_user,
            resource_groups: _, // as snapshot positions, below
            home_cloud,
            restricting_tenant,
            issuing_tenant,
            claims,
            context,
            request_id: _, // an id for correlation, without influence on the decision
        } = evaluation.request;
        key.home(home);
        key.id(*resource);
        key.optional_id(*user);
        key.positions(&evaluation.groups);
        key.id(*app);
        key.optional_id(*client_app);
        key.flag(*access == AccessType::Collaboration);
        key.optional_text(channel.as_ref().map(|ChannelId(id)| id.as_str()));
        key.ids(roles);
        key.optional_text(external_user_type.map(|word| word.as_str()));
        key.optional_id(*resource_user);
        key.positions(&evaluation.resource_groups);
        key.optional_text(home_cloud.map(|word| word.as_str()));
        key.optional_id(*restricting_tenant);
        key.optional_id(*issuing_tenant);
        key.claims(claims);
        key.context(context, evaluation.snapshot.reads());
        key
    }

    /// The key as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn home(&mut self, home: &Home) {
        match home {
            Home::Tenant(tenant) => {
                self.flag(true);
                self.id(*tenant);
            }
            Home::Provider(IdentityProvider::Named(name)) => {
                self.flag(false);
                self.text(name.as_str());
            }
            Home::Provider(IdentityProvider::SamlWsFed { issuer }) => {
                self.flag(false);
                self.text(SAML_WS_FED);
                self.text(issuer);
            }
        }
    }

    fn claims(&mut self, claims: &Claims) {
        let Claims {
            expires_at,
            issued_at,
            auth_time,
            mfa,
            resource_mfa,
            compliant_device,
            hybrid_joined_device,
            authentication_methods,
            resource_authentication_methods,
            authentication_contexts,
            device_id,
            session_id,
            groups_incomplete,
            roles_incomplete,
            accepted_terms_of_use,
            accepted_custom_controls,
            authenticator_aaguid,
            certificate_issuer_skis,
            certificate_policy_oids,
        } = claims;
        self.instant(*expires_at);
        self.optional(*issued_at, Self::instant);
        self.optional(*auth_time, Self::instant);
        self.flag(*mfa);
        self.flag(*resource_mfa);
        self.flag(*compliant_device);
        self.flag(*hybrid_joined_device);
        self.number(authentication_methods.bits());
        self.number(resource_authentication_methods.bits());
        self.texts(authentication_contexts);
        self.optional_text(device_id.as_deref());
        self.optional_text(session_id.as_deref());
        self.flag(*groups_incomplete);
        self.flag(*roles_incomplete);
        self.ids(accepted_terms_of_use);
        self.ids(accepted_custom_controls);
        self.optional_id(*authenticator_aaguid);
        self.texts(certificate_issuer_skis);
        self.texts(certificate_policy_oids);
    }

    fn context(&mut self, context: &Context, reads: ContextReads) {
        let Context {
            ip_address,
            country,
            platform,
            client_app_type,
            sign_in_risk,
            user_risk,
            insider_risk,
            device,
            app_attributes,
            approved_application,
            app_protection,
            password_changed,
            risk_remediated,
            user_action,
            authentication_context,
            authentication_flow,
            client_capabilities,
        } = context;
        self.fact(reads.ip_address, *ip_address, Self::address);
        self.fact(reads.country, *country, |key, located| {
            let LocatedCountry { country, source } = located;
            key.0.extend_from_slice(country.as_bytes());
            key.text(source.as_str());
        });
        let word = Self::text;
        self.fact(reads.platform, platform.map(|w| w.as_str()), word);
        self.fact(
            reads.client_app_type,
            client_app_type.map(|w| w.as_str()),
            word,
        );
        self.fact(reads.sign_in_risk, sign_in_risk.map(|w| w.as_str()), word);
        self.fact(reads.user_risk, user_risk.map(|w| w.as_str()), word);
        self.fact(reads.insider_risk, insider_risk.map(|w| w.as_str()), word);
        self.fact(reads.device, device.as_ref(), Self::device);
        self.fact(reads.app_attributes, Some(app_attributes), Self::attributes);
        self.fact(
            reads.approved_application,
            *approved_application,
            Self::flag,
        );
        self.fact(reads.app_protection, *app_protection, Self::flag);
        self.fact(reads.password_changed, *password_changed, Self::flag);
        self.fact(reads.risk_remediated, *risk_remediated, Self::flag);
        self.fact(reads.user_action, user_action.map(|w| w.as_str()), word);
        self.fact(
            reads.authentication_context,
            authentication_context.as_deref(),
            word,
        );
        self.fact(
            reads.authentication_flow,
            authentication_flow.map(|w| w.as_str()),
            word,
        );
        self.texts(client_capabilities);
    }

    fn device(&mut self, device: &Device) {
        match device {
            Device::Unregistered => self.flag(false),
            Device::Registered(properties) => {
                self.flag(true);
                self.count(properties.len());
                for (property, value) in properties {
                    self.property(*property);
                    self.value(value);
                }
            }
        }
    }

    fn property(&mut self, property: DeviceProperty) {
        use DeviceProperty as P;
        let (kind, number) = match property {
            P::DeviceId => (0, 0),
            P::MdmAppId => (1, 0),
            P::DisplayName => (2, 0),
            P::EnrollmentProfileName => (3, 0),
            P::Manufacturer => (4, 0),
            P::Model => (5, 0),
            P::OperatingSystem => (6, 0),
            P::OperatingSystemVersion => (7, 0),
            P::DeviceOwnership => (8, 0),
            P::IsCompliant => (9, 0),
            P::ProfileType => (10, 0),
            P::TrustType => (11, 0),
            P::PhysicalIds => (12, 0),
            P::SystemLabels => (13, 0),
            P::ExtensionAttribute(number) => (14, number),
        };
        self.0.extend_from_slice(&[kind, number]);
    }

    fn attributes(&mut self, attributes: &BTreeMap<String, PropertyValue>) {
        self.count(attributes.len());
        for (name, value) in attributes {
            self.text(name);
            self.value(value);
        }
    }

    /// A collection keeps the order of the client, because it may be significant.
    fn value(&mut self, value: &PropertyValue) {
        match value {
            PropertyValue::Null => self.0.push(0),
            PropertyValue::Text(text) => {
                self.0.push(1);
                self.text(text);
            }
            PropertyValue::List(members) => {
                self.0.push(2);
                self.count(members.len());
                members.iter().for_each(|member| self.text(member));
            }
        }
    }
}

/// Encoders for each kind of field.
impl DecisionKey {
    /// A fact of the context. If no policy reads it, it is encoded as absent.
    fn fact<T>(&mut self, is_read: bool, fact: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.optional(fact.filter(|_| is_read), write);
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&count.to_le_bytes());
    }

    fn instant(&mut self, instant: Timestamp) {
        self.0.extend_from_slice(&instant.as_nanos().to_le_bytes());
    }

    fn id(&mut self, id: impl Into<u128>) {
        self.0.extend_from_slice(&id.into().to_le_bytes());
    }

    fn optional_id(&mut self, id: Option<impl Into<u128>>) {
        self.optional(id, |key, id| key.id(id));
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.flag(false);
                self.0.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                self.flag(true);
                self.0.extend_from_slice(&address.octets());
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.optional(text, Self::text);
    }

    /// Group positions, already sorted and without duplicates.
    fn positions(&mut self, positions: &[u32]) {
        self.count(positions.len());
        positions.iter().for_each(|position| self.number(*position));
    }

    /// A list whose order and duplicates are not significant.
    fn ids<I: Copy + Ord + Into<u128>>(&mut self, ids: &[I]) {
        if ids.is_empty() {
            return self.count(0);
        }
        let mut sorted: SmallVec<[I; 16]> = SmallVec::from_slice(ids);
        sorted.sort_unstable();
        sorted.dedup();
        self.count(sorted.len());
        sorted.into_iter().for_each(|id| self.id(id));
    }

    /// A list whose order and duplicates are not significant.
    fn texts(&mut self, texts: &[String]) {
        if texts.is_empty() {
            return self.count(0);
        }
        let mut sorted: SmallVec<[&str; 8]> = texts.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        sorted.dedup();
        self.count(sorted.len());
        sorted.into_iter().for_each(|text| self.text(text));
    }
}

/// Initial capacity; a request without texts takes about 250 bytes.
const INITIAL_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{
        AuthenticationFlow, ClientAppType, CountrySource, InsiderRiskLevel, Platform, RiskLevel,
        UserAction,
    };

    const EVERYTHING: ContextReads = ContextReads {
        ip_address: true,
        country: true,
        platform: true,
        client_app_type: true,
        sign_in_risk: true,
        user_risk: true,
        insider_risk: true,
        device: true,
        app_attributes: true,
        authentication_flow: true,
        user_action: true,
        authentication_context: true,
        approved_application: true,
        app_protection: true,
        password_changed: true,
        risk_remediated: true,
    };

    fn key_of(change: impl FnOnce(&mut Context), reads: ContextReads) -> DecisionKey {
        let mut context = Context::default();
        change(&mut context);
        let mut key = DecisionKey(Vec::new());
        key.context(&context, reads);
        key
    }

    fn device(text: &str) -> Option<Device> {
        let value = PropertyValue::Text(text.to_owned());
        Some(Device::Registered([(DeviceProperty::Model, value)].into()))
    }

    fn country(code: &str, source: CountrySource) -> Option<LocatedCountry> {
        let country = code.parse().ok()?;
        Some(LocatedCountry { country, source })
    }

    fn attributes(name: &str, members: &[&str]) -> BTreeMap<String, PropertyValue> {
        let members = members.iter().copied().map(String::from).collect();
        [(name.to_owned(), PropertyValue::List(members))].into()
    }

    type Change = fn(&mut Context);

    const CHANGES: &[Change] = &[
        |_| {},
        |c| c.ip_address = "10.0.0.1".parse().ok(),
        |c| c.ip_address = "::1".parse().ok(),
        |c| c.country = country("DE", CountrySource::ClientIpAddress),
        |c| c.country = country("DE", CountrySource::AuthenticatorAppGps),
        |c| c.country = country("FR", CountrySource::ClientIpAddress),
        |c| c.platform = Some(Platform::Linux),
        |c| c.platform = Some(Platform::Ios),
        |c| c.client_app_type = Some(ClientAppType::Other),
        |c| c.sign_in_risk = Some(RiskLevel::Low),
        |c| c.sign_in_risk = Some(RiskLevel::None),
        |c| c.user_risk = Some(RiskLevel::Low),
        |c| c.insider_risk = Some(InsiderRiskLevel::Minor),
        |c| c.device = Some(Device::Unregistered),
        |c| c.device = Some(Device::Registered(BTreeMap::new())),
        |c| c.device = device("a"),
        |c| c.device = device("b"),
        |c| c.app_attributes = attributes("a", &[]),
        |c| c.app_attributes = attributes("a", &["b", "c"]),
        |c| c.app_attributes = attributes("a", &["bc"]),
        |c| c.approved_application = Some(true),
        |c| c.approved_application = Some(false),
        |c| c.app_protection = Some(true),
        |c| c.password_changed = Some(true),
        |c| c.risk_remediated = Some(true),
        |c| c.user_action = Some(UserAction::RegisterDevice),
        |c| c.authentication_context = Some(String::from("c1")),
        |c| c.authentication_flow = Some(AuthenticationFlow::None),
    ];

    #[test]
    fn only_facts_that_a_policy_reads_change_the_key() {
        let nothing = ContextReads::default();
        for (i, left) in CHANGES.iter().enumerate() {
            for (j, right) in CHANGES.iter().enumerate() {
                let is_same = key_of(left, EVERYTHING) == key_of(right, EVERYTHING);
                assert_eq!(is_same, i == j, "changes {i} and {j}");
                assert_eq!(key_of(left, nothing), key_of(right, nothing));
            }
        }
    }

    /// Sets the flags one by one: each fact is encoded only if its own flag is set.
    #[test]
    fn every_fact_depends_on_its_own_flag() {
        type Flag = fn(&mut ContextReads);
        let flags: [(Flag, Change); 16] = [
            (
                |r| r.ip_address = true,
                |c| c.ip_address = "10.0.0.1".parse().ok(),
            ),
            (
                |r| r.country = true,
                |c| c.country = country("DE", CountrySource::ClientIpAddress),
            ),
            (
                |r| r.platform = true,
                |c| c.platform = Some(Platform::Linux),
            ),
            (
                |r| r.client_app_type = true,
                |c| c.client_app_type = Some(ClientAppType::Other),
            ),
            (
                |r| r.sign_in_risk = true,
                |c| c.sign_in_risk = Some(RiskLevel::Low),
            ),
            (
                |r| r.user_risk = true,
                |c| c.user_risk = Some(RiskLevel::Low),
            ),
            (
                |r| r.insider_risk = true,
                |c| c.insider_risk = Some(InsiderRiskLevel::Minor),
            ),
            (|r| r.device = true, |c| c.device = device("a")),
            (
                |r| r.app_attributes = true,
                |c| c.app_attributes = attributes("a", &[]),
            ),
            (
                |r| r.authentication_flow = true,
                |c| {
                    c.authentication_flow = Some(AuthenticationFlow::None);
                },
            ),
            (
                |r| r.user_action = true,
                |c| c.user_action = Some(UserAction::RegisterDevice),
            ),
            (
                |r| r.authentication_context = true,
                |c| {
                    c.authentication_context = Some(String::from("c1"));
                },
            ),
            (
                |r| r.approved_application = true,
                |c| c.approved_application = Some(true),
            ),
            (
                |r| r.app_protection = true,
                |c| c.app_protection = Some(true),
            ),
            (
                |r| r.password_changed = true,
                |c| c.password_changed = Some(true),
            ),
            (
                |r| r.risk_remediated = true,
                |c| c.risk_remediated = Some(true),
            ),
        ];
        for (i, (set, _)) in flags.iter().enumerate() {
            let mut reads = ContextReads::default();
            set(&mut reads);
            for (j, (_, change)) in flags.iter().enumerate() {
                let is_encoded = key_of(change, reads) != key_of(|_| {}, reads);
                assert_eq!(is_encoded, i == j, "flag {i}, fact {j}");
            }
        }
    }
}
