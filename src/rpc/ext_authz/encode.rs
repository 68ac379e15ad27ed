//! An outcome → the bytes of a `CheckResponse`. The only place that makes one.
//!
//! Envoy reads only the top status code: an unset one, or 0 beside a denial, is an allow. So every response
//! here has its status set, and only an allow that the engine gave has 0. End users and foreign callers learn
//! no more of a denial than Entra tells them, unless the route says so.

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

use allow::allowed;

use crate::decision::{Challenge, Cure, Denial, Reason, Stage, Verdict};
use crate::engine::Answer;
use crate::id::{TenantId, UserId};
use crate::rpc::challenge::ChallengeValues;
use crate::rpc::unary;

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The engine answered.
    Decided {
        /// What it said.
        answer: Answer,
        /// The user's home tenant; none for an account that lives in no tenant.
        home: Option<TenantId>,
        /// The user's id at home, where it is known.
        user: Option<UserId>,
        /// The client understands claims challenges.
        understands_claims: bool,
    },
    /// There was nothing to ask the engine.
    Refused(Answer),
    /// No token, or one that does not count; `problem` says why.
    Unauthenticated {
        answer: Answer,
        problem: Option<String>,
    },
    /// Ours.
    Fault(Fault),
}

impl Outcome {
    /// The engine's answer, or the denial of what it was not asked; a fault of ours has none.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Outcome::Decided { answer, .. }
            | Outcome::Refused(answer)
            | Outcome::Unauthenticated { answer, .. } => Some(answer),
            Outcome::Fault(_) => None,
        }
    }
}

/// What keeps us from an answer; never the client's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Too many calls at once.
    Overloaded,
    /// No answer within the budget.
    OverBudget,
    /// The handler panicked.
    Panicked,
    /// The call is none that can be read: too large, no `CheckRequest`, or not offered at this listener.
    Unreadable,
    /// There are no policies.
    NoSnapshot,
    /// What the route says of its application is malformed.
    RouteMalformed,
    /// The key sets changed so fast that no identity stayed verified.
    KeysChanging,
    /// The decision could not be recorded.
    AuditUnavailable,
}

/// How a request is to be answered.
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    /// It is a gRPC call.
    pub is_grpc: bool,
    /// Its route tells reasons.
    pub detail: bool,
    /// What clients are told to ask for.
    pub challenge: &'a ChallengeValues,
}

/// A `CheckResponse` in bytes. Made here and nowhere else: one without a status would be an allow, and no bytes at all
/// are one without a status.
#[derive(Debug)]
pub struct Written(Vec<u8>);

