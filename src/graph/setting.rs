//! Cross-tenant access settings: the default, and partner entries
//! (learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationdefault, …partner,
//! …b2bsetting, …targetconfiguration, …target, …inboundtrust, …tenantrestrictions).
//!
//! `compile` checks for invalid combinations (semantics §2, "Invalid combinations").

use super::deciding::{SETTINGS, check_recognised};
use super::document::{
    AccessRule, ApplicationTarget, AutomaticUserConsent, B2bSetting, Configuration, InboundTrust,
    Located, PartnerConfiguration, UserTarget,
};
use super::finding::Code;
use super::members::Members;
use super::node::Node;
use super::undecisive;
use super::values::{parse_id, parse_word, report_not_an_id};
use crate::vocabulary::Access;

/// Parses `crossTenantAccessPolicyConfigurationDefault`.
pub(super) fn parse_default(node: Node<'_>) -> Option<Configuration> {
    let mut members = node.object()?;
    if let Some(tenant) = members.take_set("tenantId") {
        let message = format!(
            "found `tenantId` {} in the default settings, expected a partner in partners.json",
            tenant.describe()
        );
        tenant.error(Code::UnknownMember, message);
    }
    members.boolean("isServiceDefault");
    if let Some(node) = members.take(BLOCKS_SERVICE_PROVIDERS)
        && node.boolean() == Some(true)
    {
        let message = format!(
            "found `{BLOCKS_SERVICE_PROVIDERS}` true in the default settings, expected it in partner \
             entries only"
        );
        node.error(Code::UnknownMember, message);
    }
    let configuration = configuration(&mut members);
    members.close_configuration();
    check_recognised(node, &SETTINGS);
    Some(configuration)
}

/// Parses `crossTenantAccessPolicyConfigurationPartner`.
pub(super) fn parse_partner(node: Node<'_>) -> Option<PartnerConfiguration> {
    if is_domain_based(node) {
        let message = "found a partner that is identified by a domain, expected a partner with a `tenantId`; the effect \
                       of such an entry is not documented: remove it from the export, or replace it by an entry \
                       for the domain's tenant";
        node.error(Code::DomainBasedPartner, message);
        return None;
    }
    let errors = node.source.errors();
    let mut members = node.object()?;
    let tenant = members
        .require("tenantId")
        .and_then(|node| parse_id(node, "the partner's tenant"));
    let is_service_provider = members.boolean("isServiceProvider");
    let is_in_multi_tenant_organization = members.boolean("isInMultiTenantOrganization");
    let blocks_service_providers = members.boolean(BLOCKS_SERVICE_PROVIDERS);
    let configuration = configuration(&mut members);
    members.close_configuration();
    if node.source.errors() == errors {
        report_external_origin(node);
    }
    Some(PartnerConfiguration {
        tenant: tenant?,
        configuration,
        is_service_provider: is_service_provider == Some(true),
        is_in_multi_tenant_organization: is_in_multi_tenant_organization == Some(true),
        blocks_service_providers: blocks_service_providers == Some(true),
    })
}

/// Whether this is a `crossTenantAccessPolicyConfigurationDomainBasedPartner` (beta; its members are not documented).
fn is_domain_based(node: Node<'_>) -> bool {
    let is_type = || {
        let name = node.peek("@odata.type").and_then(Node::as_text);
        name.is_some_and(|name| name.to_ascii_lowercase().ends_with("domainbasedpartner"))
    };
    let has_domain = || {
        node.peek_all().any(|(name, value)| {
            name.to_ascii_lowercase().starts_with("domain") && !value.is_blank()
        })
    };
    is_type() || (!node.has("tenantId") && has_domain())
}

/// Reports entries that the tenant's administrators probably did not write: GDAP onboarding, Microsoft support and the
/// Teams admin center also write entries (semantics §9).
fn report_external_origin(node: Node<'_>) {
    let is_set = |name: &&str| node.peek(name).is_some_and(|value| !value.is_null());
    if let Some(provider) = node.peek("isServiceProvider").filter(|node| node.is_true()) {
        let message = "found a partner that is a service provider: GDAP onboarding probably created this entry; what \
                       it sets is effective, and everything else is inherited";
        provider.info(Code::PartnerSetsNothing, message);
    } else if !SETTINGS
        .iter()
        .chain(&[BLOCKS_SERVICE_PROVIDERS])
        .any(is_set)
    {
        let message = "found an entry that sets nothing: everything is inherited, but it counts as a partner entry for \
                       collaboration across clouds; another service may have created it (GDAP, Microsoft support)";
        node.info(Code::PartnerSetsNothing, message);
    }
    let organization = "isInMultiTenantOrganization";
    if let Some(value) = node.peek(organization).filter(|value| value.is_true()) {
        undecisive::report(value, organization);
    }
}

fn configuration(members: &mut Members<'_>) -> Configuration {
    if let Some(level) = members.take_set("templateApplicationLevel") {
        let message =
            "found a template for partners of a multitenant organisation, expected settings";
        level.error(Code::Template, message);
    }
    let mut member = |name| members.take(name).and_then(setting);
    let direct_connect_inbound = member("b2bDirectConnectInbound");
    let direct_connect_outbound = member("b2bDirectConnectOutbound");
    let collaboration_inbound = member("b2bCollaborationInbound");
    let collaboration_outbound = member("b2bCollaborationOutbound");
    let tenant_restrictions = member("tenantRestrictions");
    let inbound_trust = members.take("inboundTrust").and_then(inbound_trust);
    let consent = members.take("automaticUserConsentSettings");
    let automatic_user_consent = consent.and_then(automatic_user_consent);
    undecisive::take(members);
    Configuration {
        place: members.node().place(),
        direct_connect_inbound,
        direct_connect_outbound,
        collaboration_inbound,
        collaboration_outbound,
        tenant_restrictions,
        inbound_trust,
        automatic_user_consent,
    }
}

