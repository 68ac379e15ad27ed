//! The cases with which the underlying library was tested, including those that it accepts.

use super::*;

#[test]
fn all_33_library_test_cases_are_refused_each_for_its_own_reason() {
    let signer = Signer::new(Algorithm::Es256, "key-1");
    let s = &signer;
    let good = s.sign(&claims(ISS));
    let twice = |part| json_of(part, JsonFault::DuplicateName);
    let syntax = |part| json_of(part, JsonFault::Syntax);
    let signature = good.rsplit_once('.').unwrap().1.to_owned();
    let cases = vec![
        (
            "1 alg none",
            with_header(s, json!({ "alg": "none" })),
            TokenError::UnknownAlgorithm,
        ),
        (
            "2 alg nOnE",
            with_header(s, json!({ "alg": "nOnE" })),
            TokenError::UnknownAlgorithm,
        ),
        (
            "3 HS256 keyed with the public key",
            hmac_with_public_key(s),
            TokenError::UnknownAlgorithm,
        ),
        (
            "4 empty signature",
            signed_as(&good, ""),
            TokenError::NotBase64(TokenPart::Signature),
        ),
        (
            "5 zero r and s",
            signed_as(&good, &encode([0; 64])),
            BAD_SIGNATURE,
        ),
        (
            "6 padded signature",
            signed_as(&good, &format!("{signature}==")),
            TokenError::NotBase64(TokenPart::Signature),
        ),
        (
            "7 five parts",
            format!("{good}.e30.e30"),
            TokenError::NotThreeParts,
        ),
        (
            "8 more JSON behind the payload",
            payload_ending(s, "}{}"),
            syntax(TokenPart::Payload),
        ),
        (
            "9 byte order mark",
            s.sign_text(s.header().to_string(), format!("\u{feff}{}", claims(ISS))),
            syntax(TokenPart::Payload),
        ),
        (
            "10 exp twice",
            payload_ending(s, &format!(",\"exp\":{}}}", NOW + 9)),
            twice(TokenPart::Payload),
        ),
        (
            "11 iss twice",
            payload_ending(s, ",\"iss\":\"https://evil.example\"}"),
            twice(TokenPart::Payload),
        ),
        (
            "12 alg twice",
            header_ending(s, ",\"alg\":\"none\"}"),
            twice(TokenPart::Header),
        ),
        (
            "13 kid twice",
            header_ending(s, ",\"kid\":\"key-2\"}"),
            twice(TokenPart::Header),
        ),
        (
            "14 no iss",
            claiming(s, json!({ "iss": null })),
            TokenError::NoIssuer,
        ),
        (
            "15 iss is an object",
            claiming(s, json!({ "iss": { "iss": ISS } })),
            TokenError::NoIssuer,
        ),
        (
            "16 no aud",
            claiming(s, json!({ "aud": null })),
            TokenError::Missing("aud"),
        ),
        (
            "17 aud is a number",
            claiming(s, json!({ "aud": 7 })),
            TokenError::BadAudience,
        ),
        (
            "18 nbf in an hour",
            claiming(s, json!({ "nbf": NOW + 3600 })),
            TokenError::NotYetValid(Timestamp::from_seconds(NOW + 3600)),
        ),
        (
            "19 expired 45 s ago",
            claiming(s, json!({ "exp": NOW - 45 })),
            TokenError::Expired(Timestamp::from_seconds(NOW - 45)),
        ),
        (
            "20 iss is a list",
            claiming(s, json!({ "iss": ["https://evil.example", ISS] })),
            TokenError::NoIssuer,
        ),
        (
            "21 exp 1e18",
            s.sign_text(
                s.header().to_string(),
                claims(ISS)
                    .to_string()
                    .replace(&(NOW + 3600).to_string(), "1e18"),
            ),
            TokenError::TimeOutOfRange("exp"),
        ),
        (
            "22 exp u64::MAX",
            claiming(s, json!({ "exp": u64::MAX })),
            TokenError::TimeOutOfRange("exp"),
        ),
        (
            "23 crit",
            with_header(s, json!({ "crit": ["exp"] })),
            TokenError::ForbiddenHeader("crit"),
        ),
        (
            "24 b64 false",
            with_header(s, json!({ "b64": false })),
            TokenError::ForbiddenHeader("b64"),
        ),
        (
            "25 typ dpop+jwt",
            with_header(s, json!({ "typ": "dpop+jwt" })),
            TokenError::Type(Excerpt::of("dpop+jwt")),
        ),
        (
            "26 jku",
            with_header(s, json!({ "jku": "https://evil.example/keys" })),
            TokenError::ForbiddenHeader("jku"),
        ),
        (
            "27 x5u",
            with_header(s, json!({ "x5u": "https://evil.example/cert" })),
            TokenError::ForbiddenHeader("x5u"),
        ),
        (
            "28 jwk",
            with_header(s, json!({ "jwk": s.jwk() })),
            TokenError::ForbiddenHeader("jwk"),
        ),
        (
            "29 x5c",
            with_header(s, json!({ "x5c": ["MIIB"] })),
            TokenError::ForbiddenHeader("x5c"),
        ),
        (
            "30 kid is a path",
            with_header(s, json!({ "kid": "../../key-1" })),
            TokenError::UnknownKey {
                issuer: IssuerIndex(0),
                kid: Excerpt::of("../../key-1"),
            },
        ),
        (
            "31 tid twice",
            payload_ending(s, ",\"tid\":\"22222222-2222-4222-8222-222222222222\"}"),
            twice(TokenPart::Payload),
        ),
        (
            "32 groups twice",
            payload_ending(s, ",\"groups\":[],\"groups\":[]}"),
            twice(TokenPart::Payload),
        ),
        (
            "33 a claim of 1 MiB",
            "x".repeat(1 << 20),
            TokenError::TooLong {
                bytes: 1 << 20,
                most: 16 << 10,
            },
        ),
    ];
    assert_eq!(cases.len(), 33);
    check(s, cases);
}
