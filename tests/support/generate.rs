//! Worlds and requests from a seed.
//!
//! Every world is valid (semantics §2) and in Graph's spelling. Most settings are open, so that most requests reach
//! Conditional Access.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use crosstrust::id::{TenantId, UserId};
use crosstrust::request::{
    AccessType, ChannelId, Claims, Context, Home, IdentityProvider, LocatedCountry, Request,
};
use crosstrust::revocation::Revocation;
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{
    AuthenticationFlow, AuthenticationMethod as Method, ClientAppType, Cloud, Country,
    CountrySource, IdentityProviderName, InsiderRiskLevel, Platform, RiskLevel, UserAction,
    UserType,
};
use serde_json::{Map, Value, json};

use super::filters;
use super::mutate;
use super::policies::{self, Available};
use super::random::Rng;
use super::universe::*;
use crate::reference::{StatedApplication, TenantDocuments, World};

pub fn world(seed: u64) -> World {
    let mut rng = Rng::new(seed);
    let in_snapshot = [100, 92, 92, 30];
    let tenants: Vec<TenantId> = TENANTS
        .into_iter()
        .zip(in_snapshot)
        .filter(|(_, percent)| rng.chance(*percent))
        .map(|(tenant, _)| tenant)
        .collect();
    World {
        tenants: tenants
            .into_iter()
            .map(|tenant| documents(&mut rng, tenant))
            .collect(),
        bundles: bundles(),
        applications: Vec::new(),
    }
}

fn documents(rng: &mut Rng, tenant: TenantId) -> TenantDocuments {
    let mut documents = BTreeMap::new();
    let mut available = Available {
        locations: Vec::new(),
        strengths: Vec::new(),
    };
    documents.insert("organization", organization(rng, tenant));
    if rng.chance(70) {
        let clouds = rng.some(Cloud::WORDS, 60);
        documents.insert(
            "cross-tenant-access",
            json!({"allowedCloudEndpoints": clouds}),
        );
    }
    if rng.chance(80) {
        documents.insert("default", default_configuration(rng));
    }
    if rng.chance(95) {
        let mut partners = Vec::new();
        for other in TENANTS.into_iter().filter(|other| *other != tenant) {
            if rng.chance(85) {
                partners.push(partner(rng, other));
            }
        }
        documents.insert("partners", page(rng, partners));
    }
    if rng.chance(75) {
        let locations = policies::named_locations(rng, &mut available);
        documents.insert("named-locations", locations);
    }
    if rng.chance(60) {
        let strengths = policies::strengths(rng, &mut available);
        documents.insert("authentication-strengths", strengths);
    }
    if rng.chance(95) {
        let policies = policies::conditional_access(rng, &available);
        documents.insert("conditional-access", policies);
    }
    if rng.chance(40) {
        let settings = policies::conditional_access_settings(rng);
        documents.insert("conditional-access-settings", settings);
    }
    if rng.chance(85) {
        documents.insert("shared-channels", shared_channels(rng));
    }
    if rng.chance(70) {
        documents.insert("identity-providers", identity_providers(rng));
    }
    if rng.chance(60) {
        let federations = rng.some(&SAML_ISSUERS, 60).into_iter();
        let federations = federations.map(|issuer| {
            json!({
                "@odata.type": "#microsoft.graph.samlOrWsFedExternalDomainFederation",
                "displayName": "A federation", "issuerUri": issuer,
            })
        });
        let federations = federations.collect();
        documents.insert("federation-configurations", page(rng, federations));
    }
    if rng.chance(80) {
        documents.insert("assumed-outbound", assumed_outbound(rng, tenant));
    }
    TenantDocuments { documents }
}

fn organization(rng: &mut Rng, tenant: TenantId) -> Value {
    let mut organization =
        json!({"id": spell(rng, tenant), "displayName": format!("Tenant {tenant}")});
    match rng.below(36) {
        0 => organization["cloudEndpoint"] = json!("microsoftonline.us"),
        1 => organization["cloudEndpoint"] = json!("partner.microsoftonline.cn"),
        2 => organization["cloudEndpoint"] = json!("microsoftonline.com"),
        _ => {}
    }
    match rng.below(3) {
        0 => json!({"value": [organization]}),
        _ => organization,
    }
}

