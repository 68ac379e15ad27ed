//! What the counters say, added up over all threads.

use tonic::Code;

use super::cells::HistogramAt;
use super::histogram::{BOUNDS, Histogram, SPAN};
use super::layout::{ALL_CODES, Outcome};
use super::{Method, Metrics};
use crate::decision::{Reason, Stage};
use crate::id::TenantId;
use crate::request::Api;

/// Decisions that ended alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decisions {
    /// How they were asked for.
    pub api: Api,
    /// `None` for those that were allowed; else why they were denied, and where.
    pub denied: Option<(Option<Stage>, Reason)>,
    /// How many.
    pub count: u64,
}

/// Decisions for one tenant that ended alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantDecisions {
    /// The resource tenant; `None` for all that are not listed.
    pub tenant: Option<TenantId>,
    /// `None` for those that were allowed; else the stage, where one was reached.
    pub denied: Option<Option<Stage>>,
    /// How many.
    pub count: u64,
}

/// Calls of one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handled {
    /// Which.
    pub method: Method,
    /// How they ended.
    pub code: Code,
    /// How many.
    pub count: u64,
}

impl Metrics {
    /// Every outcome that has been counted, and the allows in any case.
    pub fn decisions(&self) -> Vec<Decisions> {
        let all = Api::ALL.into_iter().flat_map(|api| {
            self.layout
                .decisions(api)
                .map(move |(at, outcome)| Decisions {
                    api,
                    denied: match outcome {
                        Outcome::Allow => None,
                        Outcome::Deny(stage, reason) => Some((stage, reason)),
                    },
                    count: self.cells.sum(at),
                })
        });
        all.filter(|one| one.count > 0 || one.denied.is_none())
            .collect()
    }

    /// The same by resource tenant, where any are listed.
    pub fn tenant_decisions(&self) -> Vec<TenantDecisions> {
        if self.tenants.is_empty() {
            return Vec::new();
        }
        let listed = self.tenants.iter().enumerate();
        let listed = listed.map(|(at, tenant)| (Some(at), Some(*tenant)));
        let all = listed.chain([(None, None)]).flat_map(|(at, tenant)| {
            self.layout
                .tenant_ends(at)
                .map(move |(at, denied)| TenantDecisions {
                    tenant,
                    denied,
                    count: self.cells.sum(at),
                })
        });
        all.filter(|one| one.count > 0 || one.denied.is_none())
            .collect()
    }

    /// The time that decisions took, evaluated or from the cache.
    pub fn decision_times(&self, cached: bool) -> Histogram {
        self.histogram(self.layout.decision_time(cached))
    }

    /// Every way in which calls have ended, and the good ends in any case.
    pub fn handled_calls(&self) -> Vec<Handled> {
        let codes = i32::try_from(ALL_CODES).unwrap_or_default();
        let all = Method::all().flat_map(|method| {
            (0..codes).map(Code::from).map(move |code| Handled {
                method,
                code,
                count: self.cells.sum(self.layout.code(method, code)),
            })
        });
        all.filter(|one| one.count > 0 || one.code == Code::Ok)
            .collect()
    }

    /// The time that whole calls of a method took.
    pub fn call_times(&self, method: Method) -> Histogram {
        self.histogram(self.layout.call_time(method))
    }

    fn histogram(&self, HistogramAt(at): HistogramAt) -> Histogram {
        let mut buckets = [0; BOUNDS.len() + 1];
        for (bucket, at) in buckets.iter_mut().zip(at..) {
            *bucket = self.cells.sum(at);
        }
        let nanos = self.cells.sum(at + SPAN - 1);
        Histogram {
            buckets,
            seconds: std::time::Duration::from_nanos(nanos).as_secs_f64(),
        }
    }
}
