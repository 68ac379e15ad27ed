//! The values that each stage used, and why it passes.

use super::{Detail, words};
use crate::decision::{Denial, Stage, UnusedEntryReason};
use crate::evaluate::matching::Match;
use crate::evaluate::{Evaluation, Notes, assumed, channel, cross_tenant, restriction, setting};
use crate::id::TenantId;
use crate::request::{Home, IdentityProvider, UserClass};
use crate::snapshot::{AccessSetting, AppRule, AssumedOutboundSettings, Tenant, UserRule};
use crate::time::Timestamp;
use crate::vocabulary::Access;

/// Why the stage passes or not, in one sentence.
pub(super) fn why(
    evaluation: &Evaluation<'_>,
    stage: Stage,
    outcome: Result<(), &Denial>,
    notes: &Notes,
) -> String {
    match outcome {
        Err(denial) => denial.message().into_owned(),
        Ok(()) => match stage {
            Stage::Token => format!(
                "The token expires at {} and is not revoked.",
                evaluation.request.claims.expires_at
            ),
            Stage::TenantRestriction => why_unrestricted(evaluation).to_owned(),
            Stage::Outbound => match notes.assumed_outbound {
                Some(basis) => format!(
                    "No policies of the home tenant are loaded; the resource tenant's assumed-outbound.json allows \
                     the outbound access ({basis})."
                ),
                None => why_setting_allows(evaluation, "home tenant's outbound"),
            },
            Stage::Inbound => match evaluation.request.home.provider() {
                Some(provider) => {
                    format!("The resource tenant lists the identity provider {provider}.")
                }
                None => why_setting_allows(evaluation, "resource tenant's inbound"),
            },
            Stage::ConditionalAccess => why_granted(evaluation, notes),
            Stage::SharedChannel => match evaluation.request.channel {
                None => "The request names no channel.".to_owned(),
                Some(_) => "The user is a member of the shared channel.".to_owned(),
            },
        },
    }
}