/// A page, or a bare array.
pub fn page(rng: &mut Rng, objects: Vec<Value>) -> Value {
    match rng.below(2) {
        0 => json!({"value": objects}),
        _ => Value::Array(objects),
    }
}

const SERVICE_PROVIDERS: &str = "blockServiceProviderOutboundAccess";

const SETTINGS: [&str; 4] = [
    "b2bDirectConnectInbound",
    "b2bDirectConnectOutbound",
    "b2bCollaborationInbound",
    "b2bCollaborationOutbound",
];

fn default_configuration(rng: &mut Rng) -> Value {
    let mut default = Map::new();
    for name in SETTINGS {
        let only_all_users = name.ends_with("Inbound");
        if rng.chance(80) {
            default.insert(name.into(), setting(rng, only_all_users));
        } else if rng.chance(30) {
            default.insert(name.into(), Value::Null);
        }
    }
    if rng.chance(60) {
        default.insert("inboundTrust".into(), trust(rng));
    }
    if rng.chance(50) {
        default.insert("tenantRestrictions".into(), setting(rng, true));
    }
    // An object that sets nothing is not a default (semantics §2).
    if !default.is_empty() && default.values().all(Value::is_null) {
        default.insert("automaticUserConsentSettings".into(), json!({}));
    }
    Value::Object(default)
}

fn partner(rng: &mut Rng, other: TenantId) -> Value {
    let mut partner = Map::new();
    partner.insert("tenantId".into(), json!(spell(rng, other)));
    for name in SETTINGS {
        match rng.weighted(&[75, 10, 15]) {
            0 => {
                partner.insert(name.into(), setting(rng, false));
            }
            1 => {
                partner.insert(name.into(), Value::Null);
            }
            _ => {}
        }
    }
    match rng.weighted(&[70, 10, 20]) {
        0 => {
            partner.insert("inboundTrust".into(), trust(rng));
        }
        1 => {
            partner.insert("inboundTrust".into(), Value::Null);
        }
        _ => {}
    }
    if rng.chance(60) {
        partner.insert("tenantRestrictions".into(), setting(rng, false));
    }
    match rng.weighted(&[70, 20, 5, 5]) {
        0 => None,
        1 => partner.insert(SERVICE_PROVIDERS.into(), json!(true)),
        2 => partner.insert(SERVICE_PROVIDERS.into(), json!(false)),
        _ => partner.insert(SERVICE_PROVIDERS.into(), Value::Null),
    };
    Value::Object(partner)
}

/// Adds synchronisation policies beside partner entries, or replaces entries with them. Without any partner entry beside
/// them they would be an error.
pub fn synchronizations(rng: &mut Rng, tenant: &mut TenantDocuments) {
    let own = tenant.id();
    if tenant.objects("partners").is_empty() {
        return;
    }
    let partners = mutate::objects_mut(tenant, "partners");
    for other in TENANTS.into_iter().filter(|other| *other != own) {
        let value = match rng.weighted(&[40, 30, 20, 10]) {
            0 => continue,
            1 => json!({"isSyncAllowed": true}),
            2 => json!({"isSyncAllowed": false}),
            _ => Value::Null,
        };
        let name = rng.one(&["userSyncInbound", "groupSyncInbound"]);
        let policy = json!({"tenantId": spell(rng, other), name: value});
        let place = rng.below(partners.len() + 1);
        partners.insert(place, policy);
    }
}

fn trust(rng: &mut Rng) -> Value {
    let mut trust = Map::new();
    for name in [
        "isMfaAccepted",
        "isCompliantDeviceAccepted",
        "isHybridAzureADJoinedDeviceAccepted",
    ] {
        match rng.weighted(&[55, 25, 10, 10]) {
            0 => trust.insert(name.into(), json!(true)),
            1 => trust.insert(name.into(), json!(false)),
            2 => trust.insert(name.into(), Value::Null),
            _ => None,
        };
    }
    Value::Object(trust)
}

