//! The rules of semantics.md as examples: each row of each table is a case with a hand-written answer. The product and
//! the reference evaluator must agree with all of them.

pub mod assumed_outbound;
pub mod channels;
pub mod clouds;
pub mod conditions;
pub mod controls;
pub mod expiry;
pub mod filters;
pub mod grants;
pub mod guests;
pub mod identity_providers;
pub mod locations;
pub mod restrictions;
pub mod service_providers;
pub mod settings;
pub mod stages;
pub mod strengths;
pub mod targets;
pub mod user_types;
pub mod worked;

use crosstrust::decision::{PolicyResult, Reason, Stage, StepUp, Verdict};
use crosstrust::id::PolicyId;
use crosstrust::request::Request;
use crosstrust::revocation::Revocation;
use crosstrust::time::Timestamp;

use super::universe::NOW;
use crate::reference::World;

/// A case with its expected decision.
#[derive(Debug, Clone)]
pub struct Example {
    pub name: &'static str,
    pub world: World,
    pub revocations: Vec<Revocation>,
    pub request: Request,
    pub now: Timestamp,
    pub expect: Expect,
}

/// The expected decision; a field that is `None` is not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    pub answer: Answer,
    pub expires_at: Option<Timestamp>,
    pub cacheable: Option<bool>,
    pub applied: Option<Vec<(PolicyId, PolicyResult)>>,
    pub obligations: Option<Vec<PolicyId>>,
}

/// The verdict. `step_ups` are those of the challenge, in order; empty = no challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Allow,
    Deny {
        stage: Stage,
        reason: Reason,
        step_ups: Vec<StepUp>,
    },
}

impl From<&Verdict> for Answer {
    fn from(verdict: &Verdict) -> Answer {
        match verdict {
            Verdict::Allow => Answer::Allow,
            Verdict::Deny(denial) => Answer::Deny {
                stage: denial.stage.expect("a stage"),
                reason: denial.reason,
                step_ups: match &denial.challenge {
                    Some(challenge) => challenge.step_ups.to_vec(),
                    None => Vec::new(),
                },
            },
        }
    }
}

/// The request passes every stage.
fn allows(name: &'static str, world: &World, request: Request) -> Example {
    example(name, world, request, Answer::Allow)
}

/// A denial without a step-up.
fn denies(
    name: &'static str,
    world: &World,
    request: Request,
    stage: Stage,
    reason: Reason,
) -> Example {
    challenges(name, world, request, stage, reason, &[])
}

/// A denial that these step-ups resolve together.
fn challenges(
    name: &'static str,
    world: &World,
    request: Request,
    stage: Stage,
    reason: Reason,
    step_ups: &[StepUp],
) -> Example {
    let step_ups = step_ups.to_vec();
    example(
        name,
        world,
        request,
        Answer::Deny {
            stage,
            reason,
            step_ups,
        },
    )
}

fn example(name: &'static str, world: &World, request: Request, answer: Answer) -> Example {
    Example {
        name,
        world: world.clone(),
        revocations: Vec::new(),
        request,
        now: NOW,
        expect: Expect {
            answer,
            expires_at: None,
            cacheable: None,
            applied: None,
            obligations: None,
        },
    }
}

impl Example {
    fn revoked_by(mut self, entry: Revocation) -> Self {
        self.revocations.push(entry);
        self
    }

    fn until(mut self, instant: Timestamp) -> Self {
        self.expect.expires_at = Some(instant);
        self
    }

    fn cacheable(mut self, cacheable: bool) -> Self {
        self.expect.cacheable = Some(cacheable);
        self
    }

    fn applied(mut self, policies: &[(PolicyId, PolicyResult)]) -> Self {
        self.expect.applied = Some(policies.to_vec());
        self
    }

    fn obliged(mut self, policies: &[PolicyId]) -> Self {
        self.expect.obligations = Some(policies.to_vec());
        self
    }
}
