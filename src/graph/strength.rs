//! Authentication strengths (learn.microsoft.com/graph/api/resources/authenticationstrengthpolicy,
//! …/fido2combinationconfiguration, …/x509certificatecombinationconfiguration): in a tenant's export, and in the grant
//! controls of a policy.

use super::document::{
    AuthenticationStrength, CombinationConfiguration, CombinationDemand, StrengthReference,
};
use super::finding::Code;
use super::members::Members;
use super::node::Node;
use super::values::{parse_id, parse_ids, parse_word_set};
use crate::id::StrengthId;
use crate::vocabulary::{AuthenticationMethod, WordSet};

/// Parses a strength of a tenant's export.
pub(super) fn parse_strength(node: Node<'_>) -> Option<AuthenticationStrength> {
    let mut members = node.object()?;
    let id = read_id(&mut members);
    let combinations = members.require("allowedCombinations");
    let strength = contents(&mut members, id, combinations);
    members.close_outer();
    strength
}

/// Parses the reference in a policy: only an id, or a complete copy.
pub(super) fn parse_reference(node: Node<'_>) -> Option<StrengthReference> {
    let mut members = node.object()?;
    let id = read_id(&mut members);
    let combinations = members.take("allowedCombinations");
    let is_copy = combinations.is_some();
    let copy = contents(&mut members, id, combinations);
    members.close();
    Some(StrengthReference {
        place: node.place(),
        id: id?,
        copy: copy.filter(|_| is_copy),
    })
}

fn read_id(members: &mut Members<'_>) -> Option<StrengthId> {
    let node = members.require("id")?;
    parse_id(node, "the authentication strength")
}

fn contents(
    members: &mut Members<'_>,
    id: Option<StrengthId>,
    combinations: Option<Node<'_>>,
) -> Option<AuthenticationStrength> {
    let display_name = members.name("displayName");
    let combinations = combinations.into_iter().flat_map(Node::array);
    let combinations = combinations.filter_map(combination).collect();
    let configurations = members.list("combinationConfigurations");
    let configurations = configurations.filter_map(configuration).collect();
    members.ignore(MEMBERS_WITHOUT_EFFECT);
    Some(AuthenticationStrength {
        place: members.node().place(),
        id: id?,
        display_name,
        combinations,
        configurations,
    })
}

/// Parses methods that are required together: comma-separated, in any order.
fn combination(node: Node<'_>) -> Option<WordSet<AuthenticationMethod>> {
    let text = node.text()?;
    // Ignoring an empty part would make the combination easier to satisfy.
    if text.split(',').any(|part| part.trim().is_empty()) {
        let message = format!(
            "found {}, expected methods such as \"password,sms\"",
            node.describe()
        );
        node.error(Code::UnknownWord, message);
        return None;
    }
    Some(parse_word_set(node, None))
}

fn configuration(node: Node<'_>) -> Option<CombinationConfiguration> {
    let mut members = node.object()?;
    let combinations = members.require("appliesToCombinations");
    let combinations = combinations.into_iter().flat_map(Node::array);
    let combinations = combinations.filter_map(combination).collect();
    let demand = match members.odata_type() {
        Some("fido2CombinationConfiguration") => fido2(&mut members),
        Some("x509CertificateCombinationConfiguration") => certificate(&mut members),
        Some(_) | None if members.has("allowedAAGUIDs") => fido2(&mut members),
        Some(_) | None if members.has("allowedIssuerSkis") || members.has("allowedPolicyOIDs") => {
            certificate(&mut members)
        }
        Some(_) | None => {
            let message = "found a combination configuration that is neither for FIDO2 nor for \
                           certificates, expected one of these types";
            node.report_unknown(Code::NotUnderstood, message);
            None
        }
    };
    members.ignore(&["id", "displayName"]);
    members.close();
    Some(CombinationConfiguration {
        combinations,
        demand: demand?,
    })
}

fn fido2(members: &mut Members<'_>) -> Option<CombinationDemand> {
    if !members.has("allowedAAGUIDs") {
        let message = "found no `allowedAAGUIDs`, expected at least one";
        members.node().error(Code::MissingMember, message);
    }
    let models = parse_ids(members, "allowedAAGUIDs", "a passkey model");
    (!models.is_empty()).then_some(CombinationDemand::Fido2(models))
}

fn certificate(members: &mut Members<'_>) -> Option<CombinationDemand> {
    let mut texts = |name| members.list(name).filter_map(required_value).collect();
    let issuer_skis: Vec<&str> = texts("allowedIssuerSkis");
    let policy_oids: Vec<&str> = texts("allowedPolicyOIDs");
    // `allowedIssuers` is the same list as `allowedIssuerSkis` in another format.
    if !issuer_skis.is_empty() {
        members.ignore(&["allowedIssuers"]);
    }
    if !members.has("allowedIssuerSkis") && !members.has("allowedPolicyOIDs") {
        let message =
            "found neither `allowedIssuerSkis` nor `allowedPolicyOIDs`, expected at least one";
        members.node().error(Code::MissingMember, message);
    }
    let has_values = !issuer_skis.is_empty() || !policy_oids.is_empty();
    has_values.then(|| CombinationDemand::Certificate {
        issuer_skis: issuer_skis.iter().map(|ski| ski.to_lowercase()).collect(),
        policy_oids: policy_oids.into_iter().map(str::to_owned).collect(),
    })
}

fn required_value(node: Node<'_>) -> Option<&str> {
    let text = node.text()?;
    if text.trim().is_empty() || super::values::is_type_name(text) {
        return node.wrong_type("the subject key identifier of an issuer, or a policy OID");
    }
    Some(text)
}

const MEMBERS_WITHOUT_EFFECT: &[&str] = &[
    "deletedDateTime",
    "description",
    "policyType",
    "requirementsSatisfied",
    "createdDateTime",
    "modifiedDateTime",
];