/// A setting without Entra's conflicts; open in most cases.
fn setting(rng: &mut Rng, only_all_users: bool) -> Value {
    if rng.chance(70) {
        return rules("allowed", all_users(rng), "allowed", all_applications(rng));
    }
    let everyone = only_all_users || rng.chance(25);
    let users = if everyone {
        all_users(rng)
    } else {
        single_users(rng)
    };
    let any_applications = |rng: &mut Rng| match rng.below(3) {
        0 => all_applications(rng),
        _ => single_applications(rng),
    };
    match rng.weighted(&[4, 2, 3, 3]) {
        0 => rules("allowed", users, "allowed", any_applications(rng)),
        1 => rules("allowed", users, "blocked", single_applications(rng)),
        // If all users are blocked, all applications must be blocked too.
        2 | 3 if everyone => rules("blocked", users, "blocked", all_applications(rng)),
        2 => rules("blocked", users, "allowed", any_applications(rng)),
        _ => rules("blocked", users, "blocked", any_applications(rng)),
    }
}

/// A setting of its two rules.
pub fn rules(
    users_access: &str,
    users: Vec<Value>,
    applications_access: &str,
    applications: Vec<Value>,
) -> Value {
    json!({
        "usersAndGroups": {"accessType": users_access, "targets": users},
        "applications": {"accessType": applications_access, "targets": applications},
    })
}

fn all_users(rng: &mut Rng) -> Vec<Value> {
    vec![target(spell(rng, "AllUsers"), "user")]
}

fn single_users(rng: &mut Rng) -> Vec<Value> {
    let mut targets = Vec::new();
    for user in rng.some(&USERS, 25) {
        targets.push(target(spell(rng, user), "user"));
    }
    for group in rng.some(&GROUPS, 35) {
        targets.push(target(spell(rng, group), "group"));
    }
    if targets.is_empty() {
        targets.push(target(spell(rng, MARKETING), "group"));
    }
    rng.shuffle(&mut targets);
    targets
}

fn all_applications(rng: &mut Rng) -> Vec<Value> {
    vec![target(spell(rng, "AllApplications"), "application")]
}

fn single_applications(rng: &mut Rng) -> Vec<Value> {
    let mut targets = Vec::new();
    for app in rng.some(&APPS, 40) {
        targets.push(target(spell(rng, app), "application"));
    }
    for bundle in ["Office365", "AllMicrosoftApps"] {
        if rng.chance(20) {
            targets.push(target(spell(rng, bundle), "application"));
        }
    }
    if targets.is_empty() {
        targets.push(target(spell(rng, PAYROLL), "application"));
    }
    targets
}

pub fn target(name: String, kind: &str) -> Value {
    json!({"target": name, "targetType": kind})
}

/// Varies the spelling: words and ids compare without case, and ids may be in braces.
pub fn spell(rng: &mut Rng, word: impl Display) -> String {
    let word = word.to_string();
    let is_guid = word.len() == 36 && word.contains('-');
    match rng.below(25) {
        0 => word.to_uppercase(),
        1 => word.to_lowercase(),
        2 if is_guid => format!("{{{word}}}"),
        _ => word,
    }
}

/// A list of at least one id.
pub fn ids<I: Copy + Display>(rng: &mut Rng, list: &[I], percent: usize) -> Value {
    let chosen = rng.at_least_one(list, percent);
    let spelled: Vec<String> = chosen.into_iter().map(|id| spell(rng, id)).collect();
    json!(spelled)
}

fn identity_providers(rng: &mut Rng) -> Value {
    let types = [
        "Google",
        "Facebook",
        "Apple",
        "MicrosoftAccount",
        "EmailOTP",
        "EmailOtpSignup",
        "AADSignup",
    ];
    let providers = rng.some(&types, 45).into_iter();
    let providers = providers.map(|kind| {
        let state = rng.one(&[None, None, Some("enabled"), Some("disabled")]);
        json!({"identityProviderType": spell(rng, kind), "state": state})
    });
    let providers = providers.collect();
    page(rng, providers)
}

