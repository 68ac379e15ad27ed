//! Policy documents of a given size: two tenants that trust each other, with partners and Conditional Access policies.

use crosstrust::graph::SourceFile;
use crosstrust::id::{AppId, GroupId, TenantId};
use serde_json::{Value, json};

pub const HOME: TenantId = TenantId(1);
pub const RESOURCE: TenantId = TenantId(2);
pub const APP: AppId = AppId(3);

pub fn file(path: &str, document: &Value) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        bytes: document.to_string().into_bytes().into(),
    }
}

fn setting(users: Vec<Value>) -> Value {
    json!({
        "usersAndGroups": { "accessType": "allowed", "targets": users },
        "applications": {
            "accessType": "allowed",
            "targets": [{ "target": "AllApplications", "targetType": "application" }],
        },
    })
}

pub fn allow_all() -> Value {
    setting(vec![json!({ "target": "AllUsers", "targetType": "user" })])
}

pub fn group(number: u128) -> GroupId {
    GroupId(0x60_0000_0000_0000_0000_0000 + number * 0x1_0001)
}

/// A policy that requires MFA from all users, for [`APP`] if it `applies`, otherwise for another application.
pub fn policy(number: u128, applies: bool) -> Value {
    let app = if applies { APP } else { AppId(5000 + number) };
    json!({
        "id": TenantId(9000 + number).to_string(),
        "displayName": format!("Policy {number}"),
        "state": "enabled",
        "conditions": {
            "users": { "includeUsers": ["All"] },
            "applications": { "includeApplications": [app.to_string()] },
        },
        "grantControls": { "operator": "OR", "builtInControls": ["mfa"] },
    })
}

/// Two tenants that trust each other. Inbound allows `targets` groups, or all users if `targets` is 0. There are also
/// `partners` other partners and `policies` Conditional Access policies, one in twenty of which applies.
pub fn folder(targets: u128, partners: u128, policies: u128) -> Vec<SourceFile> {
    let groups = (0..targets)
        .map(|n| json!({ "target": group(n).to_string(), "targetType": "group" }))
        .collect();
    let inbound = if targets == 0 {
        allow_all()
    } else {
        setting(groups)
    };
    let mut partner_list =
        vec![json!({ "tenantId": HOME.to_string(), "b2bDirectConnectInbound": inbound })];
    partner_list
        .extend((0..partners).map(|n| json!({ "tenantId": TenantId(1000 + n).to_string() })));
    let policies: Vec<Value> = (0..policies).map(|n| policy(n, n % 20 == 0)).collect();
    let trust = json!({ "isMfaAccepted": true });
    vec![
        file("home/organization.json", &json!({ "id": HOME.to_string() })),
        file(
            "home/partners.json",
            &json!([{ "tenantId": RESOURCE.to_string(), "b2bDirectConnectOutbound": allow_all() }]),
        ),
        file(
            "resource/organization.json",
            &json!({ "id": RESOURCE.to_string() }),
        ),
        file(
            "resource/default.json",
            &json!({ "isServiceDefault": false, "inboundTrust": trust }),
        ),
        file("resource/partners.json", &json!(partner_list)),
        file("resource/conditional-access.json", &json!(policies)),
    ]
}
