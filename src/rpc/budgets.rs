//! What is special about single calls: how long one may take until its answer begins, how a fault is told, what is
//! counted of it.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tonic::Code;
use tonic::body::Body;

use super::ext_authz::{self, Fault};
use super::service;
use crate::log::Log;
use crate::log::journal::WaitBounds;
use crate::metrics::{Method, Metrics};
use crate::serve::{self, CallRules};

/// The rules of our services.
#[derive(Debug, Clone)]
pub struct Budgets {
    /// Where calls are counted.
    pub metrics: Arc<Metrics>,
    /// Where a call may have to wait for its record.
    pub log: Log,
}

/// Reading and compiling the largest policies takes seconds.
const RELOAD: Duration = Duration::from_secs(60);

/// Whether a call of this path may wait for its record.
fn is_recorded(path: &str) -> bool {
    let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    path == ext_authz::CHECK || service.is_some_and(|(service, _)| service == service::NAME)
}

impl CallRules for Budgets {
    fn budget(&self, path: &str, usual: Duration) -> Duration {
        match path {
            // Answers when the outcome is known.
            "/crosstrust.v1.PolicyService/Reload" => RELOAD,
            // The wait for a record, which a slow disk lengthens, ends before the budget: its answer says why.
            path if is_recorded(path) => usual.max(self.log.wait() + WaitBounds::BESIDES),
            _ => usual,
        }
    }

    /// To Envoy a gRPC error is no denial.
    fn answer(&self, path: &str, fault: serve::Fault) -> Option<Response<Body>> {
        let fault = match fault {
            serve::Fault::Overloaded | serve::Fault::TooManyStreams => Fault::Overloaded,
            serve::Fault::OverBudget | serve::Fault::Incomplete => Fault::OverBudget,
            serve::Fault::Panicked => Fault::Panicked,
        };
        (path == ext_authz::CHECK).then(|| ext_authz::fault_response(fault))
    }

    fn is_stream(&self, path: &str) -> bool {
        Method::at(path).is_stream()
    }

    fn handled(&self, path: &str, code: Code, took: Duration) {
        self.metrics.handled(Method::at(path), code, took);
    }
}
