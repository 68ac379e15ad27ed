//! Explains a decision: every stage, every policy of the resource tenant with every condition that it sets, and the
//! missing facts that a denial depends on, with effective values and their origin.
//!
//! Runs the same functions as the decision, all of them, and decides nothing itself.

mod conditions;
mod facts;
mod missing;
mod stages;
mod words;

pub use conditions::{ConditionFinding, ConditionOutcome};
pub use facts::RequestFact;
pub use missing::MissingFact;

use super::conditional_access::{self, PolicyInput};
use super::{Evaluation, Notes, STAGES, grant};
use crate::decision::{Decision, PolicyIndex, PolicyResult, Reason, Stage};
use crate::revocation::Revocations;
use crate::snapshot::{Policy, Tenant};
use crate::time::Timestamp;

/// A decision and its explanation.
#[derive(Debug)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// All six stages in order, including those after the first that does not pass.
    pub stages: Vec<StageFinding>,
    /// Every policy for users of the resource tenant that is not disabled, ordered by id.
    pub policies: Vec<PolicyFinding>,
    /// The facts that the request lacks and that the denial depends on; empty for an allow.
    pub missing: Vec<MissingFact>,
}

/// The result of one stage.
#[derive(Debug)]
pub struct StageFinding {
    /// The stage.
    pub stage: Stage,
    /// Whether it passes; if not, the reason.
    pub outcome: Result<(), Reason>,
    /// Why it passes or not, in one sentence.
    pub why: String,
    /// The values that it used.
    pub details: Vec<Detail>,
}

/// An effective value and its origin.
#[derive(Debug)]
pub struct Detail {
    /// The name of the value.
    pub what: String,
    /// The value and what it means for this request.
    pub value: String,
    /// File, line and JSON path; empty if the value is from the request.
    pub origin: String,
}

/// The result of one policy.
#[derive(Debug)]
pub struct PolicyFinding {
    /// The policy.
    pub policy: PolicyIndex,
    /// Its result.
    pub result: PolicyResult,
    /// The first condition that does not match, or the unsatisfied requirement.
    pub detail: String,
    /// Every condition that it sets; `users` and `applications` always.
    pub conditions: Vec<ConditionFinding>,
}

impl Evaluation<'_> {
    /// Decides, and explains every stage and policy.
    pub fn explain(&self, revocations: &Revocations, now: Timestamp) -> Explanation {
        let decision = self.decide(revocations, now);
        let policies = self
            .resource
            .map(|resource| explain_policies(self, resource, now))
            .unwrap_or_default();
        let missing = decision.denial().map_or_else(Vec::new, |denial| {
            missing::facts(self, denial, &policies, revocations, now)
        });
        Explanation {
            stages: Stage::ALL
                .into_iter()
                .map(|stage| self.explain_stage(stage, revocations, now))
                .collect(),
            policies,
            missing,
            decision,
        }
    }

    fn explain_stage(
        &self,
        stage: Stage,
        revocations: &Revocations,
        now: Timestamp,
    ) -> StageFinding {
        let mut notes: Notes = self.notes(now);
        let outcome = STAGES
            .iter()
            .filter(|(checked, _)| *checked == stage)
            .try_for_each(|(_, check)| check(self, revocations, now, &mut notes))
            .map_err(|failure| failure.into_denial(stage));
        StageFinding {
            stage,
            why: stages::why(self, stage, outcome.as_ref().copied(), &notes),
            outcome: outcome.map_err(|denial| denial.reason),
            details: stages::details(self, stage, now),
        }
    }
}

fn explain_policies(
    evaluation: &Evaluation<'_>,
    resource: &Tenant,
    now: Timestamp,
) -> Vec<PolicyFinding> {
    let input = PolicyInput::new(evaluation, resource, now);
    evaluation
        .snapshot
        .policies_of(resource)
        .map(|(index, policy)| explain_policy(index, policy, &input, now))
        .collect()
}

fn explain_policy(
    index: PolicyIndex,
    policy: &Policy,
    input: &PolicyInput<'_>,
    now: Timestamp,
) -> PolicyFinding {
    let conditions = conditions::findings(policy, input);
    let unmatched = conditions
        .iter()
        .find(|condition| condition.outcome == ConditionOutcome::NotMatched);
    if let Some(unmatched) = unmatched {
        let result = if policy.report_only {
            PolicyResult::ReportOnlyNotApplied
        } else {
            PolicyResult::NotApplied
        };
        return PolicyFinding {
            policy: index,
            result,
            detail: format!("does not match: {}", unmatched.name),
            conditions,
        };
    }
    let frequency = grant::frequency(policy, input, now);
    let outcome = grant::outcome(policy, input, &frequency);
    let detail = match &outcome {
        grant::GrantOutcome::Satisfied => "satisfied".to_owned(),
        grant::GrantOutcome::Blocked => "blocks".to_owned(),
        grant::GrantOutcome::Unsatisfied(one) => one.reason.message().to_owned(),
    };
    PolicyFinding {
        policy: index,
        result: conditional_access::result(policy, &outcome),
        detail,
        conditions,
    }
}