/// Parses a B2B setting, or tenant restrictions (which may have `devices` too).
fn setting(node: Node<'_>) -> Option<B2bSetting> {
    let mut members = node.object()?;
    let users = members.take("usersAndGroups");
    let applications = members.take("applications");
    // semantics §2: only tenant restrictions have `devices`, and Entra does not evaluate it.
    let devices = members.take_set("devices");
    members.close();
    // The Graph PowerShell SDK writes a setting that is null as two rules whose members are null.
    let is_null = users.is_some_and(Node::has_only_blank_members)
        && applications.is_some_and(Node::has_only_blank_members);
    if is_null && devices.is_none() {
        return None;
    }
    let users = users.and_then(|rule| read_rule(rule, user_target));
    let applications = applications.and_then(|rule| read_rule(rule, application_target));
    Some(B2bSetting {
        place: node.place(),
        users,
        applications,
        names_devices: devices.map(Node::place),
    })
}

fn read_rule<T>(node: Node<'_>, target: fn(Node<'_>) -> Option<T>) -> Option<AccessRule<T>> {
    let mut members = node.object()?;
    let access: Option<Access> = members.require("accessType").and_then(parse_word);
    let targets = members.list("targets").filter_map(|node| {
        let place = node.place();
        target(node).map(|value| Located { value, place })
    });
    let targets = targets.collect();
    members.close();
    Some(AccessRule {
        place: node.place(),
        access: access?,
        targets,
    })
}

/// Parses the members `target` and `targetType`.
fn target(node: Node<'_>) -> Option<(Node<'_>, Node<'_>)> {
    let mut members = node.object()?;
    let target = members.require("target");
    let target_type = members.require("targetType");
    members.close();
    target.zip(target_type)
}

fn user_target(node: Node<'_>) -> Option<UserTarget> {
    let (target, target_type) = target(node)?;
    let text = target.text()?;
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match target_type.text()? {
        kind if kind.eq_ignore_ascii_case("user") && is("AllUsers") => Some(UserTarget::AllUsers),
        kind if kind.eq_ignore_ascii_case("user") => {
            id_or(target, "AllUsers or the id of a user (a GUID)").map(UserTarget::User)
        }
        kind if kind.eq_ignore_ascii_case("group") => {
            id_or(target, "the id of a group (a GUID)").map(UserTarget::Group)
        }
        _ => wrong_target_type(target_type, "user or group"),
    }
}

fn application_target(node: Node<'_>) -> Option<ApplicationTarget> {
    let (target, target_type) = target(node)?;
    if !target_type.text()?.eq_ignore_ascii_case("application") {
        return wrong_target_type(target_type, "application");
    }
    let text = target.text()?;
    let word = WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    if let Some((_, target)) = word {
        return Some(*target);
    }
    if text.eq_ignore_ascii_case("MicrosoftAdminPortals") {
        let message = "found MicrosoftAdminPortals, which is valid only in Conditional Access, expected \
                       AllApplications, Office365, AllMicrosoftApps or an application's id";
        target.error(Code::TargetNotAllowed, message);
        return None;
    }
    let expected = "AllApplications, Office365, AllMicrosoftApps or an application's id (a GUID)";
    id_or(target, expected).map(ApplicationTarget::Application)
}

fn id_or<T: std::str::FromStr>(node: Node<'_>, expected: &str) -> Option<T> {
    let id = node.text()?.parse().ok();
    if id.is_none() {
        report_not_an_id(node, expected);
    }
    id
}

fn wrong_target_type<T>(node: Node<'_>, expected: &str) -> Option<T> {
    let found = node.describe();
    node.error(
        Code::TargetNotAllowed,
        format!("found the target type {found}, expected {expected}"),
    );
    None
}

fn inbound_trust(node: Node<'_>) -> Option<InboundTrust> {
    let mut members = node.object()?;
    let trust = InboundTrust {
        place: node.place(),
        mfa: members.boolean("isMfaAccepted"),
        compliant_device: members.boolean("isCompliantDeviceAccepted"),
        hybrid_joined_device: members.boolean("isHybridAzureADJoinedDeviceAccepted"),
    };
    // Whether the network is compliant is a missing input in any case (semantics §5).
    undecisive::take_switches(&mut members, &["isCompliantNetworkAccepted"]);
    members.close_allowing_undecisive();
    Some(trust)
}

fn automatic_user_consent(node: Node<'_>) -> Option<AutomaticUserConsent> {
    let mut members = node.object()?;
    let consent = AutomaticUserConsent {
        inbound: members.boolean("inboundAllowed"),
        outbound: members.boolean("outboundAllowed"),
    };
    undecisive::take_switches(&mut members, &["inboundAllowed", "outboundAllowed"]);
    members.close_configuration();
    Some(consent)
}

/// semantics §3, "Service providers".
const BLOCKS_SERVICE_PROVIDERS: &str = "blockServiceProviderOutboundAccess";

const WORDS: [(&str, ApplicationTarget); 3] = [
    ("AllApplications", ApplicationTarget::AllApplications),
    ("Office365", ApplicationTarget::Office365),
    ("AllMicrosoftApps", ApplicationTarget::AllMicrosoftApps),
];
