//! Generated Conditional Access: policies, named locations, strengths.

use serde_json::{Map, Value, json};

use super::filters;
use super::generate::{ids, page, spell};
use super::random::Rng;
use super::universe::*;

/// The objects of a tenant that policies can refer to.
pub struct Available {
    pub locations: Vec<String>,
    pub strengths: Vec<Value>,
}

pub fn named_locations(rng: &mut Rng, available: &mut Available) -> Value {
    let range = |cidr: &str| {
        let kind = if cidr.contains(':') {
            "iPv6CidrRange"
        } else {
            "iPv4CidrRange"
        };
        json!({"@odata.type": format!("#microsoft.graph.{kind}"), "cidrAddress": cidr})
    };
    let all = [
        json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": HEADQUARTERS.to_string(), "displayName": "Headquarters",
            "isTrusted": rng.chance(80),
            "ipRanges": [range("198.51.100.0/24"), range("2001:db8:1::/48")],
        }),
        json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": BRANCH.to_string(), "displayName": "Branch", "isTrusted": rng.chance(20),
            "ipRanges": [range("203.0.113.128/25"), range("203.0.113.7/32")],
        }),
        json!({
            "@odata.type": "#microsoft.graph.countryNamedLocation",
            "id": EUROPE.to_string(), "displayName": "Europe",
            "countriesAndRegions": ["DE", "FR"],
            "countryLookupMethod": rng.one(&[Some("clientIpAddress"), Some("authenticatorAppGps"), None]),
            "includeUnknownCountriesAndRegions": rng.chance(50),
        }),
        json!({
            "@odata.type": "#microsoft.graph.compliantNetworkNamedLocation",
            "id": SECURE_EDGE.to_string(), "displayName": "All compliant networks",
            "compliantNetworkType": "allTenantCompliantNetworks", "isTrusted": rng.chance(50),
        }),
    ];
    let mut chosen: Vec<Value> = all.into_iter().filter(|_| rng.chance(75)).collect();
    if rng.chance(15) {
        // Written by hand: exports do not contain it.
        chosen.push(json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": MFA_TRUSTED_IPS.to_string(), "displayName": "MFA Trusted IPs",
            "isTrusted": rng.chance(50), "ipRanges": [range("192.0.2.0/24")],
        }));
    }
    rng.shuffle(&mut chosen);
    available.locations = chosen
        .iter()
        .filter_map(|location| location["id"].as_str().map(String::from))
        .collect();
    page(rng, chosen)
}

pub fn strengths(rng: &mut Rng, available: &mut Available) -> Value {
    let mut all = vec![
        json!({
            "id": PASSWORD_AND_SMS.to_string(), "displayName": "Password and text",
            "policyType": "custom", "requirementsSatisfied": "mfa",
            "allowedCombinations": ["sms,password", "windowsHelloForBusiness"],
            "combinationConfigurations": [],
        }),
        json!({
            "id": CORPORATE_KEYS.to_string(), "displayName": "Corporate keys",
            "policyType": "custom", "requirementsSatisfied": "mfa",
            "allowedCombinations": [
                "fido2", "x509CertificateMultiFactor", "password,x509CertificateSingleFactor",
            ],
            "combinationConfigurations": configurations(rng),
        }),
    ];
    available
        .strengths
        .extend(all.iter().map(|strength| json!({"id": strength["id"]})));
    if rng.chance(30) {
        // An exported built-in overrides the table.
        all.push(json!({
            "id": BUILT_IN_PASSWORDLESS.to_string(), "displayName": "Passwordless MFA",
            "policyType": "builtIn", "requirementsSatisfied": "mfa",
            "allowedCombinations": ["windowsHelloForBusiness", "temporaryAccessPassOneTime"],
            "combinationConfigurations": [],
        }));
    }
    page(rng, all)
}

