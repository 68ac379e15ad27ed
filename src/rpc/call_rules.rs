//! Rules for calls by method: the time limit until the response begins, the response to a failed call, and metrics.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tonic::Code;
use tonic::body::Body;

use super::ext_authz::{self, CheckError};
use super::service;
use crate::log::Log;
use crate::log::journal::WaitBounds;
use crate::metrics::{Method, Metrics};
use crate::serve::{self, CallRules};

/// The call rules of the services in this module.
#[derive(Debug, Clone)]
pub struct RpcCallRules {
    /// Counts calls.
    pub metrics: Arc<Metrics>,
    /// The log that a call may wait for.
    pub log: Log,
}

/// Reading and compiling the largest policies takes seconds.
const RELOAD: Duration = Duration::from_secs(60);

/// Whether a call of this path may wait for a record.
fn waits_for_record(path: &str) -> bool {
    let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    path == ext_authz::CHECK || service.is_some_and(|(service, _)| service == service::NAME)
}

impl CallRules for RpcCallRules {
    fn budget(&self, path: &str, usual: Duration) -> Duration {
        match path {
            // Responds when the outcome is known.
            "/crosstrust.v1.PolicyService/Reload" => RELOAD,
            // A slow disk prolongs the wait for a record. The wait must end before the budget, so that the response states
            // the reason.
            path if waits_for_record(path) => {
                usual.max(self.log.wait() + WaitBounds::CALL_OVERHEAD)
            }
            _ => usual,
        }
    }

    /// Envoy does not treat a gRPC error as a denial.
    fn answer(&self, path: &str, fault: serve::CallFault) -> Option<Response<Body>> {
        let error = match fault {
            serve::CallFault::Overloaded | serve::CallFault::TooManyStreams => {
                CheckError::Overloaded
            }
            serve::CallFault::OverBudget | serve::CallFault::Incomplete => CheckError::OverBudget,
            serve::CallFault::Panicked => CheckError::Panicked,
        };
        (path == ext_authz::CHECK).then(|| ext_authz::error_response(error))
    }

    fn is_stream(&self, path: &str) -> bool {
        Method::at(path).is_stream()
    }

    fn handled(&self, path: &str, code: Code, took: Duration) {
        self.metrics.count_call(Method::at(path), code, took);
    }
}
