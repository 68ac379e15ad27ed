//! Detects the kind of an object by its members.

use super::deciding::SETTINGS;
use super::kind::DocumentKind;
use super::node::{Node, is_annotation};
use super::policy::FLAT_MEMBERS;
use super::synchronization;
use super::values::quoted;

/// The kind of an object, or `None` if its members do not identify it.
pub(super) fn kind_of(node: Node<'_>) -> Option<DocumentKind> {
    // In a skeleton from the documentation, members are present but empty.
    let is_present = |name: &&str| node.peek(name).is_some_and(|node| !node.is_null());
    let any = |names: &[&str]| names.iter().any(is_present);
    DISTINCTIVE_MEMBERS
        .iter()
        .find(|(_, names)| any(names))
        .map(|(kind, _)| *kind)
        .or_else(|| policy_in_other_form(node))
        .or_else(|| by_type(node))
        .or_else(|| is_synchronization(node).then_some(DocumentKind::IdentitySynchronization))
        .or_else(|| is_partner(node).then_some(DocumentKind::Partners))
}

/// The kind in `@odata.context`, for a page without objects.
pub(super) fn kind_of_context(page: Node<'_>) -> Option<DocumentKind> {
    let context = page.peek("@odata.context")?.as_text()?;
    let context = context.to_ascii_lowercase();
    let named = |(part, _): &&(&str, DocumentKind)| context.contains(part);
    CONTEXTS.iter().find(named).map(|(_, kind)| *kind)
}

/// Whether the object has default or partner settings.
pub(super) fn has_settings(node: Node<'_>) -> bool {
    SETTINGS.iter().any(|name| node.peek(name).is_some())
}

/// Describes an object of unknown kind, for messages.
pub(super) fn describe(node: Node<'_>) -> String {
    if !node.is_object() {
        return node.describe();
    }
    if node.has("$schema") && node.has("resources") {
        return String::from("an ARM template");
    }
    if has_settings(node) {
        return String::from(
            "cross-tenant access settings without `tenantId` (the body of a PATCH?)",
        );
    }
    let names: Vec<String> = node
        .peek_all()
        .take(4)
        .map(|(name, _)| quoted(name))
        .collect();
    match names.is_empty() {
        true => String::from("an object without members"),
        false => format!("an object with {}", names.join(", ")),
    }
}

/// Recognises Graph's policy templates (`details`) and the flat formats of tools. Both are refused as policies later.
fn policy_in_other_form(node: Node<'_>) -> Option<DocumentKind> {
    let details = node.peek("details");
    let is_template =
        details.is_some_and(|details| details.has("conditions") || details.has("grantControls"));
    let is_flat = [
        "includeUsers",
        "includeApplications",
        "includeGroups",
        "builtInControls",
    ]
    .iter()
    .any(|name| FLAT_MEMBERS.contains(name) && node.has(name));
    (is_template || is_flat).then_some(DocumentKind::ConditionalAccess)
}

fn by_type(node: Node<'_>) -> Option<DocumentKind> {
    let name = node.peek("@odata.type")?.as_text()?;
    let name = name.strip_prefix("#microsoft.graph.")?;
    let same = |(known, _): &&(&str, DocumentKind)| known.eq_ignore_ascii_case(name);
    TYPES.iter().find(same).map(|(_, kind)| *kind)
}

/// Whether the object has a member of a synchronisation policy, even if null, or its context. Without this check, one
/// that sets nothing would count as a partner entry, which has an effect on decisions (semantics §3, Clouds).
fn is_synchronization(node: Node<'_>) -> bool {
    let names_member = synchronization::MEMBERS
        .iter()
        .any(|name| node.peek(name).is_some());
    names_member || kind_of_context(node) == Some(DocumentKind::IdentitySynchronization)
}

/// The kind of an object in a document: by its members, else by the context of a page of synchronisation policies.
pub(super) fn kind_in(root: Node<'_>, node: Node<'_>) -> Option<DocumentKind> {
    let by_page =
        kind_of_context(root).filter(|kind| *kind == DocumentKind::IdentitySynchronization);
    match (kind_of(node), by_page) {
        // A partner with only a `tenantId` looks like a synchronisation policy that sets nothing.
        (None | Some(DocumentKind::Partners), Some(page)) if !has_settings(node) => Some(page),
        (kind, _) => kind,
    }
}

/// A partner may have only a `tenantId`: it inherits everything.
fn is_partner(node: Node<'_>) -> bool {
    let has_only_tenant_id = || {
        node.peek_all()
            .filter(|(name, node)| !is_annotation(name) && !node.is_blank())
            .all(|(name, _)| name.eq_ignore_ascii_case("tenantId"))
    };
    let partner_members = ["isServiceProvider", "isInMultiTenantOrganization"];
    node.has("tenantId")
        && (has_settings(node)
            || partner_members.iter().any(|name| node.has(name))
            || has_only_tenant_id())
}

