//! A small universe, exhaustively: every row of the table of section 3 on both sides, every claim with every trust under
//! each control, restrictions and clouds.
//!
//! All requests are decided at `universe::NOW`. A world comes with all of its requests, so that it is compiled only once.

use crosstrust::request::{AccessType, Request};
use crosstrust::vocabulary::{AuthenticationMethod as Method, UserType, WordSet};
use serde_json::{Value, json};

use super::build::*;
use super::universe::*;
use crate::reference::World;

pub fn small_universe() -> impl Iterator<Item = (World, Vec<Request>)> {
    settings_on_both_sides()
        .chain(claims_and_trust())
        .chain(restrictions())
        .chain(clouds())
}

/// Every valid setting over one user, one group and one application.
pub fn every_setting() -> Vec<Value> {
    let who = [
        vec![all_users()],
        vec![user(ALICE)],
        vec![group(MARKETING)],
        vec![user(BOB), group(MARKETING)],
    ];
    let what = [vec![all_apps()], vec![app(PAYROLL)]];
    let mut settings = Vec::new();
    for (users, applications) in [
        ("allowed", "allowed"),
        ("allowed", "blocked"),
        ("blocked", "allowed"),
        ("blocked", "blocked"),
    ] {
        for who in &who {
            for what in &what {
                let all_blocked = applications == "blocked" && *what == [all_apps()];
                let blocks_all_users = users == "blocked" && *who == [all_users()];
                let conflict =
                    (blocks_all_users && !all_blocked) || (users == "allowed" && all_blocked);
                if !conflict {
                    settings.push(setting(users, who, applications, what));
                }
            }
        }
    }
    settings
}

fn settings_on_both_sides() -> impl Iterator<Item = (World, Vec<Request>)> {
    let requests = requests_over_settings();
    let all = every_setting();
    let pairs: Vec<(Value, Value)> = all
        .iter()
        .flat_map(|outbound| {
            all.iter()
                .map(|inbound| (outbound.clone(), inbound.clone()))
        })
        .collect();
    pairs.into_iter().map(move |(outbound, inbound)| {
        let contoso = tenant(CONTOSO).partner(
            FABRIKAM,
            json!({
                "b2bDirectConnectInbound": inbound, "b2bCollaborationInbound": inbound,
            }),
        );
        let fabrikam = tenant(FABRIKAM).partner(
            CONTOSO,
            json!({
                "b2bDirectConnectOutbound": outbound, "b2bCollaborationOutbound": outbound,
            }),
        );
        (world([contoso, fabrikam]), requests.clone())
    })
}

fn requests_over_settings() -> Vec<Request> {
    let mut requests = Vec::new();
    for access in [AccessType::DirectConnect, AccessType::Collaboration] {
        for own in [Some(ALICE), Some(BOB), None] {
            if own.is_none() && access == AccessType::DirectConnect {
                continue;
            }
            for groups in subsets(&[MARKETING, SALES]) {
                for incomplete in [false, true] {
                    for reached in [PAYROLL, SHAREPOINT] {
                        for client in [None, Some(PAYROLL)] {
                            requests.push(with(direct(), |request| {
                                request.access = access;
                                request.user = own;
                                request.resource_user = own.is_none().then_some(CAROL);
                                request.groups = groups.clone();
                                request.claims.groups_incomplete = incomplete;
                                request.app = reached;
                                request.client_app = client;
                            }));
                        }
                    }
                }
            }
        }
    }
    requests
}

