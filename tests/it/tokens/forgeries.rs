//! Tokens that must be refused, each with the reason.

mod library_cases;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crosstrust::identity::{
    Algorithm, Excerpt, IssuerIndex, JsonError, JsonFault, Preset, TokenError, TokenPart,
};
use crosstrust::time::Timestamp;
use serde_json::{Value, json};

use crate::support::tokens::{NOW, Signer, claims, encode, issuer, with, with_keys};

const ISS: &str = "https://idp.example";

const BAD_SIGNATURE: TokenError = TokenError::BadSignature {
    issuer: IssuerIndex(0),
};

type Case = (&'static str, String, TokenError);

/// Signs with these additional header members; null removes a member.
fn with_header(signer: &Signer, members: Value) -> String {
    let header = with(signer.header(), members);
    signer.sign_text(header.to_string(), claims(ISS).to_string())
}

fn claiming(signer: &Signer, members: Value) -> String {
    signer.sign(&with(claims(ISS), members))
}

/// A token whose payload has this text in place of its last brace.
fn payload_ending(signer: &Signer, end: &str) -> String {
    let payload = claims(ISS).to_string();
    let open = payload.strip_suffix('}').unwrap();
    signer.sign_text(signer.header().to_string(), format!("{open}{end}"))
}

fn header_ending(signer: &Signer, end: &str) -> String {
    let header = signer.header().to_string();
    let open = header.strip_suffix('}').unwrap();
    signer.sign_text(format!("{open}{end}"), claims(ISS).to_string())
}

/// The token with a different signature.
fn signed_as(token: &str, signature: &str) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{signature}")
}

fn hmac_with_public_key(signer: &Signer) -> String {
    let header = with(signer.header(), json!({ "alg": "HS256" }));
    let signed = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims(ISS).to_string())
    );
    let jwk = signer.jwk();
    let point = [&[4], &*decoded(&jwk["x"]), &*decoded(&jwk["y"])].concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(point)
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, pem.as_bytes());
    let signature = encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref());
    format!("{signed}.{signature}")
}

fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// A JSON fault in a part of the token; the position is not compared.
fn json_of(part: TokenPart, fault: JsonFault) -> TokenError {
    let fault = JsonError::At {
        line: 0,
        column: 0,
        fault,
    };
    TokenError::NotJson { part, fault }
}

fn without_position(error: TokenError) -> TokenError {
    match error {
        TokenError::NotJson {
            part,
            fault: JsonError::At { fault, .. },
        } => json_of(part, fault),
        other => other,
    }
}

fn check(signer: &Signer, cases: Vec<Case>) {
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[signer])]);
    assert!(identity.verify_now(&signer.sign(&claims(ISS))).is_ok());
    for (name, token, expected) in cases {
        let found = identity.verify_now(&token).map_err(without_position);
        assert_eq!(found.err(), Some(expected), "{name}");
    }
}

