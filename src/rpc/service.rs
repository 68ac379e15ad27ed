//! The methods of `AuthorizationService`, each with its codec and its limit on messages.
//!
//! Written by hand where the generated server would decode with prost: requests are most of what a call costs.

use std::sync::Arc;

use bytes::Bytes;
use tonic::codegen::{Body as HttpBody, StdError};

use super::authorization::Authorization;
use super::limits::Limits;
use super::proto::authorization_service_server::SERVICE_NAME;
use super::reflection::Answering;
use super::unary;

/// `crosstrust.v1.AuthorizationService`
pub const NAME: &str = SERVICE_NAME;

/// A method of the service.
#[derive(Debug, Clone, Copy)]
pub enum Method {
    Authorize,
    AuthorizeBatch,
    Explain,
}

impl Method {
    /// The method with this name in the contract.
    pub fn named(name: &str) -> Option<Method> {
        match name {
            "Authorize" => Some(Method::Authorize),
            "AuthorizeBatch" => Some(Method::AuthorizeBatch),
            "Explain" => Some(Method::Explain),
            _ => None,
        }
    }

    fn most_bytes(self, limits: &Limits) -> usize {
        match self {
            Method::Authorize | Method::Explain => limits.authorize_bytes,
            Method::AuthorizeBatch => limits.batch_bytes,
        }
    }
}

/// Answers a call of this method.
pub fn call<B>(
    authorization: &Arc<Authorization>,
    method: Method,
    request: http::Request<B>,
) -> Answering
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send,
{
    let authorization = Arc::clone(authorization);
    let most_bytes = method.most_bytes(&authorization.limits);
    unary::call(request, most_bytes, move |message| async move {
        match method {
            Method::Authorize => authorization.authorize(message).await,
            // In boxes of their own, so that the call that nearly all make stays small.
            Method::AuthorizeBatch => Box::pin(authorization.authorize_batch(message)).await,
            Method::Explain => Box::pin(authorization.explain(message)).await,
        }
    })
}
