//! Sign-in events in the shape of Graph's `signIn` (learn.microsoft.com/graph/api/resources/signin).
//!
//! Graph's names for what Graph has, and the member `crosstrust` for what is ours. What is not known is null.
//! Never a token, and of the claims only what `signIn` tells.

mod device;
mod policies;

use std::net::IpAddr;

use super::json::{self, Object};
use super::pseudonym::{IdKind, Pseudonyms};
use crate::decision::{Cure, Denial, Stage, Verdict, Where};
use crate::engine::Answer;
use crate::id::{AppId, DecisionId, TenantId, parse_guid};
use crate::request::{Api, ChannelId, Request, UserClass};
use crate::time::Timestamp;
use crate::vocabulary::{AssumedBasis, ClientAppType, UserType};

/// A sign-in event: what was asked, what was answered, when and where.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// What was asked.
    pub asked: Asked<'a>,
    /// What was answered.
    pub answer: &'a Answer,
    /// When.
    pub time: Timestamp,
    /// By which call.
    pub api: Api,
}

/// What is known of a question.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// The question that was decided.
    Whole(&'a Request),
    /// What was refused before it could be asked (`IDENTITY_*`, `ROUTE_UNKNOWN`).
    Part(PartlyAsked<'a>),
}

/// What is known of a question that could not be asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartlyAsked<'a> {
    /// Where the application lives.
    pub resource: Option<TenantId>,
    /// The resource application.
    pub app: Option<AppId>,
    /// The shared channel that is reached.
    pub channel: Option<&'a ChannelId>,
    /// The client's address.
    pub ip_address: Option<IpAddr>,
    /// The caller's own name for the question; empty where it gave none.
    pub request_id: &'a str,
    /// What was wrong with the token, where one was given.
    pub problem: Option<&'a str>,
}

/// The event as the body of a record.
pub fn body(event: &SignIn<'_>, pseudonyms: &Pseudonyms) -> Vec<u8> {
    json::body(|object| {
        what_happened(object, event);
        match event.asked {
            Asked::Whole(request) => who_asked(object, request, pseudonyms),
            Asked::Part(part) => {
                object.null("userId");
                object.null("homeTenantId");
                object.maybe_shown("resourceTenantId", part.resource);
                object.maybe_shown("resourceId", part.app);
                object.maybe_shown("ipAddress", part.ip_address);
            }
        }
        object.object("status", |object| status(object, event));
        policies::conditional_access(object, event.answer);
        object.object("crosstrust", |object| ours(object, event, pseudonyms));
    })
}

fn what_happened(object: &mut Object<'_>, event: &SignIn<'_>) {
    let id = event.answer.decision_id;
    object.shown("id", id);
    object.shown("createdDateTime", event.time);
    object.text("correlationId", &correlation(event.asked.request_id(), id));
}

/// The caller's own id of the request, where it has the form that Graph's has.
fn correlation(request_id: &str, id: DecisionId) -> String {
    match parse_guid(request_id) {
        Ok(guid) => DecisionId(guid).to_string(),
        Err(_) => id.to_string(),
    }
}

fn who_asked(object: &mut Object<'_>, request: &Request, pseudonyms: &Pseudonyms) {
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
    // A gateway sees tokens, not whether somebody typed something.
    object.null("isInteractive");
    object.boolean("isTenantRestricted", request.restricting_tenant.is_some());
    let session = request.claims.session_id.as_deref();
    let session = session.map(|id| pseudonyms.text(IdKind::Session, id));
    object.maybe_text("sessionId", session.as_deref());
}

/// What the user is to the resource tenant.
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

/// As sign-in logs write it (learn.microsoft.com/entra/identity/monitoring-health/concept-sign-in-log-activity-details).
fn client_app(kind: ClientAppType) -> &'static str {
    match kind {
        ClientAppType::Browser => "Browser",
        ClientAppType::MobileAppsAndDesktopClients => "Mobile Apps and Desktop clients",
        ClientAppType::ExchangeActiveSync | ClientAppType::EasSupported => "Exchange ActiveSync",
        ClientAppType::Other => "Other clients",
    }
}

fn status(object: &mut Object<'_>, event: &SignIn<'_>) {
    match &event.answer.decision.verdict {
        Verdict::Allow => {
            object.number("errorCode", 0);
            object.null("failureReason");
            object.null("additionalDetails");
        }
        Verdict::Deny(denial) => {
            // Zero is Graph's word for success; what Microsoft has no number for has none.
            match denial.code() {
                Some(code) => object.number("errorCode", u64::from(code)),
                None => object.null("errorCode"),
            }
            object.text("failureReason", &denial.message());
            let cures = cures(denial);
            let details = event.asked.problem().or(cures.as_deref());
            object.maybe_text("additionalDetails", details);
        }
    }
}

/// What a new sign-in would have to bring. Names no policy and no strength: the home tenant reads it too.
fn cures(denial: &Denial) -> Option<String> {
    let challenge = denial.challenge.as_ref()?;
    let place = |place| match place {
        Where::Home => "at home",
        Where::Resource => "in the resource tenant",
    };
    let cures = challenge.cures.iter().map(|cure| match cure {
        Cure::Mfa(at) => format!("multifactor authentication {}", place(*at)),
        Cure::Strength(_, at) => format!("stronger authentication methods {}", place(*at)),
        Cure::CompliantDevice => String::from("a compliant device"),
        Cure::HybridJoinedDevice => String::from("a hybrid joined device"),
        Cure::Reauthenticate => String::from("a fresh authentication"),
    });
    let cures: Vec<String> = cures.collect();
    Some(format!(
        "A new sign-in would help that brings {}.",
        cures.join(", ")
    ))
}

fn ours(object: &mut Object<'_>, event: &SignIn<'_>, pseudonyms: &Pseudonyms) {
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
        "isCurable",
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
    let asked = event.asked;
    object.maybe_text(
        "requestId",
        Some(asked.request_id()).filter(|id| !id.is_empty()),
    );
    object.maybe_text(
        "channelId",
        asked.channel().map(|channel| channel.0.as_str()),
    );
    let basis = answer.decision.assumed_outbound;
    object.maybe_text("assumedOutbound", basis.map(AssumedBasis::as_str));
    if let Asked::Whole(request) = asked {
        let guest = request.resource_user.map(|id| pseudonyms.user(id));
        object.maybe_text("resourceUserId", guest.as_deref());
        object.maybe_shown("identityProvider", request.home.provider());
        object.maybe_shown("restrictingTenantId", request.restricting_tenant);
    }
}

impl<'a> Asked<'a> {
    fn request_id(self) -> &'a str {
        match self {
            Asked::Whole(request) => &request.request_id,
            Asked::Part(part) => part.request_id,
        }
    }

    fn problem(self) -> Option<&'a str> {
        match self {
            Asked::Whole(_) => None,
            Asked::Part(part) => part.problem,
        }
    }

    fn channel(self) -> Option<&'a ChannelId> {
        match self {
            Asked::Whole(request) => request.channel.as_ref(),
            Asked::Part(part) => part.channel,
        }
    }
}
