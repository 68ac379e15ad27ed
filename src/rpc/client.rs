//! The client of the command line: requests and responses as JSON, sent to a running server or an engine in process.
//!
//! JSON is the ProtoJSON mapping that grpcurl uses: field names in camelCase or as in the proto files, timestamps in
//! RFC 3339. Callers of this module do not need protobuf. Never used by the server.

use std::sync::LazyLock;
use std::time::Duration;

use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::authorization::Authorizer;
use super::gateway::Gateway;
use super::proto::authorization_service_client::AuthorizationServiceClient;
use super::query::AuthorizationQuery;
use super::recorder::Recorder;
use super::{FILE_DESCRIPTOR_SET, RequestLimits, Violation, convert, message, policy, proto};
use crate::engine::Engine;
use crate::reload::ReloadHandle;
use crate::request::Request;

pub use super::proto::{AuthorizeRequest, AuthorizeResponse, ExplainResponse};

/// The address of a server and its TLS settings.
#[derive(Debug, Clone)]
pub struct ServerTarget {
    /// `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`.
    pub name: String,
    /// The TLS settings, for `https`.
    pub tls: Option<ClientTls>,
}

/// The TLS settings of a client.
#[derive(Clone)]
pub struct ClientTls {
    /// The CA certificates for the server's certificate, PEM. No other CA is trusted.
    pub ca: Vec<u8>,
    /// The client certificate and its key, PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name in the server's certificate, if it differs from the host.
    pub name: Option<String>,
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the key.
        f.debug_struct("ClientTls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: AsRef<str> + ?Sized> From<&T> for ServerTarget {
    fn from(name: &T) -> Self {
        ServerTarget {
            name: name.as_ref().to_owned(),
            tls: None,
        }
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address of the server is malformed.
    #[error("{server}: expected http://HOST:PORT, https://HOST:PORT or unix:PATH")]
    Address {
        /// The address.
        server: String,
    },
    /// The server cannot be reached.
    #[error("{server}: {cause}")]
    Unreachable {
        /// The server.
        server: String,
        /// The network error.
        cause: String,
    },
    /// The request is malformed.
    #[error("the request is malformed: {}", .0.iter().map(Violation::to_string).collect::<Vec<_>>().join("; "))]
    Malformed(Vec<Violation>),
    /// The server returned an error status.
    #[error("{server}: {code}: {message}")]
    Refused {
        /// The server.
        server: String,
        /// The description of the status code.
        code: String,
        /// The status message.
        message: String,
    },
}

/// Parses a request from JSON. Unknown members are errors.
pub fn parse_request(json: &str) -> Result<AuthorizeRequest, String> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(descriptor(REQUEST)?, &mut reader)
        .and_then(|message| reader.end().map(|()| message))
        .map_err(|error| error.to_string())?;
    message.transcode_to().map_err(|error| error.to_string())
}

/// The response as JSON, without members that are not set.
pub fn to_json(response: &AuthorizeResponse) -> serde_json::Value {
    json_of(response, RESPONSE)
}

/// The explanation as JSON.
pub fn explanation_to_json(response: &ExplainResponse) -> serde_json::Value {
    json_of(response, EXPLANATION)
}

/// The response of `GetSnapshot` as JSON.
pub fn snapshot_to_json(engine: &Engine, reload: Option<&ReloadHandle>) -> serde_json::Value {
    json_of(&policy::in_force(engine, reload), SNAPSHOT)
}

/// Calls Authorize on a running server.
pub async fn authorize(
    server: impl Into<ServerTarget>,
    request: AuthorizeRequest,
) -> Result<AuthorizeResponse, ClientError> {
    let server = server.into();
    let mut client = AuthorizationServiceClient::new(connect(&server).await?);
    let answer = client.authorize(request).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| refused(&server.name, &status))
}

/// Calls Explain on a running server.
pub async fn explain(
    server: impl Into<ServerTarget>,
    request: AuthorizeRequest,
) -> Result<ExplainResponse, ClientError> {
    let server = server.into();
    let mut client = AuthorizationServiceClient::new(connect(&server).await?)
        .max_decoding_message_size(MAX_EXPLANATION_BYTES);
    let request = proto::ExplainRequest {
        request: Some(request),
    };
    let answer = client.explain(request).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| refused(&server.name, &status))
}

/// Whether a running server or one of its services is SERVING. A service that the server does not have is an error.
pub async fn health(server: impl Into<ServerTarget>, service: &str) -> Result<bool, ClientError> {
    let server = server.into();
    let mut client = HealthClient::new(connect(&server).await?);
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    match client.check(request).await {
        Ok(answer) => Ok(answer.into_inner().status() == ServingStatus::Serving),
        Err(status) => Err(refused(&server.name, &status)),
    }
}

/// Converts the request for the evaluator. A request with a token is an error: its issuer's keys are not available here.
pub fn to_request(
    request: AuthorizeRequest,
    limits: &RequestLimits,
) -> Result<Request, Vec<Violation>> {
    stated(&mut (&request).into(), limits)
}

