//! Which counter is where in the row: everything that is counted has its place from the start.
//!
//! A place is a calculation with words of ours, so counting looks nothing up, and no number of callers makes the
//! row longer.

use tonic::Code;

use super::Method;
use super::cells::HistogramAt;
use super::histogram::SPAN;
use crate::decision::{Reason, Stage, Verdict};
use crate::request::Api;

/// The row for a number of listed tenants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    tenants: usize,
}

impl Layout {
    pub(super) fn for_tenants(listed: usize) -> Self {
        Layout { tenants: listed }
    }

    /// How many counters there are.
    pub(super) fn cells(&self) -> usize {
        // The last place is for the tenants that are not listed.
        TENANTS + (self.tenants + 1) * ENDS
    }

    pub(super) fn decision(&self, api: Api, verdict: &Verdict) -> usize {
        DECISIONS + api as usize * OUTCOMES + outcome(verdict)
    }

    /// The places of every outcome that an API can have, with what it means.
    pub(super) fn decisions(&self, api: Api) -> impl Iterator<Item = (usize, Outcome)> {
        let start = DECISIONS + api as usize * OUTCOMES;
        let denied = stages().flat_map(|stage| {
            let reasons = Reason::ALL.iter();
            reasons.map(move |reason| Outcome::Deny(stage, *reason))
        });
        let outcomes = std::iter::once(Outcome::Allow).chain(denied);
        outcomes
            .enumerate()
            .map(move |(at, outcome)| (start + at, outcome))
    }

    pub(super) fn decision_time(&self, cached: bool) -> HistogramAt {
        HistogramAt(DECISION_TIMES + usize::from(cached) * SPAN)
    }

    pub(super) fn code(&self, method: Method, code: Code) -> usize {
        CODES + method.index() * ALL_CODES + code_index(code)
    }

    pub(super) fn call_time(&self, method: Method) -> HistogramAt {
        HistogramAt(CALL_TIMES + method.index() * SPAN)
    }

    /// `listed` is the tenant's place in the list; `None` where it is not listed.
    pub(super) fn tenant(&self, listed: Option<usize>, verdict: &Verdict) -> usize {
        let end = match verdict {
            Verdict::Allow => 0,
            Verdict::Deny(denial) => 1 + stage_index(denial.stage),
        };
        self.tenant_end(listed, end)
    }

    /// The places of the ways that a tenant's decisions can end: allowed, or denied at a stage.
    pub(super) fn tenant_ends(
        &self,
        listed: Option<usize>,
    ) -> impl Iterator<Item = (usize, Option<Option<Stage>>)> {
        let layout = *self;
        let ends = std::iter::once(None).chain(stages().map(Some));
        ends.enumerate()
            .map(move |(end, told)| (layout.tenant_end(listed, end), told))
    }

    fn tenant_end(&self, listed: Option<usize>, end: usize) -> usize {
        TENANTS + listed.unwrap_or(self.tenants) * ENDS + end
    }
}

/// How a decision can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
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

/// Codes of a later version of tonic count as unknown.
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
const ENDS: usize = 1 + STAGES;
/// gRPC has the codes 0 to 16.
pub(super) const ALL_CODES: usize = 17;

const DECISIONS: usize = 0;
const DECISION_TIMES: usize = DECISIONS + Api::ALL.len() * OUTCOMES;
const CODES: usize = DECISION_TIMES + 2 * SPAN;
const CALL_TIMES: usize = CODES + Method::COUNT * ALL_CODES;
const TENANTS: usize = CALL_TIMES + Method::COUNT * SPAN;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::decision::Denial;

    #[test]
    fn every_outcome_has_a_place_of_its_own_and_is_read_where_it_is_counted() {
        let layout = Layout::for_tenants(2);
        let mut places = HashSet::new();
        for api in Api::ALL {
            for (at, outcome) in layout.decisions(api) {
                let verdict = match outcome {
                    Outcome::Allow => Verdict::Allow,
                    Outcome::Deny(stage, reason) => Verdict::Deny(Denial::of(stage, reason)),
                };
                assert_eq!(layout.decision(api, &verdict), at);
                assert!(places.insert(at));
            }
        }
        for listed in [Some(0), Some(1), None] {
            for (at, end) in layout.tenant_ends(listed) {
                let verdict = match end {
                    None => Verdict::Allow,
                    Some(stage) => Verdict::Deny(Denial::of(stage, Reason::CaBlocked)),
                };
                assert_eq!(layout.tenant(listed, &verdict), at);
                assert!(places.insert(at) && at < layout.cells());
            }
        }
        for method in Method::all() {
            for code in 0..17 {
                assert!(places.insert(layout.code(method, Code::from(code))));
            }
        }
    }
}
