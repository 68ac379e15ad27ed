//! Encodes the response of an allow field by field: it is by far the most frequent response.
//!
//! Field numbers: <https://github.com/envoyproxy/envoy/blob/main/api/envoy/service/auth/v3/external_auth.proto>, and
//! `base.proto` of `envoy/config/core/v3`, read 2026-11-27. A test decodes it with prost.

use std::fmt::Display;

use crate::engine::Answer;
use crate::id::{TenantId, UserId};
use crate::rpc::codec::MessageWriter;
use crate::time::Timestamp;

/// INVARIANT(allow): called only with an allow by the engine.
pub(super) fn encode_allow(
    answer: &Answer,
    home: Option<TenantId>,
    user: Option<UserId>,
) -> Vec<u8> {
    let expires_at = answer.decision.expires_at;
    let mut response = MessageWriter::new();
    // An empty status that is set: code 0.
    response.nested(STATUS, |_| {});
    response.nested(OK_RESPONSE, |ok| {
        set(ok, "x-crosstrust-decision-id", answer.decision_id);
        set_or_remove(ok, HOME_TENANT, home);
        set(ok, "x-crosstrust-expires-at", expires_at);
        set_or_remove(ok, USER, user);
    });
    response.nested(DYNAMIC_METADATA, |metadata| {
        fact(metadata, "decision_id", answer.decision_id);
        fact(metadata, "reason", "ALLOWED");
        match &answer.active {
            Some(active) => fact(metadata, "snapshot", active.snapshot.id()),
            None => fact(metadata, "snapshot", ""),
        }
        maybe_fact(metadata, "home_tenant", home);
        maybe_fact(metadata, "user", user);
        member(metadata, "max_age", |value| {
            value.double(NUMBER_VALUE, max_age(expires_at, answer.at))
        });
    });
    response.into_bytes()
}

/// The remaining lifetime in whole seconds.
fn max_age(expires_at: Timestamp, now: Timestamp) -> f64 {
    let left = expires_at.as_nanos().saturating_sub(now.as_nanos());
    let seconds = (left / 1_000_000_000).clamp(0, MAX_AGE_SECONDS);
    u32::try_from(seconds).map_or(0.0, f64::from)
}

/// Sets a header of the request, or removes it. Envoy sets first and removes last, so only unset headers are listed for
/// removal.
fn set_or_remove(response: &mut MessageWriter, name: &str, value: Option<impl Display>) {
    match value {
        Some(value) => set(response, name, value),
        None => response.text(HEADERS_TO_REMOVE, name),
    }
}

/// Sets a header of the request, replacing existing values.
fn set(response: &mut MessageWriter, name: &str, value: impl Display) {
    response.nested(HEADERS, |option| {
        option.nested(HEADER, |header| {
            header.text(KEY, name);
            header.display(VALUE, value);
        });
        option.number(APPEND_ACTION, OVERWRITE_IF_EXISTS_OR_ADD);
    });
}

fn fact(metadata: &mut MessageWriter, name: &str, value: impl Display) {
    member(metadata, name, |out| out.display(STRING_VALUE, value));
}

/// Writes a fact, or an empty string if it is not known.
fn maybe_fact(metadata: &mut MessageWriter, name: &str, value: Option<impl Display>) {
    match value {
        Some(value) => fact(metadata, name, value),
        None => fact(metadata, name, ""),
    }
}

/// Writes a member of a `google.protobuf.Struct`.
fn member(structure: &mut MessageWriter, name: &str, value: impl FnOnce(&mut MessageWriter)) {
    structure.nested(FIELDS, |field| {
        field.text(KEY, name);
        field.nested(VALUE, value);
    });
}

const HOME_TENANT: &str = "x-crosstrust-home-tenant";
const USER: &str = "x-crosstrust-user";

/// A year, longer than any answer is valid.
const MAX_AGE_SECONDS: i64 = 31_536_000;

