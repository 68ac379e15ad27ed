//! The missing facts that a denial depends on: those whose absence made a policy apply that fails, a control fail,
//! a setting unknown (by groups, by a bundle, by a client application that is not named), or a revocation match.
//!
//! Each fact listed is absent from the request. A denial that one more fact would turn into an allow lists that
//! fact; facts that no failing rule reads are not listed.

use super::PolicyFinding;
use super::facts::Fact;
use crate::decision::Where;
use crate::decision::{Denial, PolicyIndex, PolicyResult, Reason, Stage};
use crate::evaluate::conditional_access::Subject;
use crate::evaluate::grant::{self, Frequency};
use crate::evaluate::matching::Match;
use crate::evaluate::setting::{self, Open};
use crate::evaluate::{Question, controls, crossing, restriction, strength, token};
use crate::request::UserClass;
use crate::revocation::Revocations;
use crate::snapshot::{Control, Demand, Policy, Setting, Strength, Tenant};
use crate::time::Timestamp;

/// A missing fact, and what depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFact {
    /// The fact.
    pub fact: Fact,
    /// The failing policies that depend on it; empty where the stage is not Conditional Access.
    pub policies: Vec<PolicyIndex>,
}

/// What the denial depends on, in the order of the policies that fail.
pub(super) fn facts(
    question: &Question<'_>,
    denial: &Denial,
    policies: &[PolicyFinding],
    revocations: &Revocations,
    now: Timestamp,
) -> Vec<MissingFact> {
    let plain = |facts: Vec<Fact>| {
        let facts = facts.into_iter();
        facts
            .map(|fact| MissingFact {
                fact,
                policies: Vec::new(),
            })
            .collect()
    };
    match denial.stage {
        Some(Stage::Token) => plain(of_token(question, denial.reason, revocations)),
        Some(Stage::TenantRestriction) => plain(of_restriction(question)),
        Some(Stage::Outbound) => plain(of_outbound(question, denial.reason)),
        Some(Stage::Inbound) => plain(of_inbound(question, denial.reason)),
        Some(Stage::ConditionalAccess) => match question.resource {
            Some(resource) => of_policies(question, resource, policies, now),
            None => Vec::new(),
        },
        Some(Stage::SharedChannel) => plain(of_channel(question, denial.reason)),
        None => Vec::new(),
    }
}

/// The missing facts that membership in the groups of a setting depends on.
pub(super) fn membership(question: &Question<'_>) -> Vec<Fact> {
    let request = question.request;
    let facts = [
        (request.user.is_none(), Fact::User),
        (request.claims.groups_incomplete, Fact::Groups),
    ];
    let missing = facts.into_iter().filter(|(is_missing, _)| *is_missing);
    missing.map(|(_, fact)| fact).collect()
}

fn of_token(question: &Question<'_>, reason: Reason, revocations: &Revocations) -> Vec<Fact> {
    if reason != Reason::SessionRevoked {
        return Vec::new();
    }
    let request = question.request;
    let checks = [
        (token::session_ended(request, revocations), Fact::SessionId),
        (
            token::issued_before_an_entry(request, revocations),
            Fact::IssuedAt,
        ),
    ];
    // Revoked for certain, whatever else is missing.
    if checks.iter().any(|(ended, _)| *ended == Match::Yes) {
        return Vec::new();
    }
    let unknown = checks
        .into_iter()
        .filter(|(ended, _)| *ended == Match::Unknown);
    unknown.map(|(_, fact)| fact).collect()
}

fn of_outbound(question: &Question<'_>, reason: Reason) -> Vec<Fact> {
    let (_, setting) = crossing::outbound_relation(question, question.request.access);
    let is_open = [Reason::GroupsUnknown, Reason::OutboundApplication].contains(&reason);
    let setting = setting.filter(|_| is_open);
    setting.map_or_else(Vec::new, |setting| of_setting(setting, question))
}

fn of_inbound(question: &Question<'_>, reason: Reason) -> Vec<Fact> {
    let request = question.request;
    let is_open = [Reason::GroupsUnknown, Reason::InboundApplication].contains(&reason);
    let sides = request.home.tenant().zip(question.resource);
    let setting = sides.filter(|_| is_open).and_then(|(home, resource)| {
        let (_, setting) = crossing::inbound_relation(question, home, resource, request.access);
        setting
    });
    setting.map_or_else(Vec::new, |setting| of_setting(setting, question))
}

/// What a setting that does not pass depends on; nothing where it does not pass for certain.
fn of_setting(setting: &Setting, question: &Question<'_>) -> Vec<Fact> {
    let Open {
        membership: by_membership,
        bundles,
        client_app,
    } = setting::open(setting, question);
    let mut facts = match by_membership {
        true => membership(question),
        false => Vec::new(),
    };
    if bundles {
        let unknown = setting::apps(question)
            .filter(|app| setting::targets(&setting.apps, *app, question) == Match::Unknown);
        facts.extend(unknown.map(Fact::Bundles));
    }
    if client_app {
        facts.push(Fact::ClientApp);
    }
    facts
}

