//! An answer → the message of the wire. The only place that does it.
//!
//! No match here has a catch-all arm: a new reason, stage or cure has to be given its number in the contract
//! before the crate builds. Nothing here decides; what cannot be told is never told as an allow.

use prost::Message as _;

use super::challenge::ChallengeValues;
use super::codec::Writer;
use super::proto;
use crate::decision::{
    AppliedPolicy, Cure, Decision, PolicyIndex, PolicyResult, Reason, Stage, Verdict, Where,
};
use crate::engine::{Active, Answer, Engine};
use crate::evaluate::{
    ConditionFinding, ConditionOutcome, Explanation, MissingFact, PolicyFinding, StageFinding,
};
use crate::id::StrengthId;
use crate::request::Request;
use crate::snapshot::{Snapshot, app_names};
use crate::time::Timestamp;

/// What answers are written with.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// What a client can ask for.
    pub challenge: &'a ChallengeValues,
    /// Knows the time, for those that are asked for a newer token.
    pub engine: &'a Engine,
}

impl Words<'_> {
    /// The answer to a request: an `AuthorizeResponse`, encoded.
    pub fn answer(&self, answer: &Answer) -> Vec<u8> {
        let mut out = Writer::new();
        self.write_answer(&mut out, answer);
        out.into_bytes()
    }

    /// The answers to a batch, in their order: an `AuthorizeBatchResponse`, encoded.
    pub fn batch(&self, answers: &[Answer]) -> Vec<u8> {
        let mut out = Writer::new();
        for answer in answers {
            out.nested(1, |out| self.write_answer(out, answer));
        }
        out.into_bytes()
    }

    /// The same, for callers in this process.
    pub fn told(&self, answer: &Answer) -> proto::AuthorizeResponse {
        read(&self.answer(answer))
    }

    fn write_answer(&self, out: &mut Writer, answer: &Answer) {
        let active = answer.active.as_deref();
        self.write(out, active, &answer.decision, answer.cached);
        out.shown(12, answer.decision_id);
    }

    /// A decision that names no event: it was made to be explained.
    fn response(&self, active: Option<&Active>, decision: &Decision) -> proto::AuthorizeResponse {
        let mut out = Writer::new();
        self.write(&mut out, active, decision, false);
        read(&out.into_bytes())
    }

    /// The fields of an `AuthorizeResponse` that tell of the decision, in the order of their numbers.
    fn write(&self, out: &mut Writer, active: Option<&Active>, decision: &Decision, cached: bool) {
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
                out.shown(1, active.snapshot.id());
                out.number(2, active.version);
                out.message(3, &timestamp(active.activated_at));
            });
        }
        // The fields that most answers have not.
        let policies = Policies::of(active);
        out.append(&proto::AuthorizeResponse {
            applied_policies: policies.applied(&decision.applied),
            challenge: self.challenge(active, decision),
            obligations: policies.obligations(&decision.obligations),
            ..proto::AuthorizeResponse::default()
        });
    }

    fn challenge(&self, active: Option<&Active>, decision: &Decision) -> Option<proto::Challenge> {
        let challenge = decision.denial()?.challenge.as_ref()?;
        let policies = Policies::of(active);
        let now = self.engine.clock().now().wall;
        let cure = |one: &Cure| proto::Cure {
            claims: self.challenge.claims_of(*one, now).unwrap_or_default(),
            ..cure(*one, &policies, &decision.applied)
        };
        Some(proto::Challenge {
            cures: challenge.cures.iter().map(cure).collect(),
        })
    }

    /// An answer and how it comes about.
    pub fn explanation(
        &self,
        active: &Active,
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
            assumed: Vec::new(),
            missing_facts: explanation
                .missing
                .iter()
                .map(|missing| policies.missing(missing))
                .collect(),
            names: names(&active.snapshot, request),
        }
    }

    /// The explanation where nothing was evaluated: the denial alone.
    pub fn unexplained(&self, decision: &Decision) -> proto::ExplainResponse {
        proto::ExplainResponse {
            response: Some(self.response(None, decision)),
            ..proto::ExplainResponse::default()
        }
    }
}

