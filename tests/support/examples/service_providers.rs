//! `blockServiceProviderOutboundAccess` (semantics §3, "Service providers").

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use crosstrust::vocabulary::UserType;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::support::build::*;
use crate::support::universe::*;

fn service_provider() -> Request {
    with(guest(), |request| {
        request.external_user_type = Some(UserType::ServiceProvider);
    })
}

pub fn all() -> Vec<Example> {
    let blocking = |value: Value| {
        let entry = json!({
            "b2bDirectConnectOutbound": open(), "b2bCollaborationOutbound": open(),
            "blockServiceProviderOutboundAccess": value,
        });
        world([open_contoso(), tenant(FABRIKAM).partner(CONTOSO, entry)])
    };
    let denied = |name, world: &_| {
        denies(
            name,
            world,
            service_provider(),
            Stage::Outbound,
            Reason::OutboundUser,
        )
    };
    let other_cloud = world([
        open_contoso(),
        tenant(FABRIKAM)
            .cloud("microsoftonline.us")
            .partner(CONTOSO, json!({"blockServiceProviderOutboundAccess": true})),
    ]);
    vec![
        denied(
            "service provider: true denies one outbound access",
            &blocking(json!(true)),
        ),
        allows(
            "service provider: false allows one",
            &blocking(json!(false)),
            service_provider(),
        ),
        allows(
            "service provider: null is false",
            &blocking(Value::Null),
            service_provider(),
        ),
        allows(
            "service provider: a guest is not one",
            &blocking(json!(true)),
            guest(),
        ),
        allows(
            "service provider: a request without a user type is not one",
            &blocking(json!(true)),
            with(guest(), |request| request.external_user_type = None),
        ),
        allows(
            "service provider: the resource tenant's entry for the home tenant has no effect",
            &world([
                tenant(CONTOSO).partner(
                    FABRIKAM,
                    json!({
                        "b2bCollaborationInbound": open(), "blockServiceProviderOutboundAccess": true,
                    }),
                ),
                open_fabrikam(),
            ]),
            service_provider(),
        ),
        denied(
            "service provider: the rule comes before the settings, which would name the application",
            &world([
                open_contoso(),
                tenant(FABRIKAM).partner(
                    CONTOSO,
                    json!({
                        "b2bCollaborationOutbound":
                            setting("allowed", &[all_users()], "allowed", &[app(EXCHANGE)]),
                        "blockServiceProviderOutboundAccess": true,
                    }),
                ),
            ]),
        ),
        denies(
            "service provider: the cloud rule comes first",
            &other_cloud,
            service_provider(),
            Stage::Outbound,
            Reason::CloudNotAllowed,
        ),
    ]
}