fn configurations(rng: &mut Rng) -> Vec<Value> {
    let mut all = Vec::new();
    if rng.chance(80) {
        all.push(json!({
            "@odata.type": "#microsoft.graph.fido2CombinationConfiguration",
            "appliesToCombinations": ["fido2"],
            "allowedAAGUIDs": [AAGUIDS[0].to_string()],
        }));
    }
    if rng.chance(80) {
        let (skis, oids) = rng.one(&[(1, 0), (0, 1), (1, 1)]);
        all.push(json!({
            "@odata.type": "#microsoft.graph.x509CertificateCombinationConfiguration",
            "appliesToCombinations": ["x509CertificateMultiFactor", "x509CertificateSingleFactor,password"],
            "allowedIssuerSkis": ISSUER_SKIS[..skis].iter().map(|ski| ski.to_uppercase()).collect::<Vec<_>>(),
            "allowedPolicyOIDs": &POLICY_OIDS[..oids],
        }));
    }
    all
}

pub fn conditional_access(rng: &mut Rng, available: &Available) -> Value {
    let count = rng.weighted(&[8, 17, 25, 25, 15, 10]);
    let mut ids: Vec<u64> = (1..=9).collect();
    rng.shuffle(&mut ids);
    let policies = (0..count)
        .map(|place| {
            let state = match rng.weighted(&[65, 20, 15]) {
                0 => "enabled",
                1 => "enabledForReportingButNotEnforced",
                _ => "disabled",
            };
            policy(rng, available, ids[place], state)
        })
        .collect();
    page(rng, policies)
}

/// One policy; the number makes its id and its name.
pub fn policy(rng: &mut Rng, available: &Available, number: u64, state: &str) -> Value {
    let mut policy = json!({
        "id": policy_id(number).to_string(),
        "displayName": format!("CA{number:03}"),
        "state": state,
        "conditions": conditions(rng, available),
        "grantControls": grant_controls(rng, available),
        "sessionControls": session_controls(rng),
    });
    let members = policy.as_object_mut().expect("an object");
    if rng.chance(8) {
        members.remove("id");
    }
    if members["sessionControls"].is_null() && rng.chance(50) {
        members.remove("sessionControls");
    }
    policy
}

