//! Conditional Access in a sign-in event: the applied policies and their results
//! (learn.microsoft.com/graph/api/resources/appliedconditionalaccesspolicy).

use crate::decision::{AppliedPolicy, PolicyResult, Stage};
use crate::engine::Answer;
use crate::log::json::JsonObject;
use crate::snapshot::{Control, Policy};

/// Writes the members about Conditional Access. The list comes last because it may be long.
pub(super) fn conditional_access(object: &mut JsonObject<'_>, answer: &Answer) {
    let applied = || {
        let active = answer.active.as_deref();
        let policies = answer.decision.applied.iter();
        policies.filter_map(move |one| Some((active?.snapshot.policy(one.policy)?, one)))
    };
    object.text("conditionalAccessStatus", status(answer));
    let is_mfa_required = applied().any(|(policy, one)| is_enforced(one) && requires_mfa(policy));
    let requirement = match is_mfa_required {
        true => Some("multiFactorAuthentication"),
        false => was_evaluated(answer).then_some("singleFactorAuthentication"),
    };
    object.maybe_text("authenticationRequirement", requirement);
    let list = "appliedConditionalAccessPolicies";
    object.objects(list, applied(), |object, (policy, one)| {
        object.shown("id", policy.id());
        object.text("displayName", policy.display_name());
        object.text("result", result(one.result));
        object.texts("enforcedGrantControls", controls(policy));
        let session = policy.obligations().iter().map(|(name, _)| name);
        object.texts("enforcedSessionControls", session);
    });
}

fn status(answer: &Answer) -> &'static str {
    let denial = answer.decision.denial();
    if denial.and_then(|denial| denial.stage) == Some(Stage::ConditionalAccess) {
        return "failure";
    }
    let mut applied = answer.decision.applied.iter();
    match applied.any(|one| one.result == PolicyResult::Success) {
        true => "success",
        false => "notApplied",
    }
}

/// Whether the evaluation reached the Conditional Access stage.
fn was_evaluated(answer: &Answer) -> bool {
    match answer.decision.denial() {
        None => true,
        Some(denial) => denial.stage >= Some(Stage::ConditionalAccess),
    }
}

fn is_enforced(one: &AppliedPolicy) -> bool {
    matches!(one.result, PolicyResult::Success | PolicyResult::Failure)
}

fn requires_mfa(policy: &Policy) -> bool {
    let mut controls = policy.grant.controls.iter();
    controls.any(|control| matches!(control, Control::Mfa | Control::Strength(_)))
}

/// The values of Graph's `grantControls`.
fn controls(policy: &Policy) -> impl Iterator<Item = &'static str> {
    let block = policy.grant.blocks.then_some("block");
    let others = policy.grant.controls.iter().map(|control| match control {
        Control::Mfa => "mfa",
        Control::Strength(_) => "authenticationStrength",
        Control::CompliantDevice => "compliantDevice",
        Control::DomainJoinedDevice => "domainJoinedDevice",
        Control::ApprovedApplication => "approvedApplication",
        Control::CompliantApplication => "compliantApplication",
        Control::PasswordChange => "passwordChange",
        Control::RiskRemediation => "riskRemediation",
        Control::TermsOfUse(_) => "termsOfUse",
        Control::Custom(_) => "customAuthenticationFactors",
    });
    block.into_iter().chain(others)
}

fn result(result: PolicyResult) -> &'static str {
    match result {
        PolicyResult::Success => "success",
        PolicyResult::Failure => "failure",
        PolicyResult::NotApplied => "notApplied",
        PolicyResult::ReportOnlySuccess => "reportOnlySuccess",
        PolicyResult::ReportOnlyFailure => "reportOnlyFailure",
        PolicyResult::ReportOnlyInterrupted => "reportOnlyInterrupted",
        PolicyResult::ReportOnlyNotApplied => "reportOnlyNotApplied",
    }
}
