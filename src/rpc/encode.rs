//! Converts answers to proto messages. The only module that does.
//!
//! No match here has a catch-all arm: the crate does not build until a new reason, stage or step-up has a value in the
//! proto. Nothing here decides; an answer that cannot be encoded is never an allow.

use prost::Message as _;

use super::challenge::ChallengeValues;
use super::codec::MessageWriter;
use super::proto;
use crate::decision::{
    AppliedPolicy, Decision, PolicyIndex, PolicyResult, Reason, SignInTenant, Stage, StepUp,
    Verdict,
};
use crate::engine::{ActiveSnapshot, Answer, Engine};
use crate::evaluate::{
    ConditionFinding, ConditionOutcome, Explanation, MissingFact, PolicyFinding, StageFinding,
};
use crate::id::StrengthId;
use crate::request::Request;
use crate::snapshot::{Snapshot, app_names};
use crate::time::Timestamp;

/// Encodes answers.
#[derive(Debug, Clone, Copy)]
pub struct AnswerEncoder<'a> {
    /// The challenges for clients.
    pub challenge: &'a ChallengeValues,
    /// Provides the clock, for challenges that require a newer token.
    pub engine: &'a Engine,
}

impl AnswerEncoder<'_> {
    /// Encodes an answer as an `AuthorizeResponse`.
    pub fn answer(&self, answer: &Answer) -> Vec<u8> {
        let mut out = MessageWriter::new();
        self.write_answer(&mut out, answer);
        out.into_bytes()
    }

    /// Encodes the answers to a batch, in the order of its requests, as an `AuthorizeBatchResponse`.
    pub fn batch(&self, answers: &[Answer]) -> Vec<u8> {
        let mut out = MessageWriter::new();
        for answer in answers {
            out.nested(1, |out| self.write_answer(out, answer));
        }
        out.into_bytes()
    }

    /// Converts an answer to an `AuthorizeResponse`, for callers in this process.
    pub fn authorize_response(&self, answer: &Answer) -> proto::AuthorizeResponse {
        read(&self.answer(answer))
    }

    fn write_answer(&self, out: &mut MessageWriter, answer: &Answer) {
        let active = answer.active.as_deref();
        self.write(out, active, &answer.decision, answer.cached);
        out.display(12, answer.decision_id);
    }

    /// The response of an explained decision. It has no event, so no `decision_id`.
    fn response(
        &self,
        active: Option<&ActiveSnapshot>,
        decision: &Decision,
    ) -> proto::AuthorizeResponse {
        let mut out = MessageWriter::new();
        self.write(&mut out, active, decision, false);
        read(&out.into_bytes())
    }

    /// Writes all fields of an `AuthorizeResponse` but `decision_id`.
    fn write(
        &self,
        out: &mut MessageWriter,
        active: Option<&ActiveSnapshot>,
        decision: &Decision,
        cached: bool,
    ) {
        match &decision.verdict {
            Verdict::Allow => {
                out.number(1, proto::Decision::Allow as u64);
                out.number(2, proto::Reason::Allowed as u64);
            }
            Verdict::Deny(denial) => {
                let stage = denial.stage.map_or(proto::Stage::Unspecified, stage);
                out.number(1, proto::Decision::Deny as u64);
                out.number(2, reason(denial.reason) as u64);
                out.number(3, stage as u64);
                out.text(4, &error_code(denial.code()));
                out.text(5, &denial.message());
            }
        }
        out.message(6, &timestamp(decision.expires_at));
        out.number(7, cached.into());
        if let Some(active) = active {
            out.nested(8, |out| {
                out.display(1, active.snapshot.id());
                out.number(2, active.version);
                out.message(3, &timestamp(active.activated_at));
            });
        }
        // Fields that most answers do not have.
        let policies = Policies::of(active);
        out.append(&proto::AuthorizeResponse {
            applied_policies: policies.applied(&decision.applied),
            challenge: self.challenge(active, decision),
            obligations: policies.obligations(&decision.obligations),
            ..proto::AuthorizeResponse::default()
        });
    }

    fn challenge(
        &self,
        active: Option<&ActiveSnapshot>,
        decision: &Decision,
    ) -> Option<proto::Challenge> {
        let challenge = decision.denial()?.challenge.as_ref()?;
        let policies = Policies::of(active);
        let now = self.engine.clock().now().wall;
        let convert = |one: &StepUp| proto::StepUp {
            claims: self.challenge.claims_of(*one, now).unwrap_or_default(),
            ..step_up(*one, &policies, &decision.applied)
        };
        Some(proto::Challenge {
            step_ups: challenge.step_ups.iter().map(convert).collect(),
        })
    }

    /// Converts an explanation to an `ExplainResponse`.
    pub fn explanation(
        &self,
        active: &ActiveSnapshot,
        explanation: &Explanation,
        request: &Request,
    ) -> proto::ExplainResponse {
        let policies = Policies::of(Some(active));
        proto::ExplainResponse {
            response: Some(self.response(Some(active), &explanation.decision)),
            stages: explanation.stages.iter().map(explained_stage).collect(),
            policies: explanation
                .policies
                .iter()
                .filter_map(|finding| policies.explained(finding))
                .collect(),
            assumed_facts: Vec::new(),
            missing_facts: explanation
                .missing
                .iter()
                .map(|missing| policies.missing(missing))
                .collect(),
            names: names(&active.snapshot, request),
        }
    }

    /// The response if nothing was evaluated: only the denial.
    pub fn unexplained(&self, decision: &Decision) -> proto::ExplainResponse {
        proto::ExplainResponse {
            response: Some(self.response(None, decision)),
            ..proto::ExplainResponse::default()
        }
    }
}

