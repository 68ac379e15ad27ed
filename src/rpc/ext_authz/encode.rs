//! Encodes an outcome as a `CheckResponse`. The only module that creates one.
//!
//! Envoy reads only the top-level status code: an unset status, or 0 beside a denied response, is an allow. So every
//! response here sets its status, and only an allow by the engine has code 0. End users and external callers receive no
//! more details of a denial than Entra returns, unless the route enables `detail`.

mod allow;

use std::collections::HashMap;

use base64::Engine as _;
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};
use envoy_types::pb::google::rpc;
use prost::Message as _;
use serde_json::json;
use tonic::Code;
use tonic::body::Body;
use tonic_types::{ErrorDetails, StatusExt as _};

use allow::encode_allow;

use crate::decision::{Challenge, Denial, Reason, Stage, StepUp, Verdict};
use crate::engine::Answer;
use crate::id::{TenantId, UserId};
use crate::rpc::challenge::ChallengeValues;
use crate::rpc::unary;

/// The outcome of a Check.
#[derive(Debug)]
pub enum CheckOutcome {
    /// The engine decided.
    Decided {
        /// The answer of the engine.
        answer: Answer,
        /// The user's home tenant. `None` for an account without a tenant.
        home: Option<TenantId>,
        /// The user's ID in the home tenant, if known.
        user: Option<UserId>,
        /// Whether the client understands claims challenges.
        understands_claims: bool,
    },
    /// Denied without an evaluation.
    Refused(Answer),
    /// No token, or a token that is not accepted; `problem` states why.
    Unauthenticated {
        answer: Answer,
        problem: Option<String>,
    },
    /// A server error.
    Error(CheckError),
}

impl CheckOutcome {
    /// The engine's answer, or the denial without an evaluation. A server error has none.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            CheckOutcome::Decided { answer, .. }
            | CheckOutcome::Refused(answer)
            | CheckOutcome::Unauthenticated { answer, .. } => Some(answer),
            CheckOutcome::Error(_) => None,
        }
    }
}

/// A server error in a Check. Never caused by the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckError {
    /// Too many concurrent calls.
    Overloaded,
    /// No decision within the time limit.
    OverBudget,
    /// The handler panicked.
    Panicked,
    /// The call cannot be handled: it is too large, not a `CheckRequest`, or not offered at this listener.
    Unreadable,
    /// No policies are loaded.
    NoSnapshot,
    /// The `context_extensions` of the route are malformed.
    RouteMalformed,
    /// The key sets changed after each verification.
    KeysChanging,
    /// The decision could not be recorded.
    AuditUnavailable,
}

/// The form of a response.
#[derive(Debug, Clone, Copy)]
pub struct ResponseStyle<'a> {
    /// Whether the request is a gRPC call.
    pub is_grpc: bool,
    /// Whether its route enables reasons in responses.
    pub detail: bool,
    /// The challenges for clients.
    pub challenge: &'a ChallengeValues,
}

/// An encoded `CheckResponse`. Created only here: a response without a status would be an allow, and empty bytes are a
/// response without a status.
#[derive(Debug)]
pub struct EncodedResponse(Vec<u8>);

