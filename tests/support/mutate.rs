//! Changes with a known effect: pure restrictions, and changes that must not matter.

use crosstrust::request::Request;
use serde_json::{Value, json};

use super::policies::{self, Available};
use super::random::Rng;
use super::universe::*;
use crate::reference::{TenantDocuments, World};

/// Shuffles and repeats the ids in a request, which must not change the decision.
pub fn shuffle_and_repeat_groups(request: &Request, rng: &mut Rng) -> Request {
    let mut other = request.clone();
    shuffle_and_repeat(&mut other.groups, rng);
    shuffle_and_repeat(&mut other.resource_groups, rng);
    shuffle_and_repeat(&mut other.roles, rng);
    shuffle_and_repeat(&mut other.claims.accepted_terms_of_use, rng);
    shuffle_and_repeat(&mut other.claims.accepted_custom_controls, rng);
    other
}

fn shuffle_and_repeat<T: Copy>(list: &mut Vec<T>, rng: &mut Rng) {
    let repeats = rng.some(list, 40);
    list.extend(repeats);
    rng.shuffle(list);
}

/// Adds a restriction: an enabled policy that blocks, or a narrower collaboration setting or tenant restriction. It must
/// not turn a denial into an allow.
pub fn add_blocking_policy(world: &World, rng: &mut Rng) -> World {
    let mut other = world.clone();
    let members = [
        "b2bCollaborationInbound",
        "b2bCollaborationOutbound",
        "tenantRestrictions",
    ];
    if rng.chance(60) || !restrict_some_setting(&mut other, &members, rng) {
        let policy = blocking_policy(rng);
        add_policy(&mut other, policy, rng);
    }
    other
}

/// Narrows a direct connect setting. It must not turn a denial of a *direct connect* request into an allow. A collaboration
/// user may lose the second user type by it, so for those it is not a pure restriction (semantics §5, "User types
/// overlap").
pub fn restrict_direct_connect(world: &World, rng: &mut Rng) -> World {
    let mut other = world.clone();
    restrict_some_setting(
        &mut other,
        &["b2bDirectConnectInbound", "b2bDirectConnectOutbound"],
        rng,
    );
    other
}

/// Makes a policy report-only, which must not turn an allow into a denial. `None` if the policy does not exist.
pub fn to_report_only(world: &World, tenant: usize, policy: usize) -> Option<World> {
    let mut other = world.clone();
    let policies = objects_mut(other.tenants.get_mut(tenant)?, "conditional-access");
    let policy = policies.get_mut(policy)?;
    policy["state"] = json!("enabledForReportingButNotEnforced");
    Some(other)
}

/// Adds a report-only policy, which must not change the verdict or its expiry.
pub fn add_report_only(world: &World, rng: &mut Rng) -> World {
    let mut other = world.clone();
    let nothing = Available {
        locations: Vec::new(),
        strengths: Vec::new(),
    };
    let policy = policies::policy(rng, &nothing, 77, "enabledForReportingButNotEnforced");
    add_policy(&mut other, policy, rng);
    other
}

/// The number of policies of each tenant.
pub fn policy_counts(world: &World) -> Vec<usize> {
    world
        .tenants
        .iter()
        .map(|tenant| tenant.objects("conditional-access").len())
        .collect()
}

fn blocking_policy(rng: &mut Rng) -> Value {
    let nothing = Available {
        locations: Vec::new(),
        strengths: Vec::new(),
    };
    let mut policy = policies::policy(rng, &nothing, 78, "enabled");
    policy["grantControls"] = json!({"operator": "OR", "builtInControls": ["block"]});
    if rng.chance(50) {
        policy["conditions"] = json!({
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
        });
    }
    policy
}

fn add_policy(world: &mut World, policy: Value, rng: &mut Rng) {
    let place = rng.below(world.tenants.len());
    objects_mut(&mut world.tenants[place], "conditional-access").push(policy);
}

/// The list in a document; a missing document becomes an empty list.
pub fn objects_mut<'t>(
    tenant: &'t mut TenantDocuments,
    document: &'static str,
) -> &'t mut Vec<Value> {
    let written = tenant.documents.entry(document).or_insert(json!([]));
    let list = match written {
        Value::Object(page) => page.get_mut("value").expect("a page"),
        list => list,
    };
    list.as_array_mut().expect("a list")
}

/// Narrows one of the partners' explicit settings (a default has no single users to remove). Returns whether it could.
fn restrict_some_setting(world: &mut World, members: &[&str], rng: &mut Rng) -> bool {
    let mut places: Vec<(usize, usize, &str)> = Vec::new();
    for (place, tenant) in world.tenants.iter().enumerate() {
        for (index, partner) in tenant.objects("partners").into_iter().enumerate() {
            for member in members {
                if partner
                    .get(*member)
                    .is_some_and(|setting| !setting.is_null())
                {
                    places.push((place, index, member));
                }
            }
        }
    }
    rng.shuffle(&mut places);
    places.into_iter().any(|(place, index, member)| {
        let partner = &mut objects_mut(&mut world.tenants[place], "partners")[index];
        restrict(&mut partner[member], rng)
    })
}

/// Removes an allowed target or adds a blocked one; returns false if that is impossible.
fn restrict(setting: &mut Value, rng: &mut Rng) -> bool {
    let (rule, more) = match rng.below(2) {
        0 => (
            "usersAndGroups",
            json!({"target": rng.one(&GROUPS).to_string(), "targetType": "group"}),
        ),
        _ => (
            "applications",
            json!({"target": rng.one(&APPS).to_string(), "targetType": "application"}),
        ),
    };
    let rule = &mut setting[rule];
    let blocked = rule["accessType"] == "blocked";
    let targets = rule["targets"].as_array_mut().expect("targets");
    if blocked {
        let names_all = targets.iter().any(|target| {
            let name = target["target"].as_str().expect("a name").to_lowercase();
            name == "allusers" || name == "allapplications"
        });
        if !names_all && !targets.contains(&more) {
            targets.push(more);
            return true;
        }
    } else if targets.len() > 1 {
        targets.remove(rng.below(targets.len()));
        return true;
    }
    false
}