/// Decodes a message that was encoded here. The default, if that fails, is not an allow.
fn read(encoded: &[u8]) -> proto::AuthorizeResponse {
    proto::AuthorizeResponse::decode(encoded).unwrap_or_default()
}

/// The known display names of the tenants and applications in the request.
fn names(snapshot: &Snapshot, request: &Request) -> Vec<proto::ExplainedName> {
    let tenants = [
        request.home.tenant(),
        Some(request.resource),
        request.restricting_tenant,
    ];
    let tenants = tenants
        .into_iter()
        .flatten()
        .filter_map(|id| Some((id.to_string(), snapshot.tenant_name(id)?)));
    let apps = [Some(request.app), request.client_app];
    let apps = apps
        .into_iter()
        .flatten()
        .filter_map(|id| Some((id.to_string(), app_names::name_of(id)?)));
    let mut names: Vec<proto::ExplainedName> = Vec::new();
    for (id, name) in tenants.chain(apps) {
        if names.iter().all(|known| known.id != id) {
            let name = name.to_owned();
            names.push(proto::ExplainedName { id, name });
        }
    }
    names
}

/// Converts the active snapshot.
pub fn snapshot(active: &ActiveSnapshot) -> proto::Snapshot {
    proto::Snapshot {
        id: active.snapshot.id().to_string(),
        version: active.version,
        activated_at: Some(timestamp(active.activated_at)),
    }
}

/// Converts a timestamp. The range 1677 to 2262 is within protobuf's.
pub fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = instant.as_parts();
    prost_types::Timestamp {
        seconds,
        // INVARIANT: less than 1,000,000,000.
        nanos: i32::try_from(nanos).unwrap_or(0),
    }
}

fn explained_stage(finding: &StageFinding) -> proto::ExplainedStage {
    let details = finding.details.iter().map(|detail| proto::ExplainedDetail {
        name: detail.what.clone(),
        value: detail.value.clone(),
        origin: detail.origin.clone(),
    });
    let result = match finding.outcome {
        Ok(()) => proto::ExplainedStage {
            passed: true,
            message: finding.why.clone(),
            ..proto::ExplainedStage::default()
        },
        Err(why) => proto::ExplainedStage {
            passed: false,
            reason: reason(why).into(),
            error_code: error_code(why.code(Some(finding.stage))),
            message: finding.why.clone(),
            ..proto::ExplainedStage::default()
        },
    };
    proto::ExplainedStage {
        stage: stage(finding.stage).into(),
        details: details.collect(),
        ..result
    }
}

/// Looks up the policies that a decision refers to by index.
///
/// INVARIANT(index): a decision comes with the snapshot that it was made under, so every index is valid in that snapshot.
/// The engine and its cache guarantee this (`cache::protocol`).
struct Policies<'a>(Option<&'a Snapshot>);

impl<'a> Policies<'a> {
    fn of(active: Option<&'a ActiveSnapshot>) -> Self {
        Policies(active.map(|active| &active.snapshot))
    }

