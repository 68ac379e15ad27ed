//! Counters of decisions and calls, for `/metrics`.
//!
//! Each request thread adds to separate counters (`cells`), without a lock, an allocation or a shared cache line; a
//! scrape sums them. Other modules (cache, tokens, listeners, reloads) have their own counters, which a scrape reads
//! there. Labels are constants, names from the configuration and the tenants in `metrics.tenants`; never text from a
//! request.

mod cells;
pub mod families;
mod histogram;
mod layout;
mod log;
mod methods;
mod read;

use std::time::Duration;

use crate::decision::Decision;
use crate::id::TenantId;
use crate::request::Api;
use cells::Cells;
use layout::CounterLayout;

pub use families::{FAMILIES, Family, MetricKind};
pub use histogram::{BOUNDS, Histogram};
pub use log::LogMetrics;
pub use methods::{Method, code_name};
pub use read::{CallCount, DecisionCount, TenantDecisionCount};

/// The counters of one process.
#[derive(Debug)]
pub struct Metrics {
    cells: Cells,
    layout: CounterLayout,
    /// Sorted, without duplicates.
    tenants: Box<[TenantId]>,
}

impl Metrics {
    /// Counters at zero. Decisions are counted separately for each of these resource tenants, and together for all
    /// others.
    pub fn new(tenants: &[TenantId]) -> Self {
        let mut tenants = tenants.to_vec();
        tenants.sort_unstable();
        tenants.dedup();
        let layout = CounterLayout::for_tenants(tenants.len());
        Metrics {
            cells: Cells::new(layout.cells()),
            layout,
            tenants: tenants.into(),
        }
    }

    /// Counts a decision and its time. `resource` is the resource tenant, if it is known.
    pub fn count_decision(
        &self,
        api: Api,
        resource: Option<TenantId>,
        decision: &Decision,
        cached: bool,
        took: Duration,
    ) {
        let shard = self.cells.thread_shard();
        shard.add(self.layout.decision(api, &decision.verdict), 1);
        shard.observe(self.layout.decision_time(cached), took);
        if !self.tenants.is_empty() {
            let listed = resource.and_then(|tenant| self.tenants.binary_search(&tenant).ok());
            shard.add(self.layout.tenant(listed, &decision.verdict), 1);
        }
    }

    /// Counts a completed call and its time.
    pub fn count_call(&self, method: Method, code: tonic::Code, took: Duration) {
        let shard = self.cells.thread_shard();
        shard.add(self.layout.code(method, code), 1);
        shard.observe(self.layout.call_time(method), took);
    }
}

/// Without separate counters for tenants.
impl Default for Metrics {
    fn default() -> Self {
        Metrics::new(&[])
    }
}

/// The value of the label `api`.
pub const fn api_label(api: Api) -> &'static str {
    match api {
        Api::Authorize => "authorize",
        Api::AuthorizeBatch => "batch",
        Api::Check => "check",
    }
}