fn why_unrestricted(evaluation: &Evaluation<'_>) -> &'static str {
    let request = evaluation.request;
    match request.restricting_tenant {
        None => "The request names no restricting tenant.",
        Some(restricting) if request.home == restricting => {
            "The restricting tenant is the home tenant: its outbound settings govern."
        }
        Some(restricting) if request.resource == restricting => {
            "The restricting tenant is the resource tenant: its inbound settings govern."
        }
        Some(_) => {
            "The restricting tenant's tenant restrictions allow this account to access this application, \
             or do not apply to a tenant of another cloud."
        }
    }
}

fn why_setting_allows(evaluation: &Evaluation<'_>, which: &str) -> String {
    match (&evaluation.request.home, evaluation.class) {
        (Home::Provider(_), _) => {
            format!("A user without a home tenant: the {which} setting does not apply.")
        }
        (Home::Tenant(_), UserClass::Internal) => {
            format!("An internal user: the {which} setting does not apply.")
        }
        (Home::Tenant(_), UserClass::DirectConnect | UserClass::Collaboration) => {
            format!("The {which} setting allows this user to access this application.")
        }
    }
}

fn why_granted(evaluation: &Evaluation<'_>, notes: &Notes) -> String {
    let applied = notes.applied.iter().map(|one| one.policy);
    let policies = applied.filter_map(|index| evaluation.snapshot.policy(index));
    let enforced = policies.filter(|policy| !policy.is_report_only()).count();
    match enforced {
        0 => "No enabled policy applies.".to_owned(),
        1 => "1 enabled policy applies and is satisfied.".to_owned(),
        _ => format!("{enforced} enabled policies apply, and all are satisfied."),
    }
}

pub(super) fn details(evaluation: &Evaluation<'_>, stage: Stage, now: Timestamp) -> Vec<Detail> {
    match (stage, evaluation.resource) {
        (Stage::Token, _) => token_details(evaluation),
        (Stage::TenantRestriction, _) => restriction_details(evaluation),
        (Stage::Outbound, Some(resource)) if evaluation.class != UserClass::Internal => {
            outbound_details(evaluation, resource, now)
        }
        (Stage::Inbound, Some(resource)) if evaluation.class != UserClass::Internal => {
            inbound_details(evaluation, resource)
        }
        (Stage::ConditionalAccess, Some(resource)) if evaluation.class != UserClass::Internal => {
            vec![trust_detail(evaluation, resource)]
        }
        (Stage::SharedChannel, Some(resource)) => channel_details(evaluation, resource),
        _ => Vec::new(),
    }
}

fn token_details(evaluation: &Evaluation<'_>) -> Vec<Detail> {
    let claims = &evaluation.request.claims;
    let instants = [
        ("expires_at", Some(claims.expires_at)),
        ("issued_at", claims.issued_at),
        ("auth_time", claims.auth_time),
    ];
    let present = instants
        .into_iter()
        .filter_map(|(what, instant)| Some((what, instant?)));
    present
        .map(|(what, instant)| request_detail(what, instant.to_string()))
        .collect()
}

fn restriction_details(evaluation: &Evaluation<'_>) -> Vec<Detail> {
    let request = evaluation.request;
    let Some(restricting_id) = request.restricting_tenant else {
        return Vec::new();
    };
    let mut details = vec![request_detail(
        "restricting tenant",
        words::tenant(restricting_id, evaluation.snapshot),
    )];
    let governs = request.home != restricting_id && request.resource != restricting_id;
    let restricting = evaluation
        .snapshot
        .tenant(restricting_id)
        .filter(|_| governs);
    if let Some((restricting, home)) = restricting.zip(request.home.tenant()) {
        let settings = restriction::governed_tenants(evaluation, home, restricting)
            .filter_map(|tenant| restriction::restrictions(evaluation, restricting, tenant));
        details.extend(settings.map(|one| setting_detail("tenant restrictions", one, evaluation)));
    }
    details
}

fn outbound_details(evaluation: &Evaluation<'_>, resource: &Tenant, now: Timestamp) -> Vec<Detail> {
    let Some(home) = evaluation.request.home.tenant() else {
        return Vec::new();
    };
    let (relation, setting) =
        cross_tenant::outbound_relation(evaluation, evaluation.request.access);
    let setting = setting.map(|one| setting_detail("outbound setting", one, evaluation));
    let providers = relation.blocks_service_providers.then(|| {
        let value = "the home tenant blocks users of the type serviceProvider";
        Detail {
            what: "blockServiceProviderOutboundAccess".to_owned(),
            value: value.to_owned(),
            origin: relation.origin.to_string(),
        }
    });
    let clouds = cloud_detail(evaluation, resource).into_iter();
    let mut details: Vec<Detail> = clouds.chain(providers).chain(setting).collect();
    if evaluation.home.is_none() {
        details.push(request_detail(
            "home tenant",
            format!("no policies of {home} are loaded: the service defaults apply"),
        ));
        let entry = resource.assumed_outbound_of(home);
        details.extend(entry.map(|entry| assumed_detail(entry, evaluation, home, resource, now)));
    }
    details
}

fn assumed_detail(
    entry: &AssumedOutboundSettings,
    evaluation: &Evaluation<'_>,
    home: TenantId,
    resource: &Tenant,
    now: Timestamp,
) -> Detail {
    let status = match assumed::applicable_entry(evaluation, home, resource, now) {
        Ok(_) => "applies",
        Err(Some(UnusedEntryReason::ReviewPast)) => "does not apply: its reviewBy date is past",
        Err(Some(UnusedEntryReason::OtherAccessType)) => {
            "does not apply: it does not list this access type"
        }
        Err(Some(UnusedEntryReason::NotTokenIssued)) => {
            "does not apply: no token issued by the home tenant was verified"
        }
        Err(None) => "does not apply",
    };
    let comment = entry.comment.as_deref().unwrap_or("no comment");
    Detail {
        what: "assumed outbound".to_owned(),
        value: format!(
            "{} until {} ({comment}): {status}",
            entry.basis, entry.review_by
        ),
        origin: entry.origin.to_string(),
    }
}

fn inbound_details(evaluation: &Evaluation<'_>, resource: &Tenant) -> Vec<Detail> {
    let request = evaluation.request;
    let home = match &request.home {
        Home::Tenant(home) => *home,
        Home::Provider(provider) => return vec![provider_detail(provider, resource)],
    };
    let (_, setting) = cross_tenant::inbound_relation(evaluation, home, resource, request.access);
    let setting = setting.map(|one| setting_detail("inbound setting", one, evaluation));
    cloud_detail(evaluation, resource)
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

fn cloud_detail(evaluation: &Evaluation<'_>, resource: &Tenant) -> Option<Detail> {
    let home = cross_tenant::home_cloud(evaluation, resource);
    let differ = home != resource.cloud;
    differ.then(|| request_detail("clouds", format!("{home} to {}", resource.cloud)))
}

fn setting_detail(what: &str, setting: &AccessSetting, evaluation: &Evaluation<'_>) -> Detail {
    let user = match setting::targets_user(&setting.users, evaluation) {
        Match::Yes => "this user is targeted",
        Match::No => "this user is not targeted",
        Match::Unknown => "it is unknown whether this user is targeted",
    };
    let app = match setting::targets_app(&setting.apps, evaluation) {
        Match::Yes => "this application is targeted",
        Match::No => "this application is not targeted",
        Match::Unknown => "it is unknown whether this application is targeted",
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

fn trust_detail(evaluation: &Evaluation<'_>, resource: &Tenant) -> Detail {
    let trust = cross_tenant::trust(evaluation, resource);
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

fn channel_details(evaluation: &Evaluation<'_>, resource: &Tenant) -> Vec<Detail> {
    let Some(channel_id) = &evaluation.request.channel else {
        return Vec::new();
    };
    let value = match resource.channel(channel_id) {
        None => "not a shared channel of the resource tenant",
        Some(channel) if channel::is_member(channel, evaluation) => "the user is a member",
        Some(_) => "the user is not a member",
    };
    vec![request_detail(&channel_id.0, value.to_owned())]
}

fn request_detail(what: &str, value: String) -> Detail {
    Detail {
        what: what.to_owned(),
        value,
        origin: String::new(),
    }
}
