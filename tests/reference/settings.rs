//! Stages 3 and 4: the cross-tenant access settings of both sides (semantics §2 and §3).

use crosstrust::decision::{DenialSubject, Reason, Stage};
use crosstrust::id::{AppId, TenantId};
use crosstrust::request::{AccessType, Request, UserClass};
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{Cloud, UserType};
use serde_json::{Value, json};

use super::documents::{flag, is_word, list, member, text};
use super::homes::{self, Assumed};
use super::{Fact, Failure, TenantDocuments, World};

/// The result of a setting for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passes,
    FailsByUser,
    FailsByApplication,
    GroupsUnknown,
}

/// The claims of the home tenant that the resource tenant accepts.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    pub mfa: bool,
    pub compliant_device: bool,
    pub hybrid_joined_device: bool,
}

/// Stage 3. Returns the assumption on which the allow relies, if any.
pub fn check_outbound(
    world: &World,
    request: &Request,
    now: Timestamp,
) -> Result<Option<Assumed>, Failure> {
    if request.home == request.resource || request.home.tenant().is_none() {
        return Ok(None);
    }
    let home = world.tenant(home(request));
    let (home_cloud, resource_cloud) = clouds(world, request);
    if home_cloud != resource_cloud {
        let allowed = match (request.access, home) {
            (AccessType::DirectConnect, _) | (_, None) => false,
            (AccessType::Collaboration, Some(home)) => {
                names_cloud(home, resource_cloud, request.resource)
            }
        };
        if !allowed {
            let cloud = Failure::of(Stage::Outbound, Reason::CloudNotAllowed);
            return Err(match (request.access, home) {
                (AccessType::Collaboration, None) => Failure {
                    subject: Some(Box::new(DenialSubject::CloudOfHomeNotLoaded {
                        tenant: self::home(request),
                    })),
                    ..cloud
                },
                (_, _) => cloud,
            });
        }
    }
    if blocks_service_provider(home, request) {
        return Err(Failure::about(
            Stage::Outbound,
            Reason::OutboundUser,
            DenialSubject::ServiceProviderBlocked,
        ));
    }
    let setting = of(home, request.resource, outbound_member(request.access));
    let outcome = apply(world, &setting, request);
    if outcome != Outcome::Passes && home.is_none() {
        let resource = resource(world, request);
        let tenant = self::home(request);
        return homes::check_assumed(resource, tenant, request, now).map(Some);
    }
    match outcome {
        Outcome::Passes => Ok(None),
        Outcome::FailsByUser => Err(Failure::of(Stage::Outbound, Reason::OutboundUser)),
        Outcome::FailsByApplication => {
            Err(Failure::of(Stage::Outbound, Reason::OutboundApplication))
        }
        Outcome::GroupsUnknown => Err(Failure::of(Stage::Outbound, Reason::GroupsUnknown)),
    }
}

/// semantics §3, "Service providers".
fn blocks_service_provider(home: Option<&TenantDocuments>, request: &Request) -> bool {
    let entry = home.and_then(|home| home.partner(request.resource));
    request.external_user_type == Some(UserType::ServiceProvider)
        && entry
            .is_some_and(|entry| flag(entry, "blockServiceProviderOutboundAccess") == Some(true))
}

pub fn check_inbound(world: &World, request: &Request) -> Result<(), Failure> {
    if request.home == request.resource {
        return Ok(());
    }
    let resource = resource(world, request);
    if let Some(provider) = request.home.provider() {
        return homes::check_provider(resource, provider);
    }
    let (home_cloud, resource_cloud) = clouds(world, request);
    if home_cloud != resource_cloud && !names_cloud(resource, home_cloud, home(request)) {
        return Err(Failure::of(Stage::Inbound, Reason::CloudNotAllowed));
    }
    let setting = of(
        Some(resource),
        home(request),
        inbound_member(request.access),
    );
    match apply(world, &setting, request) {
        Outcome::Passes => Ok(()),
        Outcome::FailsByUser => Err(Failure::of(Stage::Inbound, Reason::InboundUser)),
        Outcome::FailsByApplication => Err(Failure::of(Stage::Inbound, Reason::InboundApplication)),
        Outcome::GroupsUnknown => Err(Failure::of(Stage::Inbound, Reason::GroupsUnknown)),
    }
}

