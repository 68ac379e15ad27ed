//! What each stage looked at, and why it passes.

use super::{Detail, words};
use crate::decision::{Denial, Stage, UnusedEntry};
use crate::evaluate::matching::Match;
use crate::evaluate::{Notes, Question, assumed, channel, crossing, restriction, setting};
use crate::id::TenantId;
use crate::request::{Home, IdentityProvider, UserClass};
use crate::snapshot::{AppRule, AssumedOutbound, Setting, Tenant, UserRule};
use crate::time::Timestamp;
use crate::vocabulary::Access;

/// Why the stage passes, or why it does not, in a sentence.
pub(super) fn why(
    question: &Question<'_>,
    stage: Stage,
    outcome: Result<(), &Denial>,
    notes: &Notes,
) -> String {
    match outcome {
        Err(denial) => denial.message().into_owned(),
        Ok(()) => match stage {
            Stage::Token => format!(
                "The token ends at {} and is not revoked.",
                question.request.claims.expires_at
            ),
            Stage::TenantRestriction => why_unrestricted(question).to_owned(),
            Stage::Outbound => match notes.assumed_outbound {
                Some(basis) => format!(
                    "The resource tenant's assumed-outbound.json lets this user out ({basis}): no policies of the \
                     home tenant are loaded."
                ),
                None => why_crossed(question, "home tenant's outbound"),
            },
            Stage::Inbound => match question.request.home.provider() {
                Some(provider) => {
                    format!("The resource tenant lists the identity provider {provider}.")
                }
                None => why_crossed(question, "resource tenant's inbound"),
            },
            Stage::ConditionalAccess => why_granted(question, notes),
            Stage::SharedChannel => match question.request.channel {
                None => "The request names no channel.".to_owned(),
                Some(_) => "The user is in the shared channel.".to_owned(),
            },
        },
    }
}

fn why_unrestricted(question: &Question<'_>) -> &'static str {
    let request = question.request;
    match request.restricting_tenant {
        None => "The request names no restricting tenant.",
        Some(restricting) if request.home == restricting => {
            "The restricting tenant is the home tenant: its outbound settings govern."
        }
        Some(restricting) if request.resource == restricting => {
            "The restricting tenant is the resource tenant: its inbound settings govern."
        }
        Some(_) => {
            "The restricting tenant's restrictions let this account reach this application, \
             or are left out for a tenant of another cloud."
        }
    }
}

fn why_crossed(question: &Question<'_>, whose: &str) -> String {
    match (&question.request.home, question.class) {
        (Home::Provider(_), _) => {
            format!("A user without a home tenant: the {whose} setting does not apply.")
        }
        (Home::Tenant(_), UserClass::Internal) => {
            format!("An internal user: the {whose} setting does not apply.")
        }
        (Home::Tenant(_), UserClass::DirectConnect | UserClass::Collaboration) => {
            format!("The {whose} setting lets this user reach this application.")
        }
    }
}

fn why_granted(question: &Question<'_>, notes: &Notes) -> String {
    let applied = notes.applied.iter().map(|one| one.policy);
    let policies = applied.filter_map(|index| question.snapshot.policy(index));
    let enforced = policies.filter(|policy| !policy.is_report_only()).count();
    match enforced {
        0 => "No enabled policy applies.".to_owned(),
        1 => "1 enabled policy applies and is satisfied.".to_owned(),
        _ => format!("{enforced} enabled policies apply, and all are satisfied."),
    }
}

pub(super) fn details(question: &Question<'_>, stage: Stage, now: Timestamp) -> Vec<Detail> {
    match (stage, question.resource) {
        (Stage::Token, _) => token_details(question),
        (Stage::TenantRestriction, _) => restriction_details(question),
        (Stage::Outbound, Some(resource)) if question.class != UserClass::Internal => {
            outbound_details(question, resource, now)
        }
        (Stage::Inbound, Some(resource)) if question.class != UserClass::Internal => {
            inbound_details(question, resource)
        }
        (Stage::ConditionalAccess, Some(resource)) if question.class != UserClass::Internal => {
            vec![trust_detail(question, resource)]
        }
        (Stage::SharedChannel, Some(resource)) => channel_details(question, resource),
        _ => Vec::new(),
    }
}

fn token_details(question: &Question<'_>) -> Vec<Detail> {
    let claims = &question.request.claims;
    let instants = [
        ("expires_at", Some(claims.expires_at)),
        ("issued_at", claims.issued_at),
        ("auth_time", claims.auth_time),
    ];
    let present = instants
        .into_iter()
        .filter_map(|(what, instant)| Some((what, instant?)));
    present
        .map(|(what, instant)| of_request(what, instant.to_string()))
        .collect()
}

fn restriction_details(question: &Question<'_>) -> Vec<Detail> {
    let request = question.request;
    let Some(asked) = request.restricting_tenant else {
        return Vec::new();
    };
    let mut details = vec![of_request(
        "restricting tenant",
        words::tenant(asked, question.snapshot),
    )];
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
    let (relation, setting) = crossing::outbound_relation(question, question.request.access);
    let setting = setting.map(|one| setting_detail("outbound setting", one, question));
    let providers = relation.blocks_service_providers.then(|| {
        let value = "the home tenant blocks users of the type serviceProvider";
        Detail {
            what: "blockServiceProviderOutboundAccess".to_owned(),
            value: value.to_owned(),
            origin: relation.origin.to_string(),
        }
    });
    let clouds = cloud_detail(question, resource).into_iter();
    let mut details: Vec<Detail> = clouds.chain(providers).chain(setting).collect();
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
    let app = match setting::targets_app(&setting.apps, question) {
        Match::Yes => "this application is targeted",
        Match::No => "this application is not targeted",
        Match::Unknown => "whether this application is targeted is not known",
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
    let targets = match rule.apps.all {
        true => vec!["AllApplications".to_owned()],
        false => words::app_set(&rule.apps),
    };
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
