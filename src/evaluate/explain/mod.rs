//! The explanation: every stage and every policy of the resource tenant, with effective values and where
//! they come from.
//!
//! Runs the functions of the decision, all of them; decides nothing by itself.

use super::conditional_access::{self, Subject};
use super::matching::Match;
use super::{
    Notes, Question, STAGES, assumed, channel, conditions, crossing, grant, restriction, setting,
};
use crate::decision::{Decision, PolicyIndex, PolicyResult, Reason, Stage, UnusedEntry};
use crate::id::TenantId;
use crate::request::{Home, IdentityProvider, UserClass};
use crate::revocation::Revocations;
use crate::snapshot::{AppRule, AppSet, AssumedOutbound, Policy, Setting, Tenant, UserRule};
use crate::time::Timestamp;
use crate::vocabulary::Access;

/// Why a request is decided as it is.
#[derive(Debug)]
pub struct Explanation {
    /// The decision itself.
    pub decision: Decision,
    /// All six stages, in order, also those after the first that does not pass.
    pub stages: Vec<StageFinding>,
    /// Every policy of the resource tenant that is not disabled, in the order of their ids.
    pub policies: Vec<PolicyFinding>,
}

/// What one stage says.
#[derive(Debug)]
pub struct StageFinding {
    /// Which stage.
    pub stage: Stage,
    /// Whether it passes, and if not, why.
    pub outcome: Result<(), Reason>,
    /// What it looked at.
    pub details: Vec<Detail>,
}

/// An effective value and where it comes from.
#[derive(Debug)]
pub struct Detail {
    /// What it is.
    pub what: String,
    /// What it says, and what that means for this request.
    pub value: String,
    /// File, line and JSON path; empty where the value is the request's own.
    pub origin: String,
}

/// What one policy says.
#[derive(Debug)]
pub struct PolicyFinding {
    /// Which policy.
    pub policy: PolicyIndex,
    /// What became of it.
    pub result: PolicyResult,
    /// The first condition that does not match, or what is missing.
    pub detail: String,
}

impl Question<'_> {
    /// Decides, and tells what every stage and policy says.
    pub fn explain(&self, revocations: &Revocations, now: Timestamp) -> Explanation {
        Explanation {
            decision: self.decide(revocations, now),
            stages: Stage::ALL
                .into_iter()
                .map(|stage| self.explain_stage(stage, revocations, now))
                .collect(),
            policies: self
                .resource
                .map(|resource| explain_policies(self, resource, now))
                .unwrap_or_default(),
        }
    }

    fn explain_stage(
        &self,
        stage: Stage,
        revocations: &Revocations,
        now: Timestamp,
    ) -> StageFinding {
        let mut notes: Notes = self.notes(now);
        let outcome = STAGES
            .iter()
            .filter(|(checked, _)| *checked == stage)
            .try_for_each(|(_, check)| check(self, revocations, now, &mut notes))
            .map_err(|failure| failure.reason);
        StageFinding {
            stage,
            outcome,
            details: self.details(stage, now),
        }
    }

    fn details(&self, stage: Stage, now: Timestamp) -> Vec<Detail> {
        match (stage, self.resource) {
            (Stage::Token, _) => token_details(self),
            (Stage::TenantRestriction, _) => restriction_details(self),
            (Stage::Outbound, Some(resource)) if self.class != UserClass::Internal => {
                outbound_details(self, resource, now)
            }
            (Stage::Inbound, Some(resource)) if self.class != UserClass::Internal => {
                inbound_details(self, resource)
            }
            (Stage::ConditionalAccess, Some(resource)) if self.class != UserClass::Internal => {
                vec![trust_detail(self, resource)]
            }
            (Stage::SharedChannel, Some(resource)) => channel_details(self, resource),
            _ => Vec::new(),
        }
    }
}

fn token_details(question: &Question<'_>) -> Vec<Detail> {
    let claims = &question.request.claims;
    let instants = [
        ("expires_at", Some(claims.expires_at)),
        ("issued_at", claims.issued_at),
        ("auth_time", claims.auth_time),
    ];
    let told = instants
        .into_iter()
        .filter_map(|(what, instant)| Some((what, instant?)));
    told.map(|(what, instant)| of_request(what, instant.to_string()))
        .collect()
}