/// A condition's name, its probability in percent, and its value.
type Optional = (&'static str, usize, fn(&mut Rng, &Available) -> Value);

fn conditions(rng: &mut Rng, available: &Available) -> Value {
    let mut all = Map::new();
    all.insert("users".into(), users(rng));
    all.insert("applications".into(), applications(rng));
    let optional: [Optional; 11] = [
        ("clientAppTypes", 35, client_app_types),
        ("platforms", 11, platforms),
        ("locations", 13, locations),
        ("signInRiskLevels", 8, |rng, _| {
            json!(rng.at_least_one(&["low", "medium", "high", "hidden", "none"], 50))
        }),
        ("userRiskLevels", 8, |rng, _| {
            json!(rng.at_least_one(&["low", "medium", "high"], 50))
        }),
        ("insiderRiskLevels", 8, |rng, _| {
            json!(
                rng.at_least_one(&["minor", "moderate", "elevated"], 50)
                    .join(",")
            )
        }),
        ("authenticationFlows", 8, |rng, _| {
            json!({"transferMethods": rng.one(&[
                "none", "deviceCodeFlow", "authenticationTransfer",
                "deviceCodeFlow,authenticationTransfer",
            ])})
        }),
        ("devices", 15, devices),
        ("deviceStates", 5, |rng, _| {
            device_states(rng, "includeStates", "excludeStates")
        }),
        ("servicePrincipalRiskLevels", 3, |rng, _| {
            match rng.below(2) {
                0 => json!([]),
                _ => json!(["high"]),
            }
        }),
        ("clientApplications", 3, |rng, _| match rng.below(2) {
            0 => Value::Null,
            _ => {
                json!({"includeServicePrincipals": ["ServicePrincipalsInMyTenant"], "excludeServicePrincipals": []})
            }
        }),
    ];
    for (name, percent, make) in optional {
        if rng.chance(percent) {
            let condition = make(rng, available);
            all.insert(name.into(), condition);
        } else if rng.chance(20) {
            all.insert(name.into(), Value::Null);
        }
    }
    Value::Object(all)
}

fn users(rng: &mut Rng) -> Value {
    let mut users = Map::new();
    match rng.weighted(&[45, 12, 18, 6, 10, 6, 2, 1]) {
        0 => insert(&mut users, "includeUsers", json!([spell(rng, "All")])),
        1 => insert(&mut users, "includeUsers", json!(["GuestsOrExternalUsers"])),
        2 => {
            let clause = guest_clause(rng);
            insert(&mut users, "includeGuestsOrExternalUsers", clause);
        }
        3 => insert(&mut users, "includeUsers", ids(rng, &USERS, 40)),
        4 => insert(&mut users, "includeGroups", ids(rng, &GROUPS, 40)),
        5 => insert(&mut users, "includeRoles", ids(rng, &ROLES, 50)),
        6 => insert(
            &mut users,
            "includeUsers",
            json!([rng.one(&["None", "AllAgentIdUsers"])]),
        ),
        _ => {}
    }
    if rng.chance(10) {
        insert(&mut users, "includeGroups", ids(rng, &GROUPS, 30));
    }
    if rng.chance(10) {
        let word = if rng.chance(30) {
            json!([rng.one(&[
                "GuestsOrExternalUsers",
                "GuestsOrExternalUsers",
                "AllAgentIdUsers"
            ])])
        } else {
            ids(rng, &USERS, 30)
        };
        insert(&mut users, "excludeUsers", word);
    }
    if rng.chance(12) {
        insert(&mut users, "excludeGroups", ids(rng, &GROUPS, 30));
    }
    if rng.chance(8) {
        insert(&mut users, "excludeRoles", ids(rng, &ROLES, 50));
    }
    if rng.chance(12) {
        let clause = guest_clause(rng);
        insert(&mut users, "excludeGuestsOrExternalUsers", clause);
    }
    for name in [
        "includeUsers",
        "excludeUsers",
        "includeGroups",
        "excludeRoles",
    ] {
        if !users.contains_key(name) && rng.chance(30) {
            insert(&mut users, name, json!([]));
        }
    }
    Value::Object(users)
}

fn guest_clause(rng: &mut Rng) -> Value {
    let types = [
        "internalGuest",
        "b2bCollaborationGuest",
        "b2bCollaborationMember",
        "b2bDirectConnectUser",
        "otherExternalUser",
        "serviceProvider",
    ];
    let types = match rng.below(20) {
        0 => vec!["none"],
        _ => rng.at_least_one(&types, 60),
    };
    let mut clause = json!({"guestOrExternalUserTypes": types.join(",")});
    let tenants = match rng.weighted(&[35, 35, 15, 15]) {
        0 => json!({
            "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants",
            "membershipKind": "all",
        }),
        1 => json!({
            "@odata.type": "#microsoft.graph.conditionalAccessEnumeratedExternalTenants",
            "membershipKind": "enumerated", "members": ids(rng, &TENANTS, 50),
        }),
        2 => Value::Null,
        _ => return clause,
    };
    clause["externalTenants"] = tenants;
    clause
}

fn applications(rng: &mut Rng) -> Value {
    let mut all = Map::new();
    match rng.weighted(&[60, 12, 7, 6, 5, 5, 4, 1]) {
        0 => insert(&mut all, "includeApplications", json!([spell(rng, "All")])),
        1 => insert(&mut all, "includeApplications", ids(rng, &APPS, 50)),
        2 => insert(&mut all, "includeApplications", json!(["Office365"])),
        3 => insert(
            &mut all,
            "includeApplications",
            json!(["MicrosoftAdminPortals"]),
        ),
        4 => insert(
            &mut all,
            "includeUserActions",
            json!([rng.one(&USER_ACTIONS)]),
        ),
        5 => insert(
            &mut all,
            "includeAuthenticationContextClassReferences",
            json!(rng.at_least_one(&CONTEXTS, 50)),
        ),
        6 => {}
        _ => insert(&mut all, "includeApplications", json!(["None"])),
    }
    if rng.chance(6) {
        insert(
            &mut all,
            "includeUserActions",
            json!([rng.one(&USER_ACTIONS)]),
        );
    }
    if rng.chance(5) {
        let agents = json!("AllAgentIdResources");
        match all
            .get_mut("includeApplications")
            .and_then(Value::as_array_mut)
        {
            Some(list) if list.len() > 1 => list.push(agents),
            Some(_) | None => insert(&mut all, "includeApplications", json!([agents])),
        }
    }
    if rng.chance(16) {
        let word = match rng.below(5) {
            0 => json!(["Office365"]),
            1 => json!(["MicrosoftAdminPortals"]),
            2 => json!(["AllAgentIdResources"]),
            _ => ids(rng, &APPS, 30),
        };
        insert(&mut all, "excludeApplications", word);
    }
    if all.is_empty() || rng.chance(8) {
        let rule = filters::application_rule(rng);
        insert(
            &mut all,
            "applicationFilter",
            json!({"mode": rng.one(&["include", "exclude"]), "rule": rule}),
        );
    }
    Value::Object(all)
}

/// With and without the prefix.
const USER_ACTIONS: [&str; 5] = [
    "urn:user:registersecurityinfo",
    "urn:user:registerdevice",
    "urn:user:accountrecovery",
    "registerSecurityInfo",
    "accountrecovery",
];

/// Exclusions of policies for all resources.
pub fn conditional_access_settings(rng: &mut Rng) -> Value {
    let mut entries = Vec::new();
    for action in USER_ACTIONS.iter().chain(&["urn:user:dance"]) {
        if rng.chance(35) {
            let mut entry = json!({"userAction": action});
            match rng.weighted(&[70, 10, 10, 5, 5]) {
                0 => insert_into(&mut entry, "state", json!("enabled")),
                1 => insert_into(&mut entry, "state", json!("disabled")),
                2 => insert_into(
                    &mut entry,
                    "state",
                    json!("enabledForReportingButNotEnforced"),
                ),
                3 => insert_into(&mut entry, "state", Value::Null),
                _ => {}
            }
            entries.push(entry);
        }
    }
    match rng.below(8) {
        0 => json!({"id": "settings", "exclusions": null}),
        1 => json!({"exclusions": {"allResourcesExclusions": {}}}),
        _ => json!({"exclusions": {"allResourcesExclusions": {"userActionExclusions": entries}}}),
    }
}

fn insert_into(object: &mut Value, name: &str, value: Value) {
    object[name] = value;
}

fn client_app_types(rng: &mut Rng, _: &Available) -> Value {
    match rng.below(4) {
        0 | 1 => json!(["all"]),
        2 => json!(rng.at_least_one(&["browser", "mobileAppsAndDesktopClients"], 50)),
        _ => json!(rng.at_least_one(
            &["exchangeActiveSync", "easSupported", "other", "browser"],
            50
        )),
    }
}

fn platforms(rng: &mut Rng, _: &Available) -> Value {
    let list = [
        "android",
        "iOS",
        "windows",
        "macOS",
        "linux",
        "windowsPhone",
    ];
    let include = match rng.below(3) {
        0 => vec!["all"],
        1 => Vec::new(),
        _ => rng.at_least_one(&list, 40),
    };
    let exclude = match rng.below(6) {
        0 => vec!["all"],
        _ => rng.some(&list, 30),
    };
    json!({"includePlatforms": include, "excludePlatforms": exclude})
}

fn locations(rng: &mut Rng, available: &Available) -> Value {
    let trusted_ips = MFA_TRUSTED_IPS.to_string();
    let mut words: Vec<&str> = available.locations.iter().map(String::as_str).collect();
    if rng.chance(30) && !words.contains(&trusted_ips.as_str()) {
        words.push(&trusted_ips);
    }
    let list = |rng: &mut Rng, all: &'static str| match rng.below(4) {
        0 => vec![all],
        1 => vec!["AllTrusted"],
        _ => rng.some(&words, 40),
    };
    json!({"includeLocations": list(rng, "All"), "excludeLocations": list(rng, "AllTrusted")})
}

