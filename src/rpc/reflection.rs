//! Server reflection, v1 and v1alpha: the services that a listener offers, and their descriptors.
//!
//! The descriptors are those of crosstrust, health and reflection. They contain nothing about policies.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tonic::body::Body;
use tonic_reflection::server::Builder;
use tower_service::Service;

use super::FILE_DESCRIPTOR_SET;

/// A reflection service that connections share.
pub type ReflectionService = Arc<dyn Fn(http::Request<Body>) -> ResponseFuture + Send + Sync>;

/// The future of an HTTP response.
pub type ResponseFuture =
    Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// Both versions of the service.
pub struct ReflectionServices {
    pub v1: ReflectionService,
    pub v1alpha: ReflectionService,
}

/// The service names of both versions.
pub const V1: &str = "grpc.reflection.v1.ServerReflection";
pub const V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Creates reflection for these services. `None` if a descriptor cannot be decoded, which is a build error that a test
/// detects.
pub fn reflection(services: &[&'static str]) -> Option<ReflectionServices> {
    let builder = || {
        let builder = Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            // So that grpcurl can show error details.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(
                tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
            )
            .include_reflection_service(false);
        services
            .iter()
            .fold(builder, |builder, name| builder.with_service_name(*name))
    };
    Some(ReflectionServices {
        v1: shared(builder().build_v1().ok()?),
        v1alpha: shared(builder().build_v1alpha().ok()?),
    })
}

fn shared<S>(service: S) -> ReflectionService
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    Arc::new(move |request| {
        let mut service = service.clone();
        Box::pin(service.call(request))
    })
}