/// Whether the user could also use direct connect (semantics §5, "User types overlap").
pub fn direct_connect_eligible(world: &World, request: &Request, now: Timestamp) -> Fact {
    let (home_cloud, resource_cloud) = clouds(world, request);
    if home_cloud != resource_cloud {
        return Fact::No;
    }
    let outbound = of(
        world.tenant(home(request)),
        request.resource,
        outbound_member(AccessType::DirectConnect),
    );
    let inbound = of(
        Some(resource(world, request)),
        home(request),
        inbound_member(AccessType::DirectConnect),
    );
    let fact = |setting| match apply(world, setting, request) {
        Outcome::Passes => Fact::Yes,
        Outcome::FailsByUser | Outcome::FailsByApplication => Fact::No,
        Outcome::GroupsUnknown => Fact::Unknown,
    };
    let resource = resource(world, request);
    let agreed = homes::direct_connect_agreement(world, resource, home(request), now);
    fact(&outbound)
        .or(Fact::from_bool(agreed.is_some()))
        .and(fact(&inbound))
}

/// The end of the agreement by which the user is also a direct connect user.
pub fn direct_connect_agreement(
    world: &World,
    request: &Request,
    now: Timestamp,
) -> Option<Timestamp> {
    let home = request.home.tenant()?;
    let resource = resource(world, request);
    let overlaps = request.user_class() == UserClass::Collaboration
        && world.bundles.teams_and_sharepoint.contains(&request.app)
        && direct_connect_eligible(world, request, now) != Fact::No;
    homes::direct_connect_agreement(world, resource, home, now).filter(|_| overlaps)
}

/// The effective trust of the resource tenant in the home tenant; each boolean is inherited separately.
pub fn trust(world: &World, request: &Request) -> Trust {
    if request.home.tenant().is_none() {
        return Trust {
            mfa: false,
            compliant_device: false,
            hybrid_joined_device: false,
        };
    }
    let resource = resource(world, request);
    let accepts = |name: &str| {
        [resource.partner(home(request)), default_object(resource)]
            .into_iter()
            .flatten()
            .filter_map(|configuration| member(configuration, "inboundTrust"))
            .find_map(|trust| flag(trust, name))
            .unwrap_or(false)
    };
    Trust {
        mfa: accepts("isMfaAccepted"),
        compliant_device: accepts("isCompliantDeviceAccepted"),
        hybrid_joined_device: accepts("isHybridAzureADJoinedDeviceAccepted"),
    }
}

/// The tenant's setting for the other tenant: the partner's member, otherwise the default's, otherwise the service's. A
/// tenant outside the snapshot has the service's defaults.
pub fn of(tenant: Option<&TenantDocuments>, other: TenantId, name: &str) -> Value {
    let written = tenant.and_then(|tenant| {
        [tenant.partner(other), default_object(tenant)]
            .into_iter()
            .flatten()
            .find_map(|configuration| member(configuration, name))
    });
    match written {
        Some(setting) => setting.clone(),
        None => service_default(name),
    }
}

/// The table of semantics §3; an unknown fact is tried as true and as false.
pub fn apply(world: &World, setting: &Value, request: &Request) -> Outcome {
    let users = member(setting, "usersAndGroups").expect("a setting has a users rule");
    let applications = member(setting, "applications").expect("a setting has an application rule");
    let over_users = |a: bool| {
        let row = |u: bool| combine(is_allowed(users), is_allowed(applications), u, a);
        match targets_user(users, request) {
            Fact::Yes => row(true),
            Fact::No => row(false),
            Fact::Unknown => match (row(true), row(false)) {
                (Outcome::Passes, Outcome::Passes) => Outcome::Passes,
                (Outcome::Passes, _) | (_, Outcome::Passes) => Outcome::GroupsUnknown,
                (_, _) => Outcome::FailsByApplication,
            },
        }
    };
    match targets_application(world, applications, request) {
        Fact::Yes => over_users(true),
        Fact::No => over_users(false),
        Fact::Unknown if over_users(true) == over_users(false) => over_users(true),
        Fact::Unknown => Outcome::FailsByApplication,
    }
}

fn combine(users_allowed: bool, applications_allowed: bool, u: bool, a: bool) -> Outcome {
    match (users_allowed, applications_allowed) {
        (true, true) if !u => Outcome::FailsByUser,
        (true, true) if !a => Outcome::FailsByApplication,
        (true, false) if !u => Outcome::FailsByUser,
        (true, false) if a => Outcome::FailsByApplication,
        (false, true) if u => Outcome::FailsByUser,
        (false, true) if !a => Outcome::FailsByApplication,
        (false, false) if u && a => Outcome::FailsByUser,
        _ => Outcome::Passes,
    }
}

