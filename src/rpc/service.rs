//! Dispatches the methods of `AuthorizationService`, each with its limit on the message size.
//!
//! Replaces the generated server, which decodes with prost: decoding is most of the cost of a call.

use std::sync::Arc;

use bytes::Bytes;
use tonic::codegen::{Body as HttpBody, StdError};

use super::authorization::AuthorizationHandler;
use super::limits::RequestLimits;
use super::proto::authorization_service_server::SERVICE_NAME;
use super::reflection::ResponseFuture;
use super::unary;

/// `crosstrust.v1.AuthorizationService`
pub const NAME: &str = SERVICE_NAME;

/// A method of the service.
#[derive(Debug, Clone, Copy)]
pub enum AuthorizationMethod {
    Authorize,
    AuthorizeBatch,
    Explain,
}

impl AuthorizationMethod {
    /// The method with this name in the proto.
    pub fn named(name: &str) -> Option<AuthorizationMethod> {
        match name {
            "Authorize" => Some(AuthorizationMethod::Authorize),
            "AuthorizeBatch" => Some(AuthorizationMethod::AuthorizeBatch),
            "Explain" => Some(AuthorizationMethod::Explain),
            _ => None,
        }
    }

    fn max_bytes(self, limits: &RequestLimits) -> usize {
        match self {
            AuthorizationMethod::Authorize | AuthorizationMethod::Explain => limits.authorize_bytes,
            AuthorizationMethod::AuthorizeBatch => limits.batch_bytes,
        }
    }
}

/// Answers a call of this method.
pub fn call<B>(
    authorization: &Arc<AuthorizationHandler>,
    method: AuthorizationMethod,
    request: http::Request<B>,
) -> ResponseFuture
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<StdError> + Send,
{
    let authorization = Arc::clone(authorization);
    let max_bytes = method.max_bytes(&authorization.limits);
    unary::call(request, max_bytes, move |message| async move {
        match method {
            AuthorizationMethod::Authorize => authorization.authorize(message).await,
            // Boxed: rare methods, which would make the future of Authorize larger.
            AuthorizationMethod::AuthorizeBatch => {
                Box::pin(authorization.authorize_batch(message)).await
            }
            AuthorizationMethod::Explain => Box::pin(authorization.explain(message)).await,
        }
    })
}
