//! Converts a decoded message to a [`Request`], or returns all of its violations.
//!
//! All parsing happens here: domain types contain no GUID strings, no proto enum numbers and no empty strings that mean
//! "not set". Malformed values are never dropped or guessed; a request with a violation is not decided.

mod claims;
mod context;
mod home;
mod violations;

pub use violations::Violation;
pub(super) use violations::status;

use super::limits::RequestLimits;
use super::message;
use super::proto;
use super::query::{AuthorizationQuery, Credential};
use crate::identity::RequestedAccess;
use crate::request::{AccessType, ChannelId, Context, Contradiction, Request, UserClass};
use violations::{FieldPath, REQUIRED, RequestReader, found, too_many};

/// Converts an `AuthorizeRequest`.
pub fn authorize_request(
    message: &mut message::AuthorizeRequest<'_>,
    limits: &RequestLimits,
) -> Result<AuthorizationQuery, Vec<Violation>> {
    let mut reader = RequestReader::new(limits);
    match read(message, &FieldPath::ROOT, &mut reader) {
        Some(query) if reader.violations.is_empty() => Ok(query),
        _ => Err(reader.violations),
    }
}

/// Converts a `Context`.
pub fn context(
    message: &mut message::ContextMessage<'_>,
    limits: &RequestLimits,
) -> Result<Context, Vec<Violation>> {
    let mut reader = RequestReader::new(limits);
    let context = context::read(Some(message), &FieldPath::ROOT, &mut reader);
    if reader.violations.is_empty() {
        Ok(context)
    } else {
        Err(reader.violations)
    }
}

/// Converts an `ExplainRequest`.
pub fn explain(
    message: &mut message::ExplainRequest<'_>,
    limits: &RequestLimits,
) -> Result<AuthorizationQuery, Vec<Violation>> {
    let mut reader = RequestReader::new(limits);
    let root = FieldPath::ROOT;
    let at = root.name("request");
    let Some(message) = &mut message.request else {
        reader.refuse(&at, REQUIRED);
        return Err(reader.violations);
    };
    match read(message, &at, &mut reader) {
        Some(query) if reader.violations.is_empty() => Ok(query),
        _ => Err(reader.violations),
    }
}

/// Refuses a batch with too many requests. Call it before the batch is decoded.
pub fn check_batch_size(count: usize, limits: &RequestLimits) -> Result<(), Vec<Violation>> {
    let max = limits.batch_items;
    if count <= max {
        return Ok(());
    }
    let mut reader = RequestReader::new(limits);
    reader.refuse(&FieldPath::ROOT.name("requests"), too_many(count, max));
    Err(reader.violations)
}

/// Converts a batch. One violation refuses all of it.
pub fn batch(
    message: &mut message::AuthorizeBatchRequest<'_>,
    limits: &RequestLimits,
) -> Result<Vec<AuthorizationQuery>, Vec<Violation>> {
    let mut reader = RequestReader::new(limits);
    let root = FieldPath::ROOT;
    let at = root.name("requests");
    let count = message.requests.len();
    let mut queries = Vec::with_capacity(count);
    for (index, message) in message.requests.iter_mut().enumerate() {
        queries.extend(read(message, &at.item(index), &mut reader));
    }
    if reader.violations.is_empty() && queries.len() == count {
        Ok(queries)
    } else {
        Err(reader.violations)
    }
}

/// `None` only if a violation has been recorded. A query that is returned may have violations, too.
fn read(
    message: &mut message::AuthorizeRequest<'_>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<AuthorizationQuery> {
    if message.token.is_empty() {
        read_stated(message, at, reader).map(AuthorizationQuery::Stated)
    } else {
        read_with_token(message, at, reader)
    }
}