impl EncodedResponse {
    /// The bytes of the message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Encodes the response to a Check.
pub fn encode(outcome: &CheckOutcome, style: &ResponseStyle<'_>) -> EncodedResponse {
    let refusal = match outcome {
        CheckOutcome::Decided {
            answer,
            home,
            user,
            understands_claims,
        } => match &answer.decision.verdict {
            Verdict::Allow => return EncodedResponse(encode_allow(answer, *home, *user)),
            Verdict::Deny(denial) if denial.reason == Reason::NoSnapshot => {
                unavailable_response(CheckError::NoSnapshot, style.is_grpc)
            }
            Verdict::Deny(denial) => denied_response(answer, denial, *understands_claims, style),
        },
        CheckOutcome::Refused(answer) => match &answer.decision.verdict {
            // Impossible: nothing was evaluated. Deny.
            Verdict::Allow => unavailable_response(CheckError::Panicked, style.is_grpc),
            Verdict::Deny(denial) => denied_response(answer, denial, false, style),
        },
        CheckOutcome::Unauthenticated { answer, problem } => {
            let reply = DeniedReply {
                http: 401,
                title: "Unauthorized",
                code: None,
                reason: Reason::IdentityMissing.name(),
                sentence: problem.as_deref().unwrap_or("A token is required."),
                is_detailed: true,
                decision_id: Some(answer.decision_id.to_string()),
                authenticate: Some(style.challenge.unauthenticated(problem.as_deref())),
            };
            reply.response(Code::Unauthenticated, style.is_grpc)
        }
        CheckOutcome::Error(error) => unavailable_response(*error, style.is_grpc),
    };
    EncodedResponse(refusal.encode_to_vec())
}

/// The HTTP/2 response to a call that failed before its service.
pub fn error_response(error: CheckError) -> http::Response<Body> {
    unary::response(&unavailable_response(error, false).encode_to_vec())
}

fn denied_response(
    answer: &Answer,
    denial: &Denial,
    understands_claims: bool,
    style: &ResponseStyle<'_>,
) -> CheckResponse {
    let authenticate = www_authenticate(answer, denial, understands_claims, style);
    let (http, title, code) = match authenticate {
        Some(_) => (401, "Unauthorized", Code::Unauthenticated),
        None => (403, "Forbidden", Code::PermissionDenied),
    };
    let reply = DeniedReply {
        http,
        title,
        code: denial.code(),
        reason: denial.reason.name(),
        sentence: &denial.message(),
        is_detailed: style.detail,
        decision_id: Some(answer.decision_id.to_string()),
        authenticate,
    };
    CheckResponse {
        dynamic_metadata: Some(structure(metadata(answer, denial.reason.name()))),
        ..reply.response(code, style.is_grpc)
    }
}

/// `WWW-Authenticate`, if a new sign-in can resolve the denial. An expired or revoked token is an invalid token (RFC 6750
/// §3.1). After a revocation, a client that understands claims challenges receives the minimum issue time of the next token
/// (learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation).
fn www_authenticate(
    answer: &Answer,
    denial: &Denial,
    understands_claims: bool,
    style: &ResponseStyle<'_>,
) -> Option<String> {
    let values = style.challenge;
    let challenged = |challenge| values.insufficient(challenge, understands_claims, answer.at);
    match (&denial.challenge, denial.stage) {
        (Some(challenge), _) => Some(challenged(challenge)),
        (None, Some(Stage::Token)) if understands_claims => {
            let reauthenticate = Challenge {
                step_ups: smallvec::smallvec![StepUp::Reauthenticate],
            };
            Some(challenged(&reauthenticate))
        }
        (None, Some(Stage::Token)) => Some(values.unauthenticated(Some(denial.reason.message()))),
        (None, _) => None,
    }
}

fn unavailable_response(error: CheckError, is_grpc: bool) -> CheckResponse {
    let (reason, sentence) = match error {
        CheckError::Overloaded => ("OVERLOADED", "Too many concurrent requests."),
        CheckError::OverBudget => ("TIMEOUT", "No decision within the time limit."),
        CheckError::Panicked => ("INTERNAL", "The decision failed."),
        CheckError::Unreadable => ("UNREADABLE", "The Check request could not be handled."),
        CheckError::NoSnapshot => (Reason::NoSnapshot.name(), Reason::NoSnapshot.message()),
        CheckError::RouteMalformed => ("ROUTE_MALFORMED", "The route configuration is malformed."),
        CheckError::KeysChanging => ("KEYS_CHANGING", "The key sets changed during verification."),
        CheckError::AuditUnavailable => {
            let reason = Reason::AuditUnavailable;
            (reason.name(), reason.message())
        }
    };
    let reply = DeniedReply {
        http: 503,
        title: "Service Unavailable",
        code: None,
        reason,
        sentence,
        is_detailed: true,
        decision_id: None,
        authenticate: None,
    };
    reply.response(Code::Unavailable, is_grpc)
}

/// A denied response.
struct DeniedReply<'a> {
    http: u16,
    title: &'a str,
    code: Option<u32>,
    reason: &'a str,
    sentence: &'a str,
    /// Whether the response contains `reason` and `sentence`.
    is_detailed: bool,
    decision_id: Option<String>,
    authenticate: Option<String>,
}

