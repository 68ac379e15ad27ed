//! Builders of typed documents.

use std::sync::Arc;

use crosstrust::compile::{Compiled, compile};
use crosstrust::graph::document::*;
use crosstrust::graph::{Code, Severity, SourceLocation};
use crosstrust::id::*;
use crosstrust::policy_settings::PolicySettings;
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::*;

pub const CONTOSO: TenantId = TenantId(0xc0);
pub const FABRIKAM: TenantId = TenantId(0xfa);
pub const WOODGROVE: TenantId = TenantId(0x30);

/// A place in `file` with a distinct line.
pub fn place(file: &str, path: &str) -> SourceLocation {
    SourceLocation {
        file: Arc::from(file),
        line: u32::try_from(path.len()).unwrap(),
        column: 1,
        path: String::from(path),
    }
}

pub fn tenant(id: TenantId, name: &str) -> TenantDocuments {
    TenantDocuments {
        place: SourceLocation::of_file(name),
        organization: Some(Organization {
            place: place(&format!("{name}/organization.json"), "$"),
            id,
            display_name: Some(String::from(name)),
            verified_domains: Vec::new(),
            cloud: None,
        }),
        allowed_clouds: Vec::new(),
        default: None,
        partners: Vec::new(),
        policies: Vec::new(),
        conditional_access_settings: None,
        locations: Vec::new(),
        strengths: Vec::new(),
        channels: Vec::new(),
        providers: Vec::new(),
        federations: Vec::new(),
        assumed_outbound: Vec::new(),
        refused: RefusedDocuments::default(),
    }
}

pub fn contoso() -> TenantDocuments {
    tenant(CONTOSO, "contoso")
}

/// Contoso with this change.
pub fn contoso_with(change: impl FnOnce(&mut TenantDocuments)) -> TenantDocuments {
    let mut documents = contoso();
    change(&mut documents);
    documents
}

pub fn configuration(file: &str, path: &str) -> Configuration {
    Configuration {
        place: place(file, path),
        direct_connect_inbound: None,
        direct_connect_outbound: None,
        collaboration_inbound: None,
        collaboration_outbound: None,
        tenant_restrictions: None,
        inbound_trust: None,
        automatic_user_consent: None,
    }
}

pub fn default_with(change: impl FnOnce(&mut Configuration)) -> Option<Configuration> {
    let mut configuration = configuration("contoso/default.json", "$");
    change(&mut configuration);
    Some(configuration)
}

pub fn partner(tenant: TenantId) -> PartnerConfiguration {
    partner_at(tenant, "$[0]")
}

pub fn partner_at(tenant: TenantId, path: &str) -> PartnerConfiguration {
    PartnerConfiguration {
        tenant,
        configuration: configuration("contoso/partners.json", path),
        is_service_provider: false,
        is_in_multi_tenant_organization: false,
        blocks_service_providers: false,
    }
}

pub fn partner_with(
    tenant: TenantId,
    change: impl FnOnce(&mut Configuration),
) -> PartnerConfiguration {
    let mut partner = partner(tenant);
    change(&mut partner.configuration);
    partner
}

pub fn setting(users: (Access, &[UserTarget]), apps: (Access, &[ApplicationTarget])) -> B2bSetting {
    B2bSetting {
        place: place("settings.json", "$.setting"),
        users: Some(rule("usersAndGroups", users)),
        applications: Some(rule("applications", apps)),
        names_devices: None,
    }
}

pub fn allow_all() -> B2bSetting {
    all(Access::Allowed)
}

pub fn block_all() -> B2bSetting {
    all(Access::Blocked)
}

fn all(access: Access) -> B2bSetting {
    setting(
        (access, &[UserTarget::AllUsers]),
        (access, &[ApplicationTarget::AllApplications]),
    )
}

fn rule<T: Copy>(name: &str, (access, targets): (Access, &[T])) -> AccessRule<T> {
    let path = format!("$.setting.{name}");
    let targets = targets.iter().enumerate().map(|(index, value)| Located {
        value: *value,
        place: place("settings.json", &format!("{path}.targets[{index}]")),
    });
    AccessRule {
        targets: targets.collect(),
        place: place("settings.json", &path),
        access,
    }
}

/// An enabled policy that requires MFA of all users for all applications.
pub fn policy(id: u128) -> ConditionalAccessPolicy {
    ConditionalAccessPolicy {
        place: place("contoso/conditional-access.json", "$[0]"),
        id: Some(PolicyId(id)),
        display_name: format!("policy {id}"),
        state: PolicyState::Enabled,
        conditions: conditions(),
        grant: Some(grant(&[BuiltInControl::Mfa])),
        session: SessionControls::default(),
    }
}

pub fn policy_with(
    id: u128,
    change: impl FnOnce(&mut ConditionalAccessPolicy),
) -> ConditionalAccessPolicy {
    let mut policy = policy(id);
    change(&mut policy);
    policy
}

pub fn conditions() -> Conditions {
    Conditions {
        place: place("contoso/conditional-access.json", "$[0].conditions"),
        users: Some(users(UsersList {
            all: true,
            ..UsersList::default()
        })),
        applications: Some(applications(ApplicationsList {
            all: true,
            ..ApplicationsList::default()
        })),
        client_app_types: ClientAppTypes::All,
        platforms: None,
        locations: None,
        sign_in_risk: WordSet::EMPTY,
        user_risk: WordSet::EMPTY,
        insider_risk: WordSet::EMPTY,
        authentication_flows: WordSet::EMPTY,
        device_filter: None,
        device_states: None,
        for_workloads: false,
    }
}

pub fn users(include: UsersList) -> UsersCondition {
    UsersCondition {
        place: place("contoso/conditional-access.json", "$[0].conditions.users"),
        include,
        exclude: UsersList::default(),
    }
}

pub fn applications(include: ApplicationsList) -> ApplicationsCondition {
    ApplicationsCondition {
        place: place(
            "contoso/conditional-access.json",
            "$[0].conditions.applications",
        ),
        include,
        exclude: ApplicationsList::default(),
        user_actions: WordSet::EMPTY,
        authentication_contexts: Vec::new(),
        filter: None,
    }
}

pub fn grant(built_in: &[BuiltInControl]) -> GrantControls {
    GrantControls {
        place: place("contoso/conditional-access.json", "$[0].grantControls"),
        operator: Operator::Or,
        built_in: built_in.to_vec(),
        strength: None,
        terms_of_use: Vec::new(),
        custom: Vec::new(),
    }
}

pub fn compiled(tenants: &[TenantDocuments]) -> Compiled {
    compile(tenants, &PolicySettings::NONE, Timestamp::MIN)
        .unwrap_or_else(|findings| panic!("does not compile: {findings:#?}"))
}

/// Errors as (code, file, path), in order.
pub fn errors(tenants: &[TenantDocuments]) -> Vec<(Code, String, String)> {
    let findings = compile(tenants, &PolicySettings::NONE, Timestamp::MIN)
        .err()
        .unwrap_or_default();
    let errors = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error);
    errors
        .map(|finding| {
            let SourceLocation { file, path, .. } = finding.place;
            (finding.code, file.to_string(), path)
        })
        .collect()
}

/// Warnings of what compiles, as (code, path).
pub fn warnings(tenants: &[TenantDocuments]) -> Vec<(Code, String)> {
    let warnings = compiled(tenants).warnings.into_iter();
    warnings
        .filter(|finding| finding.severity == Severity::Warning)
        .map(|finding| (finding.code, finding.place.path))
        .collect()
}