#[test]
fn other_invalid_tokens_are_refused_each_for_its_own_reason() {
    let signer = Signer::new(Algorithm::Es256, "key-1");
    let s = &signer;
    let good = s.sign(&claims(ISS));
    let other = Signer::new(Algorithm::Es256, "key-1");
    let cases = vec![
        ("empty", String::new(), TokenError::NotThreeParts),
        (
            "two parts",
            good.rsplit_once('.').unwrap().0.to_owned(),
            TokenError::NotThreeParts,
        ),
        (
            "standard base64",
            format!("e+0.{}", good.split_once('.').unwrap().1),
            TokenError::NotBase64(TokenPart::Header),
        ),
        (
            "a trailing space",
            format!("{good} "),
            TokenError::NotBase64(TokenPart::Signature),
        ),
        (
            "a header of 9 KiB",
            with_header(s, json!({ "x": "x".repeat(9 << 10) })),
            TokenError::HeaderTooLong {
                bytes: with(s.header(), json!({ "x": "x".repeat(9 << 10) }))
                    .to_string()
                    .len(),
                most: 8 << 10,
            },
        ),
        (
            "a header that is a list",
            s.sign_text("[]", claims(ISS).to_string()),
            TokenError::NotJson {
                part: TokenPart::Header,
                fault: JsonError::NotAnObject,
            },
        ),
        (
            "zip",
            with_header(s, json!({ "zip": "DEF" })),
            TokenError::ForbiddenHeader("zip"),
        ),
        (
            "enc",
            with_header(s, json!({ "enc": "A256GCM" })),
            TokenError::ForbiddenHeader("enc"),
        ),
        (
            "cty",
            with_header(s, json!({ "cty": "JWT" })),
            TokenError::ForbiddenHeader("cty"),
        ),
        (
            "no alg",
            with_header(s, json!({ "alg": null })),
            TokenError::UnknownAlgorithm,
        ),
        (
            "an alg in lower case",
            with_header(s, json!({ "alg": "es256" })),
            TokenError::UnknownAlgorithm,
        ),
        (
            "typ is a number",
            with_header(s, json!({ "typ": 1 })),
            TokenError::HeaderNotText("typ"),
        ),
        (
            "no kid",
            with_header(s, json!({ "kid": null })),
            TokenError::NoKeyId,
        ),
        (
            "an empty kid",
            with_header(s, json!({ "kid": "" })),
            TokenError::NoKeyId,
        ),
        (
            "a kid of 1025 bytes",
            with_header(s, json!({ "kid": "k".repeat(1025) })),
            TokenError::NoKeyId,
        ),
        (
            "an algorithm other than the key's",
            with_header(s, json!({ "alg": "RS256" })),
            TokenError::KeyDoesNotFit {
                issuer: IssuerIndex(0),
                algorithm: Algorithm::Rs256,
            },
        ),
        (
            "another key with the same id",
            other.sign(&claims(ISS)),
            BAD_SIGNATURE,
        ),
        (
            "an unknown issuer",
            s.sign(&claims("https://idp.example/")),
            TokenError::UnknownIssuer(Excerpt::of("https://idp.example/")),
        ),
        (
            "no exp",
            claiming(s, json!({ "exp": null })),
            TokenError::Missing("exp"),
        ),
        (
            "no iat",
            claiming(s, json!({ "iat": null })),
            TokenError::Missing("iat"),
        ),
        (
            "exp is a string",
            claiming(s, json!({ "exp": (NOW + 60).to_string() })),
            TokenError::NotATime("exp"),
        ),
        (
            "exp is a list",
            claiming(s, json!({ "exp": [NOW + 60] })),
            TokenError::NotATime("exp"),
        ),
        (
            "iat before 1970",
            claiming(s, json!({ "iat": -1 })),
            TokenError::TimeOutOfRange("iat"),
        ),
        (
            "nbf in the year 10000",
            claiming(s, json!({ "nbf": 253_402_300_800_i64 })),
            TokenError::TimeOutOfRange("nbf"),
        ),
        (
            "auth_time in the year 10000",
            claiming(s, json!({ "auth_time": 253_402_300_800_i64 })),
            TokenError::TimeOutOfRange("auth_time"),
        ),
        (
            "expires now",
            claiming(s, json!({ "exp": NOW })),
            TokenError::Expired(Timestamp::from_seconds(NOW)),
        ),
        (
            "a second more than 28 hours",
            claiming(s, json!({ "iat": NOW - 1, "exp": NOW + 100_800 })),
            TokenError::LivesTooLong {
                seconds: 100_801,
                most: 100_800,
            },
        ),
        (
            "no audience",
            claiming(s, json!({ "aud": [] })),
            TokenError::BadAudience,
        ),
        (
            "nine audiences",
            claiming(s, json!({ "aud": vec!["api://wiki"; 9] })),
            TokenError::BadAudience,
        ),
        (
            "an audience that is not a string",
            claiming(s, json!({ "aud": ["api://wiki", 1] })),
            TokenError::BadAudience,
        ),
        (
            "an audience in another case",
            claiming(s, json!({ "aud": "api://Wiki" })),
            TokenError::OtherAudience,
        ),
        (
            "a sid with a line break",
            claiming(s, json!({ "sid": "a\nb" })),
            TokenError::BadText(Excerpt::of("sid")),
        ),
        (
            "a sid of 1025 bytes",
            claiming(s, json!({ "sid": "s".repeat(1025) })),
            TokenError::BadText(Excerpt::of("sid")),
        ),
    ];
    check(s, cases);
}