fn devices(rng: &mut Rng, _: &Available) -> Value {
    if rng.chance(15) {
        let members = if rng.chance(50) {
            ("includeDevices", "excludeDevices")
        } else {
            ("includeDeviceStates", "excludeDeviceStates")
        };
        return device_states(rng, members.0, members.1);
    }
    let mode = rng.one(&["include", "exclude"]);
    json!({"deviceFilter": {"mode": mode, "rule": filters::device_rule(rng)}})
}

fn device_states(rng: &mut Rng, include: &str, exclude: &str) -> Value {
    let included = rng.some(&["All", "Compliant", "DomainJoined"], 30);
    let excluded = rng.at_least_one(&["Compliant", "DomainJoined"], 50);
    json!({include: included, exclude: excluded})
}

fn grant_controls(rng: &mut Rng, available: &Available) -> Value {
    if rng.chance(6) {
        return match rng.below(2) {
            0 => Value::Null,
            _ => json!({"operator": "OR", "builtInControls": []}),
        };
    }
    if rng.chance(7) {
        return match rng.below(3) {
            0 => json!({"operator": "OR", "builtInControls": ["mfa", "block"]}),
            _ => json!({"operator": "OR", "builtInControls": ["block"]}),
        };
    }
    let count = rng.one(&[1, 1, 1, 1, 2, 2, 3]);
    let mut words: Vec<&str> = Vec::new();
    let mut grant = Map::new();
    for _ in 0..count {
        match rng.weighted(&[24, 16, 13, 13, 7, 7, 5, 4, 9, 5]) {
            0 => words.push("mfa"),
            1 => {
                let strength = strength(rng, available);
                insert(&mut grant, "authenticationStrength", strength);
            }
            2 => words.push("compliantDevice"),
            3 => words.push("domainJoinedDevice"),
            4 => words.push("approvedApplication"),
            5 => words.push("compliantApplication"),
            6 => words.push("passwordChange"),
            7 => words.push("riskRemediation"),
            8 => insert(&mut grant, "termsOfUse", ids(rng, &TERMS, 50)),
            _ => insert(
                &mut grant,
                "customAuthenticationFactors",
                ids(rng, &CUSTOM_CONTROLS, 30),
            ),
        }
    }
    words.sort_unstable();
    words.dedup();
    if grant.contains_key("authenticationStrength") {
        // The two exclude each other.
        words.retain(|word| *word != "mfa");
    }
    rng.shuffle(&mut words);
    insert(&mut grant, "builtInControls", json!(words));
    match rng.weighted(&[50, 40, 5, 5]) {
        0 => insert(&mut grant, "operator", json!("AND")),
        1 => insert(&mut grant, "operator", json!("OR")),
        2 => insert(&mut grant, "operator", Value::Null),
        _ => {}
    }
    Value::Object(grant)
}