const DISTINCTIVE_MEMBERS: &[(DocumentKind, &[&str])] = &[
    (
        DocumentKind::SharedChannels,
        &["membershipType", "sharedWithTeams"],
    ),
    (
        DocumentKind::ConditionalAccess,
        &["conditions", "grantControls", "sessionControls"],
    ),
    (
        DocumentKind::AuthenticationStrengths,
        &["allowedCombinations", "requirementsSatisfied"],
    ),
    (
        DocumentKind::NamedLocations,
        &["ipRanges", "countriesAndRegions", "compliantNetworkType"],
    ),
    (
        DocumentKind::Organization,
        &["verifiedDomains", "cloudEndpoint", "assignedPlans"],
    ),
    (DocumentKind::CrossTenantAccess, &["allowedCloudEndpoints"]),
    (DocumentKind::IdentityProviders, &["identityProviderType"]),
    (
        DocumentKind::FederationConfigurations,
        &["issuerUri", "passiveSignInUri"],
    ),
    (DocumentKind::AssumedOutbound, &["reviewBy", "basis"]),
    (DocumentKind::Default, &["isServiceDefault"]),
    (DocumentKind::ConditionalAccessSettings, &["exclusions"]),
];

const TYPES: &[(&str, DocumentKind)] = &[
    ("organization", DocumentKind::Organization),
    ("crossTenantAccessPolicy", DocumentKind::CrossTenantAccess),
    (
        "crossTenantAccessPolicyConfigurationDefault",
        DocumentKind::Default,
    ),
    (
        "crossTenantAccessPolicyConfigurationPartner",
        DocumentKind::Partners,
    ),
    (
        "crossTenantAccessPolicyConfigurationDomainBasedPartner",
        DocumentKind::Partners,
    ),
    (
        "crossTenantIdentitySyncPolicyPartner",
        DocumentKind::IdentitySynchronization,
    ),
    ("conditionalAccessPolicy", DocumentKind::ConditionalAccess),
    (
        "conditionalAccessSettings",
        DocumentKind::ConditionalAccessSettings,
    ),
    ("ipNamedLocation", DocumentKind::NamedLocations),
    ("countryNamedLocation", DocumentKind::NamedLocations),
    (
        "compliantNetworkNamedLocation",
        DocumentKind::NamedLocations,
    ),
    (
        "authenticationStrengthPolicy",
        DocumentKind::AuthenticationStrengths,
    ),
    ("channel", DocumentKind::SharedChannels),
    ("builtInIdentityProvider", DocumentKind::IdentityProviders),
    ("socialIdentityProvider", DocumentKind::IdentityProviders),
    (
        "appleManagedIdentityProvider",
        DocumentKind::IdentityProviders,
    ),
    ("oidcIdentityProvider", DocumentKind::IdentityProviders),
    (
        "openIdConnectIdentityProvider",
        DocumentKind::IdentityProviders,
    ),
    (
        "samlOrWsFedExternalDomainFederation",
        DocumentKind::FederationConfigurations,
    ),
];

/// Parts of `@odata.context` in lower case. A longer part precedes the shorter ones that it contains.
const CONTEXTS: &[(&str, DocumentKind)] = &[
    // Of a single partner; `partners(identitySynchronization())` is a list of partners.
    (
        "/identitysynchronization",
        DocumentKind::IdentitySynchronization,
    ),
    (
        "crosstenantidentitysyncpolicypartner",
        DocumentKind::IdentitySynchronization,
    ),
    (
        "conditionalaccess/policies",
        DocumentKind::ConditionalAccess,
    ),
    ("conditionalaccesspolicies", DocumentKind::ConditionalAccess),
    (
        "conditionalaccess/settings",
        DocumentKind::ConditionalAccessSettings,
    ),
    (
        "conditionalaccess/namedlocations",
        DocumentKind::NamedLocations,
    ),
    (
        "authenticationstrength",
        DocumentKind::AuthenticationStrengths,
    ),
    ("crosstenantaccesspolicy/default", DocumentKind::Default),
    ("crosstenantaccesspolicy/partners", DocumentKind::Partners),
    ("crosstenantaccesspolicy", DocumentKind::CrossTenantAccess),
    ("$metadata#organization", DocumentKind::Organization),
    ("/channels", DocumentKind::SharedChannels),
    ("/allchannels", DocumentKind::SharedChannels),
    (
        "identity/identityproviders",
        DocumentKind::IdentityProviders,
    ),
    (
        "samlorwsfedexternaldomainfederation",
        DocumentKind::FederationConfigurations,
    ),
    (
        "directory/federationconfigurations",
        DocumentKind::FederationConfigurations,
    ),
];