/// Entries for every other tenant, whether it is in the snapshot or not.
fn assumed_outbound(rng: &mut Rng, tenant: TenantId) -> Value {
    let mut entries = Vec::new();
    for other in TENANTS.into_iter().filter(|other| *other != tenant) {
        if rng.chance(15) {
            continue;
        }
        let mut entry = json!({
            "tenantId": spell(rng, other),
            "basis": rng.one(&["agreement", "agreement", "tokenIssued"]),
            "reviewBy": rng.one(&[YESTERDAY, TODAY, TODAY, "2099-12-31"]),
        });
        match rng.weighted(&[45, 10, 10, 10, 25]) {
            0 => {}
            1 => entry["accessTypes"] = Value::Null,
            2 => entry["accessTypes"] = json!([]),
            3 => entry["accessTypes"] = json!(["collaboration"]),
            _ => entry["accessTypes"] = json!(["collaboration", "directConnect"]),
        }
        entries.push(entry);
    }
    json!(entries)
}

fn shared_channels(rng: &mut Rng) -> Value {
    let mut channels = Vec::new();
    for id in CHANNELS {
        if rng.chance(90) {
            let mut channel = json!({
                "id": id,
                "displayName": "A channel",
                "membershipType": rng.one(&["shared", "shared", "unknownFutureValue"]),
            });
            if rng.chance(80) {
                channel["members"] = members(rng, 40);
            }
            if rng.chance(80) {
                channel["sharedWithTeams"] = teams(rng);
            }
            channels.push(channel);
        }
    }
    page(rng, channels)
}

fn members(rng: &mut Rng, percent: usize) -> Value {
    let mut members = Vec::new();
    for tenant in TENANTS {
        for user in rng.some(&USERS, percent) {
            members.push(json!({
                "userId": spell(rng, user), "tenantId": spell(rng, tenant),
            }));
        }
    }
    json!(members)
}

fn teams(rng: &mut Rng) -> Value {
    let mut teams = Vec::new();
    for tenant in TENANTS {
        for group in rng.some(&GROUPS, 20) {
            let mut team = json!({"id": spell(rng, group), "displayName": "A team", "tenantId": spell(rng, tenant)});
            match rng.below(4) {
                0 => team["allowedMembers"] = members(rng, 40),
                1 => team["allowedMembers"] = Value::Null,
                2 => team["allowedMembers"] = json!([]),
                _ => {}
            }
            teams.push(team);
        }
    }
    json!(teams)
}

/// A request to the world without contradictory fields.
pub fn request(world: &World, rng: &mut Rng) -> (Request, Timestamp) {
    let mut now = NOW.plus(Duration::from_nanos(rng.next() % 1_000_000_000_000));
    // Around the end of the day, when assumptions of today end.
    if rng.chance(12) {
        now = now.plus(UNTIL_MIDNIGHT - Duration::from_secs(500));
    }
    let resource = match rng.chance(97) {
        true => rng.pick(&world.tenants).id(),
        false => rng.one(&TENANTS),
    };
    let home = match rng.chance(22) {
        true => resource,
        false => rng.one(&TENANTS),
    };
    let expires_at = now.plus(Duration::from_secs(rng.one(&[600, 3599, 3600, 3601, 7200])));
    let mut request = Request::new(home, resource, rng.one(&USERS), rng.one(&APPS), expires_at);
    request.groups = rng.some(&GROUPS, 45);
    request.client_app = rng.chance(30).then(|| rng.one(&APPS));
    request.access = rng.one(&[AccessType::DirectConnect, AccessType::Collaboration]);
    request.resource_groups = rng.some(&GROUPS, 40);
    request.roles = rng.some(&ROLES, 30);
    if rng.chance(28) {
        request.channel = Some(ChannelId(
            match rng.chance(10) {
                true => UNKNOWN_CHANNEL,
                false => rng.one(&CHANNELS),
            }
            .to_owned(),
        ));
    }
    request.home_cloud = rng.chance(15).then(|| rng.one(Cloud::ALL));
    request.restricting_tenant = rng.chance(15).then(|| rng.one(&TENANTS));
    identify(&mut request, rng);
    if rng.chance(8) && request.resource_user.is_some() {
        use_identity_provider(&mut request, rng);
    }
    claims(&mut request.claims, rng, now);
    context(&mut request.context, rng);
    (request, now)
}

