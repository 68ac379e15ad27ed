//! The methods in metrics: the served ones, and one for all other paths.

use tonic::Code;

/// A method of a gRPC service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(usize);

impl Method {
    /// The number of methods, including [`Method::OTHER`].
    pub(super) const COUNT: usize = SERVED.len() + 1;

    /// All paths that are not served. They share one label, so that callers cannot add series.
    pub const OTHER: Method = Method(SERVED.len());

    /// The method at this path.
    pub fn at(path: &str) -> Method {
        let named = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let served = named.and_then(|named| SERVED.iter().position(|method| *method == named));
        served.map_or(Method::OTHER, Method)
    }

    /// All methods, including [`Method::OTHER`].
    pub fn all() -> impl Iterator<Item = Method> {
        (0..Self::COUNT).map(Method)
    }

    /// The full name of the service.
    pub fn service(self) -> &'static str {
        SERVED.get(self.0).map_or("other", |(service, _)| service)
    }

    /// The name of the method.
    pub fn name(self) -> &'static str {
        SERVED.get(self.0).map_or("other", |(_, method)| method)
    }

    /// Whether it is a server stream, which stays open until one side ends it.
    pub fn is_stream(self) -> bool {
        matches!(
            self.name(),
            "Watch" | "WatchSnapshots" | "ServerReflectionInfo"
        )
    }

    pub(super) fn index(self) -> usize {
        self.0
    }
}

/// The name of a status code in metrics, as in other gRPC libraries (google.golang.org/grpc/codes).
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

/// Service and method, the most frequent first.
const SERVED: [(&str, &str); 11] = [
    ("envoy.service.auth.v3.Authorization", "Check"),
    ("crosstrust.v1.AuthorizationService", "Authorize"),
    ("crosstrust.v1.AuthorizationService", "AuthorizeBatch"),
    ("crosstrust.v1.AuthorizationService", "Explain"),
    ("grpc.health.v1.Health", "Check"),
    ("grpc.health.v1.Health", "Watch"),
    ("crosstrust.v1.PolicyService", "GetSnapshot"),
    ("crosstrust.v1.PolicyService", "Reload"),
    ("crosstrust.v1.PolicyService", "WatchSnapshots"),
    (
        "grpc.reflection.v1.ServerReflection",
        "ServerReflectionInfo",
    ),
    (
        "grpc.reflection.v1alpha.ServerReflection",
        "ServerReflectionInfo",
    ),
];
