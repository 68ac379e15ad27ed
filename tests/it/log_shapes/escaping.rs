//! Nothing that a caller or an administrator wrote leaves a record but as text.

use crosstrust::log::json;
use serde_json::{Value, json as value};

use super::{HOSTILE, acts, event_of, read, request};
use crate::support::random::Rng;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl-_x";

#[test]
fn every_text_comes_back_as_it_was_and_stands_on_one_line() {
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
    let mut asked = request();
    asked.request_id = HOSTILE.to_owned();
    asked.claims.session_id = Some(HOSTILE.to_owned());
    let event = event_of(&asked);
    assert_eq!(event["crosstrust"]["requestId"], HOSTILE);
    assert_eq!(event["sessionId"], HOSTILE);
    let policies = &event["appliedConditionalAccessPolicies"];
    assert_eq!(policies[0]["displayName"], HOSTILE);
}

#[test]
fn long_texts_are_cut_and_the_record_says_so() {
    let exact = "ä".repeat(1024);
    let body = json::body(|object| object.text("a", &exact));
    assert_eq!(read(&body), value!({"a": exact}));
    let body = json::body(|object| object.text("a", &format!("{exact}ä")));
    assert_eq!(
        read(&body),
        value!({"a": format!("{exact}…"), "truncated": true})
    );
    // Six bytes each: fewer of them.
    let body = json::body(|object| object.text("a", &"\u{1b}".repeat(1000)));
    assert!(body.len() < 2200);
    assert_eq!(read(&body)["truncated"], true);
}

#[test]
fn lists_end_where_the_record_is_full_and_what_follows_them_is_there() {
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
fn an_item_whose_own_list_fills_the_record_stays_wherever_that_ends() {
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
    let mut asked = request();
    let long = "\u{1b}".repeat(100_000);
    asked.request_id = long.clone();
    asked.claims.session_id = Some(long.clone());
    asked.claims.device_id = Some(long);
    assert_eq!(event_of(&asked)["truncated"], true);
}

#[test]
fn what_looks_like_a_token_is_not_kept_wherever_it_stands() {
    let mut asked = request();
    asked.request_id = format!("Bearer {TOKEN}, and more");
    asked.claims.session_id = Some(TOKEN.to_owned());
    asked.claims.device_id = Some(format!("x{TOKEN}"));
    let event = event_of(&asked);
    assert_eq!(event["crosstrust"]["requestId"], "Bearer [token], and more");
    assert_eq!(event["sessionId"], "[token]");
    assert!(!event.to_string().contains("eyJ"), "{event}");
    let (text, _) = json::text_of(&value!({"a": [TOKEN]}));
    assert_eq!(text, r#"{"a":["[token]"]}"#);
    // What only begins like one is somebody's name for something.
    let body = json::body(|object| object.text("a", "heyJude.is"));
    assert_eq!(read(&body), value!({"a": "heyJude.is"}));
}

#[test]
fn what_a_terminal_is_shown_cannot_act_on_it() {
    let shown = json::visible(HOSTILE);
    assert!(!shown.contains(acts), "{shown:?}");
    assert!(shown.contains(r"\u001b[31m\u000d\u000a\u202e"), "{shown}");
    assert_eq!(json::visible("Contoso – Größe"), "Contoso – Größe");
}

#[test]
fn a_line_of_json_says_what_the_value_says() {
    let value: Value = value!({"a": [1, 2.5, null, true, HOSTILE], "b": {"c": ""}, HOSTILE: 1});
    let line = json::line(&value);
    assert!(!line.contains(acts));
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
}
