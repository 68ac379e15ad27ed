//! Requests for `Authorize` and `AuthorizeBatch` on the sample policies, and the checks of their answers.

use anyhow::{Result, bail, ensure};
use crosstrust::rpc::proto::{
    AuthorizeBatchRequest, AuthorizeBatchResponse, AuthorizeRequest, AuthorizeResponse, Claims,
    Decision, Reason,
};
use prost::Message;

use super::{Frame, Questions};

pub const AUTHORIZE: &str = "/crosstrust.v1.AuthorizationService/Authorize";
pub const AUTHORIZE_BATCH: &str = "/crosstrust.v1.AuthorizationService/AuthorizeBatch";

pub const CONTOSO: &str = "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f";
pub const FABRIKAM: &str = "2000d417-3b6d-4dbf-977f-4b4cbba65319";
const TAILSPIN: &str = "40001184-1cfb-4e41-9f8c-6d0c55108d1b";
/// A tenant without a folder.
const UNKNOWN_TENANT: &str = "5000c366-d690-438b-bd66-7eb0f8ad2411";
pub const SHAREPOINT: &str = "00000003-0000-0ff1-ce00-000000000000";
const LAUNCHER: &str = "1a01899f-ffd3-4659-9c8b-641314fe61f2";
/// A group that a sample policy names; no policy names the others.
const MARKETING: &str = "22014bd5-5359-407a-8b9e-031063965121";

/// Cached users, used in turn.
pub const SEEN_USERS: u64 = 1000;

/// The number of groups of a user.
#[derive(Debug, Clone, Copy)]
pub struct Groups(pub u32);

/// The expected answer.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    pub decision: Decision,
    pub reason: Reason,
    /// Whether it must or must not come from the cache; `None` if both are correct.
    pub cached: Option<bool>,
}

pub const SEEN: Expected = Expected {
    decision: Decision::Allow,
    reason: Reason::Allowed,
    cached: Some(true),
};
pub const NEW: Expected = Expected {
    cached: Some(false),
    ..SEEN
};
pub const REFUSED: Expected = Expected {
    decision: Decision::Deny,
    reason: Reason::InboundUser,
    cached: None,
};

/// The GUID of the user with this number, which is its last twelve digits.
pub fn user(number: u64) -> String {
    format!("21000000-0000-4000-8000-{number:012x}")
}

/// A user of Fabrikam did MFA at home and opens Contoso's SharePoint: trusted, so an allow with a policy that applied.
pub fn opens_sharepoint(number: u64, groups: Groups) -> AuthorizeRequest {
    question(FABRIKAM, CONTOSO, SHAREPOINT, number, groups)
}

/// Contoso does not allow Tailspin's users by direct connect.
fn denied_inbound(number: u64, groups: Groups) -> AuthorizeRequest {
    question(TAILSPIN, CONTOSO, LAUNCHER, number, groups)
}

fn unknown_tenant(number: u64, groups: Groups) -> AuthorizeRequest {
    question(FABRIKAM, UNKNOWN_TENANT, LAUNCHER, number, groups)
}

fn question(
    home: &str,
    resource: &str,
    app: &str,
    number: u64,
    groups: Groups,
) -> AuthorizeRequest {
    AuthorizeRequest {
        home_tenant: home.to_owned(),
        resource_tenant: resource.to_owned(),
        user: user(number),
        groups: group_ids(number, groups),
        app: app.to_owned(),
        claims: Some(Claims {
            // 2099.
            expires_at: Some(prost_types::Timestamp {
                seconds: 4_070_908_800,
                nanos: 0,
            }),
            mfa: true,
            ..Claims::default()
        }),
        ..AuthorizeRequest::default()
    }
}

/// The groups of this user, one of sixteen sets, so that not all requests have the same list.
fn group_ids(user: u64, Groups(count): Groups) -> Vec<String> {
    let set = if user < SEEN_USERS { user % 16 } else { 0 };
    let unknown = (1..count).map(|group| format!("2f{set:06x}-0000-4000-9000-{group:012x}"));
    unknown.chain([MARKETING.to_owned()]).collect()
}

/// The cached users in turn.
pub fn hits(groups: Groups) -> Questions {
    let frames = (0..SEEN_USERS).map(|user| Frame::fixed(&opens_sharepoint(user, groups)));
    Questions::of(frames.collect())
}

/// A new user in each call.
pub fn misses(groups: Groups) -> Result<Questions> {
    let frame = Frame::with_fresh_users(|user| opens_sharepoint(user, groups))?;
    Ok(Questions::of(vec![frame]))
}

/// Users that the resource tenant's inbound settings deny.
pub fn denials(groups: Groups) -> Questions {
    let frames = (0..SEEN_USERS).map(|user| Frame::fixed(&denied_inbound(user, groups)));
    Questions::of(frames.collect())
}

