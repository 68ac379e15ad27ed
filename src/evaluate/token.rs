//! Stage 1: is the token good at this instant, and not revoked? (semantics §4)

use std::time::Duration;

use super::matching::Match;
use super::{Failure, Notes, Question, fail};
use crate::decision::Reason;
use crate::request::Request;
use crate::revocation::Revocations;
use crate::time::Timestamp;

/// How far ahead of our clock a token may have been issued.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

pub(super) fn check(
    question: &Question<'_>,
    revocations: &Revocations,
    now: Timestamp,
    notes: &mut Notes,
) -> Result<(), Failure> {
    let claims = &question.request.claims;
    if claims.expires_at <= now {
        return fail(Reason::TokenExpired);
    }
    if let Some(issued_at) = claims.issued_at
        && issued_at > now.plus(CLOCK_SKEW)
    {
        notes.not_after(issued_at.minus(CLOCK_SKEW));
        return fail(Reason::TokenNotYetValid);
    }
    if is_revoked(question.request, revocations) {
        return fail(Reason::SessionRevoked);
    }
    Ok(())
}

/// A token that lacks what an entry is compared with is revoked if the entry could match it.
fn is_revoked(request: &Request, revocations: &Revocations) -> bool {
    session_ended(request, revocations) != Match::No
        || issued_before_an_entry(request, revocations) != Match::No
}

/// Whether the session is among the revoked; unknown without `session_id`.
pub(super) fn session_ended(request: &Request, revocations: &Revocations) -> Match {
    match &request.claims.session_id {
        Some(session) => Match::known(revocations.sessions.contains(session)),
        None if revocations.sessions.is_empty() => Match::No,
        None => Match::Unknown,
    }
}

/// Whether an entry for the user or the home tenant is later than the token; unknown without `issued_at`.
pub(super) fn issued_before_an_entry(request: &Request, revocations: &Revocations) -> Match {
    let users = [
        request.home.tenant().zip(request.user),
        request.resource_user.map(|user| (request.resource, user)),
    ];
    let home = request.home.tenant();
    let entries = users
        .into_iter()
        .flatten()
        .filter_map(|user| revocations.users.get(&user))
        .chain(home.and_then(|home| revocations.tenants.get(&home)));
    Match::any(entries.map(|before| match request.claims.issued_at {
        Some(issued_at) => Match::known(issued_at < *before),
        None => Match::Unknown,
    }))
}
