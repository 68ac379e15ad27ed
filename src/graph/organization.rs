//! The tenant (`organization`), and its cross-tenant access policy
//! (learn.microsoft.com/graph/api/resources/organization, …/crosstenantaccesspolicy).

use super::deciding::check_recognised;
use super::document::{Located, Organization};
use super::finding::Code;
use super::node::Node;
use super::values::{parse_id, parse_word};
use crate::vocabulary::Cloud;

/// Parses an organization. `cloudEndpoint` is specific to crosstrust (semantics §3, Clouds).
pub(super) fn parse_organization(node: Node<'_>) -> Option<Organization> {
    let mut members = node.object()?;
    let tenant = members
        .require("id")
        .and_then(|node| parse_id(node, "the tenant"));
    let display_name = members.name("displayName");
    let cloud = members.take_set("cloudEndpoint").and_then(parse_word);
    let verified_domains = members.take("verifiedDomains").map(domain_names);
    members.ignore(ORGANIZATION_MEMBERS);
    members.close_configuration();
    Some(Organization {
        place: node.place(),
        id: tenant?,
        display_name,
        verified_domains: verified_domains.unwrap_or_default(),
        cloud,
    })
}

/// The names in `verifiedDomains`. Malformed entries are skipped, because they have no effect on decisions.
fn domain_names(domains: Node<'_>) -> Vec<String> {
    let domains = domains.as_array().into_iter().flatten();
    let names = domains.filter_map(|domain| domain.peek("name")?.as_text());
    names.map(str::to_owned).collect()
}

/// Parses a cross-tenant access policy: `allowedCloudEndpoints`.
pub(super) fn parse_cross_tenant_access(node: Node<'_>) -> Option<Located<Vec<Cloud>>> {
    let mut members = node.object()?;
    let clouds = members.list("allowedCloudEndpoints").filter_map(parse_word);
    let clouds = clouds.collect();
    for (name, file) in [("default", "default.json"), ("partners", "partners.json")] {
        if let Some(expanded) = members.take_set(name) {
            let message =
                format!("found `{name}` expanded in this document, expected it in {file}");
            expanded.error(Code::UnknownMember, message);
        }
    }
    members.ignore(CROSS_TENANT_ACCESS_MEMBERS);
    members.close_configuration();
    check_recognised(node, &["allowedCloudEndpoints"]);
    Some(Located {
        value: clouds,
        place: node.place(),
    })
}

const ORGANIZATION_MEMBERS: &[&str] = &[
    "deletedDateTime",
    "assignedPlans",
    "branding",
    "businessPhones",
    "certificateBasedAuthConfiguration",
    "certificateConnectorSetting",
    "city",
    "country",
    "countryLetterCode",
    "createdDateTime",
    "defaultUsageLocation",
    "directorySizeQuota",
    "extensions",
    "isMultipleDataLocationsForServicesEnabled",
    "marketingNotificationEmails",
    "mobileDeviceManagementAuthority",
    "onPremisesLastPasswordSyncDateTime",
    "onPremisesLastSyncDateTime",
    "onPremisesSyncEnabled",
    "onPremisesSyncStatus",
    "partnerInformation",
    "partnerTenantType",
    "postalCode",
    "preferredLanguage",
    "privacyProfile",
    "provisionedPlans",
    "securityComplianceNotificationMails",
    "securityComplianceNotificationPhones",
    "settings",
    "state",
    "street",
    "technicalNotificationMails",
    "tenantType",
];

const CROSS_TENANT_ACCESS_MEMBERS: &[&str] = &[
    "deletedDateTime",
    "id",
    "tenantId",
    "displayName",
    "description",
    "definition",
    "lastModifiedDateTime",
    "isServiceDefault",
];
