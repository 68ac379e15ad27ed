//! Parsing of key sets: which sets are refused, which keys are skipped, and when two sets are equal.

use crosstrust::identity::{
    Algorithm, IssuerIndex, JsonError, JsonFault, KeyFault, KeySet, KeySetError, Preset,
    SkipReason, TokenError,
};
use serde_json::{Value, json};

use crate::support::tokens::{self, Signer, claims, encode, issuer, key_set, with, with_keys};

const ISS: &str = "https://idp.example";

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
fn a_set_with_a_private_or_symmetric_key_is_refused() {
    let other = with(ec(), json!({ "kid": "other" }));
    let secret = json!({ "kty": "oct", "k": "AAAA", "kid": "a" });
    let mut cases = vec![
        (secret, KeyFault::SharedSecret),
        (json!({ "kty": "oct" }), KeyFault::SharedSecret),
    ];
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        // Even in a key that would be skipped.
        let key = with(ec(), json!({ name: "AAAA", "use": "enc" }));
        cases.push((key, KeyFault::Private(name)));
    }
    for (key, fault) in cases {
        let found = parse(json!([other, key])).err();
        assert_eq!(found, Some(KeySetError::Key { index: 1, fault }), "{key}");
    }
}

#[test]
fn an_unusable_key_is_skipped_with_its_reason() {
    let cases = [
        (with(ec(), json!({ "use": "enc" })), SkipReason::OtherUse),
        (
            with(ec(), json!({ "key_ops": ["sign"] })),
            SkipReason::OtherUse,
        ),
        (with(ec(), json!({ "crv": "P-384" })), SkipReason::OtherKind),
        (
            with(ec(), json!({ "crv": "secp256k1" })),
            SkipReason::OtherKind,
        ),
        (
            with(ec(), json!({ "kty": "OKP", "crv": "X25519" })),
            SkipReason::OtherKind,
        ),
        (with(ec(), json!({ "kty": "AKP" })), SkipReason::OtherKind),
        (
            with(ec(), json!({ "alg": "ES384" })),
            SkipReason::OtherAlgorithm,
        ),
        (
            with(ec(), json!({ "alg": "RS256" })),
            SkipReason::OtherAlgorithm,
        ),
        (
            with(ec(), json!({ "alg": "HS256" })),
            SkipReason::OtherAlgorithm,
        ),
        (
            with(rsa(2048), json!({ "alg": "RSA-OAEP" })),
            SkipReason::OtherAlgorithm,
        ),
        (rsa(1024), SkipReason::Size),
        (rsa(2040), SkipReason::Size),
        (rsa(8200), SkipReason::Size),
        (with(ec(), json!({ "use": "" })), SkipReason::OtherUse),
        (
            with(ec(), json!({ "x": encode([7; 32]) })),
            SkipReason::NotOnCurve,
        ),
        (
            with(ec(), json!({ "y": encode([0; 32]) })),
            SkipReason::NotOnCurve,
        ),
        (with(ec(), json!({ "kid": null })), SkipReason::NoId),
        (with(ec(), json!({ "kid": "" })), SkipReason::NoId),
        (
            with(ec(), json!({ "kid": "k".repeat(1025) })),
            SkipReason::NoId,
        ),
        (json!("key"), SkipReason::NotAnObject),
        (json!(null), SkipReason::NotAnObject),
    ];
    let malformed = [
        (with(ec(), json!({ "kid": 7 })), "kid"),
        (with(ec(), json!({ "use": ["sig"] })), "use"),
        (with(ec(), json!({ "key_ops": "verify" })), "key_ops"),
        (with(ec(), json!({ "kty": null })), "kty"),
        (with(ec(), json!({ "kty": 7 })), "kty"),
        (with(ec(), json!({ "alg": 7 })), "alg"),
        (with(ec(), json!({ "x": null })), "x"),
        (with(ec(), json!({ "y": null })), "y"),
        (with(ec(), json!({ "y": "AAAA" })), "y"),
        (with(ec(), json!({ "x": "a+b/" })), "x"),
        (
            with(ec(), json!({ "x": format!("{}=", encode([7; 32])) })),
            "x",
        ),
        (
            with(
                rsa(2048),
                json!({ "n": format!("{}==", encode([0x80; 256])) }),
            ),
            "n",
        ),
        (with(rsa(2048), json!({ "n": "" })), "n"),
        (with(rsa(2048), json!({ "n": null })), "n"),
        (with(rsa(2048), json!({ "e": null })), "e"),
        (with(rsa(2048), json!({ "e": "AQ" })), "e"),
        (with(rsa(2048), json!({ "e": "AQAA" })), "e"),
        (with(rsa(2048), json!({ "e": "AAAAAAAAAAM" })), "e"),
        (with(ec(), json!({ "issuer": 7 })), "issuer"),
        (with(ec(), json!({ "issuer": "i".repeat(1025) })), "issuer"),
    ];
    let malformed = malformed.map(|(key, member)| (key, SkipReason::Malformed(member)));
    let cases = cases.into_iter().chain(malformed);
    for (key, reason) in cases {
        let set = parse(json!([with(ec(), json!({ "kid": "good" })), key])).unwrap();
        let skipped: Vec<_> = set
            .skipped()
            .iter()
            .map(|one| (one.index, one.reason))
            .collect();
        assert_eq!(skipped, [(1, reason)], "{key}");
        assert_eq!(set.kids().collect::<Vec<_>>(), ["good"]);
    }
}

