//! Stage 5: Conditional Access over all policies of the resource tenant (semantics §5).

use std::time::Duration;

use crosstrust::decision::{Challenge, PolicyResult, Reason, Stage, StepUp};
use crosstrust::id::PolicyId;
use crosstrust::request::{Request, UserClass};
use crosstrust::time::Timestamp;
use serde_json::Value;

use super::documents::{flag, is_word, member, text};
use super::grants::{self, FREQUENCY_PLACE, Grant, Missing};
use super::{Failure, World, conditions};

/// The policies that apply, in order of their ids.
pub struct Policies(Vec<Applied>);

struct Applied {
    id: PolicyId,
    enforced: bool,
    grant: Grant,
    frequency: Option<Frequency>,
    has_session_control: bool,
}

/// The sign-in frequency of a policy, for this user.
struct Frequency {
    ends_at: Option<Timestamp>,
    has_passed: bool,
    every_time: bool,
}

pub fn evaluate(world: &World, request: &Request, now: Timestamp) -> Policies {
    let tenant = world
        .tenant(request.resource)
        .expect("an unknown resource tenant is denied earlier");
    let mut applied: Vec<Applied> = tenant
        .objects("conditional-access")
        .into_iter()
        .filter_map(|policy| {
            let state = text(policy, "state").expect("a policy has a state");
            if is_word(state, "disabled") {
                return None;
            }
            let enforced = is_word(state, "enabled");
            assert!(enforced || is_word(state, "enabledForReportingButNotEnforced"));
            if !conditions::apply(world, tenant, policy, request, now) {
                return None;
            }
            Some(Applied {
                id: tenant.policy_id(policy),
                enforced,
                grant: grants::evaluate(world, tenant, policy, request),
                frequency: match enforced {
                    true => frequency(policy, request, now),
                    false => None,
                },
                has_session_control: has_session_control(policy),
            })
        })
        .collect();
    applied.sort_by_key(|policy| policy.id);
    Policies(applied)
}

impl Policies {
    /// A block comes first, otherwise the earliest missing control over all policies.
    pub fn failure(&self) -> Option<Failure> {
        if self
            .enforced()
            .any(|policy| matches!(policy.grant, Grant::Block))
        {
            return Some(Failure::of(Stage::ConditionalAccess, Reason::CaBlocked));
        }
        let missing: Vec<Missing> = self.enforced().filter_map(Applied::missing).collect();
        // The first of equals; the policies are in order of their ids.
        let first = missing.iter().min_by_key(|missing| missing.place)?;
        let all_step_ups: Option<Vec<Vec<StepUp>>> = missing
            .iter()
            .map(|missing| missing.step_ups.clone())
            .collect();
        let challenge = all_step_ups.map(|step_ups| {
            let mut step_ups: Vec<StepUp> = step_ups.into_iter().flatten().collect();
            step_ups.sort();
            step_ups.dedup();
            Challenge {
                step_ups: step_ups.into_iter().collect(),
            }
        });
        Some(Failure {
            challenge,
            ..Failure::of(Stage::ConditionalAccess, first.reason)
        })
    }

    pub fn applied(&self) -> Vec<(PolicyId, PolicyResult)> {
        self.0
            .iter()
            .map(|policy| (policy.id, policy.result()))
            .collect()
    }

    /// The policies whose session controls the gateway must enforce.
    pub fn obligations(&self) -> Vec<PolicyId> {
        self.enforced()
            .filter(|policy| policy.has_session_control)
            .map(|policy| policy.id)
            .collect()
    }

    pub fn frequencies_end(&self) -> impl Iterator<Item = Timestamp> {
        self.0
            .iter()
            .filter_map(|policy| policy.frequency.as_ref()?.ends_at)
    }

    pub fn every_time(&self) -> bool {
        self.0
            .iter()
            .filter_map(|policy| policy.frequency.as_ref())
            .any(|frequency| frequency.every_time)
    }

    fn enforced(&self) -> impl Iterator<Item = &Applied> {
        self.0.iter().filter(|policy| policy.enforced)
    }
}

impl Applied {
    /// The unsatisfied parts of a policy: its grant, its frequency, or both.
    fn missing(&self) -> Option<Missing> {
        let stale = self.frequency.as_ref().is_some_and(|own| own.has_passed);
        let too_old = Missing {
            place: FREQUENCY_PLACE,
            reason: Reason::SignInFrequencyExceeded,
            step_ups: Some(vec![StepUp::Reauthenticate]),
        };
        match (&self.grant, stale) {
            (Grant::Block, _) => None,
            (Grant::Satisfied, false) => None,
            (Grant::Satisfied, true) => Some(too_old),
            (Grant::Missing(missing), false) => Some(missing.clone()),
            (Grant::Missing(missing), true) => {
                let mut both = missing.clone();
                if let Some(step_ups) = &mut both.step_ups {
                    step_ups.push(StepUp::Reauthenticate);
                }
                Some(both)
            }
        }
    }

    fn result(&self) -> PolicyResult {
        let blocks = matches!(self.grant, Grant::Block);
        let missing = self.missing();
        match (self.enforced, blocks, missing) {
            (true, false, None) => PolicyResult::Success,
            (true, _, _) => PolicyResult::Failure,
            (false, true, _) => PolicyResult::ReportOnlyFailure,
            (false, false, None) => PolicyResult::ReportOnlySuccess,
            (false, false, Some(missing)) => match missing.step_ups {
                Some(_) => PolicyResult::ReportOnlyInterrupted,
                None => PolicyResult::ReportOnlyFailure,
            },
        }
    }
}

/// Direct connect supports no session control.
fn frequency(policy: &Value, request: &Request, now: Timestamp) -> Option<Frequency> {
    if request.user_class() == UserClass::DirectConnect {
        return None;
    }
    let control = member(member(policy, "sessionControls")?, "signInFrequency")?;
    if flag(control, "isEnabled") != Some(true) {
        return None;
    }
    let every_time =
        text(control, "frequencyInterval").is_some_and(|interval| is_word(interval, "everyTime"));
    let seconds = match every_time {
        true => 300,
        false => {
            let value = control["value"].as_u64().expect("a frequency has a value");
            let unit = text(control, "type").expect("a frequency has a unit");
            match is_word(unit, "hours") {
                true => value * 3600,
                false => {
                    assert!(is_word(unit, "days"));
                    value * 24 * 3600
                }
            }
        }
    };
    let ends_at = request
        .claims
        .auth_time
        .map(|time| time.plus(Duration::from_secs(seconds)));
    Some(Frequency {
        ends_at,
        has_passed: ends_at.is_none_or(|end| end <= now),
        every_time,
    })
}

/// Whether the policy sets any session control: one that is an object and not switched off, or a
/// flag that is on.
fn has_session_control(policy: &Value) -> bool {
    let Some(Value::Object(controls)) = member(policy, "sessionControls") else {
        return false;
    };
    controls.values().any(|control| match control {
        Value::Object(_) => flag(control, "isEnabled") != Some(false),
        Value::Bool(on) => *on,
        _ => false,
    })
}