/// Makes the user an account of an identity provider that is not a tenant.
fn use_identity_provider(request: &mut Request, rng: &mut Rng) {
    let name = rng.one(IdentityProviderName::ALL);
    let provider = match rng.chance(25) {
        true => IdentityProvider::SamlWsFed {
            issuer: rng.pick(&SAML_ISSUERS).to_string(),
        },
        false => IdentityProvider::Named(name),
    };
    request.home = Home::Provider(provider);
    request.access = AccessType::Collaboration;
    request.user = None;
    request.groups.clear();
    request.home_cloud = None;
    if request.contradiction().is_some() {
        request.external_user_type = None;
    }
}

/// Sets consistent fields about the user (semantics §4, stage 0).
fn identify(request: &mut Request, rng: &mut Rng) {
    let home = request.home.tenant();
    request.issuing_tenant = rng
        .chance(40)
        .then(|| home.filter(|_| rng.chance(70)).unwrap_or(request.resource));
    let internal = request.home == request.resource;
    let guest_types = [
        UserType::CollaborationGuest,
        UserType::CollaborationGuest,
        UserType::CollaborationMember,
        UserType::OtherExternalUser,
        UserType::ServiceProvider,
    ];
    match request.access {
        _ if internal => {
            request.external_user_type = rng.maybe(15, UserType::InternalGuest);
        }
        AccessType::DirectConnect => {
            request.resource_user = rng.chance(25).then(|| rng.one(&USERS));
            let known = request.resource_user.is_some();
            request.external_user_type = match rng.below(3) {
                0 => None,
                1 if known => Some(rng.one(&guest_types[1..3])),
                _ => Some(UserType::DirectConnectUser),
            };
        }
        AccessType::Collaboration => {
            request.resource_user = rng.chance(80).then(|| rng.one(&USERS));
            if request.resource_user.is_some() && rng.chance(15) {
                request.user = None::<UserId>;
            }
            request.external_user_type = rng.chance(70).then(|| rng.one(&guest_types));
        }
    }
}

fn claims(claims: &mut Claims, rng: &mut Rng, now: Timestamp) {
    let ago = |seconds: u64| now.minus(Duration::from_secs(seconds));
    claims.issued_at = match rng.below(40) {
        0 => None,
        1 => Some(now.plus(Duration::from_secs(300))),
        2 => Some(now.plus(Duration::from_nanos(300_000_000_001))),
        _ => Some(ago(rng.one(&[0, 600, 1200]))),
    };
    match rng.below(80) {
        0 => claims.expires_at = now,
        1 => claims.expires_at = ago(60),
        _ => {}
    }
    claims.auth_time = match rng.below(10) {
        0 => None,
        1 => Some(ago(HOUR)),
        2 => Some(ago(5 * HOUR)),
        3 => Some(ago(HOUR - 1)),
        4 => Some(ago(299)),
        _ => Some(ago(30)),
    };
    claims.mfa = rng.chance(65);
    claims.resource_mfa = rng.chance(35);
    claims.compliant_device = rng.chance(60);
    claims.hybrid_joined_device = rng.chance(55);
    let methods = [
        Method::Password,
        Method::Sms,
        Method::Voice,
        Method::Fido2,
        Method::WindowsHelloForBusiness,
        Method::SoftwareOath,
        Method::DeviceBasedPush,
        Method::X509CertificateSingleFactor,
        Method::X509CertificateMultiFactor,
        Method::TemporaryAccessPassOneTime,
        Method::FederatedMultiFactor,
        Method::Email,
    ];
    claims.authentication_methods = rng.some(&methods, 25).into_iter().collect();
    claims.resource_authentication_methods = rng.some(&methods, 15).into_iter().collect();
    claims.session_id = rng.chance(85).then(|| rng.pick(&SESSIONS).to_string());
    claims.groups_incomplete = rng.chance(12);
    claims.roles_incomplete = rng.chance(12);
    claims.accepted_terms_of_use = rng.some(&TERMS, 55);
    claims.accepted_custom_controls = rng.some(&CUSTOM_CONTROLS, 60);
    claims.authenticator_aaguid = rng.chance(60).then(|| rng.one(&AAGUIDS));
    claims.certificate_issuer_skis = owned(rng.some(&ISSUER_SKIS, 40));
    claims.certificate_policy_oids = owned(rng.some(&POLICY_OIDS, 40));
}