/// `CheckResponse`
const STATUS: u32 = 1;
const OK_RESPONSE: u32 = 3;
const DYNAMIC_METADATA: u32 = 4;
/// `OkHttpResponse`
const HEADERS: u32 = 2;
const HEADERS_TO_REMOVE: u32 = 5;
/// `HeaderValueOption`
const HEADER: u32 = 1;
const APPEND_ACTION: u32 = 3;
/// `HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD`
const OVERWRITE_IF_EXISTS_OR_ADD: u64 = 2;
/// `HeaderValue`, and an entry of a map
const KEY: u32 = 1;
const VALUE: u32 = 2;
/// `google.protobuf.Struct`
const FIELDS: u32 = 1;
/// `google.protobuf.Value`
const NUMBER_VALUE: u32 = 2;
const STRING_VALUE: u32 = 3;

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
    use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
    use envoy_types::pb::google::protobuf::value::Kind;
    use prost::Message as _;

    use super::*;
    use crate::decision::Decision;
    use crate::id::DecisionId;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn read(
        (home, user): (Option<TenantId>, Option<UserId>),
        expires_at: Timestamp,
    ) -> CheckResponse {
        let decision = Decision {
            expires_at,
            ..Decision::no_snapshot(NOW)
        };
        let answer = Answer {
            active: None,
            decision,
            cached: false,
            decision_id: DecisionId(7),
            at: NOW,
        };
        let bytes = encode_allow(&answer, home, user);
        CheckResponse::decode(&bytes[..]).unwrap()
    }

    fn headers(response: &CheckResponse) -> (Vec<(String, String, i32)>, Vec<String>) {
        let Some(HttpResponse::OkResponse(ok)) = &response.http_response else {
            panic!("{response:?}");
        };
        let headers = ok.headers.iter().map(|option| {
            let header = option.header.clone().unwrap();
            (header.key, header.value, option.append_action)
        });
        (headers.collect(), ok.headers_to_remove.clone())
    }

    fn facts(response: &CheckResponse) -> Vec<(String, Kind)> {
        let fields = response.dynamic_metadata.clone().unwrap().fields;
        let mut facts: Vec<_> = fields
            .into_iter()
            .map(|(name, value)| (name, value.kind.unwrap()))
            .collect();
        facts.sort_by(|left, right| left.0.cmp(&right.0));
        facts
    }

    #[test]
    fn prost_decodes_the_response() {
        let response = read(
            (Some(TenantId(8)), Some(UserId(9))),
            NOW.plus(std::time::Duration::from_millis(90_900)),
        );
        assert_eq!(response.status.clone().unwrap().code, 0);
        let id = |number: u128| uuid::Uuid::from_u128(number).to_string();
        let set = |name: &str, value: String| (name.to_owned(), value, 2);
        let (set_headers, removed) = headers(&response);
        assert_eq!(
            set_headers,
            [
                set("x-crosstrust-decision-id", id(7)),
                set("x-crosstrust-home-tenant", id(8)),
                set(
                    "x-crosstrust-expires-at",
                    "2027-01-15T08:01:30.9Z".to_owned()
                ),
                set("x-crosstrust-user", id(9)),
            ]
        );
        assert!(removed.is_empty());
        let text = |name: &str, value: String| (name.to_owned(), Kind::StringValue(value));
        assert_eq!(
            facts(&response),
            [
                text("decision_id", id(7)),
                text("home_tenant", id(8)),
                ("max_age".to_owned(), Kind::NumberValue(90.0)),
                text("reason", "ALLOWED".to_owned()),
                text("snapshot", String::new()),
                text("user", id(9)),
            ]
        );
    }

    #[test]
    fn headers_of_an_unknown_home_tenant_and_user_are_removed_from_the_request() {
        let response = read((None, None), NOW);
        let (set_headers, removed) = headers(&response);
        assert_eq!(set_headers.len(), 2);
        assert_eq!(removed, [HOME_TENANT, USER]);
        let empty = |name: &str| (name.to_owned(), Kind::StringValue(String::new()));
        let max_age = ("max_age".to_owned(), Kind::NumberValue(0.0));
        for fact in [empty("home_tenant"), empty("user"), max_age] {
            assert!(facts(&response).contains(&fact));
        }
    }
}
