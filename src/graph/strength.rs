//! Authentication strengths (learn.microsoft.com/graph/api/resources/authenticationstrengthpolicy,
//! …/fido2combinationconfiguration, …/x509certificatecombinationconfiguration): a tenant's export, and what
//! a policy's grant controls say about one.

use super::document::{
    AuthenticationStrength, CombinationConfiguration, CombinationDemand, StrengthReference,
};
use super::finding::Code;
use super::members::Members;
use super::node::Node;
use super::values::{id, ids, word_set};
use crate::id::StrengthId;
use crate::vocabulary::{AuthenticationMethod, WordSet};

/// One strength of a tenant's export.
pub(super) fn strength(node: Node<'_>) -> Option<AuthenticationStrength> {
    let mut members = node.object()?;
    let id = read_id(&mut members);
    let combinations = members.require("allowedCombinations");
    let strength = contents(&mut members, id, combinations);
    members.close_outer();
    strength
}

/// The strength that a policy names: by id only, or with its contents.
pub(super) fn reference(node: Node<'_>) -> Option<StrengthReference> {
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
    id(node, "the authentication strength")
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
    members.ignore(DECIDING_NOTHING);
    Some(AuthenticationStrength {
        place: members.node().place(),
        id: id?,
        display_name,
        combinations,
        configurations,
    })
}

/// Methods that are needed together, comma-separated in any order.
fn combination(node: Node<'_>) -> Option<WordSet<AuthenticationMethod>> {
    let text = node.text()?;
    // A part that is lost would make the combination easier to reach.
    if text.split(',').any(|part| part.trim().is_empty()) {
        let message = format!(
            "found {}, expected methods such as \"password,sms\"",
            node.describe()
        );
        node.error(Code::UnknownWord, message);
        return None;
    }
    Some(word_set(node, None))
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
                           certificates, expected one of them";
            node.not_understood(Code::NotUnderstood, message);
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
    let models = ids(members, "allowedAAGUIDs", "a passkey's model");
    (!models.is_empty()).then_some(CombinationDemand::Fido2(models))
}

fn certificate(members: &mut Members<'_>) -> Option<CombinationDemand> {
    let mut texts = |name| members.list(name).filter_map(demanded_text).collect();
    let issuer_skis: Vec<&str> = texts("allowedIssuerSkis");
    let policy_oids: Vec<&str> = texts("allowedPolicyOIDs");
    // `allowedIssuers` is the same list as `allowedIssuerSkis` in another form.
    if !issuer_skis.is_empty() {
        members.ignore(&["allowedIssuers"]);
    }
    if !members.has("allowedIssuerSkis") && !members.has("allowedPolicyOIDs") {
        let message =
            "found neither `allowedIssuerSkis` nor `allowedPolicyOIDs`, expected at least one";
        members.node().error(Code::MissingMember, message);
    }
    let is_demanding = !issuer_skis.is_empty() || !policy_oids.is_empty();
    is_demanding.then(|| CombinationDemand::Certificate {
        issuer_skis: issuer_skis.iter().map(|ski| ski.to_lowercase()).collect(),
        policy_oids: policy_oids.into_iter().map(str::to_owned).collect(),
    })
}

fn demanded_text(node: Node<'_>) -> Option<&str> {
    let text = node.text()?;
    if text.trim().is_empty() || super::values::is_type_name(text) {
        return node.wrong_type("an issuer's key identifier or a policy's object identifier");
    }
    Some(text)
}

const DECIDING_NOTHING: &[&str] = &[
    "deletedDateTime",
    "description",
    "policyType",
    "requirementsSatisfied",
    "createdDateTime",
    "modifiedDateTime",
];