fn strength(rng: &mut Rng, available: &Available) -> Value {
    if rng.chance(40) && !available.strengths.is_empty() {
        return rng.pick(&available.strengths).clone();
    }
    let own_copy = |id: String, combinations: &[&str]| {
        json!({
            "id": id, "displayName": "As exported with the policy", "policyType": "custom",
            "requirementsSatisfied": "mfa", "allowedCombinations": combinations,
            "combinationConfigurations": [],
        })
    };
    match rng.below(6) {
        0 => own_copy(INLINE_STRENGTH.to_string(), &["password,voice", "fido2"]),
        1 => own_copy(
            INLINE_STRENGTH.to_string(),
            &["federatedMultiFactor", "email"],
        ),
        // If the tenant exports this built-in, the export overrides the copy.
        2 => own_copy(BUILT_IN_PASSWORDLESS.to_string(), &["deviceBasedPush"]),
        3 | 4 => json!({"id": BUILT_IN_MFA.to_string()}),
        _ => {
            json!({"id": rng.one(&[BUILT_IN_PASSWORDLESS, BUILT_IN_PHISHING_RESISTANT]).to_string()})
        }
    }
}

fn session_controls(rng: &mut Rng) -> Value {
    match rng.weighted(&[66, 16, 4, 3, 3, 3, 3, 2]) {
        0 => Value::Null,
        1 => json!({"signInFrequency": {
            "isEnabled": rng.chance(90), "value": rng.one(&[1, 4]), "type": rng.one(&["hours", "hours", "days"]),
            "frequencyInterval": "timeBased", "authenticationType": "primaryAndSecondaryAuthentication",
        }}),
        2 => json!({"signInFrequency": {
            "isEnabled": true, "value": null, "type": null, "frequencyInterval": "everyTime",
            "authenticationType": "primaryAndSecondaryAuthentication",
        }}),
        3 => json!({"persistentBrowser": {"isEnabled": true, "mode": "never"}}),
        4 => {
            json!({"applicationEnforcedRestrictions": {"isEnabled": true}, "disableResilienceDefaults": null})
        }
        5 => {
            json!({"cloudAppSecurity": {"isEnabled": rng.chance(50), "cloudAppSecurityType": "monitorOnly"}})
        }
        6 => json!({"disableResilienceDefaults": rng.chance(50), "persistentBrowser": null}),
        _ => json!({"signInFrequency": null, "secureSignInSession": {"isEnabled": true}}),
    }
}

fn insert(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}
