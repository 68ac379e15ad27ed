//! Server reflection, v1 and v1alpha: lists the services that a listener offers, and their descriptors.
//!
//! The descriptors are ours and those of health and reflection itself; they tell nothing about policies.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tonic::body::Body;
use tonic_reflection::server::Builder;
use tower_service::Service;

use super::FILE_DESCRIPTOR_SET;

/// A service that can be called from many connections.
pub type Shared = Arc<dyn Fn(http::Request<Body>) -> Answering + Send + Sync>;

/// An answer in the making.
pub type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// The two versions of the service.
pub struct Reflection {
    pub v1: Shared,
    pub v1alpha: Shared,
}

/// The names that the two versions are called by.
pub const V1: &str = "grpc.reflection.v1.ServerReflection";
pub const V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// Reflection over these services. `None` where a descriptor cannot be read: a defect of the build, which a
/// test finds.
pub fn reflection(services: &[&'static str]) -> Option<Reflection> {
    let builder = || {
        let builder = Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            // The details of an error, so that grpcurl can show them.
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
    Some(Reflection {
        v1: shared(builder().build_v1().ok()?),
        v1alpha: shared(builder().build_v1alpha().ok()?),
    })
}

fn shared<S>(service: S) -> Shared
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
