//! Builders of worlds and requests for examples: short functions for Graph's long JSON.

use std::fmt::Display;
use std::time::Duration;

use crosstrust::id::TenantId;
use crosstrust::request::{AccessType, ChannelId, Request};
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::UserType;
use serde_json::{Value, json};

use super::universe::*;
use crate::reference::{TenantDocuments, World};

/// A builder of one tenant's documents.
pub struct Tenant(TenantDocuments);

pub fn tenant(id: TenantId) -> Tenant {
    let mut documents = TenantDocuments::default();
    documents.documents.insert(
        "organization",
        json!({"id": id.to_string(), "displayName": "A tenant"}),
    );
    Tenant(documents)
}

impl Tenant {
    pub fn cloud(mut self, endpoint: &str) -> Self {
        let organization = self.0.documents.get_mut("organization");
        organization.expect("an organization")["cloudEndpoint"] = json!(endpoint);
        self
    }

    pub fn allowed_clouds(mut self, endpoints: &[&str]) -> Self {
        self.0.documents.insert(
            "cross-tenant-access",
            json!({"allowedCloudEndpoints": endpoints}),
        );
        self
    }

    pub fn default_settings(mut self, members: Value) -> Self {
        self.0.documents.insert("default", members);
        self
    }

    /// Adds a partner entry with these members.
    pub fn partner(self, other: TenantId, mut members: Value) -> Self {
        members["tenantId"] = json!(other.to_string());
        self.add("partners", members)
    }

    /// Adds a policy with these members, enabled by default; its number makes its id.
    pub fn policy(self, number: u64, mut members: Value) -> Self {
        let all = members.as_object_mut().expect("an object");
        all.entry("id")
            .or_insert(json!(policy_id(number).to_string()));
        all.entry("displayName")
            .or_insert(json!(format!("CA{number:03}")));
        all.entry("state").or_insert(json!("enabled"));
        self.add("conditional-access", members)
    }

    /// Adds an enabled policy without an id, as in many exports.
    pub fn policy_without_id(self, name: &str, mut members: Value) -> Self {
        members["displayName"] = json!(name);
        members["state"] = json!("enabled");
        self.add("conditional-access", members)
    }

    /// `conditional-access-settings.json` with these exclusions of policies for all resources.
    pub fn excluding_actions(mut self, entries: Value) -> Self {
        self.0.documents.insert(
            "conditional-access-settings",
            json!({"exclusions": {"allResourcesExclusions": {"userActionExclusions": entries}}}),
        );
        self
    }

    pub fn location(self, location: Value) -> Self {
        self.add("named-locations", location)
    }

    pub fn strength(self, strength: Value) -> Self {
        self.add("authentication-strengths", strength)
    }

    pub fn channel(self, channel: Value) -> Self {
        self.add("shared-channels", channel)
    }

    /// Adds the assumption about this home tenant's outbound settings.
    pub fn assumed_outbound(self, home: TenantId, mut entry: Value) -> Self {
        entry["tenantId"] = json!(home.to_string());
        self.add("assumed-outbound", entry)
    }

    pub fn identity_provider(self, provider: Value) -> Self {
        self.add("identity-providers", provider)
    }

    pub fn federation(self, federation: Value) -> Self {
        self.add("federation-configurations", federation)
    }

    fn add(mut self, document: &'static str, object: Value) -> Self {
        let objects = self.0.documents.entry(document).or_insert(json!([]));
        objects.as_array_mut().expect("a list").push(object);
        self
    }
}

pub fn world(tenants: impl IntoIterator<Item = Tenant>) -> World {
    World {
        tenants: tenants.into_iter().map(|tenant| tenant.0).collect(),
        bundles: bundles(),
        applications: Vec::new(),
    }
}

/// Makes the object a default even if its members are null (semantics §2), without setting more.
pub fn and_nothing_else(mut default: Value) -> Value {
    default["automaticUserConsentSettings"] = json!({});
    default
}

/// Contoso as a resource tenant that allows Fabrikam by both access types.
pub fn open_contoso() -> Tenant {
    tenant(CONTOSO).partner(
        FABRIKAM,
        json!({
            "b2bDirectConnectInbound": open(), "b2bCollaborationInbound": open(),
        }),
    )
}