fn of_restriction(question: &Question<'_>) -> Vec<Fact> {
    let request = question.request;
    let restricting = request
        .restricting_tenant
        .and_then(|restricting| question.snapshot.tenant(restricting));
    let Some((restricting, home)) = restricting.zip(request.home.tenant()) else {
        return Vec::new();
    };
    let refusing = restriction::governed_tenants(question, home, restricting)
        .filter_map(|tenant| restriction::restrictions(question, restricting, tenant))
        .filter(|setting| setting::apply(setting, question).is_err());
    let mut all = Vec::new();
    for setting in refusing {
        let facts = of_setting(setting, question);
        // It refuses for certain, whatever another depends on.
        if facts.is_empty() {
            return Vec::new();
        }
        all.extend(facts);
    }
    all.sort();
    all.dedup();
    all
}

fn of_channel(question: &Question<'_>, reason: Reason) -> Vec<Fact> {
    let request = question.request;
    let channel = request
        .channel
        .as_ref()
        .zip(question.resource)
        .and_then(|(asked, resource)| resource.channel(asked));
    let Some(channel) = channel else {
        return Vec::new();
    };
    let through_groups = channel
        .teams
        .iter()
        .any(|team| request.home.tenant() == Some(team.tenant) && team.allowed_members.is_none());
    let depends_on_groups = reason == Reason::ChannelNotMember
        && question.class != UserClass::Collaboration
        && request.claims.groups_incomplete
        && through_groups;
    match depends_on_groups {
        true => vec![Fact::Groups],
        false => Vec::new(),
    }
}

fn of_policies(
    question: &Question<'_>,
    resource: &Tenant,
    findings: &[PolicyFinding],
    now: Timestamp,
) -> Vec<MissingFact> {
    let subject = Subject::new(question, resource, now);
    let mut all: Vec<MissingFact> = Vec::new();
    let failing = findings
        .iter()
        .filter(|finding| finding.result == PolicyResult::Failure);
    for finding in failing {
        let Some(policy) = question.snapshot.policy(finding.policy) else {
            continue;
        };
        let conditions = finding.conditions.iter();
        let mut facts: Vec<Fact> = conditions
            .flat_map(|condition| condition.missing.iter().cloned())
            .collect();
        facts.extend(of_grant(policy, &subject, now));
        for fact in facts {
            match all.iter_mut().find(|one| one.fact == fact) {
                Some(known) if known.policies.contains(&finding.policy) => {}
                Some(known) => known.policies.push(finding.policy),
                None => all.push(MissingFact {
                    fact,
                    policies: vec![finding.policy],
                }),
            }
        }
    }
    all
}

/// What the controls and the sign-in frequency of a policy lack.
fn of_grant(policy: &Policy, subject: &Subject<'_>, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    if policy.grant.blocks {
        return facts;
    }
    if grant::unsatisfied(&policy.grant, subject).is_some() {
        for control in &policy.grant.controls {
            if matches!(
                controls::status(control, subject),
                controls::Status::Missing(_)
            ) {
                facts.extend(of_control(control, subject));
            }
        }
    }
    let auth_time = subject.question.request.claims.auth_time;
    if grant::frequency(policy, subject, now) == Frequency::Exceeded && auth_time.is_none() {
        facts.push(Fact::AuthTime);
    }
    facts
}

fn of_control(control: &Control, subject: &Subject<'_>) -> Vec<Fact> {
    let context = subject.context();
    let internal = |fact: Option<bool>, missing| {
        let lacks = fact.is_none() && subject.question.class == UserClass::Internal;
        if lacks { vec![missing] } else { Vec::new() }
    };
    match control {
        Control::ApprovedApplication => {
            internal(context.approved_application, Fact::ApprovedApplication)
        }
        Control::CompliantApplication => internal(context.app_protection, Fact::AppProtection),
        Control::PasswordChange => internal(context.password_changed, Fact::PasswordChanged),
        Control::RiskRemediation => internal(context.risk_remediated, Fact::RiskRemediated),
        Control::Strength(position) => subject
            .question
            .snapshot
            .strength(*position)
            .map_or_else(Vec::new, |strength| of_strength(strength, subject)),
        // A flag or a list of the claims that is there, and says no.
        Control::Mfa
        | Control::CompliantDevice
        | Control::DomainJoinedDevice
        | Control::TermsOfUse(_)
        | Control::Custom(_) => Vec::new(),
    }
}

/// The methods where none are named, and what a combination asks besides the methods that were done.
fn of_strength(strength: &Strength, subject: &Subject<'_>) -> Vec<Fact> {
    let Some(evidence) = strength::evidence(subject) else {
        return Vec::new();
    };
    let countable = || {
        let combinations = strength.combinations.iter();
        combinations.filter(|one| evidence.can_count(one))
    };
    let mut facts = Vec::new();
    if evidence.done.is_empty() && countable().next().is_some() {
        facts.push(match evidence.place {
            Where::Home => Fact::AuthenticationMethods,
            Where::Resource => Fact::ResourceAuthenticationMethods,
        });
    }
    let claims = &subject.question.request.claims;
    let done = countable().filter(|one| evidence.done.contains_all(one.methods));
    for demand in done.flat_map(|one| &one.demands) {
        match demand {
            Demand::Fido2(_) => {
                if claims.authenticator_aaguid.is_none() {
                    facts.push(Fact::AuthenticatorAaguid);
                }
            }
            Demand::Certificate {
                issuer_skis,
                policy_oids,
            } => {
                if !issuer_skis.is_empty() && claims.certificate_issuer_skis.is_empty() {
                    facts.push(Fact::CertificateIssuerSkis);
                }
                if !policy_oids.is_empty() && claims.certificate_policy_oids.is_empty() {
                    facts.push(Fact::CertificatePolicyOids);
                }
            }
        }
    }
    facts
}
