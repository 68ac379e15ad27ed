//! Reads the counters, summed over all threads.

use tonic::Code;

use super::cells::HistogramIndex;
use super::histogram::{BOUNDS, CELLS_PER_HISTOGRAM, Histogram};
use super::layout::{ALL_CODES, DecisionOutcome};
use super::{Method, Metrics};
use crate::decision::{Reason, Stage};
use crate::id::TenantId;
use crate::request::Api;

/// The number of decisions with one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionCount {
    /// The API that was called.
    pub api: Api,
    /// `None` = allowed; else the stage, if one was reached, and the reason of the denial.
    pub denied: Option<(Option<Stage>, Reason)>,
    /// The number of decisions.
    pub count: u64,
}

/// The number of decisions for one tenant with one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantDecisionCount {
    /// The resource tenant; `None` for all that are not listed.
    pub tenant: Option<TenantId>,
    /// `None` = allowed; else the stage of the denial, if one was reached.
    pub denied: Option<Option<Stage>>,
    /// The number of decisions.
    pub count: u64,
}

/// The number of calls of one method with one status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCount {
    /// The method.
    pub method: Method,
    /// The status code.
    pub code: Code,
    /// The number of calls.
    pub count: u64,
}

impl Metrics {
    /// Every outcome with a count above zero, and always the allows.
    pub fn decisions(&self) -> Vec<DecisionCount> {
        let all = Api::ALL.into_iter().flat_map(|api| {
            self.layout
                .decisions(api)
                .map(move |(index, outcome)| DecisionCount {
                    api,
                    denied: match outcome {
                        DecisionOutcome::Allow => None,
                        DecisionOutcome::Deny(stage, reason) => Some((stage, reason)),
                    },
                    count: self.cells.sum(index),
                })
        });
        all.filter(|one| one.count > 0 || one.denied.is_none())
            .collect()
    }

    /// As [`Metrics::decisions`], by resource tenant; empty if no tenant is listed.
    pub fn tenant_decisions(&self) -> Vec<TenantDecisionCount> {
        if self.tenants.is_empty() {
            return Vec::new();
        }
        let listed = self.tenants.iter().enumerate();
        let listed = listed.map(|(index, tenant)| (Some(index), Some(*tenant)));
        let all = listed.chain([(None, None)]).flat_map(|(listed, tenant)| {
            self.layout
                .tenant_outcomes(listed)
                .map(move |(index, denied)| TenantDecisionCount {
                    tenant,
                    denied,
                    count: self.cells.sum(index),
                })
        });
        all.filter(|one| one.count > 0 || one.denied.is_none())
            .collect()
    }

    /// The times of decisions, from the cache or evaluated.
    pub fn decision_times(&self, cached: bool) -> Histogram {
        self.histogram(self.layout.decision_time(cached))
    }

    /// Every method and status code with a count above zero, and always OK.
    pub fn handled_calls(&self) -> Vec<CallCount> {
        let codes = i32::try_from(ALL_CODES).unwrap_or_default();
        let all = Method::all().flat_map(|method| {
            (0..codes).map(Code::from).map(move |code| CallCount {
                method,
                code,
                count: self.cells.sum(self.layout.code(method, code)),
            })
        });
        all.filter(|one| one.count > 0 || one.code == Code::Ok)
            .collect()
    }

    /// The times of a method's calls.
    pub fn call_times(&self, method: Method) -> Histogram {
        self.histogram(self.layout.call_time(method))
    }

    fn histogram(&self, HistogramIndex(first): HistogramIndex) -> Histogram {
        let mut buckets = [0; BOUNDS.len() + 1];
        for (bucket, index) in buckets.iter_mut().zip(first..) {
            *bucket = self.cells.sum(index);
        }
        let nanos = self.cells.sum(first + CELLS_PER_HISTOGRAM - 1);
        Histogram {
            buckets,
            seconds: std::time::Duration::from_nanos(nanos).as_secs_f64(),
        }
    }
}