/// What was written here. If it could not be read, it would be no allow.
fn read(written: &[u8]) -> proto::AuthorizeResponse {
    proto::AuthorizeResponse::decode(written).unwrap_or_default()
}

/// The names that are known of the tenants and applications that the request names.
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

/// Which policies are in force.
pub fn snapshot(active: &Active) -> proto::Snapshot {
    proto::Snapshot {
        id: active.snapshot.id().to_string(),
        version: active.version,
        activated_at: Some(timestamp(active.activated_at)),
    }
}

/// An instant. Ours reach from 1677 to 2262, all of which protobuf can tell.
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
        what: detail.what.clone(),
        value: detail.value.clone(),
        origin: detail.origin.clone(),
    });
    let told = match finding.outcome {
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
        ..told
    }
}

/// The policies that a decision names by their place.
///
/// INVARIANT(places): a decision comes with the snapshot that it was made under, so every place is one of
/// that snapshot's; the engine and its cache hold that (`cache::protocol`).
struct Policies<'a>(Option<&'a Snapshot>);

impl<'a> Policies<'a> {
    fn of(active: Option<&'a Active>) -> Self {
        Policies(active.map(|active| &active.snapshot))
    }

    fn get(&self, index: PolicyIndex) -> Option<&'a crate::snapshot::Policy> {
        self.0?.policy(index)
    }

    fn applied(&self, applied: &[AppliedPolicy]) -> Vec<proto::AppliedPolicy> {
        let told = applied.iter().filter_map(|one| {
            let policy = self.get(one.policy)?;
            Some(proto::AppliedPolicy {
                id: policy.id().to_string(),
                display_name: policy.display_name().to_owned(),
                result: result(one.result).into(),
            })
        });
        told.collect()
    }

    fn obligations(&self, obliging: &[PolicyIndex]) -> Vec<proto::Obligation> {
        let policies = obliging.iter().filter_map(|index| self.get(*index));
        let told = policies.flat_map(|policy| {
            let controls = policy.obligations().iter();
            controls.map(|(name, value)| proto::Obligation {
                policy_id: policy.id().to_string(),
                name: name.clone(),
                value: value.clone(),
            })
        });
        told.collect()
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
            sentence: missing.fact.sentence(),
            assumable: missing.fact.is_assumable(),
            policy_ids: policies.map(|policy| policy.id().to_string()).collect(),
        }
    }

    /// The strength's name as the tenant has it whose policy asks for it.
    fn strength_name(&self, id: StrengthId, applied: &[AppliedPolicy]) -> String {
        let mut asking = applied.iter().filter_map(|one| self.get(one.policy));
        let named = asking.find_map(|policy| self.0?.strength_named_by(policy, id));
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
        policy: finding.policy.clone(),
        request: finding.request.clone(),
        missing_fields: fields.filter(|field| !field.is_empty()).collect(),
    }
}

/// A cure, without the claims parameter that asks for it.
fn cure(cure: Cure, policies: &Policies<'_>, applied: &[AppliedPolicy]) -> proto::Cure {
    use proto::CureKind as Kind;
    let (kind, place, strength) = match cure {
        Cure::Mfa(place) => (Kind::Mfa, place, None),
        Cure::Strength(id, place) => (Kind::Strength, place, Some(id)),
        Cure::CompliantDevice => (Kind::CompliantDevice, Where::Home, None),
        Cure::HybridJoinedDevice => (Kind::HybridJoinedDevice, Where::Home, None),
        Cure::Reauthenticate => (Kind::Reauthenticate, Where::Home, None),
    };
    proto::Cure {
        kind: kind.into(),
        r#where: place_of(place).into(),
        strength_id: strength.map_or_else(String::new, |id| id.to_string()),
        strength_name: strength.map_or_else(String::new, |id| policies.strength_name(id, applied)),
        claims: String::new(),
    }
}

