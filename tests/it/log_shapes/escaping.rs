//! Values from callers and administrators are always escaped as text.

use crosstrust::log::json;
use serde_json::{Value, json as value};

use super::{HOSTILE, event_of, is_terminal_control, read, request};
use crate::support::random::Rng;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl-_x";

#[test]
fn every_text_round_trips_on_one_line() {
    let mut rng = Rng::new(7);
    for _ in 0..2_000 {
        let length = rng.below(200);
        let text: String = (0..length)
            .map(|_| match rng.below(3) {
                0 => char::from(rng.below(256) as u8),
                1 => char::from_u32(0x2000 + rng.below(0x80) as u32).unwrap(),
                _ => char::from_u32(rng.below(0x11_0000) as u32).unwrap_or('\u{feff}'),
            })
            .collect();
        let body = json::body(|object| object.text("a", &text));
        assert_eq!(read(&body), value!({"a": text}));
    }
}

#[test]
fn a_request_id_cannot_end_a_record_or_begin_another() {
    let mut attempt = request();
    attempt.request_id = HOSTILE.to_owned();
    attempt.claims.session_id = Some(HOSTILE.to_owned());
    let event = event_of(&attempt);
    assert_eq!(event["crosstrust"]["requestId"], HOSTILE);
    assert_eq!(event["sessionId"], HOSTILE);
    let policies = &event["appliedConditionalAccessPolicies"];
    assert_eq!(policies[0]["displayName"], HOSTILE);
}

#[test]
fn long_texts_are_truncated_and_marked() {
    let exact = "ä".repeat(1024);
    let body = json::body(|object| object.text("a", &exact));
    assert_eq!(read(&body), value!({"a": exact}));
    let body = json::body(|object| object.text("a", &format!("{exact}ä")));
    assert_eq!(
        read(&body),
        value!({"a": format!("{exact}…"), "truncated": true})
    );
    // Six bytes each when escaped, so fewer fit.
    let body = json::body(|object| object.text("a", &"\u{1b}".repeat(1000)));
    assert!(body.len() < 2200);
    assert_eq!(read(&body)["truncated"], true);
}

#[test]
fn lists_end_at_the_record_limit_and_later_members_are_present() {
    let body = json::body(|object| {
        object.objects("list", 0..100_000, |object, _| object.text("name", HOSTILE));
        object.text("after", "there");
    });
    let event = read(&body);
    assert_eq!(event["after"], "there");
    assert_eq!(event["truncated"], true);
    let names = event["list"].as_array().unwrap();
    assert!(names.len() > 100 && names.iter().all(|one| one["name"] == HOSTILE));
}

#[test]
fn an_item_whose_own_list_fills_the_record_is_retained() {
    for length in 1..400 {
        let filler = "x".repeat(length);
        let body = json::body(|object| {
            object.objects("outer", 0..1, |object, _| {
                object.objects("inner", 0..1_000, |object, _| object.text("a", &filler));
            });
        });
        let inner = read(&body)["outer"][0]["inner"].clone();
        assert!(
            inner.as_array().is_some_and(|list| list.len() > 50),
            "{length}"
        );
    }
}

#[test]
fn the_largest_sign_in_fits_in_a_record() {
    let mut attempt = request();
    let long = "\u{1b}".repeat(100_000);
    attempt.request_id = long.clone();
    attempt.claims.session_id = Some(long.clone());
    attempt.claims.device_id = Some(long);
    assert_eq!(event_of(&attempt)["truncated"], true);
}

#[test]
fn values_that_look_like_tokens_are_redacted_everywhere() {
    let mut attempt = request();
    attempt.request_id = format!("Bearer {TOKEN}, and more");
    attempt.claims.session_id = Some(TOKEN.to_owned());
    attempt.claims.device_id = Some(format!("x{TOKEN}"));
    let event = event_of(&attempt);
    assert_eq!(event["crosstrust"]["requestId"], "Bearer [token], and more");
    assert_eq!(event["sessionId"], "[token]");
    assert!(!event.to_string().contains("eyJ"), "{event}");
    let (text, _) = json::text_of(&value!({"a": [TOKEN]}));
    assert_eq!(text, r#"{"a":["[token]"]}"#);
    // A value that only begins like a token is an ordinary name.
    let body = json::body(|object| object.text("a", "heyJude.is"));
    assert_eq!(read(&body), value!({"a": "heyJude.is"}));
}

#[test]
fn terminal_output_contains_no_control_sequences() {
    let shown = json::visible(HOSTILE);
    assert!(!shown.contains(is_terminal_control), "{shown:?}");
    assert!(shown.contains(r"\u001b[31m\u000d\u000a\u202e"), "{shown}");
    assert_eq!(json::visible("Contoso – Größe"), "Contoso – Größe");
}

#[test]
fn a_json_line_equals_its_value() {
    let value: Value = value!({"a": [1, 2.5, null, true, HOSTILE], "b": {"c": ""}, HOSTILE: 1});
    let line = json::line(&value);
    assert!(!line.contains(is_terminal_control));
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
}