    fn get(&self, index: PolicyIndex) -> Option<&'a crate::snapshot::Policy> {
        self.0?.policy(index)
    }

    fn applied(&self, applied: &[AppliedPolicy]) -> Vec<proto::AppliedPolicy> {
        let applied = applied.iter().filter_map(|one| {
            let policy = self.get(one.policy)?;
            Some(proto::AppliedPolicy {
                id: policy.id().to_string(),
                display_name: policy.display_name().to_owned(),
                result: result(one.result).into(),
            })
        });
        applied.collect()
    }

    fn obligations(&self, obliging: &[PolicyIndex]) -> Vec<proto::Obligation> {
        let policies = obliging.iter().filter_map(|index| self.get(*index));
        let obligations = policies.flat_map(|policy| {
            let controls = policy.obligations().iter();
            controls.map(|(name, value)| proto::Obligation {
                policy_id: policy.id().to_string(),
                name: name.clone(),
                value: value.clone(),
            })
        });
        obligations.collect()
    }

    fn explained(&self, finding: &PolicyFinding) -> Option<proto::ExplainedPolicy> {
        let policy = self.get(finding.policy)?;
        Some(proto::ExplainedPolicy {
            id: policy.id().to_string(),
            display_name: policy.display_name().to_owned(),
            result: result(finding.result).into(),
            detail: finding.detail.clone(),
            origin: policy.origin().to_owned(),
            conditions: finding.conditions.iter().map(condition).collect(),
        })
    }

    fn missing(&self, missing: &MissingFact) -> proto::MissingFact {
        let policies = missing.policies.iter().filter_map(|index| self.get(*index));
        proto::MissingFact {
            field: missing.fact.field().into_owned(),
            message: missing.fact.sentence(),
            assumable: missing.fact.is_assumable(),
            policy_ids: policies.map(|policy| policy.id().to_string()).collect(),
        }
    }

    /// The display name of the strength in the tenant whose policy requires it.
    fn strength_name(&self, id: StrengthId, applied: &[AppliedPolicy]) -> String {
        let mut policies = applied.iter().filter_map(|one| self.get(one.policy));
        let named = policies.find_map(|policy| self.0?.strength_named_by(policy, id));
        named.unwrap_or_default().to_owned()
    }
}

fn condition(finding: &ConditionFinding) -> proto::ExplainedCondition {
    let outcome = match finding.outcome {
        ConditionOutcome::Matched => proto::ConditionOutcome::Matched,
        ConditionOutcome::NotMatched => proto::ConditionOutcome::NotMatched,
        ConditionOutcome::NotProvided => proto::ConditionOutcome::NotProvidedTreatedAsMatching,
    };
    let fields = finding.missing.iter().map(|fact| fact.field().into_owned());
    proto::ExplainedCondition {
        name: finding.name.to_owned(),
        outcome: outcome.into(),
        policy_value: finding.policy.clone(),
        request_value: finding.request.clone(),
        missing_fields: fields.filter(|field| !field.is_empty()).collect(),
    }
}

/// Converts a step-up, without its claims parameter.
fn step_up(step_up: StepUp, policies: &Policies<'_>, applied: &[AppliedPolicy]) -> proto::StepUp {
    use proto::StepUpKind as Kind;
    let (kind, tenant, strength) = match step_up {
        StepUp::Mfa(tenant) => (Kind::Mfa, tenant, None),
        StepUp::Strength(id, tenant) => (Kind::Strength, tenant, Some(id)),
        StepUp::CompliantDevice => (Kind::CompliantDevice, SignInTenant::Home, None),
        StepUp::HybridJoinedDevice => (Kind::HybridJoinedDevice, SignInTenant::Home, None),
        StepUp::Reauthenticate => (Kind::Reauthenticate, SignInTenant::Home, None),
    };
    proto::StepUp {
        kind: kind.into(),
        sign_in_tenant: sign_in_tenant(tenant).into(),
        strength_id: strength.map_or_else(String::new, |id| id.to_string()),
        strength_name: strength.map_or_else(String::new, |id| policies.strength_name(id, applied)),
        claims: String::new(),
    }
}

fn error_code(code: Option<u32>) -> String {
    code.map_or_else(String::new, |code| format!("AADSTS{code}"))
}

