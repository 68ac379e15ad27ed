//! A home tenant whose policies are not loaded (semantics §3, `assumed-outbound.json`).

use std::time::Duration;

use crosstrust::decision::{Reason, Stage};
use crosstrust::id::TenantId;
use crosstrust::request::Request;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

/// Contoso alone, open to Fabrikam, with this entry for Fabrikam.
fn contoso_assuming(entry: Value) -> World {
    world([open_contoso().assumed_outbound(FABRIKAM, entry)])
}

fn agreement(review_by: &str) -> Value {
    json!({"basis": "agreement", "reviewBy": review_by})
}

fn token_issued_by(tenant: Option<TenantId>) -> Request {
    with(direct(), |request| request.issuing_tenant = tenant)
}

fn denied(name: &'static str, world: &World, request: Request) -> Example {
    denies(name, world, request, Stage::Outbound, Reason::OutboundUser)
}

/// A policy only for direct connect users blocks SharePoint.
fn blocking_direct_connect(entry: Value) -> World {
    let users = json!({"includeGuestsOrExternalUsers": {
        "guestOrExternalUserTypes": "b2bDirectConnectUser",
        "externalTenants": {"membershipKind": "all"},
    }});
    let contoso = open_contoso()
        .assumed_outbound(FABRIKAM, entry)
        .policy(1, when(block(), "users", users));
    world([contoso])
}

pub fn all() -> Vec<Example> {
    let token_issued = json!({"basis": "tokenIssued", "reviewBy": TODAY});
    let with_types = |types: Value| {
        contoso_assuming(json!({"basis": "agreement", "reviewBy": TODAY, "accessTypes": types}))
    };
    let midnight = NOW.plus(UNTIL_MIDNIGHT);
    let before = |name, seconds: u64| {
        let mut example = allows(
            name,
            &contoso_assuming(agreement(TODAY)),
            with(direct(), |request| {
                request.claims.expires_at = midnight.plus(Duration::from_secs(HOUR));
            }),
        );
        example.now = midnight.minus(Duration::from_secs(seconds));
        example
    };
    let mut after = denied(
        "assumed outbound: the last day ends at midnight UTC",
        &contoso_assuming(agreement(TODAY)),
        with(direct(), |request| {
            request.claims.expires_at = midnight.plus(Duration::from_secs(HOUR));
        }),
    );
    after.now = midnight;
    let in_sharepoint = || with(guest(), |request| request.app = SHAREPOINT);
    let mut overlap_ends = denies(
        "assumed outbound: an overlap by an agreement ends with it",
        &blocking_direct_connect(agreement(TODAY)),
        with(in_sharepoint(), |request| {
            request.claims.expires_at = midnight.plus(Duration::from_secs(HOUR));
        }),
        Stage::ConditionalAccess,
        Reason::CaBlocked,
    )
    .until(midnight);
    overlap_ends.now = midnight.minus(Duration::from_secs(60));
    vec![
        denied(
            "assumed outbound: without an entry direct connect is blocked",
            &world([open_contoso()]),
            direct(),
        ),
        allows(
            "assumed outbound: an agreement allows the user, also on its last day",
            &contoso_assuming(agreement(TODAY)),
            direct(),
        ),
        denied(
            "assumed outbound: an entry after its last day has no effect",
            &contoso_assuming(agreement(YESTERDAY)),
            direct(),
        ),
        before("assumed outbound: an answer expires with the last day", 60).until(midnight),
        before(
            "assumed outbound: an answer expires in an hour if that is earlier than the last day",
            2 * HOUR,
        )
        .until(midnight.minus(Duration::from_secs(HOUR))),
        after,
        denied(
            "assumed outbound: an entry for another tenant has no effect",
            &world([open_contoso().assumed_outbound(NORTHWIND, agreement(TODAY))]),
            direct(),
        ),
        denied(
            "assumed outbound: no effect if the home tenant's policies are loaded",
            &world([
                open_contoso().assumed_outbound(FABRIKAM, agreement(TODAY)),
                tenant(FABRIKAM),
            ]),
            direct(),
        ),
        denies(
            "assumed outbound: the inbound settings still apply",
            &world([tenant(CONTOSO).assumed_outbound(FABRIKAM, agreement(TODAY))]),
            direct(),
            Stage::Inbound,
            Reason::InboundUser,
        ),
        denies(
            "assumed outbound: the cloud rule still applies",
            &contoso_assuming(agreement(TODAY)),
            with(direct(), |request| {
                request.home_cloud = "microsoftonline.us".parse().ok();
            }),
            Stage::Outbound,
            Reason::CloudNotAllowed,
        ),
        denied(
            "assumed outbound: an empty list of access types allows none",
            &with_types(json!([])),
            direct(),
        ),
        denied(
            "assumed outbound: collaboration is not direct connect",
            &with_types(json!(["collaboration"])),
            direct(),
        ),
        allows(
            "assumed outbound: null is direct connect",
            &with_types(Value::Null),
            direct(),
        ),
        allows(
            "assumed outbound: both are direct connect too",
            &with_types(json!(["collaboration", "DirectConnect"])),
            direct(),
        ),
        allows(
            "assumed outbound: collaboration needs no entry",
            &with_types(json!([])),
            guest(),
        ),
        denied(
            "assumed outbound: stated claims are not an issued token",
            &contoso_assuming(token_issued.clone()),
            direct(),
        ),
        denied(
            "assumed outbound: a token of another tenant's issuer has no effect",
            &contoso_assuming(token_issued.clone()),
            token_issued_by(Some(CONTOSO)),
        ),
        allows(
            "assumed outbound: a token of the home tenant's own issuer",
            &contoso_assuming(token_issued.clone()),
            token_issued_by(Some(FABRIKAM)),
        ),
        denies(
            "assumed outbound: an agreement makes a guest a direct connect user too",
            &blocking_direct_connect(agreement(TODAY)),
            in_sharepoint(),
            Stage::ConditionalAccess,
            Reason::CaBlocked,
        ),
        overlap_ends,
        allows(
            "assumed outbound: an expired agreement makes no user a direct connect user",
            &blocking_direct_connect(agreement(YESTERDAY)),
            in_sharepoint(),
        ),
        allows(
            "assumed outbound: an issued token makes no guest a direct connect user",
            &blocking_direct_connect(token_issued),
            with(in_sharepoint(), |request| {
                request.issuing_tenant = Some(FABRIKAM);
            }),
        ),
    ]
}
