//! The missing facts that a denial depends on. Their absence made a failing policy apply, a control fail, a setting
//! unknown (by groups, by a bundle, by a client application that was not sent), or a revocation match.
//!
//! Every listed fact is absent from the request. If one more fact would turn the denial into an allow, that fact is
//! listed. Facts that no failing rule reads are not listed.

use super::PolicyFinding;
use super::facts::RequestFact;
use crate::decision::SignInTenant;
use crate::decision::{Denial, PolicyIndex, PolicyResult, Reason, Stage};
use crate::evaluate::conditional_access::PolicyInput;
use crate::evaluate::grant::{self, Frequency};
use crate::evaluate::matching::Match;
use crate::evaluate::setting::{self, MissingSettingFacts};
use crate::evaluate::{Evaluation, controls, cross_tenant, restriction, strength, token};
use crate::request::UserClass;
use crate::revocation::Revocations;
use crate::snapshot::{AccessSetting, Control, Demand, Policy, Strength, Tenant};
use crate::time::Timestamp;

/// A missing fact and the policies that depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFact {
    /// The fact.
    pub fact: RequestFact,
    /// The failing policies that depend on it; empty outside Conditional Access.
    pub policies: Vec<PolicyIndex>,
}

/// The missing facts that the denial depends on, in the order of the failing policies.
pub(super) fn facts(
    evaluation: &Evaluation<'_>,
    denial: &Denial,
    policies: &[PolicyFinding],
    revocations: &Revocations,
    now: Timestamp,
) -> Vec<MissingFact> {
    let plain = |facts: Vec<RequestFact>| {
        let facts = facts.into_iter();
        facts
            .map(|fact| MissingFact {
                fact,
                policies: Vec::new(),
            })
            .collect()
    };
    match denial.stage {
        Some(Stage::Token) => plain(token_facts(evaluation, denial.reason, revocations)),
        Some(Stage::TenantRestriction) => plain(restriction_facts(evaluation)),
        Some(Stage::Outbound) => plain(outbound_facts(evaluation, denial.reason)),
        Some(Stage::Inbound) => plain(inbound_facts(evaluation, denial.reason)),
        Some(Stage::ConditionalAccess) => match evaluation.resource {
            Some(resource) => policy_facts(evaluation, resource, policies, now),
            None => Vec::new(),
        },
        Some(Stage::SharedChannel) => plain(channel_facts(evaluation, denial.reason)),
        None => Vec::new(),
    }
}

/// The missing facts that membership in the groups of a setting depends on.
pub(super) fn membership_facts(evaluation: &Evaluation<'_>) -> Vec<RequestFact> {
    let request = evaluation.request;
    let facts = [
        (request.user.is_none(), RequestFact::User),
        (request.claims.groups_incomplete, RequestFact::Groups),
    ];
    let missing = facts.into_iter().filter(|(is_missing, _)| *is_missing);
    missing.map(|(_, fact)| fact).collect()
}

fn token_facts(
    evaluation: &Evaluation<'_>,
    reason: Reason,
    revocations: &Revocations,
) -> Vec<RequestFact> {
    if reason != Reason::SessionRevoked {
        return Vec::new();
    }
    let request = evaluation.request;
    let checks = [
        (
            token::session_revoked(request, revocations),
            RequestFact::SessionId,
        ),
        (
            token::issued_before_revocation(request, revocations),
            RequestFact::IssuedAt,
        ),
    ];
    // Revoked in any case: missing facts do not matter.
    if checks.iter().any(|(revoked, _)| *revoked == Match::Yes) {
        return Vec::new();
    }
    let unknown = checks
        .into_iter()
        .filter(|(revoked, _)| *revoked == Match::Unknown);
    unknown.map(|(_, fact)| fact).collect()
}

