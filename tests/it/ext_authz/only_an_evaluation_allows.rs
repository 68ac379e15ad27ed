//! A property over mutated requests: the answer has code 0 only if the engine allows the equivalent plain request.

use crosstrust::id::TenantId;
use crosstrust::request::Request;
use crosstrust::time::Timestamp;
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use prost::Message as _;
use serde_json::json;

use super::asking::{
    CONTOSO, FABRIKAM, FATIMA, LAUNCHER, SHAREPOINT, Setup, World, attributes, get, http,
};
use crate::support::random::Rng;
use crate::support::tokens::{self, NOW};

/// Mutates a request; returns whether it may still be evaluated.
fn mutate(world: &World, rng: &mut Rng, request: &mut CheckRequest) -> bool {
    match rng.below(16) {
        0 => http(request).path = "/a/%2e%2e/b".into(),
        1 => http(request).path = "//".into(),
        2 => attributes(request).context_extensions.clear(),
        3 => {
            let extensions = &mut attributes(request).context_extensions;
            extensions.insert("app".into(), "x".into());
        }
        4 => {
            let headers = &mut http(request).headers;
            headers.remove("authorization");
        }
        5 => {
            let forged = world.contoso.sign(&world.claims(LAUNCHER));
            let headers = &mut http(request).headers;
            headers.insert("authorization".into(), format!("Bearer {forged}"));
        }
        6 => {
            let headers = &mut http(request).headers;
            let value = headers.get("authorization").cloned().unwrap_or_default();
            headers.insert("authorization".into(), format!("{value},x"));
        }
        7 => {
            let headers = &mut http(request).headers;
            if let Some(value) = headers.get_mut("authorization") {
                let at = 20 + rng.below(value.len() - 20);
                let other = if &value[at..=at] == "A" { "B" } else { "A" };
                value.replace_range(at..=at, other);
            }
        }
        8 => attributes(request).request = None,
        9 => request.attributes = None,
        10 => {
            let extensions = &mut attributes(request).context_extensions;
            extensions.insert("require_channel".into(), "true".into());
        }
        // Harmless mutations.
        11 => {
            let headers = &mut http(request).headers;
            headers.insert("x-crosstrust-user".into(), FATIMA.into());
            return true;
        }
        12 => {
            http(request).path = "/plain/path?and=%2e%2e".into();
            return true;
        }
        13 => {
            http(request).method = "DELETE".into();
            return true;
        }
        _ => return true,
    }
    false
}

#[tokio::test]
async fn code_0_requires_that_the_engine_allows_the_same_request() {
    let world = World::new(Setup::default()).await;
    let (mut allowed, mut denied) = (0, 0);
    for seed in 0..1500 {
        let mut rng = Rng::new(seed);
        let app = if rng.below(2) == 0 {
            LAUNCHER
        } else {
            SHAREPOINT
        };
        let mfa = rng.below(2) == 0;
        let user = if rng.below(4) == 0 {
            "2103e914-292f-4b66-bf2a-b417063e5d43"
        } else {
            FATIMA
        };
        let amr = if mfa {
            json!(["pwd", "mfa"])
        } else {
            json!(["pwd"])
        };
        let claims = tokens::with(
            world.claims(app),
            json!({"oid": user, "amr": amr, "wids": []}),
        );
        let mut request = get(app, Some(&world.fabrikam.sign(&claims)));
        let is_whole = mutate(&world, &mut rng, &mut request);

        let end = Timestamp::from_seconds(NOW + 3600);
        let (home, resource): (TenantId, TenantId) =
            (FABRIKAM.parse().unwrap(), CONTOSO.parse().unwrap());
        let app = app.parse().unwrap();
        let mut plain = Request::new(home, resource, user.parse().unwrap(), app, end);
        plain.claims.mfa = mfa;
        plain.claims.issued_at = Some(Timestamp::from_seconds(NOW - 60));
        plain.context.ip_address = Some("192.0.2.7".parse().unwrap());
        let expected = is_whole && world.engine.authorize(&plain).decision.is_allow();

        let answer = world.send(request.encode_to_vec().into()).await.unwrap();
        assert!(answer.has_status, "seed {seed}: {answer:?}");
        assert_eq!(answer.is_allow(), expected, "seed {seed}: {answer:?}");
        assert_eq!(answer.denied.is_none(), expected, "seed {seed}: {answer:?}");
        *if expected { &mut allowed } else { &mut denied } += 1;
    }
    assert!(allowed > 200 && denied > 500, "{allowed} {denied}");
}
