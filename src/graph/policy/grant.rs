//! `conditionalAccessGrantControls` (learn.microsoft.com/graph/api/resources/conditionalaccessgrantcontrols).

use super::super::document::{GrantControls, StrengthReference};
use super::super::finding::Code;
use super::super::node::Node;
use super::super::strength;
use super::super::values::{ids, word};
use crate::vocabulary::Operator;

/// What a policy asks for.
pub(super) fn grant_controls(node: Node<'_>) -> Option<GrantControls> {
    let mut members = node.object()?;
    let operator = members.take("operator").and_then(operator);
    let built_in = members.list("builtInControls").filter_map(word).collect();
    let strength = members.take("authenticationStrength").and_then(strength);
    let terms_of_use = ids(&mut members, "termsOfUse", "a terms-of-use agreement");
    let custom = ids(
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
    if node.is_empty_text() {
        node.warning(Code::UnknownWord, "found \"\", which is read as AND");
        return None;
    }
    word(node)
}

fn strength(node: Node<'_>) -> Option<StrengthReference> {
    if node.is_empty_text() {
        let message = "found \"\", which names no authentication strength and is not read";
        node.warning(Code::UnknownWord, message);
        return None;
    }
    match node.is_nothing() {
        true => None,
        false => strength::reference(node),
    }
}
