//! Every kind of condition and control of a policy, and how to remove it: each must have affected some decision.

use serde_json::{Value, json};

use super::mutate;
use crate::reference::World;

/// A removable part of a world.
#[derive(Debug, Clone, Copy)]
pub enum Toggle {
    /// A member at this path.
    Member(&'static [&'static str]),
    /// A document.
    Document(&'static str),
    /// The operator's statements about bundles.
    StatedBundles,
    /// The operator's statements about agents.
    StatedAgents,
    /// A member of a named location.
    Location(&'static str),
    /// A word of the list at this path.
    Word(&'static [&'static str], &'static str),
    /// A word of `builtInControls`.
    Control(&'static str),
    /// The operator OR, which becomes AND.
    Or,
}

pub const ALL: &[Toggle] = &[
    Toggle::Member(&["conditions", "users", "includeUsers"]),
    Toggle::Member(&["conditions", "users", "excludeUsers"]),
    Toggle::Member(&["conditions", "users", "includeGroups"]),
    Toggle::Member(&["conditions", "users", "excludeGroups"]),
    Toggle::Member(&["conditions", "users", "includeRoles"]),
    Toggle::Member(&["conditions", "users", "excludeRoles"]),
    Toggle::Member(&["conditions", "users", "includeGuestsOrExternalUsers"]),
    Toggle::Member(&[
        "conditions",
        "users",
        "includeGuestsOrExternalUsers",
        "externalTenants",
    ]),
    Toggle::Member(&["conditions", "users", "excludeGuestsOrExternalUsers"]),
    Toggle::Member(&[
        "conditions",
        "users",
        "excludeGuestsOrExternalUsers",
        "externalTenants",
    ]),
    Toggle::Member(&["conditions", "applications", "includeApplications"]),
    Toggle::Member(&["conditions", "applications", "excludeApplications"]),
    Toggle::Member(&["conditions", "applications", "includeUserActions"]),
    Toggle::Member(&[
        "conditions",
        "applications",
        "includeAuthenticationContextClassReferences",
    ]),
    Toggle::Member(&["conditions", "applications", "applicationFilter"]),
    Toggle::Member(&["conditions", "clientAppTypes"]),
    Toggle::Word(&["conditions", "clientAppTypes"], "exchangeActiveSync"),
    Toggle::Word(&["conditions", "clientAppTypes"], "easSupported"),
    Toggle::Word(&["conditions", "platforms", "excludePlatforms"], "all"),
    Toggle::Member(&["conditions", "platforms", "includePlatforms"]),
    Toggle::Member(&["conditions", "platforms", "excludePlatforms"]),
    Toggle::Member(&["conditions", "locations", "includeLocations"]),
    Toggle::Member(&["conditions", "locations", "excludeLocations"]),
    Toggle::Location("countryLookupMethod"),
    Toggle::Word(
        &["conditions", "locations", "includeLocations"],
        "00000000-0000-0000-0000-000000000000",
    ),
    Toggle::Word(
        &["conditions", "locations", "excludeLocations"],
        "00000000-0000-0000-0000-000000000000",
    ),
    Toggle::Document("conditional-access-settings"),
    Toggle::StatedBundles,
    Toggle::StatedAgents,
    Toggle::Word(
        &["conditions", "applications", "includeApplications"],
        "AllAgentIdResources",
    ),
    Toggle::Word(
        &["conditions", "applications", "excludeApplications"],
        "AllAgentIdResources",
    ),
    Toggle::Word(
        &["conditions", "applications", "includeApplications"],
        "Office365",
    ),
    Toggle::Word(
        &["conditions", "applications", "excludeApplications"],
        "Office365",
    ),
    Toggle::Word(
        &["conditions", "applications", "includeUserActions"],
        "urn:user:accountrecovery",
    ),
    Toggle::Word(
        &["conditions", "applications", "includeUserActions"],
        "accountrecovery",
    ),
    Toggle::Member(&["conditions", "signInRiskLevels"]),
    Toggle::Member(&["conditions", "userRiskLevels"]),
    Toggle::Member(&["conditions", "insiderRiskLevels"]),
    Toggle::Member(&["conditions", "authenticationFlows"]),
    Toggle::Member(&["conditions", "devices", "deviceFilter"]),
    Toggle::Member(&["conditions", "devices", "includeDevices"]),
    Toggle::Member(&["conditions", "devices", "excludeDevices"]),
    Toggle::Member(&["conditions", "devices", "includeDeviceStates"]),
    Toggle::Member(&["conditions", "devices", "excludeDeviceStates"]),
    Toggle::Member(&["conditions", "deviceStates", "includeStates"]),
    Toggle::Member(&["conditions", "deviceStates", "excludeStates"]),
    Toggle::Member(&["conditions", "servicePrincipalRiskLevels"]),
    Toggle::Member(&["conditions", "clientApplications"]),
    Toggle::Control("block"),
    Toggle::Control("mfa"),
    Toggle::Control("compliantDevice"),
    Toggle::Control("domainJoinedDevice"),
    Toggle::Control("approvedApplication"),
    Toggle::Control("compliantApplication"),
    Toggle::Control("passwordChange"),
    Toggle::Control("riskRemediation"),
    Toggle::Member(&["grantControls", "authenticationStrength"]),
    Toggle::Member(&["grantControls", "termsOfUse"]),
    Toggle::Member(&["grantControls", "customAuthenticationFactors"]),
    Toggle::Or,
    Toggle::Member(&["sessionControls", "signInFrequency"]),
];

impl Toggle {
    /// Removes it from the world; false if the world does not have it.
    pub fn take_out(self, world: &mut World) -> bool {
        let mut found = false;
        for stated in &mut world.applications {
            if let Toggle::StatedBundles = self {
                found |= stated.bundles.take().is_some();
            }
            if let Toggle::StatedAgents = self {
                found |= stated.agent.take().is_some();
            }
        }
        for tenant in &mut world.tenants {
            for policy in mutate::objects_mut(tenant, "conditional-access") {
                found |= self.take_out_of_policy(policy);
            }
            if let Toggle::Document(name) = self {
                found |= tenant.documents.remove(name).is_some();
            }
            if let Toggle::Location(name) = self {
                for location in mutate::objects_mut(tenant, "named-locations") {
                    let members = location.as_object_mut().expect("an object");
                    found |= members.remove(name).is_some();
                }
            }
        }
        found
    }

    fn take_out_of_policy(self, policy: &mut Value) -> bool {
        match self {
            Toggle::Word(path, word) => {
                let list = path
                    .iter()
                    .try_fold(policy, |object, name| object.get_mut(*name))
                    .and_then(Value::as_array_mut);
                list.is_some_and(|list| {
                    let before = list.len();
                    list.retain(|found| {
                        !found
                            .as_str()
                            .is_some_and(|it| it.eq_ignore_ascii_case(word))
                    });
                    list.len() < before
                })
            }
            Toggle::Member(path) => {
                let (last, way) = path.split_last().expect("a path");
                let place = way
                    .iter()
                    .try_fold(policy, |object, name| object.get_mut(*name));
                match place.and_then(Value::as_object_mut) {
                    Some(object) => object.remove(*last).is_some_and(|value| !value.is_null()),
                    None => false,
                }
            }
            Toggle::Control(word) => {
                let words = policy
                    .get_mut("grantControls")
                    .and_then(|grant| grant.get_mut("builtInControls"))
                    .and_then(Value::as_array_mut);
                match words {
                    Some(words) => {
                        let before = words.len();
                        words.retain(|found| found != word);
                        words.len() < before
                    }
                    None => false,
                }
            }
            Toggle::Document(_)
            | Toggle::Location(_)
            | Toggle::StatedBundles
            | Toggle::StatedAgents => false,
            Toggle::Or => match policy.get_mut("grantControls") {
                Some(grant) if grant["operator"] == "OR" => {
                    grant["operator"] = json!("AND");
                    true
                }
                _ => false,
            },
        }
    }
}