fn outbound_facts(evaluation: &Evaluation<'_>, reason: Reason) -> Vec<RequestFact> {
    let (_, setting) = cross_tenant::outbound_relation(evaluation, evaluation.request.access);
    let may_depend_on_facts =
        [Reason::GroupsUnknown, Reason::OutboundApplication].contains(&reason);
    let setting = setting.filter(|_| may_depend_on_facts);
    setting.map_or_else(Vec::new, |setting| setting_facts(setting, evaluation))
}

fn inbound_facts(evaluation: &Evaluation<'_>, reason: Reason) -> Vec<RequestFact> {
    let request = evaluation.request;
    let may_depend_on_facts = [Reason::GroupsUnknown, Reason::InboundApplication].contains(&reason);
    let sides = request.home.tenant().zip(evaluation.resource);
    let setting = sides
        .filter(|_| may_depend_on_facts)
        .and_then(|(home, resource)| {
            let (_, setting) =
                cross_tenant::inbound_relation(evaluation, home, resource, request.access);
            setting
        });
    setting.map_or_else(Vec::new, |setting| setting_facts(setting, evaluation))
}

/// The missing facts that a block by this setting depends on; none if it blocks in any case.
fn setting_facts(setting: &AccessSetting, evaluation: &Evaluation<'_>) -> Vec<RequestFact> {
    let MissingSettingFacts {
        membership,
        bundles,
        client_app,
    } = setting::missing_facts(setting, evaluation);
    let mut facts = match membership {
        true => membership_facts(evaluation),
        false => Vec::new(),
    };
    if bundles {
        let unknown = setting::apps(evaluation)
            .filter(|app| setting::targets(&setting.apps, *app, evaluation) == Match::Unknown);
        facts.extend(unknown.map(RequestFact::Bundles));
    }
    if client_app {
        facts.push(RequestFact::ClientApp);
    }
    facts
}

fn restriction_facts(evaluation: &Evaluation<'_>) -> Vec<RequestFact> {
    let request = evaluation.request;
    let restricting = request
        .restricting_tenant
        .and_then(|restricting| evaluation.snapshot.tenant(restricting));
    let Some((restricting, home)) = restricting.zip(request.home.tenant()) else {
        return Vec::new();
    };
    let blocking = restriction::governed_tenants(evaluation, home, restricting)
        .filter_map(|tenant| restriction::restrictions(evaluation, restricting, tenant))
        .filter(|setting| setting::apply(setting, evaluation).is_err());
    let mut all = Vec::new();
    for setting in blocking {
        let facts = setting_facts(setting, evaluation);
        // It blocks in any case, so the facts of other settings do not matter.
        if facts.is_empty() {
            return Vec::new();
        }
        all.extend(facts);
    }
    all.sort();
    all.dedup();
    all
}

fn channel_facts(evaluation: &Evaluation<'_>, reason: Reason) -> Vec<RequestFact> {
    let request = evaluation.request;
    let channel = request
        .channel
        .as_ref()
        .zip(evaluation.resource)
        .and_then(|(id, resource)| resource.channel(id));
    let Some(channel) = channel else {
        return Vec::new();
    };
    let through_groups = channel
        .teams
        .iter()
        .any(|team| request.home.tenant() == Some(team.tenant) && team.allowed_members.is_none());
    let depends_on_groups = reason == Reason::ChannelNotMember
        && evaluation.class != UserClass::Collaboration
        && request.claims.groups_incomplete
        && through_groups;
    match depends_on_groups {
        true => vec![RequestFact::Groups],
        false => Vec::new(),
    }
}

fn policy_facts(
    evaluation: &Evaluation<'_>,
    resource: &Tenant,
    findings: &[PolicyFinding],
    now: Timestamp,
) -> Vec<MissingFact> {
    let input = PolicyInput::new(evaluation, resource, now);
    let mut all: Vec<MissingFact> = Vec::new();
    let failing = findings
        .iter()
        .filter(|finding| finding.result == PolicyResult::Failure);
    for finding in failing {
        let Some(policy) = evaluation.snapshot.policy(finding.policy) else {
            continue;
        };
        let conditions = finding.conditions.iter();
        let mut facts: Vec<RequestFact> = conditions
            .flat_map(|condition| condition.missing.iter().cloned())
            .collect();
        facts.extend(grant_facts(policy, &input, now));
        for fact in facts {
            match all.iter_mut().find(|one| one.fact == fact) {
                Some(listed) if listed.policies.contains(&finding.policy) => {}
                Some(listed) => listed.policies.push(finding.policy),
                None => all.push(MissingFact {
                    fact,
                    policies: vec![finding.policy],
                }),
            }
        }
    }
    all
}

