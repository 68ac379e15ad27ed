//! The methods of `AuthorizationService`, each with its codec and its limit on messages.
//!
//! Written by hand where the generated server would decode with prost: requests are most of what a call costs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tonic::codegen::{Body as HttpBody, StdError};
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tower_service::Service;

use super::authorization::Authorization;
use super::codec::Verbatim;
use super::limits::Limits;
use super::proto::authorization_service_server::SERVICE_NAME;
use super::reflection::Answering;
use super::unary::{self, Came};

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
    Box::pin(async move {
        let (head, body) = request.into_parts();
        let came = match head.headers.get("grpc-encoding") {
            None => unary::read(body, most_bytes).await,
            Some(_) => unary::unread(body),
        };
        let body = match came {
            Came::Message(message) => {
                return Ok(match answer(&authorization, method, message).await {
                    Ok(answer) => unary::response(&answer),
                    Err(status) => status.into_http(),
                });
            }
            Came::Other(body) => body,
        };
        let grpc = Grpc::new(Verbatim);
        let mut grpc = grpc.apply_max_message_size_config(Some(most_bytes), None);
        let answering = Unary {
            authorization,
            method,
        };
        let request = http::Request::from_parts(head, body);
        Ok(grpc.unary(answering, request).await)
    })
}

async fn answer(
    authorization: &Authorization,
    method: Method,
    message: Bytes,
) -> Result<Vec<u8>, Status> {
    match method {
        Method::Authorize => authorization.authorize(message).await,
        Method::AuthorizeBatch => authorization.authorize_batch(message).await,
        Method::Explain => authorization.explain(message).await,
    }
}

/// One call of a method, as tonic takes it.
struct Unary {
    authorization: Arc<Authorization>,
    method: Method,
}

impl Service<Request<Bytes>> for Unary {
    type Response = Response<Vec<u8>>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let authorization = Arc::clone(&self.authorization);
        let method = self.method;
        Box::pin(async move {
            let answer = answer(&authorization, method, request.into_inner());
            answer.await.map(Response::new)
        })
    }
}
