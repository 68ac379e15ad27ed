//! Each field of a message is converted to its domain type.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Timestamp as Instant, Value};

use super::*;
use crate::request::{Claims, Context, Device, DeviceProperty, LocatedCountry, PropertyValue};
use crate::time::Timestamp;
use crate::vocabulary::*;

fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

fn instant(seconds: i64, nanos: i32) -> Option<Instant> {
    Some(Instant { seconds, nanos })
}

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

fn text(text: &str) -> Value {
    value(Kind::StringValue(String::from(text)))
}

fn list(values: Vec<Value>) -> Value {
    value(Kind::ListValue(ListValue { values }))
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Option<Struct> {
    let members = members.into_iter();
    Some(Struct {
        fields: members
            .map(|(name, value)| (String::from(name), value))
            .collect(),
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(String::from).collect()
}

fn claims() -> (proto::Claims, Claims) {
    let message = proto::Claims {
        expires_at: instant(100, 1),
        issued_at: instant(90, 2),
        auth_time: instant(80, 3),
        mfa: true,
        resource_mfa: false,
        compliant_device: true,
        hybrid_joined_device: false,
        authentication_methods: texts(&["FIDO2", "password"]),
        resource_authentication_methods: texts(&["sms"]),
        authentication_contexts: texts(&["C1"]),
        device_id: String::from("Device"),
        session_id: String::from("Session"),
        groups_incomplete: true,
        roles_incomplete: false,
        accepted_terms_of_use: vec![id(20)],
        accepted_custom_controls: vec![id(21)],
        authenticator_aaguid: id(22),
        certificate_issuer_skis: texts(&["9A42FF"]),
        certificate_policy_oids: texts(&["1.2.3"]),
    };
    let read = Claims {
        expires_at: Timestamp::from_nanos(100_000_000_001),
        issued_at: Some(Timestamp::from_nanos(90_000_000_002)),
        auth_time: Some(Timestamp::from_nanos(80_000_000_003)),
        mfa: true,
        resource_mfa: false,
        compliant_device: true,
        hybrid_joined_device: false,
        authentication_methods: [AuthenticationMethod::Fido2, AuthenticationMethod::Password]
            .into_iter()
            .collect(),
        resource_authentication_methods: [AuthenticationMethod::Sms].into_iter().collect(),
        authentication_contexts: texts(&["C1"]),
        device_id: Some(String::from("Device")),
        session_id: Some(String::from("Session")),
        groups_incomplete: true,
        roles_incomplete: false,
        accepted_terms_of_use: vec![crate::id::TermsOfUseId(20)],
        accepted_custom_controls: vec![crate::id::CustomControlId(21)],
        authenticator_aaguid: Some(crate::id::Aaguid(22)),
        certificate_issuer_skis: texts(&["9a42ff"]),
        certificate_policy_oids: texts(&["1.2.3"]),
    };
    (message, read)
}

fn device() -> (proto::Device, Device) {
    let message = proto::Device {
        registered: None,
        properties: members([
            ("TrustType", text("ServerAD")),
            ("isCompliant", value(Kind::BoolValue(true))),
            ("mdmAppId", value(Kind::NullValue(0))),
            ("extensionAttribute15", value(Kind::NumberValue(5.0))),
            ("extensionAttribute1", value(Kind::NumberValue(0.5))),
            ("physicalIds", list(vec![text("a"), text("B")])),
        ]),
    };
    let one = |text: &str| PropertyValue::Text(String::from(text));
    let read = Device::Registered(
        [
            (DeviceProperty::TrustType, one("ServerAD")),
            (DeviceProperty::IsCompliant, one("True")),
            (DeviceProperty::MdmAppId, PropertyValue::Null),
            (DeviceProperty::ExtensionAttribute(15), one("5")),
            (DeviceProperty::ExtensionAttribute(1), one("0.5")),
            (
                DeviceProperty::PhysicalIds,
                PropertyValue::List(texts(&["a", "B"])),
            ),
        ]
        .into(),
    );
    (message, read)
}

fn context() -> (proto::Context, Context) {
    let (device_message, expected_device) = device();
    let message = proto::Context {
        ip_address: String::from("::ffff:198.51.100.7"),
        country: String::from("de"),
        platform: String::from("MACOS"),
        client_app_type: String::from("Browser"),
        sign_in_risk: String::from("none"),
        user_risk: String::from("HIGH"),
        insider_risk: String::from("minor"),
        device: Some(device_message),
        app_attributes: members([
            ("Research_Project", list(vec![text("Ä"), text("b")])),
            ("STRASSE_Ü", value(Kind::BoolValue(false))),
        ]),
        approved_application: Some(true),
        app_protection: Some(false),
        password_changed: None,
        risk_remediated: Some(true),
        user_action: String::from("urn:user:RegisterDevice"),
        authentication_context: String::from("C42"),
        authentication_flow: String::from("DeviceCodeFlow"),
        client_capabilities: texts(&["cp1"]),
        country_source: String::from("AuthenticatorAppGPS"),
    };
    let read = Context {
        ip_address: "198.51.100.7".parse().ok(),
        country: Some(LocatedCountry {
            country: "DE".parse().expect("a country"),
            source: CountrySource::AuthenticatorAppGps,
        }),
        platform: Some(Platform::MacOs),
        client_app_type: Some(ClientAppType::Browser),
        sign_in_risk: Some(RiskLevel::None),
        user_risk: Some(RiskLevel::High),
        insider_risk: Some(InsiderRiskLevel::Minor),
        device: Some(expected_device),
        app_attributes: [
            (
                String::from("research_project"),
                PropertyValue::List(texts(&["Ä", "b"])),
            ),
            (
                String::from("strasse_ü"),
                PropertyValue::Text(String::from("False")),
            ),
        ]
        .into(),
        approved_application: Some(true),
        app_protection: Some(false),
        password_changed: None,
        risk_remediated: Some(true),
        user_action: Some(UserAction::RegisterDevice),
        authentication_context: Some(String::from("c42")),
        authentication_flow: Some(AuthenticationFlow::DeviceCodeFlow),
        client_capabilities: texts(&["cp1"]),
    };
    (message, read)
}

/// Converts a request in which the caller states the identity.
fn request(
    message: proto::AuthorizeRequest,
    limits: &RequestLimits,
) -> Result<Request, Vec<Violation>> {
    match authorize_request(&mut (&message).into(), limits)? {
        AuthorizationQuery::Stated(request) => Ok(*request),
        AuthorizationQuery::Credentials { .. } => panic!("the request has no token"),
    }
}

#[test]
fn every_field_is_converted() {
    let (claims_message, expected_claims) = claims();
    let (context_message, expected_context) = context();
    let message = proto::AuthorizeRequest {
        home_tenant: id(1),
        resource_tenant: format!("{{{}}}", id(2)),
        user: id(3),
        groups: vec![id(5), id(4), id(5)],
        app: id(6).to_uppercase(),
        claims: Some(claims_message),
        access_type: proto::AccessType::Collaboration.into(),
        channel: String::from("19:Launch@thread.tacv2"),
        context: Some(context_message),
        roles: vec![id(7)],
        client_app: id(8),
        external_user_type: String::from("B2BCollaborationMember"),
        resource_user: id(9),
        resource_groups: vec![id(10)],
        home_cloud: String::from("MicrosoftOnline.us"),
        restricting_tenant: id(11),
        request_id: String::from("r-1"),
        ..proto::AuthorizeRequest::default()
    };
    let read = Request {
        home: crate::id::TenantId(1).into(),
        issuing_tenant: None,
        resource: crate::id::TenantId(2),
        user: Some(crate::id::UserId(3)),
        groups: [5, 4, 5].map(crate::id::GroupId).to_vec(),
        app: crate::id::AppId(6),
        client_app: Some(crate::id::AppId(8)),
        access: AccessType::Collaboration,
        channel: Some(ChannelId(String::from("19:Launch@thread.tacv2"))),
        roles: vec![crate::id::RoleId(7)],
        external_user_type: Some(UserType::CollaborationMember),
        resource_user: Some(crate::id::UserId(9)),
        resource_groups: vec![crate::id::GroupId(10)],
        home_cloud: Some(Cloud::UsGovernment),
        restricting_tenant: Some(crate::id::TenantId(11)),
        claims: expected_claims,
        context: expected_context,
        request_id: String::from("r-1"),
    };
    assert_eq!(request(message, &RequestLimits::default()), Ok(read));
}

#[test]
fn fields_that_are_not_set_stay_unset() {
    let message = proto::AuthorizeRequest {
        home_tenant: id(1),
        resource_tenant: id(2),
        user: id(3),
        app: id(6),
        claims: Some(proto::Claims {
            expires_at: instant(100, 0),
            ..proto::Claims::default()
        }),
        context: Some(proto::Context::default()),
        ..proto::AuthorizeRequest::default()
    };
    let read = Request::new(
        crate::id::TenantId(1),
        crate::id::TenantId(2),
        crate::id::UserId(3),
        crate::id::AppId(6),
        Timestamp::from_seconds(100),
    );
    assert_eq!(request(message, &RequestLimits::default()), Ok(read));
}

#[test]
fn a_device_is_unknown_unregistered_or_registered_and_an_empty_message_is_unknown() {
    let read = |registered, properties| {
        let limits = RequestLimits::default();
        let mut reader = RequestReader::new(&limits);
        let context = proto::Context {
            device: Some(proto::Device {
                registered,
                properties,
            }),
            ..proto::Context::default()
        };
        let context = context::read(Some(&mut (&context).into()), &FieldPath::ROOT, &mut reader);
        (context.device, reader.violations.len())
    };
    assert_eq!(read(None, None), (None, 0));
    assert_eq!(read(Some(false), None), (Some(Device::Unregistered), 0));
    let nothing_known = Device::Registered(std::collections::BTreeMap::new());
    assert_eq!(read(Some(true), None), (Some(nothing_known), 0));
}

#[test]
fn a_batch_of_malformed_ids_is_refused_with_a_bounded_list_of_violations() {
    let bad = proto::AuthorizeRequest {
        groups: vec![String::new(); 1024],
        ..proto::AuthorizeRequest::default()
    };
    let message = proto::AuthorizeBatchRequest {
        requests: vec![bad; 100],
    };
    let violations = batch(&mut (&message).into(), &RequestLimits::default()).unwrap_err();
    assert_eq!(violations.len(), 1000);
}
