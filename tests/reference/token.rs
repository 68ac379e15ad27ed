//! Stage 1: the token's times, and revocations that are received at run time (semantics §4).

use std::time::Duration;

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use crosstrust::revocation::Revocation;
use crosstrust::time::Timestamp;

use super::Failure;

pub fn check(revocations: &[Revocation], request: &Request, now: Timestamp) -> Result<(), Failure> {
    let claims = &request.claims;
    if claims.expires_at <= now {
        return Err(Failure::of(Stage::Token, Reason::TokenExpired));
    }
    let latest_issue = now.plus(Duration::from_secs(300));
    if claims.issued_at.is_some_and(|issued| issued > latest_issue) {
        return Err(Failure::of(Stage::Token, Reason::TokenNotYetValid));
    }
    if revocations.iter().any(|entry| revokes(entry, request)) {
        return Err(Failure::of(Stage::Token, Reason::SessionRevoked));
    }
    Ok(())
}

/// semantics §4, "When a token has ended", without forgetting any token.
#[derive(Debug, Default)]
pub struct KnownTokens(Vec<TokenVerification>);

#[derive(Debug)]
struct TokenVerification {
    token: String,
    /// The expiry of the token on the boot clock, by this verification.
    boot_end: Duration,
}

impl KnownTokens {
    /// Whether a token with a valid signature has expired.
    pub fn has_ended(
        &self,
        token: &str,
        expires_at: Timestamp,
        wall: Timestamp,
        boot: Duration,
    ) -> bool {
        let mut of_token = self.0.iter().filter(|known| known.token == token);
        expires_at <= wall || of_token.any(|known| known.boot_end <= boot)
    }

    /// Records the verification of a token that has not expired.
    pub fn verified(
        &mut self,
        token: &str,
        expires_at: Timestamp,
        wall: Timestamp,
        boot: Duration,
    ) {
        let left = i128::from(expires_at.as_nanos()) - i128::from(wall.as_nanos());
        let left = u64::try_from(left);
        let left = Duration::from_nanos(left.expect("it has not ended"));
        self.0.push(TokenVerification {
            token: token.to_owned(),
            boot_end: boot + left,
        });
    }
}

/// A token without the needed fact is revoked if the entry could match it.
fn revokes(entry: &Revocation, request: &Request) -> bool {
    match entry {
        Revocation::Session(session) => match &request.claims.session_id {
            Some(own) => own == session,
            None => true,
        },
        Revocation::User {
            tenant,
            user,
            before,
        } => {
            let at_home = request.home == *tenant && request.user == Some(*user);
            let as_guest = *tenant == request.resource && request.resource_user == Some(*user);
            (at_home || as_guest) && issued_before(request, *before)
        }
        Revocation::Tenant { tenant, before } => {
            request.home == *tenant && issued_before(request, *before)
        }
    }
}

fn issued_before(request: &Request, before: Timestamp) -> bool {
    match request.claims.issued_at {
        Some(issued) => issued < before,
        None => true,
    }
}
