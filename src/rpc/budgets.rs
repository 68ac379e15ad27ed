//! What is special about single calls: how long one may take until its answer begins, how a fault is told, what is
//! counted of it.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tonic::Code;
use tonic::body::Body;

use super::ext_authz::{self, Fault};
use crate::metrics::{Method, Metrics};
use crate::serve::{self, CallRules};

/// The rules of our services.
#[derive(Debug, Clone)]
pub struct Budgets {
    /// Where calls are counted.
    pub metrics: Arc<Metrics>,
}

/// Reading and compiling the largest policies takes seconds.
const RELOAD: Duration = Duration::from_secs(60);

impl CallRules for Budgets {
    fn budget(&self, path: &str, usual: Duration) -> Duration {
        match path {
            // Answers when the outcome is known.
            "/crosstrust.v1.PolicyService/Reload" => RELOAD,
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