/// The missing facts of a policy's controls and sign-in frequency.
fn grant_facts(policy: &Policy, input: &PolicyInput<'_>, now: Timestamp) -> Vec<RequestFact> {
    let mut facts = Vec::new();
    if policy.grant.blocks {
        return facts;
    }
    if grant::unsatisfied(&policy.grant, input).is_some() {
        for control in &policy.grant.controls {
            if matches!(
                controls::status(control, input),
                controls::ControlStatus::Missing(_)
            ) {
                facts.extend(control_facts(control, input));
            }
        }
    }
    let auth_time = input.evaluation.request.claims.auth_time;
    if grant::frequency(policy, input, now) == Frequency::Exceeded && auth_time.is_none() {
        facts.push(RequestFact::AuthTime);
    }
    facts
}

fn control_facts(control: &Control, input: &PolicyInput<'_>) -> Vec<RequestFact> {
    let context = input.context();
    let internal = |fact: Option<bool>, missing| {
        let lacks = fact.is_none() && input.evaluation.class == UserClass::Internal;
        if lacks { vec![missing] } else { Vec::new() }
    };
    match control {
        Control::ApprovedApplication => internal(
            context.approved_application,
            RequestFact::ApprovedApplication,
        ),
        Control::CompliantApplication => {
            internal(context.app_protection, RequestFact::AppProtection)
        }
        Control::PasswordChange => internal(context.password_changed, RequestFact::PasswordChanged),
        Control::RiskRemediation => internal(context.risk_remediated, RequestFact::RiskRemediated),
        Control::Strength(position) => input
            .evaluation
            .snapshot
            .strength(*position)
            .map_or_else(Vec::new, |strength| strength_facts(strength, input)),
        // Flags and lists of the claims are always present: false or empty is an answer.
        Control::Mfa
        | Control::CompliantDevice
        | Control::DomainJoinedDevice
        | Control::TermsOfUse(_)
        | Control::Custom(_) => Vec::new(),
    }
}

/// The authentication methods if the request has none, and the passkey or certificate facts that a combination needs
/// besides its methods.
fn strength_facts(strength: &Strength, input: &PolicyInput<'_>) -> Vec<RequestFact> {
    let Some(evidence) = strength::evidence(input) else {
        return Vec::new();
    };
    let countable = || {
        let combinations = strength.combinations.iter();
        combinations.filter(|one| evidence.can_count(one))
    };
    let mut facts = Vec::new();
    if evidence.done.is_empty() && countable().next().is_some() {
        facts.push(match evidence.place {
            SignInTenant::Home => RequestFact::AuthenticationMethods,
            SignInTenant::Resource => RequestFact::ResourceAuthenticationMethods,
        });
    }
    let claims = &input.evaluation.request.claims;
    let done = countable().filter(|one| evidence.done.contains_all(one.methods));
    for demand in done.flat_map(|one| &one.demands) {
        match demand {
            Demand::Fido2(_) => {
                if claims.authenticator_aaguid.is_none() {
                    facts.push(RequestFact::AuthenticatorAaguid);
                }
            }
            Demand::Certificate {
                issuer_skis,
                policy_oids,
            } => {
                if !issuer_skis.is_empty() && claims.certificate_issuer_skis.is_empty() {
                    facts.push(RequestFact::CertificateIssuerSkis);
                }
                if !policy_oids.is_empty() && claims.certificate_policy_oids.is_empty() {
                    facts.push(RequestFact::CertificatePolicyOids);
                }
            }
        }
    }
    facts
}
