//! Sign-in events in the shape of Graph's `signIn` (learn.microsoft.com/graph/api/resources/signin).
//!
//! Members have Graph's names; members that Graph does not have are in the object `crosstrust`. Unknown values are null.
//! Events contain no token, and only the claims that `signIn` has members for.

mod device;
mod policies;

use std::net::IpAddr;

use super::json::{self, JsonObject};
use super::pseudonym::{IdKind, Pseudonyms};
use crate::decision::{Denial, SignInTenant, Stage, StepUp, Verdict};
use crate::engine::Answer;
use crate::id::{AppId, DecisionId, TenantId, parse_guid};
use crate::request::{Api, ChannelId, Request, UserClass};
use crate::time::Timestamp;
use crate::vocabulary::{AssumedBasis, ClientAppType, UserType};

/// A sign-in event: a request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// The request.
    pub request: SignInRequest<'a>,
    /// The answer.
    pub answer: &'a Answer,
    /// The time of the decision.
    pub time: Timestamp,
    /// The method that was called.
    pub api: Api,
}

/// The request of a sign-in event.
#[derive(Debug, Clone, Copy)]
pub enum SignInRequest<'a> {
    /// A request that was evaluated.
    Complete(&'a Request),
    /// A request that was refused before the evaluation (`IDENTITY_*`, `ROUTE_UNKNOWN`).
    Partial(PartialSignInRequest<'a>),
}

/// The known values of a request that was refused before the evaluation.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartialSignInRequest<'a> {
    /// The application's tenant.
    pub resource: Option<TenantId>,
    /// The resource application.
    pub app: Option<AppId>,
    /// The shared channel.
    pub channel: Option<&'a ChannelId>,
    /// The client's address.
    pub ip_address: Option<IpAddr>,
    /// The caller's id of the request; empty if it sent none.
    pub request_id: &'a str,
    /// The token's error, if a token was sent.
    pub problem: Option<&'a str>,
}

/// The body of the journal record.
pub fn body(event: &SignIn<'_>, pseudonyms: &Pseudonyms) -> Vec<u8> {
    json::body(|object| {
        identification(object, event);
        match event.request {
            SignInRequest::Complete(request) => request_members(object, request, pseudonyms),
            SignInRequest::Partial(part) => {
                object.null("userId");
                object.null("homeTenantId");
                object.maybe_shown("resourceTenantId", part.resource);
                object.maybe_shown("resourceId", part.app);
                object.maybe_shown("ipAddress", part.ip_address);
            }
        }
        object.object("status", |object| status(object, event));
        policies::conditional_access(object, event.answer);
        object.object("crosstrust", |object| {
            crosstrust_members(object, event, pseudonyms)
        });
    })
}

fn identification(object: &mut JsonObject<'_>, event: &SignIn<'_>) {
    let id = event.answer.decision_id;
    object.shown("id", id);
    object.shown("createdDateTime", event.time);
    object.text(
        "correlationId",
        &correlation(event.request.request_id(), id),
    );
}

/// The caller's id of the request if it is a GUID, like Graph's `correlationId`.
fn correlation(request_id: &str, id: DecisionId) -> String {
    match parse_guid(request_id) {
        Ok(guid) => DecisionId(guid).to_string(),
        Err(_) => id.to_string(),
    }
}

fn request_members(object: &mut JsonObject<'_>, request: &Request, pseudonyms: &Pseudonyms) {
    object.maybe_text(
        "userId",
        request.user.map(|id| pseudonyms.user(id)).as_deref(),
    );
    object.text("userType", user_type(request));
    object.maybe_shown("homeTenantId", request.home.tenant());
    object.shown("resourceTenantId", request.resource);
    object.text("crossTenantAccessType", access_type(request));
    object.shown("resourceId", request.app);
    object.maybe_shown("appId", request.client_app);
    let context = &request.context;
    object.maybe_text("clientAppUsed", context.client_app_type.map(client_app));
    object.maybe_shown("ipAddress", context.ip_address);
    object.object("location", |object| {
        let country = context.country.map(|located| located.country);
        object.maybe_shown("countryOrRegion", country);
    });
    object.object("deviceDetail", |object| {
        device::detail(object, request, pseudonyms);
    });
    object.maybe_shown("riskLevelDuringSignIn", context.sign_in_risk);
    // Unknown: a gateway receives tokens, not the interaction that led to them.
    object.null("isInteractive");
    object.boolean("isTenantRestricted", request.restricting_tenant.is_some());
    let session = request.claims.session_id.as_deref();
    let session = session.map(|id| pseudonyms.text(IdKind::Session, id));
    object.maybe_text("sessionId", session.as_deref());
}

/// The user's type in the resource tenant.
fn user_type(request: &Request) -> &'static str {
    match (request.user_class(), request.external_user_type) {
        (UserClass::Internal, Some(UserType::InternalGuest)) => "guest",
        (UserClass::Internal, _) => "member",
        (_, Some(UserType::CollaborationMember)) => "member",
        (UserClass::DirectConnect | UserClass::Collaboration, _) => "guest",
    }
}

