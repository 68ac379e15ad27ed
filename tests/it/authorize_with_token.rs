//! `Authorize` with a token in place of claims: what it proves, and what may not stand beside it.

use crosstrust::identity::{Algorithm, IssuerIndex};
use crosstrust::rpc::client::{self, AuthorizeRequest, ClientError};
use crosstrust::rpc::proto::authorization_service_client::AuthorizationServiceClient;
use crosstrust::rpc::proto::{self, AuthorizeBatchRequest, Claims, ExplainRequest};
use crosstrust::rpc::{AssumedFacts, Rights};
use serde_json::json;
use tonic::Code;

use crate::ext_authz::asking::{CONTOSO, LAUNCHER, SHAREPOINT, Setup, World};
use crate::support::tokens::{self, NOW};

fn question(app: &str, token: String) -> AuthorizeRequest {
    AuthorizeRequest {
        resource_tenant: CONTOSO.to_owned(),
        app: app.to_owned(),
        token,
        ..AuthorizeRequest::default()
    }
}

#[tokio::test]
async fn a_token_answers_for_home_user_groups_and_claims() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let answer = client::authorize(&url, question(LAUNCHER, world.good_token())).await;
    assert_eq!(answer.unwrap().decision(), proto::Decision::Allow);

    let token = world.fabrikam.sign(&world.claims(SHAREPOINT));
    let answer = client::authorize(&url, question(SHAREPOINT, token))
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
async fn what_a_token_says_may_not_be_said_beside_it() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let id = CONTOSO.to_owned();
    let whole = question(LAUNCHER, world.good_token());
    for (field, spoilt) in [
        (
            "home_tenant",
            AuthorizeRequest {
                home_tenant: id.clone(),
                ..whole.clone()
            },
        ),
        (
            "user",
            AuthorizeRequest {
                user: id.clone(),
                ..whole.clone()
            },
        ),
        (
            "groups",
            AuthorizeRequest {
                groups: vec![id.clone()],
                ..whole.clone()
            },
        ),
        (
            "roles",
            AuthorizeRequest {
                roles: vec![id.clone()],
                ..whole.clone()
            },
        ),
        (
            "claims",
            AuthorizeRequest {
                claims: Some(Claims::default()),
                ..whole.clone()
            },
        ),
        (
            "client_app",
            AuthorizeRequest {
                client_app: id.clone(),
                ..whole.clone()
            },
        ),
        (
            "resource_user",
            AuthorizeRequest {
                resource_user: id.clone(),
                ..whole.clone()
            },
        ),
        (
            "resource_groups",
            AuthorizeRequest {
                resource_groups: vec![id.clone()],
                ..whole.clone()
            },
        ),
        (
            "identity_provider",
            AuthorizeRequest {
                identity_provider: "google".into(),
                ..whole.clone()
            },
        ),
        (
            "external_user_type",
            AuthorizeRequest {
                external_user_type: "b2bDirectConnectUser".into(),
                ..whole.clone()
            },
        ),
    ] {
        let refused = client::authorize(&url, spoilt).await.unwrap_err();
        let ClientError::Malformed(violations) = refused else {
            panic!("{field}: {refused}");
        };
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].field, field);
    }
}

#[tokio::test]
async fn a_token_that_does_not_count_is_unauthenticated_and_names_its_place() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let mut asked = AuthorizationServiceClient::connect(url).await.unwrap();
    let expired = tokens::with(world.claims(LAUNCHER), json!({"exp": NOW}));
    let expired = question(LAUNCHER, world.fabrikam.sign(&expired));
    let good = question(LAUNCHER, world.good_token());

    let refused = asked.authorize(expired.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().starts_with("token: "), "{refused}");

    let batch = AuthorizeBatchRequest {
        requests: vec![good.clone(), expired.clone()],
    };
    let refused = asked.authorize_batch(batch).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(
        refused.message().starts_with("requests[1].token: "),
        "{refused}"
    );

    let explain = ExplainRequest {
        request: Some(expired),
    };
    let refused = asked.explain(explain).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    let batch = AuthorizeBatchRequest {
        requests: vec![good.clone(), good],
    };
    let answers = asked.authorize_batch(batch).await.unwrap().into_inner();
    let allows = answers.responses.iter().map(|one| one.decision());
    assert_eq!(allows.collect::<Vec<_>>(), [proto::Decision::Allow; 2]);
}

