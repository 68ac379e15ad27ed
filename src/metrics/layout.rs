//! The index of each counter in a row, which has every counter from the start.
//!
//! Indexes are calculated from enums, so counting needs no lookup, and callers cannot add counters.

use tonic::Code;

use super::Method;
use super::cells::HistogramIndex;
use super::histogram::CELLS_PER_HISTOGRAM;
use crate::decision::{Reason, Stage, Verdict};
use crate::request::Api;

/// The layout of a row for a number of listed tenants.
#[derive(Debug, Clone, Copy)]
pub(super) struct CounterLayout {
    tenants: usize,
}

impl CounterLayout {
    pub(super) fn for_tenants(listed: usize) -> Self {
        CounterLayout { tenants: listed }
    }

    /// The number of counters.
    pub(super) fn cells(&self) -> usize {
        // The last block is for all tenants that are not listed.
        TENANTS + (self.tenants + 1) * TENANT_OUTCOMES
    }

    pub(super) fn decision(&self, api: Api, verdict: &Verdict) -> usize {
        DECISIONS + api as usize * OUTCOMES + outcome(verdict)
    }

    /// The index of each outcome of an API.
    pub(super) fn decisions(&self, api: Api) -> impl Iterator<Item = (usize, DecisionOutcome)> {
        let start = DECISIONS + api as usize * OUTCOMES;
        let denied = stages().flat_map(|stage| {
            let reasons = Reason::ALL.iter();
            reasons.map(move |reason| DecisionOutcome::Deny(stage, *reason))
        });
        let outcomes = std::iter::once(DecisionOutcome::Allow).chain(denied);
        outcomes
            .enumerate()
            .map(move |(index, outcome)| (start + index, outcome))
    }

    pub(super) fn decision_time(&self, cached: bool) -> HistogramIndex {
        HistogramIndex(DECISION_TIMES + usize::from(cached) * CELLS_PER_HISTOGRAM)
    }

    pub(super) fn code(&self, method: Method, code: Code) -> usize {
        CODES + method.index() * ALL_CODES + code_index(code)
    }

    pub(super) fn call_time(&self, method: Method) -> HistogramIndex {
        HistogramIndex(CALL_TIMES + method.index() * CELLS_PER_HISTOGRAM)
    }

    /// `listed` is the tenant's index in the list; `None` if it is not listed.
    pub(super) fn tenant(&self, listed: Option<usize>, verdict: &Verdict) -> usize {
        let outcome = match verdict {
            Verdict::Allow => 0,
            Verdict::Deny(denial) => 1 + stage_index(denial.stage),
        };
        self.tenant_outcome(listed, outcome)
    }

    /// The index of each outcome of a tenant's decisions: `None` = allowed, `Some` = denied at the stage.
    pub(super) fn tenant_outcomes(
        &self,
        listed: Option<usize>,
    ) -> impl Iterator<Item = (usize, Option<Option<Stage>>)> {
        let layout = *self;
        let outcomes = std::iter::once(None).chain(stages().map(Some));
        outcomes
            .enumerate()
            .map(move |(index, outcome)| (layout.tenant_outcome(listed, index), outcome))
    }

    fn tenant_outcome(&self, listed: Option<usize>, outcome: usize) -> usize {
        TENANTS + listed.unwrap_or(self.tenants) * TENANT_OUTCOMES + outcome
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecisionOutcome {
    Allow,
    Deny(Option<Stage>, Reason),
}

fn stages() -> impl Iterator<Item = Option<Stage>> + Clone {
    std::iter::once(None).chain(Stage::ALL.into_iter().map(Some))
}

fn stage_index(stage: Option<Stage>) -> usize {
    stage.map_or(0, |stage| stage as usize + 1)
}

fn outcome(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Deny(denial) => {
            1 + stage_index(denial.stage) * Reason::ALL.len() + denial.reason as usize
        }
    }
}

/// Codes that a later version of tonic adds count as unknown.
fn code_index(code: Code) -> usize {
    let index = usize::try_from(code as i32).unwrap_or(Code::Unknown as usize);
    if index < ALL_CODES {
        index
    } else {
        Code::Unknown as usize
    }
}

const STAGES: usize = Stage::ALL.len() + 1;
const OUTCOMES: usize = 1 + STAGES * Reason::ALL.len();
/// Allowed, or denied at a stage.
const TENANT_OUTCOMES: usize = 1 + STAGES;
/// gRPC has the codes 0 to 16.
pub(super) const ALL_CODES: usize = 17;

const DECISIONS: usize = 0;
const DECISION_TIMES: usize = DECISIONS + Api::ALL.len() * OUTCOMES;
const CODES: usize = DECISION_TIMES + 2 * CELLS_PER_HISTOGRAM;
const CALL_TIMES: usize = CODES + Method::COUNT * ALL_CODES;
const TENANTS: usize = CALL_TIMES + Method::COUNT * CELLS_PER_HISTOGRAM;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::decision::Denial;

    #[test]
    fn every_outcome_has_a_unique_index_for_writing_and_reading() {
        let layout = CounterLayout::for_tenants(2);
        let mut indexes = HashSet::new();
        for api in Api::ALL {
            for (index, outcome) in layout.decisions(api) {
                let verdict = match outcome {
                    DecisionOutcome::Allow => Verdict::Allow,
                    DecisionOutcome::Deny(stage, reason) => {
                        Verdict::Deny(Denial::of(stage, reason))
                    }
                };
                assert_eq!(layout.decision(api, &verdict), index);
                assert!(indexes.insert(index));
            }
        }
        for listed in [Some(0), Some(1), None] {
            for (index, outcome) in layout.tenant_outcomes(listed) {
                let verdict = match outcome {
                    None => Verdict::Allow,
                    Some(stage) => Verdict::Deny(Denial::of(stage, Reason::CaBlocked)),
                };
                assert_eq!(layout.tenant(listed, &verdict), index);
                assert!(indexes.insert(index) && index < layout.cells());
            }
        }
        for method in Method::all() {
            for code in 0..17 {
                assert!(indexes.insert(layout.code(method, Code::from(code))));
            }
        }
    }
}
