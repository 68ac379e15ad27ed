//! Requests for ext_authz `Check` as Envoy sends them with `deploy/envoy/bearer.yaml`, and the checks of their answers.

use anyhow::{Result, ensure};
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use prost::Message;

use super::tokens::Issuer;
use super::{Frame, Questions};

#[path = "../../../support/check.rs"]
mod check_request;

pub use check_request::CHECK;
use check_request::with_token;

/// Users whose tokens are used in turn; the tokens are signed before the load.
pub const SEEN_TOKENS: u64 = 200;

/// The tokens of these users in turn.
pub fn seen_tokens(issuer: &Issuer) -> Result<Questions> {
    let frame = |user| Ok(Frame::fixed(&with_token(&issuer.token(user)?)));
    let frames: Result<Vec<Frame>> = (0..SEEN_TOKENS).map(frame).collect();
    Ok(Questions::of(frames?))
}

/// Whether the answer begins with a status whose code is 0, which is an empty message.
pub fn quick_check(answer: &[u8]) -> bool {
    answer.starts_with(&[0x0a, 0x00])
}

/// Checks that the answer is an OK with the headers of an allow.
pub fn verify(answer: &[u8]) -> Result<()> {
    let answer = CheckResponse::decode(answer)?;
    let code = answer.status.as_ref().map(|status| status.code);
    ensure!(code == Some(0), "expected an allow, found {answer:?}");
    let Some(HttpResponse::OkResponse(ok)) = answer.http_response else {
        anyhow::bail!("an allow without an ok_response");
    };
    let names = ok
        .headers
        .iter()
        .filter_map(|header| header.header.as_ref());
    let has_user = names
        .into_iter()
        .any(|header| header.key == "x-crosstrust-user");
    ensure!(has_user, "an allow without x-crosstrust-user");
    Ok(())
}