fn restriction_details(question: &Question<'_>) -> Vec<Detail> {
    let request = question.request;
    let Some(asked) = request.restricting_tenant else {
        return Vec::new();
    };
    let mut details = vec![of_request("restricting tenant", asked.to_string())];
    let governs = request.home != asked && request.resource != asked;
    let restricting = question.snapshot.tenant(asked).filter(|_| governs);
    if let Some((restricting, home)) = restricting.zip(request.home.tenant()) {
        let settings = restriction::governed_tenants(question, home, restricting)
            .filter_map(|tenant| restriction::restrictions(question, restricting, tenant));
        details.extend(settings.map(|one| setting_detail("tenant restrictions", one, question)));
    }
    details
}

fn outbound_details(question: &Question<'_>, resource: &Tenant, now: Timestamp) -> Vec<Detail> {
    let Some(home) = question.request.home.tenant() else {
        return Vec::new();
    };
    let (_, setting) = crossing::outbound_relation(question, question.request.access);
    let setting = setting.map(|one| setting_detail("outbound setting", one, question));
    let clouds = cloud_detail(question, resource);
    let mut details: Vec<Detail> = clouds.into_iter().chain(setting).collect();
    if question.home.is_none() {
        details.push(of_request(
            "home tenant",
            format!("no policies of {home} are loaded: the service's defaults apply"),
        ));
        let entry = resource.assumed_outbound_of(home);
        details.extend(entry.map(|entry| assumed_detail(entry, question, home, resource, now)));
    }
    details
}

fn assumed_detail(
    entry: &AssumedOutbound,
    question: &Question<'_>,
    home: TenantId,
    resource: &Tenant,
    now: Timestamp,
) -> Detail {
    let counts = match assumed::lets_out(question, home, resource, now) {
        Ok(_) => "counts",
        Err(Some(UnusedEntry::ReviewPast)) => "does not count: its reviewBy is past",
        Err(Some(UnusedEntry::OtherAccessType)) => {
            "does not count: it does not hold this access type"
        }
        Err(Some(UnusedEntry::NotTokenIssued)) => {
            "does not count: no token of the home tenant's own issuer was verified here"
        }
        Err(None) => "does not count",
    };
    let comment = entry.comment.as_deref().unwrap_or("no comment");
    Detail {
        what: "assumed outbound".to_owned(),
        value: format!(
            "{} until {} ({comment}): {counts}",
            entry.basis, entry.review_by
        ),
        origin: entry.origin.to_string(),
    }
}

fn inbound_details(question: &Question<'_>, resource: &Tenant) -> Vec<Detail> {
    let request = question.request;
    let home = match &request.home {
        Home::Tenant(home) => *home,
        Home::Provider(provider) => return vec![provider_detail(provider, resource)],
    };
    let (_, setting) = crossing::inbound_relation(question, home, resource, request.access);
    let setting = setting.map(|one| setting_detail("inbound setting", one, question));
    cloud_detail(question, resource)
        .into_iter()
        .chain(setting)
        .collect()
}

fn provider_detail(provider: &IdentityProvider, resource: &Tenant) -> Detail {
    let listed = resource.identity_providers.listed(provider);
    let word = if listed.is_some() {
        "listed"
    } else {
        "not listed"
    };
    Detail {
        what: "identity provider".to_owned(),
        value: format!("{provider}: {word} by the resource tenant"),
        origin: listed.map(ToString::to_string).unwrap_or_default(),
    }
}

fn cloud_detail(question: &Question<'_>, resource: &Tenant) -> Option<Detail> {
    let home = crossing::home_cloud(question, resource);
    let differ = home != resource.cloud;
    differ.then(|| of_request("clouds", format!("{home} to {}", resource.cloud)))
}

