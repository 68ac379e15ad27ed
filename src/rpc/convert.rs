//! A message of the wire → a [`Request`], or everything that is wrong with it.
//!
//! Parsed once, here: inside there is no GUID text, no proto enum number and no empty string that means
//! "unsaid". Nothing malformed is dropped or guessed; a request with a violation is not answered.

mod claims;
mod context;
mod home;
mod violations;

pub use violations::Violation;
pub(super) use violations::status;

use super::limits::Limits;
use super::message;
use super::proof::{Proof, Question};
use super::proto;
use crate::identity::Asked;
use crate::request::{AccessType, ChannelId, Context, Contradiction, Request, UserClass};
use violations::{At, REQUIRED, Reader, found, too_many};

/// Reads one question.
pub fn question(
    message: &mut message::AuthorizeRequest<'_>,
    limits: &Limits,
) -> Result<Question, Vec<Violation>> {
    let mut reader = Reader::new(limits);
    match read(message, &At::ROOT, &mut reader) {
        Some(question) if reader.violations.is_empty() => Ok(question),
        _ => Err(reader.violations),
    }
}

/// Reads what is known about a sign-in.
pub fn context(
    message: &mut message::Context<'_>,
    limits: &Limits,
) -> Result<Context, Vec<Violation>> {
    let mut reader = Reader::new(limits);
    let context = context::read(Some(message), &At::ROOT, &mut reader);
    if reader.violations.is_empty() {
        Ok(context)
    } else {
        Err(reader.violations)
    }
}

/// Reads the request that is to be explained.
pub fn explain(
    message: &mut message::ExplainRequest<'_>,
    limits: &Limits,
) -> Result<Question, Vec<Violation>> {
    let mut reader = Reader::new(limits);
    let root = At::ROOT;
    let at = root.name("request");
    let Some(message) = &mut message.request else {
        reader.refuse(&at, REQUIRED);
        return Err(reader.violations);
    };
    match read(message, &at, &mut reader) {
        Some(question) if reader.violations.is_empty() => Ok(question),
        _ => Err(reader.violations),
    }
}

/// Refuses a batch of more questions than one may hold; to be asked before they are read.
pub fn few_enough(questions: usize, limits: &Limits) -> Result<(), Vec<Violation>> {
    let most = limits.batch_items;
    if questions <= most {
        return Ok(());
    }
    let mut reader = Reader::new(limits);
    reader.refuse(&At::ROOT.name("requests"), too_many(questions, most));
    Err(reader.violations)
}

/// Reads a batch: all of it or nothing.
pub fn batch(
    message: &mut message::AuthorizeBatchRequest<'_>,
    limits: &Limits,
) -> Result<Vec<Question>, Vec<Violation>> {
    let mut reader = Reader::new(limits);
    let root = At::ROOT;
    let at = root.name("requests");
    let asked = message.requests.len();
    let mut questions = Vec::with_capacity(asked);
    for (index, message) in message.requests.iter_mut().enumerate() {
        questions.extend(read(message, &at.item(index), &mut reader));
    }
    if reader.violations.is_empty() && questions.len() == asked {
        Ok(questions)
    } else {
        Err(reader.violations)
    }
}

/// `None` only where a violation has been noted. A question that is given back may have some all the same.
fn read(
    message: &mut message::AuthorizeRequest<'_>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
) -> Option<Question> {
    if message.token.is_empty() {
        stated(message, at, reader).map(Question::Stated)
    } else {
        proven(message, at, reader)
    }
}

/// A question with a token, which says all that is to be known of the user.
fn proven(
    message: &mut message::AuthorizeRequest<'_>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
) -> Option<Question> {
    let given = [
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
    for (name, is_given) in given {
        if is_given {
            reader.refuse(&at.name(name), "found beside a token, which alone says so");
        }
    }
    let access = match message.access_type {
        UNSPECIFIED => None,
        number => access_type(number, &at.name("access_type"), reader),
    };
    let resource = reader.required(&at.name("resource_tenant"), message.resource_tenant);
    let app = reader.required(&at.name("app"), message.app);
    let asked = Asked {
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
    Some(Question::Proven {
        proofs: vec![Proof::Token(message.token.to_owned())],
        asked: Box::new(asked),
    })
}

/// A question whose caller states who asks.
fn stated(
    message: &mut message::AuthorizeRequest<'_>,
    at: &At<'_>,
    reader: &mut Reader<'_>,
) -> Option<Box<Request>> {
    let most_roles = reader.limits.roles;
    let noted = reader.violations.len();
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
        roles: reader.each(&at.name("roles"), &message.roles, most_roles),
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
    // What is malformed looks unsaid from here, so contradictions are looked for in what is well-formed.
    if reader.violations.len() == noted {
        refuse_contradiction(&request, at, reader);
    }
    Some(request)
}

/// Unspecified is direct connect; a number that the contract does not have is an error.
fn access_type(number: i32, at: &At<'_>, reader: &mut Reader<'_>) -> Option<AccessType> {
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

fn refuse_contradiction(request: &Request, at: &At<'_>, reader: &mut Reader<'_>) {
    match request.contradiction() {
        None => {}
        Some(Contradiction::UserMissing) => reader.refuse(&at.name("user"), REQUIRED),
        Some(Contradiction::NotOfAProvider { field }) => {
            reader.refuse(&at.name(field), home::NOT_OF_A_PROVIDER);
        }
        Some(Contradiction::UserTypeCannotBe { named, class }) => {
            let kind = match class {
                UserClass::Internal => "a user of the resource tenant itself",
                UserClass::DirectConnect if request.resource_user.is_none() => {
                    "a direct connect user without resource_user"
                }
                UserClass::DirectConnect => "a direct connect user",
                UserClass::Collaboration => "a collaboration user",
            };
            let expected = format!("which {kind} cannot be");
            reader.refuse(
                &at.name("external_user_type"),
                found(named.as_str(), expected),
            );
        }
    }
}

#[cfg(test)]
mod tests;
