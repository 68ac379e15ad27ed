//! Requests for the load: bodies encoded in advance, used in turn, and the expected start of their answers.

use std::cell::Cell;
use std::ops::Range;

use bytes::Bytes;
use crosstrust::rpc::proto::{AuthorizeRequest, ExplainRequest, ReloadRequest};
use crosstrust_counts::calls::{AUTHORIZE, AUTHORIZE_BATCH, batch, framed, question};
use crosstrust_counts::check::{CHECK, with_token};
use crosstrust_counts::issuer::Issuer;

pub struct Questions {
    pub path: &'static str,
    frames: Vec<Bytes>,
    next: Cell<usize>,
    /// The expected start of the message of each answer.
    pub answer: &'static [u8],
}

/// `decision: ALLOW`, the first field of an answer.
const ALLOW: &[u8] = &[0x08, 0x01];
/// `decision: DENY`.
const DENY: &[u8] = &[0x08, 0x02];
/// Envoy's status with code 0, which is an empty message.
const OK: &[u8] = &[0x0a, 0x00];

impl Questions {
    /// The body of the next call.
    pub fn next(&self) -> Bytes {
        let at = self.next.get();
        self.next.set((at + 1) % self.frames.len());
        self.frames[at].clone()
    }

    fn of(path: &'static str, answer: &'static [u8], frames: impl Iterator<Item = Bytes>) -> Self {
        Questions {
            path,
            frames: frames.collect(),
            next: Cell::new(0),
            answer,
        }
    }

    /// Requests of these users, which are allowed.
    pub fn allowed(users: Range<u128>, groups: u128) -> Self {
        let frames = users.map(|user| framed(&question(user, groups)));
        Questions::of(AUTHORIZE, ALLOW, frames)
    }

    /// Requests without MFA, which are denied.
    pub fn denied(users: Range<u128>, groups: u128) -> Self {
        let frames = users.map(|user| framed(&without_mfa(user, groups)));
        Questions::of(AUTHORIZE, DENY, frames)
    }

    /// Batches of 32 users.
    pub fn batches(batches: Range<u128>, groups: u128) -> Self {
        let users = |n: u128| n * 32..(n + 1) * 32;
        let frames = batches.map(|n| framed(&batch(users(n), groups)));
        Questions::of(AUTHORIZE_BATCH, &[], frames)
    }

    pub fn checks(users: Range<u128>, issuer: &Issuer) -> Self {
        let frames = users.map(|user| framed(&with_token(&issuer.token(user))));
        Questions::of(CHECK, OK, frames)
    }

    pub fn explained(users: Range<u128>, groups: u128) -> Self {
        let frames = users.map(|user| {
            framed(&ExplainRequest {
                request: Some(without_mfa(user, groups)),
            })
        });
        Questions::of(EXPLAIN, &[], frames)
    }

    pub fn reload() -> Self {
        let frame = framed(&ReloadRequest::default());
        Questions::of(RELOAD, &[], std::iter::once(frame))
    }
}

fn without_mfa(user: u128, groups: u128) -> AuthorizeRequest {
    let mut question = question(user, groups);
    if let Some(claims) = &mut question.claims {
        claims.mfa = false;
    }
    question
}

const EXPLAIN: &str = "/crosstrust.v1.AuthorizationService/Explain";
const RELOAD: &str = "/crosstrust.v1.PolicyService/Reload";