/// Decodes an `AuthorizeRequest` as a server does.
pub fn decode_request(bytes: &[u8], limits: &RequestLimits) -> Result<Request, Vec<Violation>> {
    let mut message = message::decode(bytes).map_err(|message::MalformedMessage| {
        let message = "failed to decode AuthorizeRequest".to_owned();
        vec![Violation {
            field: String::new(),
            message,
        }]
    })?;
    stated(&mut message, limits)
}

fn stated(
    message: &mut message::AuthorizeRequest<'_>,
    limits: &RequestLimits,
) -> Result<Request, Vec<Violation>> {
    match convert::authorize_request(message, limits)? {
        AuthorizationQuery::Stated(request) => Ok(*request),
        AuthorizationQuery::Credentials { .. } => Err(vec![token_needs_server()]),
    }
}

/// Decides a request with an engine in this process.
pub fn authorize_in_process(
    engine: &Engine,
    limits: &RequestLimits,
    request: AuthorizeRequest,
) -> Result<AuthorizeResponse, Vec<Violation>> {
    let query = AuthorizationQuery::Stated(Box::new(to_request(request, limits)?));
    let (gateway, recorder) = (Gateway::default(), Recorder::default());
    let authorizer = Authorizer {
        engine,
        gateway: &gateway,
        recorder: &recorder,
    };
    let pending = authorizer.authorize(&query);
    let pending = pending.map_err(|_| vec![token_needs_server()])?;
    Ok(authorizer.encoder().authorize_response(pending.answer()))
}

/// Explains a request with an engine in this process.
pub fn explain_in_process(
    engine: &Engine,
    limits: &RequestLimits,
    request: AuthorizeRequest,
) -> Result<ExplainResponse, Vec<Violation>> {
    let query = AuthorizationQuery::Stated(Box::new(to_request(request, limits)?));
    let (gateway, recorder) = (Gateway::default(), Recorder::default());
    let authorizer = Authorizer {
        engine,
        gateway: &gateway,
        recorder: &recorder,
    };
    authorizer
        .explain(&query)
        .map_err(|_| vec![token_needs_server()])
}

fn token_needs_server() -> Violation {
    Violation {
        field: "token".to_owned(),
        message: "is verified only by a running server: set --server".to_owned(),
    }
}

async fn connect(server: &ServerTarget) -> Result<Channel, ClientError> {
    let name = &server.name;
    // Accept HOST:PORT, as `--listen` does and as the log shows it.
    let url = match name.contains(':') && !name.contains("//") && !name.starts_with("unix:") {
        true => format!("http://{name}"),
        false => name.clone(),
    };
    let unreachable = |error: tonic::transport::Error| ClientError::Unreachable {
        server: name.clone(),
        cause: innermost(&error),
    };
    let endpoint = Endpoint::from_shared(url);
    let mut endpoint = endpoint.map_err(|_| ClientError::Address {
        server: name.clone(),
    })?;
    if let Some(tls) = &server.tls {
        endpoint = endpoint.tls_config(tls_config(tls)).map_err(unreachable)?;
    }
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .connect()
        .await
        .map_err(unreachable)
}

fn tls_config(tls: &ClientTls) -> ClientTlsConfig {
    let config = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&tls.ca))
        .timeout(CONNECT_TIMEOUT);
    let config = match &tls.identity {
        Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
        None => config,
    };
    match &tls.name {
        Some(name) => config.domain_name(name),
        None => config,
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn refused(server: &str, status: &Status) -> ClientError {
    let details = status.get_details_bad_request();
    if let Some(details) = details.filter(|_| status.code() == Code::InvalidArgument) {
        let violations = details.field_violations.into_iter();
        return ClientError::Malformed(
            violations
                .map(|one| Violation {
                    field: one.field,
                    message: one.description,
                })
                .collect(),
        );
    }
    ClientError::Refused {
        server: server.to_owned(),
        code: status.code().description().to_owned(),
        message: status.message().to_owned(),
    }
}

fn json_of(message: &impl Message, name: &str) -> serde_json::Value {
    let convert = || {
        let mut dynamic = DynamicMessage::new(descriptor(name)?);
        dynamic
            .transcode_from(message)
            .map_err(|error| error.to_string())?;
        serde_json::to_value(&dynamic).map_err(|error| error.to_string())
    };
    // Fails only if the descriptors and the code come from different builds, which a test detects.
    convert().unwrap_or_else(serde_json::Value::String)
}

fn descriptor(name: &str) -> Result<MessageDescriptor, String> {
    static POOL: LazyLock<Result<DescriptorPool, String>> = LazyLock::new(|| {
        DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|error| error.to_string())
    });
    let pool = POOL.as_ref().map_err(String::clone)?;
    pool.get_message_by_name(name)
        .ok_or_else(|| format!("{name} is not in the descriptor set"))
}

const REQUEST: &str = "crosstrust.v1.AuthorizeRequest";
const RESPONSE: &str = "crosstrust.v1.AuthorizeResponse";
const SNAPSHOT: &str = "crosstrust.v1.GetSnapshotResponse";
const EXPLANATION: &str = "crosstrust.v1.ExplainResponse";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Enough for some hundred policies of about 1 KiB each.
const MAX_EXPLANATION_BYTES: usize = 64 * 1024 * 1024;
