//! What an object is, told by the members that only its kind has.

use super::deciding::SETTINGS;
use super::kind::Kind;
use super::node::{Node, is_annotation};
use super::policy::FLAT_MEMBERS;
use super::synchronization;
use super::values::quoted;

/// The kind of an object; none where its members do not say.
pub(super) fn kind_of(node: Node<'_>) -> Option<Kind> {
    // A skeleton's members are there and hold nothing.
    let is_there = |name: &&str| node.peek(name).is_some_and(|node| !node.is_null());
    let any = |names: &[&str]| names.iter().any(is_there);
    TELLING
        .iter()
        .find(|(_, names)| any(names))
        .map(|(kind, _)| *kind)
        .or_else(|| policy_in_another_form(node))
        .or_else(|| by_type(node))
        .or_else(|| is_synchronization(node).then_some(Kind::IdentitySynchronization))
        .or_else(|| is_partner(node).then_some(Kind::Partners))
}

/// The kind that `@odata.context` of a page names, for a page without objects.
pub(super) fn kind_of_context(page: Node<'_>) -> Option<Kind> {
    let context = page.peek("@odata.context")?.as_text()?;
    let context = context.to_ascii_lowercase();
    let named = |(part, _): &&(&str, Kind)| context.contains(part);
    CONTEXTS.iter().find(named).map(|(_, kind)| *kind)
}

/// Whether the object has settings of a default or of a partner.
pub(super) fn has_settings(node: Node<'_>) -> bool {
    SETTINGS.iter().any(|name| node.peek(name).is_some())
}

