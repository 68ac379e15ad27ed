//! `Authorize` with a token in place of claims: the facts that it proves, and the fields that it excludes.

use crosstrust::identity::{Algorithm, IssuerIndex};
use crosstrust::rpc::client::{self, AuthorizeRequest, ClientError};
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{self, AuthorizeBatchRequest, Claims, ExplainRequest};
use crosstrust::rpc::{AssumedFacts, Rights};
use serde_json::json;
use tonic::Code;

use crate::ext_authz::asking::{CONTOSO, LAUNCHER, SHAREPOINT, Setup, World};
use crate::support::tokens::{self, NOW};

fn request_with_token(app: &str, token: String) -> AuthorizeRequest {
    AuthorizeRequest {
        resource_tenant: CONTOSO.to_owned(),
        app: app.to_owned(),
        token,
        ..AuthorizeRequest::default()
    }
}

#[tokio::test]
async fn a_token_supplies_home_user_groups_and_claims() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let answer = client::authorize(&url, request_with_token(LAUNCHER, world.good_token())).await;
    assert_eq!(answer.unwrap().decision(), proto::Decision::Allow);

    let token = world.fabrikam.sign(&world.claims(SHAREPOINT));
    let answer = client::authorize(&url, request_with_token(SHAREPOINT, token))
        .await
        .unwrap();
    assert_eq!(answer.reason(), proto::Reason::MfaRequired);
    let step_up = &answer.challenge.unwrap().step_ups[0];
    assert_eq!(
        step_up.claims,
        r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#
    );
}

#[tokio::test]
async fn facts_of_a_token_may_not_be_stated_beside_it() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let id = CONTOSO.to_owned();
    let complete = request_with_token(LAUNCHER, world.good_token());
    for (field, faulty) in [
        (
            "home_tenant",
            AuthorizeRequest {
                home_tenant: id.clone(),
                ..complete.clone()
            },
        ),
        (
            "user",
            AuthorizeRequest {
                user: id.clone(),
                ..complete.clone()
            },
        ),
        (
            "groups",
            AuthorizeRequest {
                groups: vec![id.clone()],
                ..complete.clone()
            },
        ),
        (
            "roles",
            AuthorizeRequest {
                roles: vec![id.clone()],
                ..complete.clone()
            },
        ),
        (
            "claims",
            AuthorizeRequest {
                claims: Some(Claims::default()),
                ..complete.clone()
            },
        ),
        (
            "client_app",
            AuthorizeRequest {
                client_app: id.clone(),
                ..complete.clone()
            },
        ),
        (
            "resource_user",
            AuthorizeRequest {
                resource_user: id.clone(),
                ..complete.clone()
            },
        ),
        (
            "resource_groups",
            AuthorizeRequest {
                resource_groups: vec![id.clone()],
                ..complete.clone()
            },
        ),
        (
            "identity_provider",
            AuthorizeRequest {
                identity_provider: "google".into(),
                ..complete.clone()
            },
        ),
        (
            "external_user_type",
            AuthorizeRequest {
                external_user_type: "b2bDirectConnectUser".into(),
                ..complete.clone()
            },
        ),
    ] {
        let refused = client::authorize(&url, faulty).await.unwrap_err();
        let ClientError::Malformed(violations) = refused else {
            panic!("{field}: {refused}");
        };
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].field, field);
    }
}

#[tokio::test]
async fn a_rejected_token_is_unauthenticated_and_names_its_field() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let mut grpc_client = AuthorizationServiceClient::connect(url).await.unwrap();
    let expired = tokens::with(world.claims(LAUNCHER), json!({"exp": NOW}));
    let expired = request_with_token(LAUNCHER, world.fabrikam.sign(&expired));
    let good = request_with_token(LAUNCHER, world.good_token());

    let refused = grpc_client.authorize(expired.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().starts_with("token: "), "{refused}");

    let batch = AuthorizeBatchRequest {
        requests: vec![good.clone(), expired.clone()],
    };
    let refused = grpc_client.authorize_batch(batch).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(
        refused.message().starts_with("requests[1].token: "),
        "{refused}"
    );

    let explain = ExplainRequest {
        request: Some(expired),
    };
    let refused = grpc_client.explain(explain).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    let batch = AuthorizeBatchRequest {
        requests: vec![good.clone(), good],
    };
    let answers = grpc_client
        .authorize_batch(batch)
        .await
        .unwrap()
        .into_inner();
    let allows = answers.responses.iter().map(|one| one.decision());
    assert_eq!(allows.collect::<Vec<_>>(), [proto::Decision::Allow; 2]);
}

