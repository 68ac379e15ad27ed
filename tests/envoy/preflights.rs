//! CORS preflights through `deploy/envoy/bearer.yaml`: Envoy answers them for the listed origin only, and nothing else
//! bypasses the decision.

use crate::client::Answer;
use crate::gateway::{Deployment, Gateway};
use crate::tokens::*;
use crate::waiting::until;

const HOST: &str = "launcher.contoso.example";
const ORIGIN: (&str, &str) = ("origin", "https://portal.contoso.example");
const METHOD: (&str, &str) = ("access-control-request-method", "POST");

type Headers<'a> = &'a [(&'a str, &'a str)];

fn send(gateway: &Gateway, method: &str, host: &str, headers: Headers<'_>) -> Answer {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request = format!("{method} / HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n");
    gateway.connect().try_send(&request).expect("an answer")
}

#[test]
fn only_preflights_of_the_listed_origin_bypass_the_decision() {
    let gateway = Gateway::start(Deployment::Bearer);
    let bearer = token(FATIMA, LAUNCHER).bearer();
    until("an allow", || {
        (gateway.request(HOST, &bearer).status == 200).then_some(())
    });
    let reached = gateway.upstream.request_count();

    let answer = send(&gateway, "OPTIONS", HOST, &[ORIGIN, METHOD]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN.1));
    assert_eq!(
        answer.header("access-control-allow-methods"),
        Some("GET, POST")
    );
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization"), "{answer:?}");
    assert_eq!(answer.body, "");

    // crosstrust decides these and denies them without a token: (what, method, host, headers).
    let other = ("origin", "https://portal.contoso.example.attacker.example");
    let refused: [(&str, &str, &str, Headers<'_>); 7] = [
        ("another origin", "OPTIONS", HOST, &[other, METHOD]),
        ("no origin", "OPTIONS", HOST, &[METHOD]),
        ("no preflight", "OPTIONS", HOST, &[ORIGIN]),
        (
            "a request that looks like a preflight",
            "GET",
            HOST,
            &[ORIGIN, METHOD],
        ),
        (
            "a POST that looks like a preflight",
            "POST",
            HOST,
            &[ORIGIN, METHOD, ("content-length", "0")],
        ),
        (
            "a host without origins",
            "OPTIONS",
            "documents.contoso.example",
            &[ORIGIN, METHOD],
        ),
        (
            "the origin null",
            "OPTIONS",
            HOST,
            &[("origin", "null"), METHOD],
        ),
    ];
    for (what, method, host, headers) in refused {
        let answer = send(&gateway, method, host, headers);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let is_listed = host == HOST && headers.contains(&ORIGIN);
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin.is_some(), is_listed, "{what}: {answer:?}");
    }
    assert_eq!(gateway.upstream.request_count(), reached);

    // A web page can read the reason of a denial, and the answer to an allowed request.
    let denied = send(&gateway, "GET", HOST, &[ORIGIN]);
    assert!(denied.header("www-authenticate").is_some(), "{denied:?}");
    let exposed = denied.header("access-control-expose-headers");
    assert_eq!(exposed, Some("www-authenticate"), "{denied:?}");
    let authorization = ("authorization", bearer.as_str());
    for method in ["GET", "OPTIONS"] {
        let answer = send(&gateway, method, HOST, &[ORIGIN, authorization]);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN.1));
    }
    assert_eq!(gateway.upstream.request_count(), reached + 2);
}