/// The same, with this `inboundTrust` for Fabrikam.
pub fn trusting_contoso(trust: Value) -> Tenant {
    tenant(CONTOSO).partner(
        FABRIKAM,
        json!({
            "b2bDirectConnectInbound": open(), "b2bCollaborationInbound": open(),
            "inboundTrust": trust,
        }),
    )
}

/// Trust in MFA, compliant and hybrid joined devices.
pub fn trust(mfa: bool, compliant: bool, hybrid: bool) -> Value {
    json!({
        "isMfaAccepted": mfa, "isCompliantDeviceAccepted": compliant,
        "isHybridAzureADJoinedDeviceAccepted": hybrid,
    })
}

/// Fabrikam as a home tenant that allows its users to reach Contoso by both access types.
pub fn open_fabrikam() -> Tenant {
    tenant(FABRIKAM).partner(
        CONTOSO,
        json!({
            "b2bDirectConnectOutbound": open(), "b2bCollaborationOutbound": open(),
        }),
    )
}

/// Both tenants, with these policies of Contoso and full trust.
pub fn contoso_with(policies: &[Value]) -> World {
    let mut contoso = trusting_contoso(trust(true, true, true));
    for (number, policy) in (1..).zip(policies) {
        contoso = contoso.policy(number, policy.clone());
    }
    world([contoso, open_fabrikam()])
}

pub fn open() -> Value {
    setting("allowed", &[all_users()], "allowed", &[all_apps()])
}

pub fn closed() -> Value {
    setting("blocked", &[all_users()], "blocked", &[all_apps()])
}

pub fn setting(users: &str, who: &[Value], applications: &str, what: &[Value]) -> Value {
    super::generate::rules(users, who.to_vec(), applications, what.to_vec())
}

pub fn all_users() -> Value {
    target("AllUsers", "user")
}

pub fn user(id: impl Display) -> Value {
    target(id, "user")
}

pub fn group(id: impl Display) -> Value {
    target(id, "group")
}

pub fn all_apps() -> Value {
    target("AllApplications", "application")
}

/// An application, or a bundle of them.
pub fn app(id: impl Display) -> Value {
    target(id, "application")
}

fn target(name: impl Display, kind: &str) -> Value {
    super::generate::target(name.to_string(), kind)
}

/// A policy for all users and all applications with these built-in controls, joined by AND.
pub fn require(controls: &[&str]) -> Value {
    grant(json!({"operator": "AND", "builtInControls": controls}))
}

pub fn require_one(controls: &[&str]) -> Value {
    grant(json!({"operator": "OR", "builtInControls": controls}))
}

pub fn block() -> Value {
    require_one(&["block"])
}

/// A policy for all users and all applications with this grant.
pub fn grant(controls: Value) -> Value {
    json!({
        "conditions": {
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
        },
        "grantControls": controls,
    })
}

/// The policy with this condition, which replaces an existing one.
pub fn when(mut policy: Value, condition: &str, value: Value) -> Value {
    policy["conditions"][condition] = value;
    policy
}

/// The policy with this member.
pub fn having(mut policy: Value, member: &str, value: Value) -> Value {
    policy[member] = value;
    policy
}

pub fn report_only(policy: Value) -> Value {
    having(policy, "state", json!("enabledForReportingButNotEnforced"))
}

/// Alice of Fabrikam reaches Contoso's payroll by direct connect.
pub fn direct() -> Request {
    let mut request = Request::new(FABRIKAM, CONTOSO, ALICE, PAYROLL, in_seconds(7200));
    request.claims.issued_at = Some(ago(600));
    request.claims.auth_time = Some(ago(600));
    request.claims.session_id = Some(SESSIONS[0].to_owned());
    request
}

/// The same as a guest: her guest object in Contoso is Bob.
pub fn guest() -> Request {
    let mut request = direct();
    request.access = AccessType::Collaboration;
    request.resource_user = Some(BOB);
    request.external_user_type = Some(UserType::CollaborationGuest);
    request
}

/// The same with Alice as an internal user of Contoso.
pub fn internal() -> Request {
    let mut request = direct();
    request.home = CONTOSO.into();
    request
}

pub fn with(mut request: Request, change: impl FnOnce(&mut Request)) -> Request {
    change(&mut request);
    request
}

pub fn channel_id(id: &str) -> Option<ChannelId> {
    Some(ChannelId(id.to_owned()))
}

pub fn ago(seconds: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(seconds))
}

pub fn in_seconds(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}
