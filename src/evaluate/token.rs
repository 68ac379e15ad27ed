//! Stage 1: the token is valid at this instant and not revoked (semantics §4).

use std::time::Duration;

use super::matching::Match;
use super::{Evaluation, Notes, StageFailure, fail};
use crate::decision::Reason;
use crate::request::Request;
use crate::revocation::Revocations;
use crate::time::Timestamp;

/// How far `issued_at` may lie ahead of our clock.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

pub(super) fn check(
    evaluation: &Evaluation<'_>,
    revocations: &Revocations,
    now: Timestamp,
    notes: &mut Notes,
) -> Result<(), StageFailure> {
    let claims = &evaluation.request.claims;
    if claims.expires_at <= now {
        return fail(Reason::TokenExpired);
    }
    if let Some(issued_at) = claims.issued_at
        && issued_at > now.plus(CLOCK_SKEW)
    {
        notes.limit_expiry(issued_at.minus(CLOCK_SKEW));
        return fail(Reason::TokenNotYetValid);
    }
    if is_revoked(evaluation.request, revocations) {
        return fail(Reason::SessionRevoked);
    }
    Ok(())
}

/// A token that lacks a value to compare counts as revoked if a revocation could match it.
fn is_revoked(request: &Request, revocations: &Revocations) -> bool {
    session_revoked(request, revocations) != Match::No
        || issued_before_revocation(request, revocations) != Match::No
}

/// Whether the session is revoked; unknown without `session_id`.
pub(super) fn session_revoked(request: &Request, revocations: &Revocations) -> Match {
    match &request.claims.session_id {
        Some(session) => Match::from_bool(revocations.sessions.contains(session)),
        None if revocations.sessions.is_empty() => Match::No,
        None => Match::Unknown,
    }
}

/// Whether the token was issued before a revocation of the user or the home tenant; unknown without `issued_at`.
pub(super) fn issued_before_revocation(request: &Request, revocations: &Revocations) -> Match {
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
        Some(issued_at) => Match::from_bool(issued_at < *before),
        None => Match::Unknown,
    }))
}