impl Written {
    /// For the wire.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The response to a request.
pub fn encode(outcome: &Outcome, style: &Style<'_>) -> Written {
    let refusal = match outcome {
        Outcome::Decided {
            answer,
            home,
            user,
            understands_claims,
        } => match &answer.decision.verdict {
            Verdict::Allow => return Written(allowed(answer, *home, *user)),
            Verdict::Deny(denial) if denial.reason == Reason::NoSnapshot => {
                faulty(Fault::NoSnapshot, style.is_grpc)
            }
            Verdict::Deny(denial) => denied(answer, denial, *understands_claims, style),
        },
        Outcome::Refused(answer) => match &answer.decision.verdict {
            // Nothing was evaluated, so nothing can have been allowed.
            Verdict::Allow => faulty(Fault::Panicked, style.is_grpc),
            Verdict::Deny(denial) => denied(answer, denial, false, style),
        },
        Outcome::Unauthenticated { answer, problem } => {
            let told = Told {
                http: 401,
                title: "Unauthorized",
                code: None,
                reason: Reason::IdentityMissing.name(),
                sentence: problem.as_deref().unwrap_or("A token is needed."),
                is_detailed: true,
                decision_id: Some(answer.decision_id.to_string()),
                authenticate: Some(style.challenge.unauthenticated(problem.as_deref())),
            };
            told.response(Code::Unauthenticated, style.is_grpc)
        }
        Outcome::Fault(fault) => faulty(*fault, style.is_grpc),
    };
    Written(refusal.encode_to_vec())
}

/// The answer of a call that never got to its service, as HTTP/2.
pub fn fault_response(fault: Fault) -> http::Response<Body> {
    unary::response(&faulty(fault, false).encode_to_vec())
}

fn denied(
    answer: &Answer,
    denial: &Denial,
    understands_claims: bool,
    style: &Style<'_>,
) -> CheckResponse {
    let authenticate = wanted(answer, denial, understands_claims, style);
    let (http, title, code) = match authenticate {
        Some(_) => (401, "Unauthorized", Code::Unauthenticated),
        None => (403, "Forbidden", Code::PermissionDenied),
    };
    let told = Told {
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
        ..told.response(code, style.is_grpc)
    }
}

/// What a new sign-in would have to bring, if one would help. A token that has expired or was revoked is no token
/// any more (RFC 6750 §3.1); after a revocation a client that knows claims challenges is told how new the next one
/// has to be (learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation).
fn wanted(
    answer: &Answer,
    denial: &Denial,
    understands_claims: bool,
    style: &Style<'_>,
) -> Option<String> {
    let values = style.challenge;
    let ask = |challenge| values.insufficient(challenge, understands_claims, answer.at);
    match (&denial.challenge, denial.stage) {
        (Some(challenge), _) => Some(ask(challenge)),
        (None, Some(Stage::Token)) if understands_claims => {
            let anew = Challenge {
                cures: smallvec::smallvec![Cure::Reauthenticate],
            };
            Some(ask(&anew))
        }
        (None, Some(Stage::Token)) => Some(values.unauthenticated(Some(denial.reason.message()))),
        (None, _) => None,
    }
}

fn faulty(fault: Fault, is_grpc: bool) -> CheckResponse {
    let (reason, sentence) = match fault {
        Fault::Overloaded => ("OVERLOADED", "Too many requests at once."),
        Fault::OverBudget => ("TIMEOUT", "No decision within the time that there was."),
        Fault::Panicked => ("INTERNAL", "The decision failed."),
        Fault::Unreadable => ("UNREADABLE", "The question could not be read."),
        Fault::NoSnapshot => (Reason::NoSnapshot.name(), Reason::NoSnapshot.message()),
        Fault::RouteMalformed => ("ROUTE_MALFORMED", "The route is not configured rightly."),
        Fault::KeysChanging => ("KEYS_CHANGING", "Key sets are changing."),
        Fault::AuditUnavailable => {
            let reason = Reason::AuditUnavailable;
            (reason.name(), reason.message())
        }
    };
    let told = Told {
        http: 503,
        title: "Service Unavailable",
        code: None,
        reason,
        sentence,
        is_detailed: true,
        decision_id: None,
        authenticate: None,
    };
    told.response(Code::Unavailable, is_grpc)
}

/// A response that is no allow.
struct Told<'a> {
    http: u16,
    title: &'a str,
    code: Option<u32>,
    reason: &'a str,
    sentence: &'a str,
    /// Reason and sentence are told.
    is_detailed: bool,
    decision_id: Option<String>,
    authenticate: Option<String>,
}

impl Told<'_> {
    fn response(&self, code: Code, is_grpc: bool) -> CheckResponse {
        let mut headers = vec![set("cache-control", "no-store".to_owned())];
        headers.extend(
            self.authenticate
                .iter()
                .map(|value| set("www-authenticate", value.clone())),
        );
        let body = if is_grpc {
            headers.extend(self.grpc_headers(code));
            self.told_sentence().to_owned()
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

    fn told_sentence(&self) -> &str {
        if self.is_detailed {
            self.sentence
        } else {
            "Access is denied."
        }
    }

    fn error_code(&self) -> Option<String> {
        self.code.map(|code| format!("AADSTS{code}"))
    }

    /// RFC 9457. Without a type of its own, the title is the status's.
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

    /// Envoy hands these on to a gRPC client, with the body as the message.
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
        let told = tonic::Status::with_error_details(code, self.told_sentence(), details);
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(told.details());
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