impl DeniedReply<'_> {
    fn response(&self, code: Code, is_grpc: bool) -> CheckResponse {
        let mut headers = vec![set("cache-control", "no-store".to_owned())];
        headers.extend(
            self.authenticate
                .iter()
                .map(|value| set("www-authenticate", value.clone())),
        );
        let body = if is_grpc {
            headers.extend(self.grpc_headers(code));
            self.visible_sentence().to_owned()
        } else {
            headers.push(set("content-type", "application/problem+json".to_owned()));
            self.problem()
        };
        CheckResponse {
            status: Some(status(code, self.reason)),
            dynamic_metadata: None,
            http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
                status: Some(HttpStatus {
                    code: i32::from(self.http),
                }),
                headers,
                body,
            })),
        }
    }

    fn visible_sentence(&self) -> &str {
        if self.is_detailed {
            self.sentence
        } else {
            "Access is denied."
        }
    }

    fn error_code(&self) -> Option<String> {
        self.code.map(|code| format!("AADSTS{code}"))
    }

    /// RFC 9457. The type `about:blank` requires the title of the HTTP status.
    fn problem(&self) -> String {
        let mut problem = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.http,
        });
        let detailed = self.is_detailed.then_some(());
        let members = [
            ("code", self.error_code()),
            ("decision_id", self.decision_id.clone()),
            ("reason", detailed.map(|()| self.reason.to_owned())),
            ("detail", detailed.map(|()| self.sentence.to_owned())),
        ];
        if let Some(problem) = problem.as_object_mut() {
            problem.extend(
                members
                    .into_iter()
                    .filter_map(|(name, text)| Some((name.to_owned(), text?.into()))),
            );
        }
        problem.to_string()
    }

    /// Envoy sends these to a gRPC client, with the body as the message.
    fn grpc_headers(&self, code: Code) -> [HeaderValueOption; 2] {
        let reason = if self.is_detailed {
            self.reason
        } else {
            "ACCESS_DENIED"
        };
        let facts = [
            ("decision_id", self.decision_id.clone()),
            ("code", self.error_code()),
        ];
        let facts = facts
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), text?)));
        let facts: HashMap<String, String> = facts.collect();
        let details = ErrorDetails::with_error_info(reason, "crosstrust", facts);
        let status = tonic::Status::with_error_details(code, self.visible_sentence(), details);
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(status.details());
        [
            set("grpc-status", i32::from(code).to_string()),
            set("grpc-status-details-bin", encoded),
        ]
    }
}

fn metadata(answer: &Answer, reason: &str) -> Vec<(String, Kind)> {
    let snapshot = answer.active.as_ref();
    let snapshot = snapshot.map(|active| active.snapshot.id().to_string());
    vec![
        text("decision_id", answer.decision_id.to_string()),
        text("reason", reason.to_owned()),
        text("snapshot", snapshot.unwrap_or_default()),
    ]
}

fn text(name: &str, value: String) -> (String, Kind) {
    (name.to_owned(), Kind::StringValue(value))
}

fn structure(fields: Vec<(String, Kind)>) -> Struct {
    let fields = fields.into_iter();
    Struct {
        fields: fields
            .map(|(name, kind)| (name, Value { kind: Some(kind) }))
            .collect(),
    }
}

fn set(name: &str, value: String) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value,
            ..HeaderValue::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}

fn status(code: Code, message: &str) -> rpc::Status {
    rpc::Status {
        code: code.into(),
        message: message.to_owned(),
        details: Vec::new(),
    }
}
