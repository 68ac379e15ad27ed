//! Sign-in events and audit records: format, visibility per organisation, and safe output.

mod audit;
mod escaping;
mod following;
mod narrowing;
mod showing;
mod sign_in;
mod view;

use crosstrust::engine::{Answer, Engine, EngineOptions};
use crosstrust::graph::SourceFile;
use crosstrust::id::{AppId, DecisionId, TenantId, UserId};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::log::sign_in::{self as event, SignIn, SignInRequest};
use crosstrust::request::{AccessType, Api, Request};
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{ClientAppType, RiskLevel};
use serde_json::{Value, json};

use crate::support::product::snapshot_of;

pub const CONTOSO: TenantId = TenantId(0x1000d6f0_85c0_40e9_8a9e_c5d3a2419c0f);
pub const FABRIKAM: TenantId = TenantId(0x2000d417_3b6d_4dbf_977f_4b4cbba65319);
pub const FELIX: UserId = UserId(0x21022c4a_1623_45c3_95c7_c24dc6732f65);
pub const GUEST: UserId = UserId(0x33333333_1623_45c3_95c7_c24dc6732f65);
pub const PAYROLL: AppId = AppId(0xa9000000_0000_4000_8000_000000000001);
pub const CLIENT: AppId = AppId(0xa9000000_0000_4000_8000_000000000002);
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A name with terminal colours, a line break, a direction override and a spreadsheet formula.
pub const HOSTILE: &str =
    "=HYPERLINK(\"http://x\")\u{1b}[31m\r\n\u{202e}\u{2028}\u{7}\u{9b}2J\"},{\"";

/// Contoso requires MFA of all users and trusts Fabrikam's MFA.
pub fn engine() -> Engine {
    let open = json!({
        "usersAndGroups": {"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]},
        "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]},
    });
    let partner = |tenant: TenantId, way: &str| json!([{"tenantId": tenant.to_string(), way: open, "inboundTrust": {"isMfaAccepted": true}}]);
    let policy = json!([{
        "id": "c0000000-0000-4000-8000-000000000001", "displayName": HOSTILE, "state": "enabled",
        "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
        "sessionControls": {"signInFrequency": {"value": 4, "type": "hours", "isEnabled": true,
            "frequencyInterval": "timeBased", "authenticationType": "primaryAndSecondaryAuthentication"}},
    }]);
    let documents = [
        (
            "contoso/organization.json",
            json!({"id": CONTOSO.to_string(), "displayName": "Contoso"}),
        ),
        (
            "contoso/partners.json",
            partner(FABRIKAM, "b2bDirectConnectInbound"),
        ),
        ("contoso/conditional-access.json", policy),
        (
            "fabrikam/organization.json",
            json!({"id": FABRIKAM.to_string(), "displayName": "Fabrikam"}),
        ),
        (
            "fabrikam/partners.json",
            partner(CONTOSO, "b2bDirectConnectOutbound"),
        ),
    ];
    let files = documents.map(|(path, document)| SourceFile {
        path: path.to_owned(),
        bytes: document.to_string().into_bytes().into(),
    });
    let clock = crosstrust::clock::Clock::System;
    let engine = Engine::new(EngineOptions { cache: None, clock });
    engine.activate(snapshot_of(files.to_vec()), "here");
    engine
}

/// Felix of Fabrikam requests access to Contoso's payroll.
pub fn request() -> Request {
    let mut request = Request::new(FABRIKAM, CONTOSO, FELIX, PAYROLL, Timestamp::MAX);
    request.access = AccessType::DirectConnect;
    request.client_app = Some(CLIENT);
    request.request_id = String::from("call-1");
    request.claims.mfa = true;
    request.claims.auth_time = Some(crosstrust::clock::Clock::System.now().wall);
    request.claims.session_id = Some(String::from("session-1"));
    request.context.client_app_type = Some(ClientAppType::Browser);
    request.context.ip_address = Some("203.0.113.7".parse().unwrap());
    request.context.sign_in_risk = Some(RiskLevel::Low);
    request
}

pub fn body_of(request: &Request, answer: &Answer, pseudonyms: &Pseudonyms) -> Vec<u8> {
    let event = SignIn {
        request: SignInRequest::Complete(request),
        answer,
        time: NOW,
        api: Api::Authorize,
    };
    event::body(&event, pseudonyms)
}

/// The event of this request, decided at `NOW`.
pub fn event_of(request: &Request) -> Value {
    let answer = engine().authorize(request);
    read(&body_of(request, &answer, &Pseudonyms::OFF))
}

/// Parses a body and asserts that it is one bounded line of JSON without control characters.
pub fn read(body: &[u8]) -> Value {
    assert!(
        body.len() <= crosstrust::log::json::BODY_BYTES,
        "{}",
        body.len()
    );
    let text = std::str::from_utf8(body).unwrap();
    assert!(text.starts_with('{') && text.ends_with('}'));
    assert!(!text.contains(is_terminal_control), "{text}");
    serde_json::from_str(text).unwrap()
}

/// Implemented independently of the product.
pub fn is_terminal_control(character: char) -> bool {
    let bidi = [
        '\u{61c}', '\u{200e}', '\u{200f}', '\u{feff}', '\u{2028}', '\u{2029}',
    ];
    character.is_control()
        || bidi.contains(&character)
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
}

pub fn some_id() -> DecisionId {
    DecisionId(0xd0000000_0000_7000_8000_000000000001)
}