const fn sign_in_tenant(tenant: SignInTenant) -> proto::SignInTenant {
    match tenant {
        SignInTenant::Home => proto::SignInTenant::Home,
        SignInTenant::Resource => proto::SignInTenant::Resource,
    }
}

const fn result(result: PolicyResult) -> proto::PolicyResult {
    use proto::PolicyResult as Proto;
    match result {
        PolicyResult::Success => Proto::Success,
        PolicyResult::Failure => Proto::Failure,
        PolicyResult::NotApplied => Proto::NotApplied,
        PolicyResult::ReportOnlySuccess => Proto::ReportOnlySuccess,
        PolicyResult::ReportOnlyFailure => Proto::ReportOnlyFailure,
        PolicyResult::ReportOnlyInterrupted => Proto::ReportOnlyInterrupted,
        PolicyResult::ReportOnlyNotApplied => Proto::ReportOnlyNotApplied,
    }
}

const fn stage(stage: Stage) -> proto::Stage {
    match stage {
        Stage::Token => proto::Stage::Token,
        Stage::TenantRestriction => proto::Stage::TenantRestriction,
        Stage::Outbound => proto::Stage::Outbound,
        Stage::Inbound => proto::Stage::Inbound,
        Stage::ConditionalAccess => proto::Stage::ConditionalAccess,
        Stage::SharedChannel => proto::Stage::SharedChannel,
    }
}

const fn reason(reason: Reason) -> proto::Reason {
    use proto::Reason as Proto;
    match reason {
        Reason::TokenExpired => Proto::TokenExpired,
        Reason::TokenNotYetValid => Proto::TokenNotYetValid,
        Reason::SessionRevoked => Proto::SessionRevoked,
        Reason::TenantRestricted => Proto::TenantRestricted,
        Reason::OutboundUser => Proto::OutboundUser,
        Reason::OutboundApplication => Proto::OutboundApplication,
        Reason::InboundUser => Proto::InboundUser,
        Reason::InboundApplication => Proto::InboundApplication,
        Reason::GroupsUnknown => Proto::GroupsUnknown,
        Reason::CloudNotAllowed => Proto::CloudNotAllowed,
        Reason::ResourceTenantUnknown => Proto::ResourceTenantUnknown,
        Reason::CaBlocked => Proto::CaBlocked,
        Reason::MfaRequired => Proto::MfaRequired,
        Reason::MfaNotTrusted => Proto::MfaNotTrusted,
        Reason::CompliantDeviceRequired => Proto::CompliantDeviceRequired,
        Reason::CompliantDeviceNotTrusted => Proto::CompliantDeviceNotTrusted,
        Reason::HybridJoinedDeviceRequired => Proto::HybridJoinedDeviceRequired,
        Reason::HybridJoinedDeviceNotTrusted => Proto::HybridJoinedDeviceNotTrusted,
        Reason::AuthenticationStrengthRequired => Proto::AuthenticationStrengthRequired,
        Reason::ApprovedAppRequired | Reason::AppProtectionRequired => Proto::AppRequired,
        Reason::PasswordChangeRequired => Proto::PasswordChangeRequired,
        Reason::TermsOfUseRequired => Proto::TermsOfUseRequired,
        Reason::SignInFrequencyExceeded => Proto::SignInFrequencyExceeded,
        Reason::ControlNotSupported => Proto::ControlNotSupported,
        Reason::ChannelUnknown => Proto::ChannelUnknown,
        Reason::ChannelNotMember => Proto::ChannelNotMember,
        Reason::NoSnapshot => Proto::NoSnapshot,
        Reason::RouteUnknown => Proto::RouteUnknown,
        Reason::IdentityMissing => Proto::IdentityMissing,
        Reason::IdentityAmbiguous => Proto::IdentityAmbiguous,
        Reason::AuditUnavailable => Proto::AuditUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_stages_have_the_same_name_in_the_domain_and_in_the_proto() {
        for one in Reason::ALL {
            let name = reason(*one).as_str_name();
            assert_eq!(name, format!("REASON_{}", one.name()));
        }
        for one in Stage::ALL {
            let name = stage(one).as_str_name();
            assert_eq!(name, format!("STAGE_{}", one.name()));
        }
    }

    #[test]
    fn nanoseconds_of_a_time_before_1970_count_forward() {
        let converted = timestamp(Timestamp::from_nanos(-1));
        assert_eq!((converted.seconds, converted.nanos), (-1, 999_999_999));
    }
}
