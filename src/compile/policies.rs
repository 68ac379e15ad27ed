//! Compiles Conditional Access policies and resolves their references (semantics §5).
//!
//! An unresolved reference or an invalid filter rule is an error in an enabled or report-only policy, and a
//! warning in a disabled one. Disabled policies are not in the snapshot (semantics §7).

mod conditions;
mod grant;
mod users;

use std::fmt;
use std::hash::{Hash, Hasher};

use super::builder::{SnapshotBuilder, push};
use super::findings::{origin_of, report_duplicates};
use super::locations::Locations;
use super::strengths::Strengths;
use crate::decision::PolicyIndex;
use crate::graph::document::{
    ApplicationsCondition, ConditionalAccessPolicy, RefusedDocuments, TenantDocuments,
    UsersCondition,
};
use crate::graph::{Code, Severity, name_based_policy_id};
use crate::id::{PolicyId, TenantId};
use crate::snapshot::Policy;
use crate::vocabulary::PolicyState;

/// Compiles the tenant's policies in the order of their ids. Returns the positions of the trusted locations
/// and of the compiled policies.
pub(super) fn compile(
    builder: &mut SnapshotBuilder,
    tenant: TenantId,
    documents: &TenantDocuments,
    locations: Locations,
) -> (Vec<u32>, Vec<PolicyIndex>) {
    let mut ordered: Vec<(PolicyId, &ConditionalAccessPolicy)> = documents
        .policies
        .iter()
        .map(|policy| (id_of(tenant, policy), policy))
        .collect();
    let places = ordered.iter().map(|(id, policy)| {
        let name = policy.id.is_none().then_some(policy.display_name.as_str());
        (PolicyLabel { id: *id, name }, &policy.place)
    });
    report_duplicates(&mut builder.findings, "policy", places);
    ordered.sort_by_key(|(id, _)| *id);

    let mut strengths = Strengths::of_tenant(builder, &documents.strengths);
    let mut positions = Vec::new();
    for (id, document) in ordered {
        let mut compiler = PolicyCompiler {
            builder,
            locations: &locations,
            strengths: &mut strengths,
            refused: &documents.refused,
            severity: match document.state {
                PolicyState::Enabled | PolicyState::ReportOnly => Severity::Error,
                PolicyState::Disabled => Severity::Warning,
            },
        };
        if let Some(policy) = compiler.policy(id, document) {
            let list = &mut builder.policies;
            let position = push(list, policy, &mut builder.findings, "policies");
            positions.push(PolicyIndex(position));
        }
    }
    (locations.trusted, positions)
}

/// Whether the policy is for users and enabled or report-only.
pub(super) fn is_evaluated(policy: &ConditionalAccessPolicy) -> bool {
    policy.state != PolicyState::Disabled && !policy.conditions.for_workloads
}

/// A policy in a message: its id, or its name if the document has no id.
#[derive(Debug, Clone, Copy)]
struct PolicyLabel<'d> {
    id: PolicyId,
    name: Option<&'d str>,
}

impl PartialEq for PolicyLabel<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for PolicyLabel<'_> {}

impl Hash for PolicyLabel<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Display for PolicyLabel<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(out, "{name:?} (it has no id)"),
            None => write!(out, "{}", self.id),
        }
    }
}

fn id_of(tenant: TenantId, policy: &ConditionalAccessPolicy) -> PolicyId {
    let named = || name_based_policy_id(tenant, &policy.display_name);
    policy.id.unwrap_or_else(named)
}

/// Compiles one policy with the locations and strengths of its tenant.
struct PolicyCompiler<'r, 'd> {
    builder: &'r mut SnapshotBuilder,
    locations: &'r Locations,
    strengths: &'r mut Strengths<'d>,
    /// Refused documents, which may have defined what a reference names.
    refused: &'r RefusedDocuments,
    /// The severity of an unresolved reference or an invalid filter rule.
    severity: Severity,
}

impl PolicyCompiler<'_, '_> {
    /// Checks and compiles the policy; `None` if it is not evaluated or has no `users` or `applications`.
    fn policy(&mut self, id: PolicyId, document: &ConditionalAccessPolicy) -> Option<Policy> {
        let conditions = &document.conditions;
        let locations = self.locations(conditions.locations.as_ref());
        let device_filter = self.device_filter(conditions.device_filter.as_ref());
        let app_filter = self.app_filter(conditions.applications.as_ref());
        self.check_strength(document.grant.as_ref());
        if !is_evaluated(document) {
            return None;
        }
        let (users, applications) = self.required(document)?;
        self.check_effect(document, users, applications);
        Some(Policy {
            id,
            display_name: document.display_name.clone(),
            report_only: document.state == PolicyState::ReportOnly,
            include_users: users::include(self.builder, &users.include),
            exclude_users: users::exclude(self.builder, users),
            apps: conditions::applications(self.builder, applications, app_filter),
            client_app_types: conditions::client_app_types(conditions.client_app_types),
            platforms: conditions::list_or_all(conditions.platforms.as_ref(), None),
            locations,
            sign_in_risk: conditions.sign_in_risk,
            user_risk: conditions.user_risk,
            insider_risk: conditions.insider_risk,
            authentication_flows: conditions.authentication_flows,
            device_filter,
            device_states: conditions::device_states(conditions.device_states.as_ref()),
            grant: self.grant(document.grant.as_ref()),
            sign_in_frequency: document.session.sign_in_frequency,
            obligations: conditions::obligations(&document.session),
            origin: origin_of(&document.place).into(),
        })
    }

    /// `users` and `applications`, which a policy for users must have (semantics §5).
    fn required<'d>(
        &mut self,
        document: &'d ConditionalAccessPolicy,
    ) -> Option<(&'d UsersCondition, &'d ApplicationsCondition)> {
        let conditions = &document.conditions;
        let findings = &mut self.builder.findings;
        let mut missing = |name: &str| {
            let message = format!("found no `{name}`, expected it in every policy for users");
            findings.error(&conditions.place, Code::MissingMember, message);
        };
        if conditions.users.is_none() {
            missing("users");
        }
        if conditions.applications.is_none() {
            missing("applications");
        }
        conditions
            .users
            .as_ref()
            .zip(conditions.applications.as_ref())
    }

    /// Reports a policy that includes no user or application, or requires nothing (semantics §5).
    fn check_effect(
        &mut self,
        document: &ConditionalAccessPolicy,
        users: &UsersCondition,
        applications: &ApplicationsCondition,
    ) {
        let findings = &mut self.builder.findings;
        if let Some(message) = users::empty_include_message(&users.include) {
            findings.warning(&users.place, Code::NoEffect, message);
        }
        if conditions::includes_no_application(applications) {
            let message = "found no included application: the policy applies to no application";
            findings.warning(&applications.place, Code::NoEffect, message);
        }
        let grant = document.grant.as_ref();
        if !grant.is_some_and(grant::has_control) && document.session.obligations.is_empty() {
            let message =
                "found neither a grant control nor a session control: the policy requires nothing";
            findings.warning(&document.place, Code::NoEffect, message);
        }
    }
}