fn context(context: &mut Context, rng: &mut Rng) {
    let addresses = [
        "198.51.100.7",
        "203.0.113.127",
        "203.0.113.128",
        "203.0.113.7",
        "192.0.2.1",
        "2001:db8:1:ffff::1",
        "2001:db8:2::1",
    ];
    let address = rng.one(&addresses).parse().expect("an address");
    context.ip_address = rng.maybe(80, address);
    let country: Country = rng.one(&["DE", "US", "ZZ"]).parse().expect("a country");
    let source = rng.one(CountrySource::ALL);
    context.country = rng.maybe(75, LocatedCountry { country, source });
    context.platform = rng.chance(75).then(|| rng.one(Platform::ALL));
    context.client_app_type = rng.chance(75).then(|| rng.one(ClientAppType::ALL));
    context.sign_in_risk = rng.chance(75).then(|| rng.one(RiskLevel::ALL));
    context.user_risk = rng.chance(75).then(|| rng.one(RiskLevel::ALL));
    context.insider_risk = rng.chance(75).then(|| rng.one(InsiderRiskLevel::ALL));
    context.device = filters::device(rng);
    context.app_attributes = filters::attributes(rng);
    context.approved_application = rng.chance(70).then(|| rng.chance(70));
    context.app_protection = rng.chance(70).then(|| rng.chance(70));
    context.password_changed = rng.chance(70).then(|| rng.chance(70));
    context.risk_remediated = rng.chance(70).then(|| rng.chance(70));
    context.user_action = rng.chance(25).then(|| rng.one(UserAction::ALL));
    context.authentication_context = rng.chance(25).then(|| rng.pick(&CONTEXTS).to_string());
    context.authentication_flow = rng.chance(75).then(|| rng.one(AuthenticationFlow::ALL));
}

fn owned(words: Vec<&str>) -> Vec<String> {
    words.into_iter().map(String::from).collect()
}

/// The operator's statements about applications.
pub fn applications(rng: &mut Rng) -> Vec<StatedApplication> {
    let chosen = rng.some(&APPS, 30);
    let stated = chosen.into_iter().map(|app| {
        let all = ["Office365", "AllMicrosoftApps", "MicrosoftAdminPortals"];
        let (bundles, agent) = (rng.some(&all, 25), rng.chance(50));
        StatedApplication {
            app,
            bundles: rng.maybe(60, bundles),
            agent: rng.maybe(60, agent),
        }
    });
    stated.collect()
}

/// Usually none; otherwise one or two that may match requests.
pub fn revocations(world: &World, rng: &mut Rng) -> Vec<Revocation> {
    if rng.chance(88) {
        return Vec::new();
    }
    let before = NOW.plus(Duration::from_nanos(rng.next() % 1_000_000_000_000));
    let tenant = rng.pick(&world.tenants).id();
    (0..=rng.below(2))
        .map(|_| match rng.below(3) {
            0 => Revocation::Session(rng.pick(&SESSIONS).to_string()),
            1 => Revocation::User {
                tenant,
                user: rng.one(&USERS),
                before,
            },
            _ => Revocation::Tenant { tenant, before },
        })
        .collect()
}