#[test]
fn unusual_but_valid_tokens_are_accepted() {
    let signer = Signer::new(Algorithm::Es256, "key-1");
    let s = &signer;
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[s])]);
    for (name, token) in [
        ("no typ", with_header(s, json!({ "typ": null }))),
        (
            "typ in another case",
            with_header(s, json!({ "typ": "jwt" })),
        ),
        (
            "typ with application/",
            with_header(s, json!({ "typ": "application/AT+JWT" })),
        ),
        (
            "thumbprints and a nonce",
            with_header(s, json!({ "x5t": "a", "x5t#S256": "b", "nonce": "c" })),
        ),
        ("no nbf", claiming(s, json!({ "nbf": null }))),
        (
            "nbf in five minutes",
            claiming(s, json!({ "nbf": NOW + 300 })),
        ),
        (
            "28 hours",
            claiming(s, json!({ "iat": NOW, "exp": NOW + 100_800 })),
        ),
        (
            "eight audiences, one of them ours",
            claiming(
                s,
                json!({ "aud": ["a", "b", "c", "d", "e", "f", "g", "api://wiki"] }),
            ),
        ),
    ] {
        let verified = identity.verify_now(&token);
        assert_eq!(
            verified.map(|verified| verified.audiences.clone()),
            Ok(vec!["api://wiki".to_owned()]),
            "{name}"
        );
    }
}

/// RFC 7519 §2: a NumericDate may have a fraction. Each is rounded to the stricter side.
#[test]
fn a_time_with_a_fraction_is_rounded_to_the_stricter_side() {
    let signer = Signer::new(Algorithm::Es256, "key-1");
    let s = &signer;
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[s])]);
    let at = |seconds: i64, fraction: f64| json!(seconds as f64 + fraction);
    let second = Timestamp::from_seconds;
    let times = json!({
        "iat": at(NOW - 60, 0.75), "nbf": at(NOW - 60, 0.5), "exp": at(NOW + 60, 0.75),
        "auth_time": at(NOW - 100, 0.75),
    });
    let payload = with(claims(ISS), times.clone());
    let verified = identity.verify_now(&s.sign(&payload)).unwrap();
    let from_claims = identity
        .check_claims(payload.as_object().unwrap().clone())
        .unwrap();
    for claims in [&verified.claims, &from_claims.claims] {
        assert_eq!(claims.expires_at, second(NOW + 60));
        assert_eq!(claims.issued_at, Some(second(NOW - 60)));
        assert_eq!(claims.auth_time, Some(second(NOW - 100)));
    }
    // A double without a fraction is an exact second.
    let without_fraction = claiming(s, json!({ "exp": at(NOW + 60, 0.0), "nbf": 0.0 }));
    let verified = identity.verify_now(&without_fraction).unwrap();
    assert_eq!(verified.claims.expires_at, second(NOW + 60));

    let skew = 300;
    let out_of_range = |name| Some(TokenError::TimeOutOfRange(name));
    let too_long = Some(TokenError::LivesTooLong {
        seconds: 100_801,
        most: 100_800,
    });
    for (members, expected) in [
        (
            json!({ "exp": at(NOW, 0.999) }),
            Some(TokenError::Expired(second(NOW))),
        ),
        (json!({ "exp": at(NOW + 1, 0.001) }), None),
        (
            json!({ "nbf": at(NOW + skew, 0.001) }),
            Some(TokenError::NotYetValid(second(NOW + skew + 1))),
        ),
        (json!({ "nbf": at(NOW + skew - 1, 0.999) }), None),
        (
            json!({ "iat": at(NOW + skew, 0.001) }),
            Some(TokenError::NotYetValid(second(NOW + skew + 1))),
        ),
        (json!({ "iat": at(NOW + skew - 1, 0.999) }), None),
        (
            json!({ "iat": NOW, "exp": at(NOW + 100_800, 0.001) }),
            too_long.clone(),
        ),
        (
            json!({ "iat": at(NOW - 1, 0.999), "exp": NOW + 100_800 }),
            too_long,
        ),
        (json!({ "iat": -0.5 }), out_of_range("iat")),
        (json!({ "nbf": -1e300 }), out_of_range("nbf")),
        (json!({ "exp": 1e300 }), out_of_range("exp")),
        (json!({ "nbf": 253_402_300_799.5 }), out_of_range("nbf")),
        (json!({ "auth_time": -0.1 }), out_of_range("auth_time")),
        (
            json!({ "exp": "1800000060.5" }),
            Some(TokenError::NotATime("exp")),
        ),
    ] {
        let found = identity.verify_now(&claiming(s, members.clone())).err();
        assert_eq!(found, expected, "{members}");
    }
    // These are not JSON numbers, so the payload is not JSON.
    for word in ["NaN", "Infinity", "1e999", "-1e999"] {
        let token = payload_ending(s, &format!(",\"auth_time\":{word}}}"));
        let found = identity.verify_now(&token).map_err(without_position);
        assert_eq!(
            found.err(),
            Some(json_of(TokenPart::Payload, JsonFault::Syntax))
        );
    }
}

