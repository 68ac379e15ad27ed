//! Responses: allow, denial with its step-up, batch, explanation, no policies.

use crosstrust::rpc::proto::{
    AuthorizeBatchRequest, Decision, ExplainRequest, PolicyResult, Reason, SignInTenant, Stage,
    StepUpKind,
};

use super::world::*;
use crate::server::{self, NOW, serve_engine};

#[tokio::test]
async fn an_allow_contains_its_snapshot_applied_policies_and_expiry() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let first = client.authorize(request_with_mfa()).await.unwrap();
    let answer = first.into_inner();
    assert_eq!(answer.decision(), Decision::Allow);
    assert_eq!(answer.reason(), Reason::Allowed);
    assert_eq!(answer.stage(), Stage::Unspecified);
    assert_eq!(
        (answer.error_code.as_str(), answer.message.as_str()),
        ("", "")
    );
    assert_eq!(answer.expires_at, Some(EXPIRES_AT));
    assert_eq!(answer.challenge, None);
    let snapshot = answer.snapshot.unwrap();
    assert_eq!((snapshot.id.len(), snapshot.version), (64, 1));
    assert_eq!(snapshot.activated_at.unwrap().seconds, NOW.as_parts().0);
    let [applied] = answer.applied_policies.as_slice() else {
        panic!("{:?}", answer.applied_policies);
    };
    assert_eq!(applied.id, "00000000-0000-0000-0000-000000000001");
    assert_eq!(applied.display_name, "policy 1");
    assert_eq!(applied.result(), PolicyResult::Success);

    let second = client.authorize(request_with_mfa()).await.unwrap();
    let again = second.into_inner();
    assert!(!answer.cached && again.cached);
    assert_eq!(again.decision_id, answer.decision_id);
}

#[tokio::test]
async fn a_denial_is_an_ok_status_with_stage_reason_code_and_its_step_up() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let answer = client.authorize(request()).await.unwrap().into_inner();
    assert_eq!(answer.decision(), Decision::Deny);
    assert_eq!(answer.stage(), Stage::ConditionalAccess);
    assert_eq!(answer.reason(), Reason::MfaRequired);
    assert_eq!(answer.error_code, "AADSTS50076");
    assert!(
        answer
            .message
            .ends_with("requires multifactor authentication.")
    );
    let step_ups = answer.challenge.unwrap().step_ups;
    assert_eq!(step_ups.len(), 1);
    assert_eq!(step_ups[0].kind(), StepUpKind::Mfa);
    assert_eq!(step_ups[0].sign_in_tenant(), SignInTenant::Home);
    assert_eq!(answer.applied_policies[0].result(), PolicyResult::Failure);
}

#[tokio::test]
async fn without_policies_the_answer_is_a_denial_and_not_an_error() {
    let server = serve_engine(server::empty_engine()).await;
    let mut client = client(&server).await;
    let answer = client.authorize(request_with_mfa()).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!(answer.decision(), Decision::Deny);
    assert_eq!(answer.reason(), Reason::NoSnapshot);
    assert_eq!(answer.stage(), Stage::Unspecified);
    assert_eq!(answer.snapshot, None);

    let explained = client
        .explain(ExplainRequest {
            request: Some(request_with_mfa()),
        })
        .await
        .unwrap()
        .into_inner();
    let answer = explained.response.unwrap();
    assert_eq!(answer.reason(), Reason::NoSnapshot);
    assert!(explained.stages.is_empty() && explained.policies.is_empty());
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_under_one_snapshot() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let expired = request_with(|request| {
        claims(request).expires_at.as_mut().unwrap().seconds = 1_700_000_000;
    });
    let requests = vec![request(), request_with_mfa(), expired, request_with_mfa()];
    let batch = AuthorizeBatchRequest { requests };
    let answers = client.authorize_batch(batch).await.unwrap().into_inner();
    let reasons: Vec<Reason> = answers.responses.iter().map(|one| one.reason()).collect();
    let expected = [
        Reason::MfaRequired,
        Reason::Allowed,
        Reason::TokenExpired,
        Reason::Allowed,
    ];
    assert_eq!(reasons, expected);
    let first = &answers.responses[0].snapshot;
    assert!(answers.responses.iter().all(|one| one.snapshot == *first));

    let empty = client.authorize_batch(AuthorizeBatchRequest::default());
    assert_eq!(empty.await.unwrap().into_inner().responses, []);
}

#[tokio::test]
async fn an_explanation_has_every_stage_and_policy_with_its_origin_and_no_event_id() {
    let server = serve_engine(engine()).await;
    let mut client = client(&server).await;
    let explained = client
        .explain(ExplainRequest {
            request: Some(request()),
        })
        .await
        .unwrap()
        .into_inner();
    let answer = explained.response.unwrap();
    assert_eq!(answer.reason(), Reason::MfaRequired);
    assert!(!answer.cached && answer.decision_id.is_empty());
    let stages: Vec<_> = explained
        .stages
        .iter()
        .map(|stage| (stage.stage(), stage.passed, stage.reason()))
        .collect();
    assert_eq!(stages.len(), 6);
    assert_eq!(
        stages[4],
        (Stage::ConditionalAccess, false, Reason::MfaRequired)
    );
    assert_eq!(stages[5], (Stage::SharedChannel, true, Reason::Unspecified));
    assert_eq!(explained.stages[4].error_code, "AADSTS50076");
    let inbound = &explained.stages[3].details[0];
    assert!(inbound.origin.contains("settings.json"), "{inbound:?}");
    let policy = &explained.policies[0];
    assert_eq!(policy.display_name, "policy 1");
    assert_eq!(policy.result(), PolicyResult::Failure);
    assert!(
        policy.origin.contains("conditional-access.json"),
        "{policy:?}"
    );
}