fn is_allowed(rule: &Value) -> bool {
    let access = text(rule, "accessType").expect("a rule has an access type");
    assert!(is_word(access, "allowed") || is_word(access, "blocked"));
    is_word(access, "allowed")
}

fn targets_user(rule: &Value, request: &Request) -> Fact {
    let mut names_users = false;
    let mut names_groups = false;
    for target in list(rule, "targets") {
        let name = text(target, "target").expect("a target has a name");
        let kind = text(target, "targetType").expect("a target has a type");
        if is_word(name, "AllUsers") {
            return Fact::Yes;
        }
        if is_word(kind, "group") {
            names_groups = true;
            let group = name.parse().expect("a group id");
            if request.groups.contains(&group) {
                return Fact::Yes;
            }
        } else {
            names_users = true;
            if request.user.is_some() && request.user == name.parse().ok() {
                return Fact::Yes;
            }
        }
    }
    let group_could = names_groups && request.claims.groups_incomplete;
    let user_could = (names_users || names_groups) && request.user.is_none();
    if group_could || user_could {
        Fact::Unknown
    } else {
        Fact::No
    }
}

fn targets_application(world: &World, rule: &Value, request: &Request) -> Fact {
    let reached = [Some(request.app), request.client_app];
    let holds_one =
        |holds: &dyn Fn(AppId) -> Fact| Fact::any(reached.into_iter().flatten().map(holds));
    Fact::any(list(rule, "targets").into_iter().map(|target| {
        let name = text(target, "target").expect("a target has a name");
        if is_word(name, "AllApplications") {
            Fact::Yes
        } else if is_word(name, "Office365") {
            holds_one(&|app| world.in_bundle(app, "Office365"))
        } else if is_word(name, "AllMicrosoftApps") {
            holds_one(&|app| world.in_bundle(app, "AllMicrosoftApps"))
        } else {
            let named: AppId = name.parse().expect("an application id");
            holds_one(&|app| Fact::from_bool(app == named))
        }
    }))
}

/// The clouds of home and resource tenant (semantics §3, Clouds).
fn clouds(world: &World, request: &Request) -> (Cloud, Cloud) {
    let resource_cloud = resource(world, request).cloud();
    let home_cloud = match world.tenant(home(request)) {
        Some(home) => home.cloud(),
        None => request.home_cloud.unwrap_or(resource_cloud),
    };
    (home_cloud, resource_cloud)
}

fn names_cloud(tenant: &TenantDocuments, other_cloud: Cloud, other: TenantId) -> bool {
    tenant.allows_cloud(other_cloud) && tenant.partner(other).is_some()
}

/// Settings are for users of a tenant.
fn home(request: &Request) -> TenantId {
    request.home.tenant().expect("a user of a tenant")
}

fn resource<'w>(world: &'w World, request: &Request) -> &'w TenantDocuments {
    world
        .tenant(request.resource)
        .expect("an unknown resource tenant is denied before stage 3")
}

fn default_object(tenant: &TenantDocuments) -> Option<&Value> {
    tenant.objects("default").first().copied()
}

fn outbound_member(access: AccessType) -> &'static str {
    match access {
        AccessType::DirectConnect => "b2bDirectConnectOutbound",
        AccessType::Collaboration => "b2bCollaborationOutbound",
    }
}

fn inbound_member(access: AccessType) -> &'static str {
    match access {
        AccessType::DirectConnect => "b2bDirectConnectInbound",
        AccessType::Collaboration => "b2bCollaborationInbound",
    }
}

/// The table "The service's own defaults" of semantics §2.
fn service_default(name: &str) -> Value {
    let access = match name {
        "b2bCollaborationInbound" | "b2bCollaborationOutbound" => "allowed",
        "b2bDirectConnectInbound" | "b2bDirectConnectOutbound" | "tenantRestrictions" => "blocked",
        other => panic!("unknown setting {other}"),
    };
    json!({
        "usersAndGroups": {
            "accessType": access,
            "targets": [{"target": "AllUsers", "targetType": "user"}],
        },
        "applications": {
            "accessType": access,
            "targets": [{"target": "AllApplications", "targetType": "application"}],
        },
    })
}