/// Of 100 calls, 60 of cached users, 20 of new users, 15 denied, 5 for an unknown tenant.
pub fn mixed(groups: Groups) -> Result<Questions> {
    let fresh = Frame::with_fresh_users(|user| opens_sharepoint(user, groups))?;
    let frames = (0..SEEN_USERS).map(|user| match user % 20 {
        0..12 => Frame::fixed(&opens_sharepoint(user, groups)),
        12..16 => fresh.clone(),
        16..19 => Frame::fixed(&denied_inbound(user, groups)),
        _ => Frame::fixed(&unknown_tenant(user, groups)),
    });
    Ok(Questions::of(frames.collect()))
}

/// The cached users, `size` in one call.
pub fn batches(groups: Groups, size: u32) -> Questions {
    let batch = |first: u64| {
        let users = (first..first + u64::from(size)).map(|user| user % SEEN_USERS);
        let requests = users.map(|user| opens_sharepoint(user, groups)).collect();
        Frame::fixed(&AuthorizeBatchRequest { requests })
    };
    let firsts = (0..SEEN_USERS).step_by(size as usize);
    Questions::of(firsts.map(batch).collect())
}

/// Checks a complete answer.
pub fn verify(answer: &[u8], expected: Expected) -> Result<()> {
    check_answer(&AuthorizeResponse::decode(answer)?, expected)
}

/// Whether the first bytes of the message are as expected: decision and reason (fields 1 and 2) and, if expected, whether
/// `cached` (7) follows `expires_at` (6).
pub fn quick_check(answer: &[u8], expected: Expected) -> bool {
    let number = |value: i32| u8::try_from(value).unwrap_or(0);
    let (decision, reason) = (
        number(expected.decision.into()),
        number(expected.reason.into()),
    );
    let Some(rest) = answer.strip_prefix(&[0x08, decision, 0x10, reason]) else {
        return false;
    };
    let Some(is_cached) = expected.cached else {
        return true;
    };
    let after_expiry = rest.strip_prefix(&[0x32]).and_then(|rest| {
        let (length, rest) = rest.split_first()?;
        rest.get(usize::from(*length)..)
    });
    after_expiry.is_some_and(|after_expiry| after_expiry.starts_with(&[0x38, 0x01]) == is_cached)
}

/// Checks each answer of a batch.
pub fn verify_batch(answer: &[u8], size: u32, expected: Expected) -> Result<()> {
    let answers = AuthorizeBatchResponse::decode(answer)?.responses;
    ensure!(
        answers.len() == size as usize,
        "{} answers to a batch of {size}",
        answers.len()
    );
    answers
        .iter()
        .try_for_each(|answer| check_answer(answer, expected))
}

/// Checks an answer to [`mixed`].
pub fn verify_mixed(answer: &[u8]) -> Result<()> {
    let answer = AuthorizeResponse::decode(answer)?;
    match (answer.decision(), answer.reason()) {
        (Decision::Allow, Reason::Allowed)
        | (
            Decision::Deny,
            Reason::InboundUser | Reason::ResourceTenantUnknown | Reason::OutboundUser,
        ) => Ok(()),
        found => bail!("did not expect {found:?}"),
    }
}

/// Whether it begins with a decision.
pub fn quick_check_mixed(answer: &[u8]) -> bool {
    matches!(answer, [0x08, 1 | 2, 0x10, ..])
}

/// Whether the first answer of the batch begins with an allow.
pub fn quick_check_batch(answer: &[u8]) -> bool {
    // The length of an answer of a few hundred bytes takes two bytes.
    matches!(answer, [0x0a, _, _, 0x08, 1, 0x10, 1, ..])
}

fn check_answer(answer: &AuthorizeResponse, expected: Expected) -> Result<()> {
    let found = (answer.decision(), answer.reason());
    ensure!(
        found == (expected.decision, expected.reason),
        "expected {expected:?}, found {found:?}"
    );
    let cached = answer.cached;
    ensure!(
        expected.cached.is_none_or(|expected| expected == cached),
        "expected {expected:?}, found cached = {cached}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(decision: Decision, reason: Reason, cached: bool) -> Vec<u8> {
        let answer = AuthorizeResponse {
            decision: decision.into(),
            reason: reason.into(),
            // The longest and the shortest encoding.
            expires_at: Some(prost_types::Timestamp {
                seconds: 4_070_908_800,
                nanos: if cached { 999_999_999 } else { 0 },
            }),
            cached,
            decision_id: "01a20db3-f3d4-7ab9-bf9d-cdec4f148c1f".to_owned(),
            ..AuthorizeResponse::default()
        };
        answer.encode_to_vec()
    }

    #[test]
    fn the_quick_check_agrees_with_the_complete_check() {
        let answers = [
            answer(Decision::Allow, Reason::Allowed, true),
            answer(Decision::Allow, Reason::Allowed, false),
            answer(Decision::Deny, Reason::InboundUser, true),
            answer(Decision::Deny, Reason::MfaRequired, false),
        ];
        for bytes in &answers {
            for expected in [SEEN, NEW, REFUSED] {
                let is_expected = verify(bytes, expected).is_ok();
                assert_eq!(
                    quick_check(bytes, expected),
                    is_expected,
                    "{expected:?} {bytes:?}"
                );
            }
            assert!(!quick_check(&bytes[..3], SEEN));
        }
    }
}
