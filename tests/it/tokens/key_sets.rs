//! Key sets: what is refused as a whole, what is skipped, and what makes two of them the same.

use crosstrust::identity::{
    Algorithm, JsonError, KeyFault, KeySet, KeySetError, WhySkipped, Wrong,
};
use serde_json::{Value, json};

use crate::support::tokens::{Signer, encode, key_set, with};

fn parse(keys: Value) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn rsa(bits: usize) -> Value {
    let mut modulus = vec![0xff; bits / 8];
    modulus[0] = 0x80;
    json!({ "kty": "RSA", "kid": "rsa", "n": encode(modulus), "e": "AQAB" })
}

fn ec() -> Value {
    Signer::new(Algorithm::Es256, "ec").jwk()
}

#[test]
fn one_key_that_must_not_be_there_refuses_the_whole_set() {
    let other = with(ec(), json!({ "kid": "other" }));
    let secret = json!({ "kty": "oct", "k": "AAAA", "kid": "a" });
    let mut cases = vec![
        (secret, KeyFault::SharedSecret),
        (json!({ "kty": "oct" }), KeyFault::SharedSecret),
        (json!("key"), KeyFault::NotAnObject),
        (other.clone(), KeyFault::SameId),
        // One that would be skipped takes the id all the same.
        (
            with(other.clone(), json!({ "use": "enc" })),
            KeyFault::SameId,
        ),
        (with(ec(), json!({ "kid": 7 })), KeyFault::Malformed("kid")),
        (
            with(ec(), json!({ "use": ["sig"] })),
            KeyFault::Malformed("use"),
        ),
        (
            with(ec(), json!({ "key_ops": "verify" })),
            KeyFault::Malformed("key_ops"),
        ),
        (
            with(ec(), json!({ "kty": null })),
            KeyFault::Malformed("kty"),
        ),
        (with(ec(), json!({ "x": null })), KeyFault::Malformed("x")),
        (with(ec(), json!({ "y": "AAAA" })), KeyFault::Malformed("y")),
        (with(ec(), json!({ "x": "a+b/" })), KeyFault::Malformed("x")),
        (
            with(rsa(2048), json!({ "e": "AQ" })),
            KeyFault::Malformed("e"),
        ),
        (
            with(rsa(2048), json!({ "e": "AQAA" })),
            KeyFault::Malformed("e"),
        ),
        (
            with(rsa(2048), json!({ "e": "AAAAAAAAAAM" })),
            KeyFault::Malformed("e"),
        ),
        (
            with(rsa(2048), json!({ "n": "" })),
            KeyFault::Malformed("n"),
        ),
        (
            with(ec(), json!({ "issuer": 7 })),
            KeyFault::Malformed("issuer"),
        ),
        (
            with(ec(), json!({ "issuer": "i".repeat(1025) })),
            KeyFault::Malformed("issuer"),
        ),
    ];
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        // Also in a key that would be skipped.
        let key = with(ec(), json!({ name: "AAAA", "use": "enc" }));
        cases.push((key, KeyFault::Private(name)));
    }
    for (key, fault) in cases {
        let found = parse(json!([other, key])).err();
        assert_eq!(found, Some(KeySetError::Key { index: 1, fault }), "{key}");
    }
}

#[test]
fn a_key_that_is_of_no_use_here_is_skipped_and_told() {
    let cases = [
        (with(ec(), json!({ "use": "enc" })), WhySkipped::OtherUse),
        (
            with(ec(), json!({ "key_ops": ["sign"] })),
            WhySkipped::OtherUse,
        ),
        (with(ec(), json!({ "crv": "P-384" })), WhySkipped::OtherKind),
        (
            with(ec(), json!({ "crv": "secp256k1" })),
            WhySkipped::OtherKind,
        ),
        (
            with(ec(), json!({ "kty": "OKP", "crv": "X25519" })),
            WhySkipped::OtherKind,
        ),
        (with(ec(), json!({ "kty": "AKP" })), WhySkipped::OtherKind),
        (
            with(ec(), json!({ "alg": "ES384" })),
            WhySkipped::OtherAlgorithm,
        ),
        (
            with(ec(), json!({ "alg": "RS256" })),
            WhySkipped::OtherAlgorithm,
        ),
        (
            with(ec(), json!({ "alg": "HS256" })),
            WhySkipped::OtherAlgorithm,
        ),
        (
            with(rsa(2048), json!({ "alg": "RSA-OAEP" })),
            WhySkipped::OtherAlgorithm,
        ),
        (rsa(1024), WhySkipped::Size),
        (rsa(2040), WhySkipped::Size),
        (rsa(8200), WhySkipped::Size),
        (with(ec(), json!({ "kid": null })), WhySkipped::NoId),
        (with(ec(), json!({ "kid": "" })), WhySkipped::NoId),
        (with(ec(), json!({ "kid": "a/b" })), WhySkipped::NoId),
        (
            with(ec(), json!({ "kid": "k".repeat(129) })),
            WhySkipped::NoId,
        ),
    ];
    for (key, why) in cases {
        let set = parse(json!([with(ec(), json!({ "kid": "good" })), key])).unwrap();
        let skipped: Vec<_> = set
            .skipped()
            .iter()
            .map(|one| (one.index, one.why))
            .collect();
        assert_eq!(skipped, [(1, why)], "{key}");
        assert_eq!(set.kids().collect::<Vec<_>>(), ["good"]);
    }
}

