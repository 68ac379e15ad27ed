//! The generated Conditional Access policies in Graph's JSON: twenty enforced, one report-only and one disabled.

use crosstrust::id::{AppId, TenantId};
use serde_json::{Value, json};

use super::{between, sample};
use crate::peers::random::Rng;

/// The number of enforced policies.
const ENFORCED: usize = 20;

pub fn policies(rng: &mut Rng, homes: &[TenantId], apps: &[AppId]) -> Value {
    let mut policies: Vec<Value> = (0..ENFORCED + 2)
        .map(|number| policy(rng, number, homes, apps))
        .collect();
    policies[ENFORCED]["state"] = json!("enabledForReportingButNotEnforced");
    policies[ENFORCED + 1]["state"] = json!("disabled");
    json!({ "value": policies })
}

fn policy(rng: &mut Rng, number: usize, homes: &[TenantId], apps: &[AppId]) -> Value {
    let (operator, controls): (&str, &[&str]) = match number % 10 {
        0 => ("OR", &["block"]),
        1..=3 => ("OR", &["mfa"]),
        4 => ("OR", &["compliantDevice"]),
        5 | 6 => ("OR", &["mfa", "compliantDevice"]),
        7 => ("AND", &["mfa", "compliantDevice"]),
        8 => ("OR", &["compliantDevice", "domainJoinedDevice"]),
        _ => ("AND", &["mfa"]),
    };
    let is_block = controls == ["block"];
    json!({
        "id": uuid(0xca00 + number),
        "displayName": format!("CA{number:03}"),
        "state": "enabled",
        "conditions": {
            "clientAppTypes": ["all"],
            "users": users(rng, number, homes, is_block),
            "applications": applications(rng, apps, is_block),
        },
        "grantControls": { "operator": operator, "builtInControls": controls },
    })
}

fn uuid(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

/// External users in each spelling, all users, or groups of the resource tenant, which contain no direct connect user.
fn users(rng: &mut Rng, number: usize, homes: &[TenantId], is_block: bool) -> Value {
    let mut users = match number % 5 {
        _ if is_block => external(rng, homes, 3, 6),
        1 => json!({ "includeUsers": ["All"] }),
        2 => json!({ "includeUsers": ["GuestsOrExternalUsers"] }),
        3 => external(rng, homes, 6, 12),
        4 if number > 10 => json!({ "includeGroups": [uuid(0x60_0000 + number)] }),
        _ => json!({ "includeGuestsOrExternalUsers": {
            "guestOrExternalUserTypes": "b2bCollaborationGuest,b2bDirectConnectUser",
            "externalTenants": { "membershipKind": "all" },
        } }),
    };
    if rng.chance(40) {
        let number = between(rng, 1, 4);
        users["excludeGuestsOrExternalUsers"] = of_tenants(sample(rng, homes, number));
    }
    users
}

fn external(rng: &mut Rng, homes: &[TenantId], least: usize, most: usize) -> Value {
    let number = between(rng, least, most);
    json!({ "includeGuestsOrExternalUsers": of_tenants(sample(rng, homes, number)) })
}

fn of_tenants(tenants: Vec<TenantId>) -> Value {
    let members: Vec<String> = tenants.iter().map(ToString::to_string).collect();
    json!({
        "guestOrExternalUserTypes": "b2bDirectConnectUser",
        "externalTenants": {
            "@odata.type": "#microsoft.graph.conditionalAccessEnumeratedExternalTenants",
            "membershipKind": "enumerated",
            "members": members,
        },
    })
}

fn applications(rng: &mut Rng, apps: &[AppId], is_block: bool) -> Value {
    let some = |rng: &mut Rng, least, most| -> Vec<String> {
        let number = between(rng, least, most);
        let some = sample(rng, apps, number);
        some.iter().map(ToString::to_string).collect()
    };
    match rng.below(4) {
        0 if !is_block => json!({
            "includeApplications": ["All"],
            "excludeApplications": some(rng, 5, 20),
        }),
        1 => {
            let mut include = some(rng, 8, 14);
            let exclude = include[..3].to_vec();
            include.truncate(12);
            json!({ "includeApplications": include, "excludeApplications": exclude })
        }
        _ => json!({ "includeApplications": some(rng, 4, 12) }),
    }
}
