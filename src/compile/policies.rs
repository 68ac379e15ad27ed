//! Conditional Access policies: what they refer to, and their compiled form (semantics §5).
//!
//! A policy that decides (enabled or report-only, for users) must hold together; what is wrong with a
//! disabled one is a warning, and it is not in the snapshot (semantics §7).

mod conditions;
mod grant;
mod users;

use std::fmt;
use std::hash::{Hash, Hasher};

use super::draft::{Draft, push};
use super::findings::{origin_of, report_repeats};
use super::locations::Locations;
use super::strengths::Strengths;
use crate::decision::PolicyIndex;
use crate::graph::document::{
    ApplicationsCondition, ConditionalAccessPolicy, Refused, TenantDocuments, UsersCondition,
};
use crate::graph::{Code, Severity, name_based_policy_id};
use crate::id::{PolicyId, TenantId};
use crate::snapshot::Policy;
use crate::vocabulary::PolicyState;

/// Compiles the tenant's policies in the order of their ids. Gives the trusted locations, and the
/// positions of those policies that decide.
pub(super) fn compile(
    draft: &mut Draft,
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
        (Known { id: *id, name }, &policy.place)
    });
    report_repeats(&mut draft.findings, "policy", places);
    ordered.sort_by_key(|(id, _)| *id);

    let mut strengths = Strengths::of_tenant(draft, &documents.strengths);
    let mut positions = Vec::new();
    for (id, document) in ordered {
        let mut reader = Reader {
            draft,
            locations: &locations,
            strengths: &mut strengths,
            refused: &documents.refused,
            severity: match document.state {
                PolicyState::Enabled | PolicyState::ReportOnly => Severity::Error,
                PolicyState::Disabled => Severity::Warning,
            },
        };
        if let Some(policy) = reader.policy(id, document) {
            let list = &mut draft.policies;
            let position = push(list, policy, &mut draft.findings, "policies");
            positions.push(PolicyIndex(position));
        }
    }
    (locations.trusted, positions)
}

/// Whether the policy is one for users that is enforced or reported.
pub(super) fn decides(policy: &ConditionalAccessPolicy) -> bool {
    policy.state != PolicyState::Disabled && !policy.conditions.for_workloads
}

/// A policy as its document names it: by its name where it has no id.
#[derive(Debug, Clone, Copy)]
struct Known<'d> {
    id: PolicyId,
    name: Option<&'d str>,
}

impl PartialEq for Known<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Known<'_> {}

impl Hash for Known<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Display for Known<'_> {
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

/// Reads one policy with what its tenant has.
struct Reader<'r, 'd> {
    draft: &'r mut Draft,
    locations: &'r Locations,
    strengths: &'r mut Strengths<'d>,
    /// What a reference may lead to, and is not there.
    refused: &'r Refused,
    /// Of a reference that leads nowhere.
    severity: Severity,
}

impl Reader<'_, '_> {
    /// Checks the policy; none if it does not decide or does not hold together.
    fn policy(&mut self, id: PolicyId, document: &ConditionalAccessPolicy) -> Option<Policy> {
        let conditions = &document.conditions;
        let locations = self.locations(conditions.locations.as_ref());
        let device_filter = self.device_filter(conditions.device_filter.as_ref());
        let app_filter = self.app_filter(conditions.applications.as_ref());
        self.check_strength(document.grant.as_ref());
        if !decides(document) {
            return None;
        }
        let (users, applications) = self.required(document)?;
        self.check_effect(document, users, applications);
        Some(Policy {
            id,
            display_name: document.display_name.clone(),
            report_only: document.state == PolicyState::ReportOnly,
            include_users: users::include(self.draft, &users.include),
            exclude_users: users::exclude(self.draft, users),
            apps: conditions::applications(self.draft, applications, app_filter),
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

    /// semantics §5: a policy for users says which users and which applications.
    fn required<'d>(
        &mut self,
        document: &'d ConditionalAccessPolicy,
    ) -> Option<(&'d UsersCondition, &'d ApplicationsCondition)> {
        let conditions = &document.conditions;
        let findings = &mut self.draft.findings;
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

    /// semantics §5: a policy whose include lists are all empty, or which asks for nothing.
    fn check_effect(
        &mut self,
        document: &ConditionalAccessPolicy,
        users: &UsersCondition,
        applications: &ApplicationsCondition,
    ) {
        let findings = &mut self.draft.findings;
        if let Some(message) = users::names_no_user(&users.include) {
            findings.warning(&users.place, Code::NoEffect, message);
        }
        if conditions::names_nothing(applications) {
            let message = "found no application included: the policy applies to none";
            findings.warning(&applications.place, Code::NoEffect, message);
        }
        let grant = document.grant.as_ref();
        if !grant.is_some_and(grant::asks_for_something) && document.session.obligations.is_empty()
        {
            let message = "found neither a grant control nor a session control: the policy asks for \
                           nothing";
            findings.warning(&document.place, Code::NoEffect, message);
        }
    }
}
