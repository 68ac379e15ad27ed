//! Application facts in the configuration affect the decisions of the real server.

use std::fs;

use crosstrust::rpc::proto::{AccessType, AuthorizeRequest, Claims, Reason};
use prost_types::Timestamp;

use crate::support::sidecar::{Sidecar, ask};

/// A guest of Tailspin opens Contoso's Launcher; Contoso allows Tailspin's guests `Office365`.
fn opens_launcher() -> AuthorizeRequest {
    AuthorizeRequest {
        home_tenant: String::from("40001184-1cfb-4e41-9f8c-6d0c55108d1b"),
        resource_tenant: String::from("1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f"),
        user: String::from("41010cf7-1e73-4860-8e34-27489ce640eb"),
        resource_user: String::from("1301dc4d-3b13-49a7-bfce-1b4ce7098785"),
        app: String::from("1a01899f-ffd3-4659-9c8b-641314fe61f2"),
        access_type: AccessType::Collaboration.into(),
        claims: Some(Claims {
            expires_at: Some(Timestamp {
                seconds: 4_070_908_800,
                nanos: 0,
            }),
            ..Claims::default()
        }),
        ..AuthorizeRequest::default()
    }
}

fn reason_with(configuration: &str) -> Reason {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    fs::write(&file, configuration).unwrap();
    let sidecar = Sidecar::start(folder.path(), &["--config", file.to_str().unwrap()]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        let mut client = sidecar.client().await;
        ask(&mut client, opens_launcher()).await.unwrap()
    });
    sidecar.end();
    answer.reason()
}

#[test]
fn an_application_is_in_the_bundles_that_the_configuration_states() {
    assert_eq!(reason_with(""), Reason::InboundApplication);
    let stated = "[[application]]\nid = \"1a01899f-ffd3-4659-9c8b-641314fe61f2\"\n\
                  bundles = [\"Office365\"]\n";
    assert_ne!(reason_with(stated), Reason::InboundApplication);
}