/// Converts a request with a token, which must not contain other facts about the user.
fn read_with_token(
    message: &mut message::AuthorizeRequest<'_>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<AuthorizationQuery> {
    let fields = [
        ("home_tenant", !message.home_tenant.is_empty()),
        ("user", !message.user.is_empty()),
        ("groups", !message.groups.is_empty()),
        ("claims", message.claims.is_some()),
        ("roles", !message.roles.is_empty()),
        ("client_app", !message.client_app.is_empty()),
        ("external_user_type", !message.external_user_type.is_empty()),
        ("resource_user", !message.resource_user.is_empty()),
        ("resource_groups", !message.resource_groups.is_empty()),
        ("identity_provider", !message.identity_provider.is_empty()),
        (
            "identity_provider_issuer",
            !message.identity_provider_issuer.is_empty(),
        ),
    ];
    for (name, is_set) in fields {
        if is_set {
            reader.refuse(
                &at.name(name),
                "found it beside token, expected it to be empty",
            );
        }
    }
    let access = match message.access_type {
        UNSPECIFIED => None,
        number => access_type(number, &at.name("access_type"), reader),
    };
    let resource = reader.required(&at.name("resource_tenant"), message.resource_tenant);
    let app = reader.required(&at.name("app"), message.app);
    let asked = RequestedAccess {
        access,
        channel: reader
            .text(&at.name("channel"), message.channel)
            .map(ChannelId),
        restricting_tenant: reader
            .optional(&at.name("restricting_tenant"), message.restricting_tenant),
        home_cloud: reader.optional(&at.name("home_cloud"), message.home_cloud),
        context: context::read(message.context.as_mut(), &at.name("context"), reader),
        request_id: reader
            .line(&at.name("request_id"), message.request_id)
            .unwrap_or_default(),
        resource: resource?,
        app: app?,
    };
    Some(AuthorizationQuery::Credentials {
        credentials: vec![Credential::Token(message.token.to_owned())],
        asked: Box::new(asked),
    })
}

/// Converts a request in which the caller states the identity of the user.
fn read_stated(
    message: &mut message::AuthorizeRequest<'_>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<Box<Request>> {
    let max_roles = reader.limits.roles;
    let violations = reader.violations.len();
    let access = access_type(message.access_type, &at.name("access_type"), reader);
    let home = home::read(message, at, reader);
    let resource = reader.required(&at.name("resource_tenant"), message.resource_tenant);
    let app = reader.required(&at.name("app"), message.app);
    let claims = claims::read(message.claims.as_ref(), &at.name("claims"), reader);
    let request = Box::new(Request {
        user: reader.optional(&at.name("user"), message.user),
        groups: reader.groups(&at.name("groups"), &mut message.groups),
        channel: reader
            .text(&at.name("channel"), message.channel)
            .map(ChannelId),
        roles: reader.each(&at.name("roles"), &message.roles, max_roles),
        client_app: reader.optional(&at.name("client_app"), message.client_app),
        external_user_type: reader
            .optional(&at.name("external_user_type"), message.external_user_type),
        resource_user: reader.optional(&at.name("resource_user"), message.resource_user),
        resource_groups: reader.groups(&at.name("resource_groups"), &mut message.resource_groups),
        home_cloud: reader.optional(&at.name("home_cloud"), message.home_cloud),
        restricting_tenant: reader
            .optional(&at.name("restricting_tenant"), message.restricting_tenant),
        context: context::read(message.context.as_mut(), &at.name("context"), reader),
        request_id: reader
            .line(&at.name("request_id"), message.request_id)
            .unwrap_or_default(),
        home: home?,
        issuing_tenant: None,
        resource: resource?,
        app: app?,
        access: access?,
        claims: claims?,
    });
    // A malformed field looks like a missing one here, so check for contradictions only in a well-formed request.
    if reader.violations.len() == violations {
        refuse_contradiction(&request, at, reader);
    }
    Some(request)
}

/// Unspecified means direct connect. An unknown enum number is a violation.
fn access_type(
    number: i32,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<AccessType> {
    match proto::AccessType::try_from(number) {
        Ok(proto::AccessType::Unspecified | proto::AccessType::DirectConnect) => {
            Some(AccessType::DirectConnect)
        }
        Ok(proto::AccessType::Collaboration) => Some(AccessType::Collaboration),
        Err(_) => {
            reader.refuse(
                at,
                format!("found {number}, expected a value of AccessType"),
            );
            None
        }
    }
}

const UNSPECIFIED: i32 = proto::AccessType::Unspecified as i32;

fn refuse_contradiction(request: &Request, at: &FieldPath<'_>, reader: &mut RequestReader<'_>) {
    match request.contradiction() {
        None => {}
        Some(Contradiction::UserMissing) => reader.refuse(&at.name("user"), REQUIRED),
        Some(Contradiction::InvalidForProvider { field }) => {
            reader.refuse(&at.name(field), home::NOT_OF_A_PROVIDER);
        }
        Some(Contradiction::UserTypeMismatch { named, class }) => {
            let kind = match class {
                UserClass::Internal => "an internal user of the resource tenant",
                UserClass::DirectConnect if request.resource_user.is_none() => {
                    "a direct connect user without resource_user"
                }
                UserClass::DirectConnect => "a direct connect user",
                UserClass::Collaboration => "a collaboration user",
            };
            let expected = format!("expected a user type of {kind}");
            reader.refuse(
                &at.name("external_user_type"),
                found(named.as_str(), expected),
            );
        }
    }
}

#[cfg(test)]
mod tests;