#[tokio::test]
async fn a_valid_token_without_an_identity_is_denied_with_a_reason() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    for (faulty, reason) in [
        (json!({"oid": null}), proto::Reason::IdentityMissing),
        (json!({"idtyp": "app"}), proto::Reason::IdentityMissing),
    ] {
        let claims = tokens::with(world.claims(LAUNCHER), faulty.clone());
        let request = request_with_token(LAUNCHER, world.fabrikam.sign(&claims));
        let answer = client::authorize(&url, request).await.unwrap();
        assert_eq!(answer.decision(), proto::Decision::Deny, "{faulty}");
        assert_eq!(answer.reason(), reason, "{faulty}");
        assert_eq!(answer.stage(), proto::Stage::Unspecified);
        assert!(!answer.cached);
    }
    let guest_of = |idp: &str| {
        let guest = json!({
            "iss": crate::ext_authz::asking::CONTOSO_ISS, "tid": CONTOSO, "idp": idp,
        });
        let claims = tokens::with(world.claims(LAUNCHER), guest);
        request_with_token(LAUNCHER, world.contoso.sign(&claims))
    };
    let unknown = guest_of("https://sts.windows.net/contoso.example/");
    let answer = client::authorize(&url, unknown).await.unwrap();
    assert_eq!(answer.reason(), proto::Reason::IdentityAmbiguous);
    // A Microsoft account, which Contoso does not list.
    let answer = client::authorize(&url, guest_of("live.com")).await.unwrap();
    assert_eq!(answer.reason(), proto::Reason::InboundUser);
    assert!(answer.message.contains("microsoftAccount"));
}

#[tokio::test]
async fn a_caller_without_the_right_to_state_claims_may_send_a_token() {
    let world = World::new(Setup {
        rights: Rights {
            own_claims: false,
            ..Rights::ALL
        },
        ..Setup::default()
    })
    .await;
    let url = world.url();
    let answer = client::authorize(&url, request_with_token(LAUNCHER, world.good_token())).await;
    assert_eq!(answer.unwrap().decision(), proto::Decision::Allow);
}

#[tokio::test]
async fn assumed_facts_are_explained_as_assumed_and_never_override_stated_ones() {
    let pairs = [("platform".to_owned(), "windows".to_owned())];
    let world = World::new(Setup {
        rights: Rights {
            assumed: AssumedFacts::read(&pairs).unwrap(),
            ..Rights::ALL
        },
        ..Setup::default()
    })
    .await;
    let url = world.url();
    let without_claims = request_with_token(LAUNCHER, world.good_token());
    let explained = client::explain(&url, without_claims.clone()).await.unwrap();
    assert_eq!(explained.assumed_facts.len(), 1);
    assert_eq!(explained.assumed_facts[0].name, "platform");
    assert_eq!(explained.assumed_facts[0].value, "windows");

    let with_claims = AuthorizeRequest {
        context: Some(proto::Context {
            platform: "iOS".to_owned(),
            ..proto::Context::default()
        }),
        ..without_claims
    };
    let explained = client::explain(&url, with_claims).await.unwrap();
    assert!(explained.assumed_facts.is_empty());
}

#[tokio::test]
async fn withdrawing_a_key_invalidates_the_tokens_and_decisions_that_used_it() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let request = request_with_token(LAUNCHER, world.good_token());
    for _ in 0..2 {
        let answer = client::authorize(&url, request.clone()).await.unwrap();
        assert_eq!(answer.decision(), proto::Decision::Allow);
    }
    world
        .identity
        .publish(crosstrust::identity::IssuerIndex(0), None, None);
    let refused = client::authorize(&url, request).await.unwrap_err();
    assert!(refused.to_string().contains("token"), "{refused}");
}

#[tokio::test]
async fn a_key_replaced_under_its_id_verifies_the_first_request_and_forgeries_stay_rejected() {
    const FABRIKAM: IssuerIndex = IssuerIndex(0);
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let next = tokens::Signer::new(Algorithm::Es256, &world.fabrikam.kid);
    let request = request_with_token(LAUNCHER, next.sign(&world.claims(LAUNCHER)));
    world.identity.refresh_requests().attach_follower();
    let (identity, keys) = (world.identity.clone(), tokens::key_set(&[&next]));
    let following = tokio::spawn(async move {
        assert_eq!(identity.refresh_requests().take_next().await, [FABRIKAM]);
        identity.publish(FABRIKAM, Some(keys), None);
        identity.refresh_requests().complete(FABRIKAM);
        // The next fetch request is declined.
        assert_eq!(identity.refresh_requests().take_next().await, [FABRIKAM]);
        identity.refresh_requests().complete(FABRIKAM);
    });
    let answer = client::authorize(&url, request).await.unwrap();
    assert_eq!(answer.decision(), proto::Decision::Allow);
    let refusals = world.identity.counters().refused;
    let refused = client::authorize(&url, request_with_token(LAUNCHER, world.good_token())).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("is not for EdDSA")
    );
    following.await.unwrap();
    let forged = world.identity.counters().refused - refusals;
    assert_eq!(forged, 1, "verified once");
}