#[test]
fn a_key_supports_its_alg_or_else_all_algorithms_of_its_kind() {
    let supported = |key: Value| {
        let set = parse(json!([key])).unwrap();
        let [key] = set.of_id(set.kids().next().unwrap()) else {
            panic!()
        };
        let algorithms = Algorithm::ALL.into_iter().filter(|one| key.supports(*one));
        algorithms.collect::<Vec<_>>()
    };
    assert_eq!(supported(rsa(2048)), [Algorithm::Rs256, Algorithm::Ps256]);
    assert_eq!(supported(rsa(8192)), [Algorithm::Rs256, Algorithm::Ps256]);
    assert_eq!(
        supported(with(rsa(2048), json!({ "alg": "PS256" }))),
        [Algorithm::Ps256]
    );
    assert_eq!(supported(ec()), [Algorithm::Es256]);
    let ops = json!({ "key_ops": ["verify"], "kid": "k".repeat(1024) });
    assert_eq!(supported(with(ec(), ops)), [Algorithm::Es256]);
    let ed = Signer::new(Algorithm::EdDsa, "ed").jwk();
    assert_eq!(supported(ed), [Algorithm::EdDsa]);
}

#[test]
fn an_invalid_key_set_is_refused() {
    let error = |text: &str| KeySet::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error("[]"), KeySetError::Json(JsonError::NotAnObject));
    assert_eq!(error("{}"), KeySetError::NoKeys);
    assert_eq!(error(r#"{"keys":{}}"#), KeySetError::NoKeys);
    for (text, expected) in [
        (r#"{"keys":[],"keys":[]}"#, JsonFault::DuplicateName),
        (
            r#"{"keys":[{"kid":"a","kid":"b"}]}"#,
            JsonFault::DuplicateName,
        ),
        (r#"{"keys":[]} {}"#, JsonFault::Syntax),
        ("<html>", JsonFault::Syntax),
    ] {
        let found = error(text);
        let is_expected =
            matches!(&found, KeySetError::Json(JsonError::At { fault, .. }) if *fault == expected);
        assert!(is_expected, "{text}: {found}");
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
fn key_sets_with_the_same_usable_keys_have_the_same_digest() {
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
        json!([one.jwk(), two.jwk(), one.jwk()]),
        json!([
            with(one.jwk(), json!({ "use": "enc" })),
            two.jwk(),
            one.jwk()
        ]),
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
    let of_one_id = [
        one.jwk(),
        with(two.jwk(), json!({ "kid": "one" })),
        with(one.jwk(), json!({ "issuer": "a" })),
        Signer::new(Algorithm::Es256, "one").jwk(),
    ];
    let mut reversed = of_one_id.clone();
    reversed.reverse();
    let (one_way, other_way) = (parse(json!(of_one_id)), parse(json!(reversed)));
    let (one_way, other_way) = (one_way.unwrap(), other_way.unwrap());
    assert_eq!((one_way.len(), one_way.kids().count()), (4, 1));
    assert_eq!(one_way.digest(), other_way.digest());
    let rsa = |more| parse(json!([with(rsa(2048), more)])).unwrap().digest();
    assert_ne!(rsa(json!({})), rsa(json!({ "alg": "RS256" })));
}

#[test]
fn at_most_eight_keys_with_one_id_are_used() {
    let keys: Vec<Value> = (0..10).map(|_| ec()).collect();
    let set = parse(json!(keys)).unwrap();
    assert_eq!(set.of_id("ec").len(), 8);
    let skipped: Vec<_> = set
        .skipped()
        .iter()
        .map(|one| (one.index, one.reason))
        .collect();
    let reason = SkipReason::TooManyOfOneId;
    assert_eq!(skipped, [(8, reason), (9, reason)]);
}

#[test]
fn of_several_keys_with_one_id_the_one_for_the_algorithm_verifies() {
    let signers = [
        Algorithm::EdDsa,
        Algorithm::Es256,
        Algorithm::Es256,
        Algorithm::Rs256,
    ]
    .map(|algorithm| Signer::new(algorithm, "key"));
    let other = Signer::new(Algorithm::Es256, "key");
    let (identity, _, _) = tokens::identity(vec![issuer(ISS, Preset::EntraV2)]);
    let publish = |keys: Vec<Value>| {
        identity.publish(IssuerIndex(0), Some(parse(json!(keys)).unwrap()), None);
    };
    let verify = |signer: &Signer| identity.verify_now(&signer.sign(&claims(ISS))).map(|_| ());
    publish(signers.iter().map(Signer::jwk).collect());
    for signer in &signers {
        assert_eq!(verify(signer), Ok(()), "{:?}", signer.algorithm);
    }
    let wrong = TokenError::BadSignature {
        issuer: IssuerIndex(0),
    };
    assert_eq!(verify(&other), Err(wrong.clone()));

    // A key for encryption or for another algorithm verifies nothing, also beside a usable key.
    let unusable = |members| with(signers[3].jwk(), members);
    for members in [
        json!({ "use": "enc" }),
        json!({ "alg": "PS256" }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "key_ops": ["encrypt"] }),
    ] {
        publish(vec![unusable(members), signers[1].jwk()]);
        assert_eq!(verify(&signers[1]), Ok(()));
        let found = verify(&signers[3]);
        assert!(
            matches!(found, Err(TokenError::KeyDoesNotFit { .. })),
            "{found:?}"
        );
    }

    // A key bound to another issuer does not hide the same key bound to this issuer.
    let bound = |to: &str| with(signers[1].jwk(), json!({ "issuer": to }));
    publish(vec![bound("https://a.example"), bound("https://z.example")]);
    assert_eq!(verify(&signers[1]), Err(TokenError::KeyOfOtherIssuer));
    publish(vec![
        bound("https://a.example"),
        bound(ISS),
        bound("https://z.example"),
    ]);
    assert_eq!(verify(&signers[1]), Ok(()));
    assert_eq!(verify(&other), Err(wrong));
}

#[test]
fn a_key_id_is_any_string_of_up_to_1024_bytes() {
    let longest = "\u{7f}".repeat(1024);
    for kid in [
        "a/b+c=",
        "../../keys?a=1",
        "MIIB CgKC\n",
        "ключ",
        "\"}",
        longest.as_str(),
    ] {
        let signer = Signer::new(Algorithm::Es256, kid);
        let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
        let token = signer.sign(&claims(ISS));
        assert!(identity.verify_now(&token).is_ok(), "{kid:?}");
        let escaped: String = kid
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        let header = format!("{{\"alg\":\"ES256\",\"kid\":\"{escaped}\"}}");
        let token = signer.sign_text(header, claims(ISS).to_string());
        assert!(identity.verify_now(&token).is_ok(), "{kid:?}");
    }
}
