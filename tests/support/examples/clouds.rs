//! Clouds (semantics §3, Clouds).

use crosstrust::decision::{Reason, Stage};
use crosstrust::vocabulary::Cloud;
use serde_json::json;

use super::{Example, allows, denies};
use crate::support::build::*;
use crate::support::universe::*;

const HERE: &str = "microsoftonline.com";
const THERE: &str = "microsoftonline.us";

pub fn all() -> Vec<Example> {
    let contoso = || {
        tenant(CONTOSO)
            .cloud(HERE)
            .allowed_clouds(&[THERE])
            .partner(FABRIKAM, json!({}))
    };
    let fabrikam = || {
        tenant(FABRIKAM)
            .cloud(THERE)
            .allowed_clouds(&[HERE])
            .partner(CONTOSO, json!({}))
    };
    let mutual = || world([contoso(), fabrikam()]);
    let reason = Reason::CloudNotAllowed;
    let from_there = |cloud| with(guest(), |request| request.home_cloud = cloud);
    let home_unknown = world([contoso()]);
    vec![
        allows(
            "cloud: both sides name the other's and have a partner entry",
            &mutual(),
            guest(),
        ),
        denies(
            "cloud: direct connect never crosses",
            &mutual(),
            direct(),
            Stage::Outbound,
            reason,
        ),
        denies(
            "cloud: direct connect does not cross with open settings either",
            &world([
                open_contoso().allowed_clouds(&[THERE]),
                open_fabrikam().cloud(THERE).allowed_clouds(&[HERE]),
            ]),
            direct(),
            Stage::Outbound,
            reason,
        ),
        denies(
            "cloud: the home tenant does not name it",
            &world([
                contoso(),
                tenant(FABRIKAM).cloud(THERE).partner(CONTOSO, json!({})),
            ]),
            guest(),
            Stage::Outbound,
            reason,
        ),
        denies(
            "cloud: the home tenant has no partner entry",
            &world([
                contoso(),
                tenant(FABRIKAM).cloud(THERE).allowed_clouds(&[HERE]),
            ]),
            guest(),
            Stage::Outbound,
            reason,
        ),
        denies(
            "cloud: the resource tenant does not name it",
            &world([tenant(CONTOSO).partner(FABRIKAM, json!({})), fabrikam()]),
            guest(),
            Stage::Inbound,
            reason,
        ),
        denies(
            "cloud: the resource tenant has no partner entry",
            &world([tenant(CONTOSO).allowed_clouds(&[THERE]), fabrikam()]),
            guest(),
            Stage::Inbound,
            reason,
        ),
        denies(
            "cloud: the cloud that is named must be the right one",
            &world([
                contoso(),
                tenant(FABRIKAM)
                    .cloud(THERE)
                    .allowed_clouds(&["partner.microsoftonline.cn"])
                    .partner(CONTOSO, json!({})),
            ]),
            guest(),
            Stage::Outbound,
            reason,
        ),
        denies(
            "cloud: settings apply as usual once it is allowed",
            &world([
                contoso(),
                tenant(FABRIKAM)
                    .cloud(THERE)
                    .allowed_clouds(&[HERE])
                    .partner(CONTOSO, json!({"b2bCollaborationOutbound": closed()})),
            ]),
            guest(),
            Stage::Outbound,
            Reason::OutboundUser,
        ),
        denies(
            "cloud: comes before the setting",
            &world([
                contoso(),
                tenant(FABRIKAM)
                    .cloud(THERE)
                    .partner(CONTOSO, json!({"b2bCollaborationOutbound": closed()})),
            ]),
            guest(),
            Stage::Outbound,
            reason,
        ),
        denies(
            "cloud: the request states the cloud of a home tenant outside the snapshot",
            &home_unknown,
            from_there(Some(Cloud::UsGovernment)),
            Stage::Outbound,
            reason,
        ),
        allows(
            "cloud: otherwise it is in the resource tenant's cloud",
            &home_unknown,
            from_there(None),
        ),
        allows(
            "cloud: the request does not override the cloud of a tenant in the snapshot",
            &world([open_contoso(), open_fabrikam()]),
            from_there(Some(Cloud::China)),
        ),
        allows(
            "cloud: two tenants of another cloud are like two of this one",
            &world([open_contoso().cloud(THERE), open_fabrikam().cloud(THERE)]),
            direct(),
        ),
    ]
}
