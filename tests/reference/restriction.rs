//! Stage 2: tenant restrictions (semantics §6).

use crosstrust::decision::{Reason, Stage};
use crosstrust::id::TenantId;
use crosstrust::request::Request;
use crosstrust::vocabulary::Cloud;

use super::settings::{self, Outcome};
use super::{Failure, TenantDocuments, World};

pub fn check(world: &World, request: &Request) -> Result<(), Failure> {
    let Some(restricting) = request.restricting_tenant else {
        return Ok(());
    };
    if request.home == restricting || request.resource == restricting {
        return Ok(());
    }
    let restricted = Failure::of(Stage::TenantRestriction, Reason::TenantRestricted);
    let Some(home) = request.home.tenant() else {
        return Err(restricted);
    };
    let Some(tenant) = world.tenant(restricting) else {
        return Err(restricted);
    };
    let own_cloud = tenant.cloud();
    let home_cloud = home_cloud(world, request, own_cloud);
    let resource_cloud = world
        .tenant(request.resource)
        .map_or(own_cloud, |resource| resource.cloud());
    if home_cloud == own_cloud && !passes(world, tenant, home, request) {
        return Err(restricted);
    }
    if request.home != request.resource
        && resource_cloud == own_cloud
        && !passes(world, tenant, request.resource, request)
    {
        return Err(restricted);
    }
    Ok(())
}

fn passes(world: &World, tenant: &TenantDocuments, other: TenantId, request: &Request) -> bool {
    let setting = settings::of(Some(tenant), other, "tenantRestrictions");
    // INVARIANT(unknown): unknown groups are a denial here too.
    settings::apply(world, &setting, request) == Outcome::Passes
}

/// The cloud of the home tenant. Outside the snapshot it is the one in the request, otherwise that of the resource tenant.
fn home_cloud(world: &World, request: &Request, otherwise: Cloud) -> Cloud {
    let home = request.home.tenant();
    if let Some(home) = home.and_then(|home| world.tenant(home)) {
        return home.cloud();
    }
    if let Some(cloud) = request.home_cloud {
        return cloud;
    }
    match world.tenant(request.resource) {
        Some(resource) => resource.cloud(),
        None => otherwise,
    }
}
