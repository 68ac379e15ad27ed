//! Tenant restrictions (semantics §6).

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use crosstrust::vocabulary::Cloud;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

/// Contoso, Fabrikam, and Woodgrove with these restrictions for the two.
fn restricting(fabrikam: Value, contoso: Value) -> World {
    let woodgrove = tenant(WOODGROVE)
        .partner(FABRIKAM, json!({"tenantRestrictions": fabrikam}))
        .partner(CONTOSO, json!({"tenantRestrictions": contoso}));
    world([open_contoso(), open_fabrikam(), woodgrove])
}

fn from_network(mut request: Request, tenant: crosstrust::id::TenantId) -> Request {
    request.restricting_tenant = Some(tenant);
    request
}

pub fn all() -> Vec<Example> {
    let (stage, reason) = (Stage::TenantRestriction, Reason::TenantRestricted);
    let there = || from_network(direct(), WOODGROVE);
    let only_marketing = || setting("allowed", &[group(MARKETING)], "allowed", &[all_apps()]);
    let not_payroll = || setting("allowed", &[all_users()], "blocked", &[app(PAYROLL)]);
    let in_gov = |fabrikam: Value| {
        world([
            open_contoso(),
            open_fabrikam(),
            tenant(WOODGROVE)
                .cloud("microsoftonline.us")
                .partner(FABRIKAM, json!({"tenantRestrictions": fabrikam})),
        ])
    };
    let by_default = |default: Value| {
        world([
            open_contoso(),
            open_fabrikam(),
            tenant(WOODGROVE)
                .default_settings(json!({"tenantRestrictions": default}))
                .partner(FABRIKAM, json!({"tenantRestrictions": null})),
        ])
    };
    let internal_there = || from_network(internal(), WOODGROVE);
    let outside = |cloud| {
        with(from_network(guest(), WOODGROVE), |request| {
            request.home = NORTHWIND.into();
            request.home_cloud = cloud;
        })
    };
    let northwind = world([
        open_contoso(),
        tenant(WOODGROVE).partner(CONTOSO, json!({"tenantRestrictions": open()})),
    ]);
    let outside_itself = |cloud| {
        with(outside(cloud), |request| {
            request.resource = NORTHWIND;
            request.external_user_type = None;
        })
    };
    vec![
        denies(
            "restriction: the service's default blocks all",
            &world([open_contoso(), open_fabrikam(), tenant(WOODGROVE)]),
            there(),
            stage,
            reason,
        )
        .cacheable(true),
        allows(
            "restriction: both tenants are allowed",
            &restricting(open(), open()),
            there(),
        ),
        denies(
            "restriction: the home tenant is not",
            &restricting(closed(), open()),
            there(),
            stage,
            reason,
        ),
        denies(
            "restriction: the resource tenant is not",
            &restricting(open(), closed()),
            there(),
            stage,
            reason,
        ),
        denies(
            "restriction: the application is not",
            &restricting(open(), not_payroll()),
            there(),
            stage,
            reason,
        ),
        denies(
            "restriction: the application is not, for the home tenant",
            &restricting(not_payroll(), open()),
            there(),
            stage,
            reason,
        ),
        allows(
            "restriction: the user's groups are the home tenant's",
            &restricting(only_marketing(), open()),
            with(there(), |request| request.groups = vec![MARKETING]),
        ),
        denies(
            "restriction: the groups are not the guest object's",
            &restricting(only_marketing(), open()),
            with(from_network(guest(), WOODGROVE), |request| {
                request.resource_groups = vec![MARKETING]
            }),
            stage,
            reason,
        ),
        allows(
            "restriction: the groups count for the resource tenant's check too",
            &restricting(open(), only_marketing()),
            with(there(), |request| request.groups = vec![MARKETING]),
        ),
        denies(
            "restriction: unknown groups are a denial",
            &restricting(only_marketing(), open()),
            with(there(), |request| request.claims.groups_incomplete = true),
            stage,
            reason,
        ),
        allows(
            "restriction: two blocked rules block only both together",
            &restricting(
                setting("blocked", &[group(SALES)], "blocked", &[app(PAYROLL)]),
                open(),
            ),
            there(),
        ),
        allows(
            "restriction: not of the restricting tenant's own users",
            &restricting(closed(), closed()),
            from_network(direct(), FABRIKAM),
        ),
        allows(
            "restriction: not on the restricting tenant's own applications",
            &restricting(closed(), closed()),
            from_network(direct(), CONTOSO),
        ),
        allows(
            "restriction: not of the own user of a restricting tenant without policies here",
            &world([open_contoso()]),
            with(from_network(guest(), NORTHWIND), |request| {
                request.home = NORTHWIND.into()
            }),
        ),
        denies(
            "restriction: by a tenant that has no policies here",
            &restricting(open(), open()),
            from_network(direct(), NORTHWIND),
            stage,
            reason,
        ),
        allows(
            "restriction: a partner's null is the default's",
            &by_default(open()),
            there(),
        ),
        denies(
            "restriction: the default's can close",
            &by_default(setting(
                "allowed",
                &[all_users()],
                "allowed",
                &[app(EXCHANGE)],
            )),
            there(),
            stage,
            reason,
        ),
        allows(
            "restriction: another tenant's own user is checked once",
            &restricting(closed(), open()),
            internal_there(),
        ),
        denies(
            "restriction: another tenant's own user",
            &restricting(open(), closed()),
            internal_there(),
            stage,
            reason,
        ),
        allows(
            "restriction: is not made across clouds",
            &in_gov(closed()),
            there(),
        ),
        allows(
            "restriction: an outside home tenant can be allowed by name",
            &world([
                open_contoso(),
                tenant(WOODGROVE)
                    .partner(CONTOSO, json!({"tenantRestrictions": open()}))
                    .partner(NORTHWIND, json!({"tenantRestrictions": open()})),
            ]),
            outside(None),
        ),
        denies(
            "restriction: an outside home tenant counts as in the resource tenant's cloud",
            &northwind,
            outside(None),
            stage,
            reason,
        ),
        denies(
            "restriction: in another cloud it is skipped, and the cloud rule denies later",
            &northwind,
            outside(Some(Cloud::China)),
            Stage::Outbound,
            Reason::CloudNotAllowed,
        ),
        denies(
            "restriction: an unknown home user is like unknown groups",
            &restricting(only_marketing(), open()),
            with(from_network(guest(), WOODGROVE), |request| {
                request.user = None
            }),
            stage,
            reason,
        ),
        denies(
            "restriction: a home tenant that is the resource tenant, both outside, is in this cloud",
            &northwind,
            outside_itself(None),
            stage,
            reason,
        ),
        denies(
            "restriction: or in its own, and then its resource side is not checked",
            &northwind,
            outside_itself(Some(Cloud::China)),
            Stage::Inbound,
            Reason::ResourceTenantUnknown,
        ),
    ]
}
