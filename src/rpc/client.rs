//! For the command line: questions and answers as JSON, asked of a running server or of an engine in process.
//!
//! JSON is protobuf's own mapping, which grpcurl speaks: field names in camelCase or as the contract has them,
//! times in RFC 3339. Who uses this needs no protobuf. Never used to serve.

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

use super::authorization::Desk;
use super::gateway::Gateway;
use super::proof::Question;
use super::proto::authorization_service_client::AuthorizationServiceClient;
use super::recorder::Recorder;
use super::{FILE_DESCRIPTOR_SET, Limits, Violation, convert, message, policy, proto};
use crate::engine::Engine;
use crate::reload::ReloadHandle;
use crate::request::Request;

pub use super::proto::{AuthorizeRequest, AuthorizeResponse, ExplainResponse};

/// Which server to ask.
#[derive(Debug, Clone)]
pub struct Server {
    /// `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`.
    pub name: String,
    /// Over `https`: whom to believe, and who is asking.
    pub tls: Option<Tls>,
}

/// How to speak TLS with a server.
#[derive(Clone)]
pub struct Tls {
    /// The certificates of those who sign the server's, PEM. Nobody else is believed.
    pub ca: Vec<u8>,
    /// The certificate to show and its key, PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name in the server's certificate, where it is not the host.
    pub name: Option<String>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the key.
        f.debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: AsRef<str> + ?Sized> From<&T> for Server {
    fn from(name: &T) -> Self {
        Server {
            name: name.as_ref().to_owned(),
            tls: None,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server's name is none.
    #[error("{server}: expected http://HOST:PORT, https://HOST:PORT or unix:PATH")]
    Address {
        /// What was given.
        server: String,
    },
    /// The server cannot be reached.
    #[error("{server}: {cause}")]
    Unreachable {
        /// The server.
        server: String,
        /// What the network said.
        cause: String,
    },
    /// The request is malformed.
    #[error("the request is malformed: {}", .0.iter().map(Violation::to_string).collect::<Vec<_>>().join("; "))]
    Malformed(Vec<Violation>),
    /// The server refused to answer.
    #[error("{server}: {code}: {message}")]
    Refused {
        /// The server.
        server: String,
        /// The status code, in words.
        code: String,
        /// The status message.
        message: String,
    },
}

/// Reads a request from JSON. Unknown members are errors.
pub fn parse_request(json: &str) -> Result<AuthorizeRequest, String> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(descriptor(REQUEST)?, &mut reader)
        .and_then(|message| reader.end().map(|()| message))
        .map_err(|error| error.to_string())?;
    message.transcode_to().map_err(|error| error.to_string())
}

/// The answer as JSON. Members that say nothing are left out.
pub fn to_json(response: &AuthorizeResponse) -> serde_json::Value {
    json_of(response, RESPONSE)
}

/// The explanation as JSON.
pub fn explanation_to_json(response: &ExplainResponse) -> serde_json::Value {
    json_of(response, EXPLANATION)
}

/// What is in force, as `GetSnapshot` tells it, as JSON.
pub fn snapshot_to_json(engine: &Engine, reload: Option<&ReloadHandle>) -> serde_json::Value {
    json_of(&policy::in_force(engine, reload), SNAPSHOT)
}

/// Asks a running server.
pub async fn authorize(
    server: impl Into<Server>,
    request: AuthorizeRequest,
) -> Result<AuthorizeResponse, ClientError> {
    let server = server.into();
    let mut client = AuthorizationServiceClient::new(connect(&server).await?);
    let answer = client.authorize(request).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| refused(&server.name, &status))
}

/// Asks a running server for an explanation.
pub async fn explain(
    server: impl Into<Server>,
    request: AuthorizeRequest,
) -> Result<ExplainResponse, ClientError> {
    let server = server.into();
    let mut client = AuthorizationServiceClient::new(connect(&server).await?)
        .max_decoding_message_size(MOST_EXPLANATION_BYTES);
    let request = proto::ExplainRequest {
        request: Some(request),
    };
    let answer = client.explain(request).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| refused(&server.name, &status))
}