fn error_code(code: Option<u32>) -> String {
    code.map_or_else(String::new, |code| format!("AADSTS{code}"))
}

const fn place_of(place: Where) -> proto::Where {
    match place {
        Where::Home => proto::Where::Home,
        Where::Resource => proto::Where::Resource,
    }
}

const fn result(result: PolicyResult) -> proto::PolicyResult {
    use proto::PolicyResult as Told;
    match result {
        PolicyResult::Success => Told::Success,
        PolicyResult::Failure => Told::Failure,
        PolicyResult::NotApplied => Told::NotApplied,
        PolicyResult::ReportOnlySuccess => Told::ReportOnlySuccess,
        PolicyResult::ReportOnlyFailure => Told::ReportOnlyFailure,
        PolicyResult::ReportOnlyInterrupted => Told::ReportOnlyInterrupted,
        PolicyResult::ReportOnlyNotApplied => Told::ReportOnlyNotApplied,
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
    use proto::Reason as Told;
    match reason {
        Reason::TokenExpired => Told::TokenExpired,
        Reason::TokenNotYetValid => Told::TokenNotYetValid,
        Reason::SessionRevoked => Told::SessionRevoked,
        Reason::TenantRestricted => Told::TenantRestricted,
        Reason::OutboundUser => Told::OutboundUser,
        Reason::OutboundApplication => Told::OutboundApplication,
        Reason::InboundUser => Told::InboundUser,
        Reason::InboundApplication => Told::InboundApplication,
        Reason::GroupsUnknown => Told::GroupsUnknown,
        Reason::CloudNotAllowed => Told::CloudNotAllowed,
        Reason::ResourceTenantUnknown => Told::ResourceTenantUnknown,
        Reason::CaBlocked => Told::CaBlocked,
        Reason::MfaRequired => Told::MfaRequired,
        Reason::MfaNotTrusted => Told::MfaNotTrusted,
        Reason::CompliantDeviceRequired => Told::CompliantDeviceRequired,
        Reason::CompliantDeviceNotTrusted => Told::CompliantDeviceNotTrusted,
        Reason::HybridJoinedDeviceRequired => Told::HybridJoinedDeviceRequired,
        Reason::HybridJoinedDeviceNotTrusted => Told::HybridJoinedDeviceNotTrusted,
        Reason::AuthenticationStrengthRequired => Told::AuthenticationStrengthRequired,
        Reason::ApprovedAppRequired | Reason::AppProtectionRequired => Told::AppRequired,
        Reason::PasswordChangeRequired => Told::PasswordChangeRequired,
        Reason::TermsOfUseRequired => Told::TermsOfUseRequired,
        Reason::SignInFrequencyExceeded => Told::SignInFrequencyExceeded,
        Reason::ControlNotSupported => Told::ControlNotSupported,
        Reason::ChannelUnknown => Told::ChannelUnknown,
        Reason::ChannelNotMember => Told::ChannelNotMember,
        Reason::NoSnapshot => Told::NoSnapshot,
        Reason::RouteUnknown => Told::RouteUnknown,
        Reason::IdentityMissing => Told::IdentityMissing,
        Reason::IdentityAmbiguous => Told::IdentityAmbiguous,
        Reason::AuditUnavailable => Told::AuditUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_stages_have_one_name_inside_and_on_the_wire() {
        for one in Reason::ALL {
            let told = reason(*one).as_str_name();
            assert_eq!(told, format!("REASON_{}", one.name()));
        }
        for one in Stage::ALL {
            let told = stage(one).as_str_name();
            assert_eq!(told, format!("STAGE_{}", one.name()));
        }
    }

    #[test]
    fn an_instant_before_1970_counts_its_nanoseconds_forward() {
        let told = timestamp(Timestamp::from_nanos(-1));
        assert_eq!((told.seconds, told.nanos), (-1, 999_999_999));
    }
}