fn claims_and_trust() -> impl Iterator<Item = (World, Vec<Request>)> {
    let requests = requests_over_claims();
    let mut worlds = Vec::new();
    for policies in policy_sets() {
        for users in user_conditions() {
            for bits in 0..8u8 {
                let accepts = trust(bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
                let mut contoso = trusting_contoso(accepts);
                for (number, policy) in (1..).zip(&policies) {
                    contoso = contoso.policy(number, when(policy.clone(), "users", users.clone()));
                }
                worlds.push(world([contoso, open_fabrikam()]));
            }
        }
    }
    worlds
        .into_iter()
        .map(move |world| (world, requests.clone()))
}

fn policy_sets() -> Vec<Vec<Value>> {
    let strength = |id| grant(json!({"operator": "AND", "authenticationStrength": {"id": id}}));
    let hourly = json!({"signInFrequency": {"isEnabled": true, "value": 1, "type": "hours"}});
    vec![
        vec![require(&["mfa"])],
        vec![require(&["compliantDevice"])],
        vec![require(&["domainJoinedDevice"])],
        vec![require(&["mfa", "compliantDevice"])],
        vec![require_one(&["mfa", "compliantDevice"])],
        vec![require_one(&["domainJoinedDevice", "compliantDevice"])],
        vec![strength(BUILT_IN_MFA.to_string())],
        vec![strength(BUILT_IN_PHISHING_RESISTANT.to_string())],
        vec![block()],
        vec![report_only(block()), require(&["mfa"])],
        vec![having(require(&["mfa"]), "sessionControls", hourly)],
        vec![
            require(&["domainJoinedDevice"]),
            require(&["compliantDevice"]),
        ],
        vec![
            require_one(&["mfa", "approvedApplication"]),
            require(&["domainJoinedDevice"]),
        ],
    ]
}

fn user_conditions() -> Vec<Value> {
    let direct = json!({"guestOrExternalUserTypes": "b2bDirectConnectUser", "externalTenants": {"membershipKind": "all"}});
    let guests =
        json!({"guestOrExternalUserTypes": "b2bCollaborationGuest,b2bCollaborationMember"});
    vec![
        json!({"includeUsers": ["All"]}),
        json!({"includeGuestsOrExternalUsers": direct}),
        json!({"includeGuestsOrExternalUsers": guests}),
        json!({"includeUsers": ["All"], "excludeGuestsOrExternalUsers": direct}),
    ]
}

fn requests_over_claims() -> Vec<Request> {
    let strong: WordSet<Method> = [Method::Fido2].into_iter().collect();
    let mut requests = Vec::new();
    for base in [direct(), guest(), internal()] {
        for bits in 0..16u8 {
            for methods in [WordSet::EMPTY, strong] {
                for reached in [PAYROLL, SHAREPOINT] {
                    for varied in [false, true] {
                        requests.push(with(base.clone(), |request| {
                            request.app = reached;
                            request.claims.mfa = bits & 1 != 0;
                            request.claims.resource_mfa = bits & 2 != 0;
                            request.claims.compliant_device = bits & 4 != 0;
                            request.claims.hybrid_joined_device = bits & 8 != 0;
                            request.claims.authentication_methods = methods;
                            vary_user_type(request, varied);
                        }));
                    }
                }
            }
        }
    }
    requests
}

/// Another user of the same class: a direct connect user with a guest object, a guest of unstated type, an internal
/// guest.
fn vary_user_type(request: &mut Request, varied: bool) {
    if !varied {
        return;
    }
    match request.access {
        _ if request.home == request.resource => {
            request.external_user_type = Some(UserType::InternalGuest);
        }
        AccessType::DirectConnect => request.resource_user = Some(BOB),
        AccessType::Collaboration => request.external_user_type = None,
    }
}

/// A third tenant's network, with every setting for the home tenant and three for the resource tenant.
fn restrictions() -> impl Iterator<Item = (World, Vec<Request>)> {
    let mut requests = requests_over_settings();
    for request in &mut requests {
        request.restricting_tenant = Some(WOODGROVE);
    }
    let mut worlds = Vec::new();
    for home in every_setting() {
        let only_payroll = setting("allowed", &[all_users()], "allowed", &[app(PAYROLL)]);
        for resource in [Value::Null, open(), only_payroll] {
            let woodgrove = tenant(WOODGROVE)
                .partner(FABRIKAM, json!({"tenantRestrictions": home}))
                .partner(CONTOSO, json!({"tenantRestrictions": resource}));
            worlds.push(world([open_contoso(), open_fabrikam(), woodgrove]));
        }
    }
    worlds
        .into_iter()
        .map(move |world| (world, requests.clone()))
}

/// Both clouds, the clouds that each side allows, and whether each has an entry for the other.
fn clouds() -> impl Iterator<Item = (World, Vec<Request>)> {
    const HERE: &str = "microsoftonline.com";
    const THERE: &str = "microsoftonline.us";
    (0..64u8).map(|bits| {
        let side = |id, other, shift: u8| {
            let bit = |n: u8| bits >> (shift + n) & 1 != 0;
            let own = tenant(id)
                .cloud(if bit(0) { THERE } else { HERE })
                .allowed_clouds(if bit(1) { &[HERE, THERE] } else { &[] })
                .default_settings(json!({
                    "b2bDirectConnectInbound": open(), "b2bDirectConnectOutbound": open(),
                }));
            if bit(2) {
                own.partner(other, json!({}))
            } else {
                own
            }
        };
        let world = world([side(CONTOSO, FABRIKAM, 0), side(FABRIKAM, CONTOSO, 3)]);
        (world, vec![direct(), guest()])
    })
}

fn subsets<T: Copy>(list: &[T]) -> Vec<Vec<T>> {
    (0..1u32 << list.len())
        .map(|bits| {
            let chosen = list.iter().enumerate().filter(|(n, _)| bits >> n & 1 != 0);
            chosen.map(|(_, item)| *item).collect()
        })
        .collect()
}
