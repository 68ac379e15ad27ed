//! The explanation: every stage, every policy of the resource tenant with every condition that it sets, and the
//! missing facts that a denial depends on; with effective values and where they come from.
//!
//! Runs the functions of the decision, all of them; decides nothing by itself.

mod conditions;
mod facts;
mod missing;
mod stages;
mod words;

pub use conditions::{ConditionFinding, ConditionOutcome};
pub use facts::Fact;
pub use missing::MissingFact;

use super::conditional_access::{self, Subject};
use super::{Notes, Question, STAGES, grant};
use crate::decision::{Decision, PolicyIndex, PolicyResult, Reason, Stage};
use crate::revocation::Revocations;
use crate::snapshot::{Policy, Tenant};
use crate::time::Timestamp;

/// Why a request is decided as it is.
#[derive(Debug)]
pub struct Explanation {
    /// The decision itself.
    pub decision: Decision,
    /// All six stages, in order, also those after the first that does not pass.
    pub stages: Vec<StageFinding>,
    /// Every policy for users of the resource tenant that is not disabled, in the order of their ids.
    pub policies: Vec<PolicyFinding>,
    /// The facts that the request lacks and the denial depends on; empty for an allow.
    pub missing: Vec<MissingFact>,
}

/// What one stage says.
#[derive(Debug)]
pub struct StageFinding {
    /// Which stage.
    pub stage: Stage,
    /// Whether it passes, and if not, why.
    pub outcome: Result<(), Reason>,
    /// Why it passes or does not, in a sentence.
    pub why: String,
    /// What it looked at.
    pub details: Vec<Detail>,
}

/// An effective value and where it comes from.
#[derive(Debug)]
pub struct Detail {
    /// What it is.
    pub what: String,
    /// What it says, and what that means for this request.
    pub value: String,
    /// File, line and JSON path; empty where the value is the request's own.
    pub origin: String,
}

/// What one policy says.
#[derive(Debug)]
pub struct PolicyFinding {
    /// Which policy.
    pub policy: PolicyIndex,
    /// What became of it.
    pub result: PolicyResult,
    /// The first condition that does not match, or what is missing.
    pub detail: String,
    /// Every condition that it sets; `users` and `applications` always.
    pub conditions: Vec<ConditionFinding>,
}

impl Question<'_> {
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
    question: &Question<'_>,
    resource: &Tenant,
    now: Timestamp,
) -> Vec<PolicyFinding> {
    let subject = Subject::new(question, resource, now);
    question
        .snapshot
        .policies_of(resource)
        .map(|(index, policy)| explain_policy(index, policy, &subject, now))
        .collect()
}

fn explain_policy(
    index: PolicyIndex,
    policy: &Policy,
    subject: &Subject<'_>,
    now: Timestamp,
) -> PolicyFinding {
    let conditions = conditions::findings(policy, subject);
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
    let frequency = grant::frequency(policy, subject, now);
    let outcome = grant::outcome(policy, subject, &frequency);
    let detail = match &outcome {
        grant::Outcome::Satisfied => "satisfied".to_owned(),
        grant::Outcome::Blocked => "blocks".to_owned(),
        grant::Outcome::Unsatisfied(one) => one.reason.message().to_owned(),
    };
    PolicyFinding {
        policy: index,
        result: conditional_access::result(policy, &outcome),
        detail,
        conditions,
    }
}
