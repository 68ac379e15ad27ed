//! How long a call may take until its answer begins, where that is not the usual budget.

use std::time::Duration;

use crate::serve::CallRules;

/// The budgets of our services.
#[derive(Debug, Clone, Copy)]
pub struct Budgets;

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
}