/// Whether a running server, or one of its services, is SERVING. A service that it does not know is not.
pub async fn health(server: impl Into<Server>, service: &str) -> Result<bool, ClientError> {
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

/// The question as the evaluator takes it. One with a token cannot be read without its issuer's keys.
pub fn to_request(request: AuthorizeRequest, limits: &Limits) -> Result<Request, Vec<Violation>> {
    stated(&mut (&request).into(), limits)
}

/// The question in the bytes of an `AuthorizeRequest`, read as a server reads them.
pub fn decode_request(bytes: &[u8], limits: &Limits) -> Result<Request, Vec<Violation>> {
    let mut message = message::decode(bytes).map_err(|message::Malformed| {
        let message = "the bytes are no such message".to_owned();
        vec![Violation {
            field: String::new(),
            message,
        }]
    })?;
    stated(&mut message, limits)
}

fn stated(
    message: &mut message::AuthorizeRequest<'_>,
    limits: &Limits,
) -> Result<Request, Vec<Violation>> {
    match convert::question(message, limits)? {
        Question::Stated(request) => Ok(*request),
        Question::Proven { .. } => Err(vec![no_token_here()]),
    }
}

/// Asks an engine in this process.
pub fn authorize_here(
    engine: &Engine,
    limits: &Limits,
    request: AuthorizeRequest,
) -> Result<AuthorizeResponse, Vec<Violation>> {
    let question = Question::Stated(Box::new(to_request(request, limits)?));
    let (gateway, recorder) = (Gateway::default(), Recorder::default());
    let desk = Desk {
        engine,
        gateway: &gateway,
        recorder: &recorder,
    };
    let pending = desk.authorize(&question);
    let pending = pending.map_err(|_| vec![no_token_here()])?;
    Ok(desk.words().told(pending.unrecorded()))
}

/// Asks an engine in this process for an explanation.
pub fn explain_here(
    engine: &Engine,
    limits: &Limits,
    request: AuthorizeRequest,
) -> Result<ExplainResponse, Vec<Violation>> {
    let question = Question::Stated(Box::new(to_request(request, limits)?));
    let (gateway, recorder) = (Gateway::default(), Recorder::default());
    let desk = Desk {
        engine,
        gateway: &gateway,
        recorder: &recorder,
    };
    desk.explain(&question).map_err(|_| vec![no_token_here()])
}

fn no_token_here() -> Violation {
    Violation {
        field: "token".to_owned(),
        message: "is verified by a running server only: name one".to_owned(),
    }
}

async fn connect(server: &Server) -> Result<Channel, ClientError> {
    let name = &server.name;
    // The form that `--listen` takes and the log shows is good enough.
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
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .connect()
        .await
        .map_err(unreachable)
}

fn tls_config(tls: &Tls) -> ClientTlsConfig {
    let config = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&tls.ca))
        .timeout(CONNECT_WITHIN);
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
    let told = status.get_details_bad_request();
    if let Some(told) = told.filter(|_| status.code() == Code::InvalidArgument) {
        let violations = told.field_violations.into_iter();
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
    let written = || {
        let mut dynamic = DynamicMessage::new(descriptor(name)?);
        dynamic
            .transcode_from(message)
            .map_err(|error| error.to_string())?;
        serde_json::to_value(&dynamic).map_err(|error| error.to_string())
    };
    // Fails only where the descriptors are of another build than the code, which a test finds.
    written().unwrap_or_else(serde_json::Value::String)
}

fn descriptor(name: &str) -> Result<MessageDescriptor, String> {
    static POOL: LazyLock<Result<DescriptorPool, String>> = LazyLock::new(|| {
        DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|error| error.to_string())
    });
    let pool = POOL.as_ref().map_err(String::clone)?;
    pool.get_message_by_name(name)
        .ok_or_else(|| format!("{name} is not in the contract"))
}

const REQUEST: &str = "crosstrust.v1.AuthorizeRequest";
const RESPONSE: &str = "crosstrust.v1.AuthorizeResponse";
const SNAPSHOT: &str = "crosstrust.v1.GetSnapshotResponse";
const EXPLANATION: &str = "crosstrust.v1.ExplainResponse";
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A tenant has some hundred policies; a kibibyte each and room to spare.
const MOST_EXPLANATION_BYTES: usize = 64 * 1024 * 1024;
