//! `conditionalAccessGrantControls` (learn.microsoft.com/graph/api/resources/conditionalaccessgrantcontrols).

use super::super::document::{GrantControls, StrengthReference};
use super::super::finding::Code;
use super::super::node::Node;
use super::super::strength;
use super::super::values::{parse_ids, parse_word};
use crate::vocabulary::Operator;

/// Parses the grant controls of a policy.
pub(super) fn parse_grant_controls(node: Node<'_>) -> Option<GrantControls> {
    let mut members = node.object()?;
    let operator = members.take("operator").and_then(operator);
    let built_in = members
        .list("builtInControls")
        .filter_map(parse_word)
        .collect();
    let strength = members.take("authenticationStrength").and_then(strength);
    let terms_of_use = parse_ids(&mut members, "termsOfUse", "a terms-of-use agreement");
    let custom = parse_ids(
        &mut members,
        "customAuthenticationFactors",
        "a custom control",
    );
    members.close();
    Some(GrantControls {
        place: node.place(),
        // semantics §5: no operator = AND.
        operator: operator.unwrap_or(Operator::And),
        built_in,
        strength,
        terms_of_use,
        custom,
    })
}

fn operator(node: Node<'_>) -> Option<Operator> {
    if node.is_empty_string() {
        node.warning(
            Code::UnknownWord,
            "found \"\", expected AND or OR; it counts as AND",
        );
        return None;
    }
    parse_word(node)
}

fn strength(node: Node<'_>) -> Option<StrengthReference> {
    if node.is_empty_string() {
        let message = "found \"\", expected an authentication strength; it is not read";
        node.warning(Code::UnknownWord, message);
        return None;
    }
    match node.is_blank() {
        true => None,
        false => strength::parse_reference(node),
    }
}
