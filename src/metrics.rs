//! What is counted of answers and calls, for `/metrics`.
//!
//! Request threads add to counters of their own (`cells`): no lock, no allocation, no line of memory that two of
//! them write. Whoever reads adds the threads up. What is counted elsewhere (cache, tokens, listeners, reloads) is
//! read there at that moment and not counted twice. Labels are words of ours, names of the configuration and the
//! tenants that the operator listed; never a text that a caller sent.

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
use layout::Layout;

pub use families::{FAMILIES, Family, Kind};
pub use histogram::{BOUNDS, Histogram};
pub use log::LogFigures;
pub use methods::{Method, code_name};
pub use read::{Decisions, Handled, TenantDecisions};

/// The counters of one process.
#[derive(Debug)]
pub struct Metrics {
    cells: Cells,
    layout: Layout,
    /// Sorted, without repeats.
    tenants: Box<[TenantId]>,
}

impl Metrics {
    /// Counters at zero. Of these resource tenants the decisions are counted one by one; those of all others
    /// together.
    pub fn new(tenants: &[TenantId]) -> Self {
        let mut tenants = tenants.to_vec();
        tenants.sort_unstable();
        tenants.dedup();
        let layout = Layout::for_tenants(tenants.len());
        Metrics {
            cells: Cells::new(layout.cells()),
            layout,
            tenants: tenants.into(),
        }
    }

    /// Counts an answer: what was decided for which resource tenant, where that is known, whether it was kept
    /// from an earlier request, and how long it took.
    pub fn decided(
        &self,
        api: Api,
        resource: Option<TenantId>,
        decision: &Decision,
        cached: bool,
        took: Duration,
    ) {
        let shard = self.cells.mine();
        shard.add(self.layout.decision(api, &decision.verdict), 1);
        shard.observe(self.layout.decision_time(cached), took);
        if !self.tenants.is_empty() {
            let listed = resource.and_then(|tenant| self.tenants.binary_search(&tenant).ok());
            shard.add(self.layout.tenant(listed, &decision.verdict), 1);
        }
    }

    /// Counts a call: its method, the gRPC code that it ended with, and how long it took.
    pub fn handled(&self, method: Method, code: tonic::Code, took: Duration) {
        let shard = self.cells.mine();
        shard.add(self.layout.code(method, code), 1);
        shard.observe(self.layout.call_time(method), took);
    }
}

/// Without a tenant that is counted by itself.
impl Default for Metrics {
    fn default() -> Self {
        Metrics::new(&[])
    }
}

/// The label of an interface.
pub const fn api_label(api: Api) -> &'static str {
    match api {
        Api::Authorize => "authorize",
        Api::AuthorizeBatch => "batch",
        Api::Check => "check",
    }
}