/// What an object looks like that is none of ours, for messages.
pub(super) fn describe(node: Node<'_>) -> String {
    if !node.is_object() {
        return node.describe();
    }
    if node.has("$schema") && node.has("resources") {
        return String::from("an ARM template");
    }
    if has_settings(node) {
        return String::from(
            "cross-tenant access settings that do not say whose they are (the body of a PATCH?)",
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

/// `details` of Graph's policy templates, and flat forms of tools: refused, but as policies.
fn policy_in_another_form(node: Node<'_>) -> Option<Kind> {
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
    (is_template || is_flat).then_some(Kind::ConditionalAccess)
}

fn by_type(node: Node<'_>) -> Option<Kind> {
    let name = node.peek("@odata.type")?.as_text()?;
    let name = name.strip_prefix("#microsoft.graph.")?;
    let same = |(known, _): &&(&str, Kind)| known.eq_ignore_ascii_case(name);
    TYPES.iter().find(same).map(|(_, kind)| *kind)
}

/// A synchronisation policy with one of its members, be it null, or with its context. One that sets nothing
/// would be a partner entry otherwise, and a partner entry decides (semantics §3, Clouds).
fn is_synchronization(node: Node<'_>) -> bool {
    let names_member = synchronization::MEMBERS
        .iter()
        .any(|name| node.peek(name).is_some());
    names_member || kind_of_context(node) == Some(Kind::IdentitySynchronization)
}

/// The kind of one object of a document: what its members say, else, of a page of synchronisation policies,
/// what the page says.
pub(super) fn kind_in(root: Node<'_>, node: Node<'_>) -> Option<Kind> {
    let by_page = kind_of_context(root).filter(|kind| *kind == Kind::IdentitySynchronization);
    match (kind_of(node), by_page) {
        // A partner that is only its `tenantId` says nothing that a synchronisation policy would not.
        (None | Some(Kind::Partners), Some(page)) if !has_settings(node) => Some(page),
        (kind, _) => kind,
    }
}

/// A partner may be only its `tenantId`: it inherits everything.
fn is_partner(node: Node<'_>) -> bool {
    let nothing_else = || {
        node.peek_all()
            .filter(|(name, node)| !is_annotation(name) && !node.is_nothing())
            .all(|(name, _)| name.eq_ignore_ascii_case("tenantId"))
    };
    let as_partner = ["isServiceProvider", "isInMultiTenantOrganization"];
    node.has("tenantId")
        && (has_settings(node) || as_partner.iter().any(|name| node.has(name)) || nothing_else())
}

const TELLING: &[(Kind, &[&str])] = &[
    (Kind::SharedChannels, &["membershipType", "sharedWithTeams"]),
    (
        Kind::ConditionalAccess,
        &["conditions", "grantControls", "sessionControls"],
    ),
    (
        Kind::AuthenticationStrengths,
        &["allowedCombinations", "requirementsSatisfied"],
    ),
    (
        Kind::NamedLocations,
        &["ipRanges", "countriesAndRegions", "compliantNetworkType"],
    ),
    (
        Kind::Organization,
        &["verifiedDomains", "cloudEndpoint", "assignedPlans"],
    ),
    (Kind::CrossTenantAccess, &["allowedCloudEndpoints"]),
    (Kind::IdentityProviders, &["identityProviderType"]),
    (
        Kind::FederationConfigurations,
        &["issuerUri", "passiveSignInUri"],
    ),
    (Kind::AssumedOutbound, &["reviewBy", "basis"]),
    (Kind::Default, &["isServiceDefault"]),
    (Kind::ConditionalAccessSettings, &["exclusions"]),
];

const TYPES: &[(&str, Kind)] = &[
    ("organization", Kind::Organization),
    ("crossTenantAccessPolicy", Kind::CrossTenantAccess),
    ("crossTenantAccessPolicyConfigurationDefault", Kind::Default),
    (
        "crossTenantAccessPolicyConfigurationPartner",
        Kind::Partners,
    ),
    (
        "crossTenantAccessPolicyConfigurationDomainBasedPartner",
        Kind::Partners,
    ),
    (
        "crossTenantIdentitySyncPolicyPartner",
        Kind::IdentitySynchronization,
    ),
    ("conditionalAccessPolicy", Kind::ConditionalAccess),
    ("conditionalAccessSettings", Kind::ConditionalAccessSettings),
    ("ipNamedLocation", Kind::NamedLocations),
    ("countryNamedLocation", Kind::NamedLocations),
    ("compliantNetworkNamedLocation", Kind::NamedLocations),
    (
        "authenticationStrengthPolicy",
        Kind::AuthenticationStrengths,
    ),
    ("channel", Kind::SharedChannels),
    ("builtInIdentityProvider", Kind::IdentityProviders),
    ("socialIdentityProvider", Kind::IdentityProviders),
    ("appleManagedIdentityProvider", Kind::IdentityProviders),
    ("oidcIdentityProvider", Kind::IdentityProviders),
    ("openIdConnectIdentityProvider", Kind::IdentityProviders),
    (
        "samlOrWsFedExternalDomainFederation",
        Kind::FederationConfigurations,
    ),
];

/// In lower case; the longer before the shorter that it contains.
const CONTEXTS: &[(&str, Kind)] = &[
    // Below one partner; `partners(identitySynchronization())` is a list of partners.
    ("/identitysynchronization", Kind::IdentitySynchronization),
    (
        "crosstenantidentitysyncpolicypartner",
        Kind::IdentitySynchronization,
    ),
    ("conditionalaccess/policies", Kind::ConditionalAccess),
    ("conditionalaccesspolicies", Kind::ConditionalAccess),
    (
        "conditionalaccess/settings",
        Kind::ConditionalAccessSettings,
    ),
    ("conditionalaccess/namedlocations", Kind::NamedLocations),
    ("authenticationstrength", Kind::AuthenticationStrengths),
    ("crosstenantaccesspolicy/default", Kind::Default),
    ("crosstenantaccesspolicy/partners", Kind::Partners),
    ("crosstenantaccesspolicy", Kind::CrossTenantAccess),
    ("$metadata#organization", Kind::Organization),
    ("/channels", Kind::SharedChannels),
    ("/allchannels", Kind::SharedChannels),
    ("identity/identityproviders", Kind::IdentityProviders),
    (
        "samlorwsfedexternaldomainfederation",
        Kind::FederationConfigurations,
    ),
    (
        "directory/federationconfigurations",
        Kind::FederationConfigurations,
    ),
];