#[tokio::test]
async fn a_good_token_that_does_not_tell_whose_it_is_is_denied_with_a_reason() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    for (spoilt, reason) in [
        (json!({"oid": null}), proto::Reason::IdentityMissing),
        (json!({"idtyp": "app"}), proto::Reason::IdentityMissing),
    ] {
        let claims = tokens::with(world.claims(LAUNCHER), spoilt.clone());
        let asked = question(LAUNCHER, world.fabrikam.sign(&claims));
        let answer = client::authorize(&url, asked).await.unwrap();
        assert_eq!(answer.decision(), proto::Decision::Deny, "{spoilt}");
        assert_eq!(answer.reason(), reason, "{spoilt}");
        assert_eq!(answer.stage(), proto::Stage::Unspecified);
        assert!(!answer.cached);
    }
    let guest_of = |idp: &str| {
        let guest = json!({
            "iss": crate::ext_authz::asking::CONTOSO_ISS, "tid": CONTOSO, "idp": idp,
        });
        let claims = tokens::with(world.claims(LAUNCHER), guest);
        question(LAUNCHER, world.contoso.sign(&claims))
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
async fn a_caller_that_may_state_no_claims_may_bring_a_token() {
    let world = World::new(Setup {
        rights: Rights {
            own_claims: false,
            ..Rights::ALL
        },
        ..Setup::default()
    })
    .await;
    let url = world.url();
    let answer = client::authorize(&url, question(LAUNCHER, world.good_token())).await;
    assert_eq!(answer.unwrap().decision(), proto::Decision::Allow);
}

#[tokio::test]
async fn what_is_assumed_is_explained_as_assumed_and_never_beats_what_is_said() {
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
    let silent = question(LAUNCHER, world.good_token());
    let explained = client::explain(&url, silent.clone()).await.unwrap();
    assert_eq!(explained.assumed_facts.len(), 1);
    assert_eq!(explained.assumed_facts[0].name, "platform");
    assert_eq!(explained.assumed_facts[0].value, "windows");

    let said = AuthorizeRequest {
        context: Some(proto::Context {
            platform: "iOS".to_owned(),
            ..proto::Context::default()
        }),
        ..silent
    };
    let explained = client::explain(&url, said).await.unwrap();
    assert!(explained.assumed_facts.is_empty());
}

#[tokio::test]
async fn keys_that_are_withdrawn_end_what_was_verified_and_decided_by_them() {
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let asked = question(LAUNCHER, world.good_token());
    for _ in 0..2 {
        let answer = client::authorize(&url, asked.clone()).await.unwrap();
        assert_eq!(answer.decision(), proto::Decision::Allow);
    }
    world
        .identity
        .publish(crosstrust::identity::IssuerIndex(0), None, None);
    let refused = client::authorize(&url, asked).await.unwrap_err();
    assert!(refused.to_string().contains("token"), "{refused}");
}

#[tokio::test]
async fn a_key_that_was_replaced_under_its_id_answers_the_first_request_and_forgeries_stay_refused()
{
    const FABRIKAM: IssuerIndex = IssuerIndex(0);
    let world = World::new(Setup::default()).await;
    let url = world.url();
    let next = tokens::Signer::new(Algorithm::Es256, &world.fabrikam.kid);
    let asked = question(LAUNCHER, next.sign(&world.claims(LAUNCHER)));
    world.identity.refresh_requests().attach_follower();
    let (identity, keys) = (world.identity.clone(), tokens::key_set(&[&next]));
    let following = tokio::spawn(async move {
        assert_eq!(identity.refresh_requests().take_next().await, [FABRIKAM]);
        identity.publish(FABRIKAM, Some(keys), None);
        identity.refresh_requests().complete(FABRIKAM);
        // The next wish is turned down.
        assert_eq!(identity.refresh_requests().take_next().await, [FABRIKAM]);
        identity.refresh_requests().complete(FABRIKAM);
    });
    let answer = client::authorize(&url, asked).await.unwrap();
    assert_eq!(answer.decision(), proto::Decision::Allow);
    let refusals = world.identity.counters().refused;
    let refused = client::authorize(&url, question(LAUNCHER, world.good_token())).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("is not for EdDSA")
    );
    following.await.unwrap();
    let forged = world.identity.counters().refused - refusals;
    assert_eq!(forged, 1, "looked at once");
}