fn access_type(request: &Request) -> &'static str {
    match (request.user_class(), request.external_user_type) {
        (UserClass::Internal, _) => "none",
        (_, Some(UserType::ServiceProvider)) => "serviceProvider",
        (UserClass::DirectConnect, _) => "b2bDirectConnect",
        (UserClass::Collaboration, _) => "b2bCollaboration",
    }
}

/// The names in Entra's sign-in logs
/// (learn.microsoft.com/entra/identity/monitoring-health/concept-sign-in-log-activity-details).
fn client_app(kind: ClientAppType) -> &'static str {
    match kind {
        ClientAppType::Browser => "Browser",
        ClientAppType::MobileAppsAndDesktopClients => "Mobile Apps and Desktop clients",
        ClientAppType::ExchangeActiveSync | ClientAppType::EasSupported => "Exchange ActiveSync",
        ClientAppType::Other => "Other clients",
    }
}

fn status(object: &mut JsonObject<'_>, event: &SignIn<'_>) {
    match &event.answer.decision.verdict {
        Verdict::Allow => {
            object.number("errorCode", 0);
            object.null("failureReason");
            object.null("additionalDetails");
        }
        Verdict::Deny(denial) => {
            // Graph uses 0 for success. Denials without a Microsoft error code have null.
            match denial.code() {
                Some(code) => object.number("errorCode", u64::from(code)),
                None => object.null("errorCode"),
            }
            object.text("failureReason", &denial.message());
            let step_ups = step_ups(denial);
            let details = event.request.problem().or(step_ups.as_deref());
            object.maybe_text("additionalDetails", details);
        }
    }
}

/// What a new sign-in has to prove. Names no policy and no strength, because the home tenant can read it.
fn step_ups(denial: &Denial) -> Option<String> {
    let challenge = denial.challenge.as_ref()?;
    let place = |place| match place {
        SignInTenant::Home => "in the home tenant",
        SignInTenant::Resource => "in the resource tenant",
    };
    let step_ups = challenge.step_ups.iter().map(|step_up| match step_up {
        StepUp::Mfa(at) => format!("multifactor authentication {}", place(*at)),
        StepUp::Strength(_, at) => format!("stronger authentication methods {}", place(*at)),
        StepUp::CompliantDevice => String::from("a compliant device"),
        StepUp::HybridJoinedDevice => String::from("a hybrid joined device"),
        StepUp::Reauthenticate => String::from("a fresh authentication"),
    });
    let step_ups: Vec<String> = step_ups.collect();
    Some(format!("Sign in again with {}.", step_ups.join(", ")))
}

fn crosstrust_members(object: &mut JsonObject<'_>, event: &SignIn<'_>, pseudonyms: &Pseudonyms) {
    let answer = event.answer;
    let denial = answer.decision.denial();
    object.text("decision", if denial.is_none() { "ALLOW" } else { "DENY" });
    object.text(
        "reason",
        denial.map_or("ALLOWED", |denial| denial.reason.name()),
    );
    let stage = denial.and_then(|denial| denial.stage);
    object.maybe_text("stage", stage.map(Stage::name));
    object.boolean(
        "stepUp",
        denial.is_some_and(|denial| denial.challenge.is_some()),
    );
    let active = answer.active.as_deref();
    object.maybe_shown("snapshotId", active.map(|active| active.snapshot.id()));
    match active {
        Some(active) => object.number("snapshotVersion", active.version),
        None => object.null("snapshotVersion"),
    }
    object.shown("expiresAt", answer.decision.expires_at);
    object.text("api", event.api.name());
    let request = event.request;
    object.maybe_text(
        "requestId",
        Some(request.request_id()).filter(|id| !id.is_empty()),
    );
    object.maybe_text(
        "channelId",
        request.channel().map(|channel| channel.0.as_str()),
    );
    let basis = answer.decision.assumed_outbound;
    object.maybe_text("assumedOutbound", basis.map(AssumedBasis::as_str));
    if let SignInRequest::Complete(request) = request {
        let guest = request.resource_user.map(|id| pseudonyms.user(id));
        object.maybe_text("resourceUserId", guest.as_deref());
        object.maybe_shown("identityProvider", request.home.provider());
        object.maybe_shown("restrictingTenantId", request.restricting_tenant);
    }
}

impl<'a> SignInRequest<'a> {
    fn request_id(self) -> &'a str {
        match self {
            SignInRequest::Complete(request) => &request.request_id,
            SignInRequest::Partial(part) => part.request_id,
        }
    }

    fn problem(self) -> Option<&'a str> {
        match self {
            SignInRequest::Complete(_) => None,
            SignInRequest::Partial(part) => part.problem,
        }
    }

    fn channel(self) -> Option<&'a ChannelId> {
        match self {
            SignInRequest::Complete(request) => request.channel.as_ref(),
            SignInRequest::Partial(part) => part.channel,
        }
    }
}