fn setting_detail(what: &str, setting: &Setting, question: &Question<'_>) -> Detail {
    let user = match setting::targets_user(&setting.users, question) {
        Match::Yes => "this user is targeted",
        Match::No => "this user is not targeted",
        Match::Unknown => "whether this user is targeted is not known",
    };
    let app = if setting::targets_app(&setting.apps, question) {
        "this application is targeted"
    } else {
        "this application is not targeted"
    };
    Detail {
        what: what.to_owned(),
        value: format!(
            "users {}: {user}; applications {}: {app}",
            user_rule(&setting.users),
            app_rule(&setting.apps)
        ),
        origin: setting.origin.to_string(),
    }
}

fn user_rule(rule: &UserRule) -> String {
    let groups = rule.groups.positions().len();
    let targets = if rule.all {
        "AllUsers".to_owned()
    } else {
        format!("{} users and {groups} groups", rule.users.len())
    };
    format!("{} {targets}", access(rule.access))
}

fn app_rule(rule: &AppRule) -> String {
    let AppSet {
        all,
        office365,
        all_microsoft,
        admin_portals,
        ids,
    } = &rule.apps;
    let words = [
        (*all, "AllApplications"),
        (*office365, "Office365"),
        (*all_microsoft, "AllMicrosoftApps"),
        (*admin_portals, "MicrosoftAdminPortals"),
    ];
    let mut targets: Vec<String> = words
        .iter()
        .filter(|(there, _)| *there)
        .map(|(_, word)| (*word).to_owned())
        .collect();
    if !ids.is_empty() {
        targets.push(format!("{} applications", ids.len()));
    }
    format!("{} {}", access(rule.access), targets.join(", "))
}

fn access(access: Access) -> &'static str {
    access.as_str()
}

fn trust_detail(question: &Question<'_>, resource: &Tenant) -> Detail {
    let trust = crossing::trust(question, resource);
    let word = |trusted| if trusted { "accepted" } else { "not accepted" };
    Detail {
        what: "inbound trust".to_owned(),
        value: format!(
            "MFA {}, compliant device {}, hybrid joined device {}",
            word(trust.mfa),
            word(trust.compliant_device),
            word(trust.hybrid_joined_device)
        ),
        origin: trust.origin.to_string(),
    }
}

fn channel_details(question: &Question<'_>, resource: &Tenant) -> Vec<Detail> {
    let Some(asked) = &question.request.channel else {
        return Vec::new();
    };
    let value = match resource.channel(asked) {
        None => "not a shared channel of the resource tenant",
        Some(channel) if channel::is_member(channel, question) => "the user is a member",
        Some(_) => "the user is not a member",
    };
    vec![of_request(&asked.0, value.to_owned())]
}

fn of_request(what: &str, value: String) -> Detail {
    Detail {
        what: what.to_owned(),
        value,
        origin: String::new(),
    }
}

fn explain_policies(
    question: &Question<'_>,
    resource: &Tenant,
    now: Timestamp,
) -> Vec<PolicyFinding> {
    let subject = Subject::new(question, resource, now);
    question
        .snapshot
        .policies_of(resource)
        .map(|(index, policy)| explain_policy(index, policy, &subject, now))
        .collect()
}

fn explain_policy(
    index: PolicyIndex,
    policy: &Policy,
    subject: &Subject<'_>,
    now: Timestamp,
) -> PolicyFinding {
    let unmatched = conditions::CONDITIONS
        .iter()
        .find(|(_, condition)| !condition(policy, subject).includes());
    if let Some((name, _)) = unmatched {
        let result = if policy.report_only {
            PolicyResult::ReportOnlyNotApplied
        } else {
            PolicyResult::NotApplied
        };
        return PolicyFinding {
            policy: index,
            result,
            detail: format!("does not match: {name}"),
        };
    }
    let frequency = grant::frequency(policy, subject, now);
    let outcome = grant::outcome(policy, subject, &frequency);
    let detail = match &outcome {
        grant::Outcome::Satisfied => "satisfied".to_owned(),
        grant::Outcome::Blocked => "blocks".to_owned(),
        grant::Outcome::Unsatisfied(one) => one.reason.message().to_owned(),
    };
    PolicyFinding {
        policy: index,
        result: conditional_access::result(policy, &outcome),
        detail,
    }
}