#[test]
fn each_algorithm_verifies_only_its_own_signatures() {
    let signers = Algorithm::ALL.map(|one| Signer::new(one, one.name()));
    let all: Vec<&Signer> = signers.iter().collect();
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &all)]);
    for signer in &signers {
        let token = signer.sign(&claims(ISS));
        assert!(identity.verify_now(&token).is_ok(), "{}", signer.kid);
        for other in &signers {
            if other.kid != signer.kid {
                let header = with(signer.header(), json!({ "kid": other.kid }));
                let token = signer.sign_text(header.to_string(), claims(ISS).to_string());
                assert!(identity.verify_now(&token).is_err());
            }
        }
    }
}

#[test]
fn a_token_with_a_flipped_bit_is_refused() {
    let signer = Signer::new(Algorithm::Es256, "key-1");
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
    let good = signer.sign(&claims(ISS)).into_bytes();
    for at in 0..good.len() {
        for bit in [1, 2, 32] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            if let Ok(token) = String::from_utf8(bad) {
                assert!(identity.verify_now(&token).is_err(), "{at} {bit}");
            }
        }
    }
}

#[test]
fn an_algorithm_that_the_issuer_does_not_allow_is_refused_even_if_the_key_supports_it() {
    let signer = Signer::new(Algorithm::Es256, "key-1");
    let mut issuer = issuer(ISS, Preset::EntraV2);
    issuer.algorithms = vec![Algorithm::Rs256];
    let (identity, _, _) = with_keys(vec![(issuer, &[&signer])]);
    let found = identity.verify_now(&signer.sign(&claims(ISS)));
    assert_eq!(
        found.err(),
        Some(TokenError::AlgorithmNotAllowed(Algorithm::Es256))
    );
}

#[test]
fn an_error_contains_only_short_names_of_a_token() {
    let signer = Signer::new(Algorithm::Es256, "key-1");
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
    let secret = "s3cr3t".repeat(100);
    for token in [
        signer.sign(&claims(&secret)),
        claiming(&signer, json!({ "aud": secret })),
        claiming(&signer, json!({ "sid": secret.repeat(3) })),
        signer.sign_text(secret.as_str(), secret.as_str()),
        with_header(&signer, json!({ "typ": secret })),
    ] {
        let error = identity.verify_now(&token).unwrap_err();
        assert!(error.to_string().len() < 300, "{error}");
        assert!(!error.to_string().contains(&token[..40]), "{error}");
    }
}

#[test]
fn a_valid_token_of_another_kind_is_not_an_access_token() {
    let signer = Signer::new(Algorithm::EdDsa, "key-1");
    let usual = issuer(ISS, Preset::EntraV2);
    let (identity, _, _) = with_keys(vec![(usual, &[&signer])]);
    for (members, claim) in [
        (json!({ "at_hash": "x" }), "at_hash"),
        (json!({ "c_hash": "x" }), "c_hash"),
        (json!({ "typ": "ID" }), "typ"),
        (json!({ "typ": "Refresh" }), "typ"),
        (json!({ "cnf": { "jkt": "x" } }), "cnf"),
    ] {
        let token = claiming(&signer, members);
        let refused = identity.verify_now(&token).unwrap_err();
        assert_eq!(refused, TokenError::NotAnAccessToken(claim));
    }
    // The `typ` of Keycloak's access tokens.
    assert!(
        identity
            .verify_now(&claiming(&signer, json!({ "typ": "Bearer" })))
            .is_ok()
    );
}