#[test]
fn keys_verify_what_their_alg_says_or_else_what_their_kind_can() {
    let fitting = |key: Value| {
        let set = parse(json!([key])).unwrap();
        let key = set.get(set.kids().next().unwrap()).unwrap();
        let fits = Algorithm::ALL.into_iter().filter(|one| key.fits(*one));
        fits.collect::<Vec<_>>()
    };
    assert_eq!(fitting(rsa(2048)), [Algorithm::Rs256, Algorithm::Ps256]);
    assert_eq!(fitting(rsa(8192)), [Algorithm::Rs256, Algorithm::Ps256]);
    assert_eq!(
        fitting(with(rsa(2048), json!({ "alg": "PS256" }))),
        [Algorithm::Ps256]
    );
    assert_eq!(fitting(ec()), [Algorithm::Es256]);
    let ops = json!({ "key_ops": ["verify"], "kid": "k".repeat(128) });
    assert_eq!(fitting(with(ec(), ops)), [Algorithm::Es256]);
    let ed = Signer::new(Algorithm::EdDsa, "ed").jwk();
    assert_eq!(fitting(ed), [Algorithm::EdDsa]);
}

#[test]
fn what_is_no_key_set_is_refused() {
    let error = |text: &str| KeySet::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error("[]"), KeySetError::Json(JsonError::NotAnObject));
    assert_eq!(error("{}"), KeySetError::NoKeys);
    assert_eq!(error(r#"{"keys":{}}"#), KeySetError::NoKeys);
    for (text, wrong) in [
        (r#"{"keys":[],"keys":[]}"#, Wrong::Twice),
        (r#"{"keys":[{"kid":"a","kid":"b"}]}"#, Wrong::Twice),
        (r#"{"keys":[]} {}"#, Wrong::Syntax),
        ("<html>", Wrong::Syntax),
    ] {
        let found = error(text);
        let is_that =
            matches!(&found, KeySetError::Json(JsonError::At { what, .. }) if *what == wrong);
        assert!(is_that, "{text}: {found}");
    }
    let keys = |count: usize| vec![json!({ "kty": "X" }); count];
    assert_eq!(parse(json!(keys(64))).unwrap().skipped().len(), 64);
    let found = parse(json!(keys(65))).err();
    assert_eq!(found, Some(KeySetError::TooManyKeys { found: 65 }));
    let long = |bytes: usize| format!("{{\"keys\":[]{}}}", " ".repeat(bytes - 11));
    assert!(
        KeySet::parse(long(256 << 10).as_bytes())
            .unwrap()
            .is_empty()
    );
    let bytes = (256 << 10) + 1;
    assert_eq!(error(&long(bytes)), KeySetError::TooLarge { bytes });
}

#[test]
fn two_sets_are_the_same_if_they_verify_the_same_however_they_are_written() {
    let (one, two) = (
        Signer::new(Algorithm::Es256, "one"),
        Signer::new(Algorithm::EdDsa, "two"),
    );
    let set = key_set(&[&one, &two]);
    let same = [
        json!([two.jwk(), one.jwk()]),
        json!([
            with(one.jwk(), json!({ "x5c": ["MIIB"], "use": null })),
            two.jwk()
        ]),
        json!([with(one.jwk(), json!({ "alg": "ES256" })), two.jwk(), { "kty": "X" }]),
    ];
    for keys in same {
        assert_eq!(parse(keys).unwrap().digest(), set.digest());
    }
    let different = [
        json!([one.jwk()]),
        json!([one.jwk(), with(two.jwk(), json!({ "kid": "three" }))]),
        json!([one.jwk(), Signer::new(Algorithm::EdDsa, "two").jwk()]),
        json!([with(one.jwk(), json!({ "issuer": "" })), two.jwk()]),
    ];
    for keys in different {
        assert_ne!(parse(keys).unwrap().digest(), set.digest());
    }
    let rsa = |more| parse(json!([with(rsa(2048), more)])).unwrap().digest();
    assert_ne!(rsa(json!({})), rsa(json!({ "alg": "RS256" })));
}
