//! A setting, applied to (user, groups, application): semantics §3.

use super::Question;
use super::matching::Match;
use crate::id::AppId;
use crate::snapshot::{AppRule, Setting, UserRule};
use crate::vocabulary::Access;

/// Why a setting does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    User,
    Application,
    GroupsUnknown,
}

/// Whether the setting passes. User and group ids are those of the home tenant, on both sides.
pub(super) fn apply(setting: &Setting, question: &Question<'_>) -> Result<(), Refusal> {
    match targets_app(&setting.apps, question) {
        Match::Yes => apply_to_users(setting, question, true),
        Match::No => apply_to_users(setting, question, false),
        // Not known whether a bundle holds it: as for unknown groups, both ways are looked at.
        Match::Unknown => {
            let targeted = apply_to_users(setting, question, true);
            if targeted == apply_to_users(setting, question, false) {
                targeted
            } else {
                Err(Refusal::Application)
            }
        }
    }
}

fn apply_to_users(setting: &Setting, question: &Question<'_>, app: bool) -> Result<(), Refusal> {
    let rules = (setting.users.access, setting.apps.access);
    match targets_user(&setting.users, question) {
        Match::Yes => combine(rules, true, app),
        Match::No => combine(rules, false, app),
        // It holds whatever the user and the groups are, or it is not known.
        Match::Unknown => match (combine(rules, true, app), combine(rules, false, app)) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(_), Err(_)) => Err(Refusal::Application),
            (Ok(()), Err(_)) | (Err(_), Ok(())) => Err(Refusal::GroupsUnknown),
        },
    }
}

/// The table of semantics §3: two blocking rules block only user and application together.
fn combine(
    (users, apps): (Access, Access),
    user_targeted: bool,
    app_targeted: bool,
) -> Result<(), Refusal> {
    if (users, apps) == (Access::Blocked, Access::Blocked) {
        return if user_targeted && app_targeted {
            Err(Refusal::User)
        } else {
            Ok(())
        };
    }
    if user_targeted != (users == Access::Allowed) {
        Err(Refusal::User)
    } else if app_targeted != (apps == Access::Allowed) {
        Err(Refusal::Application)
    } else {
        Ok(())
    }
}

/// The missing facts that could turn a refusal into a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    /// Who the user is, or the user's groups.
    pub(super) membership: bool,
    /// Whether an application of the request is in a bundle.
    pub(super) bundles: bool,
    /// The client application, which the request does not name.
    pub(super) client_app: bool,
}

/// Which missing facts a refusal of this setting depends on; none of a setting that refuses whatever they are.
pub(super) fn open(setting: &Setting, question: &Question<'_>) -> Open {
    let may_pass = |way: Result<(), Refusal>| matches!(way, Ok(()) | Err(Refusal::GroupsUnknown));
    let [targeted, untargeted] = [true, false].map(|app| apply_to_users(setting, question, app));
    let app = targets_app(&setting.apps, question);
    let (without, bundles) = match app {
        Match::Yes => (targeted, false),
        Match::No => (untargeted, false),
        Match::Unknown => {
            let differ = targeted != untargeted;
            (
                targeted,
                differ && (may_pass(targeted) || may_pass(untargeted)),
            )
        }
    };
    let client_app = app != Match::Yes
        && question.request.client_app.is_none()
        && !setting.apps.apps.is_empty()
        && may_pass(targeted)
        && targeted != untargeted;
    let ways = match bundles || client_app {
        true => [targeted, untargeted],
        false => [without, without],
    };
    Open {
        membership: ways.contains(&Err(Refusal::GroupsUnknown)),
        bundles,
        client_app,
    }
}

/// Whether `usersAndGroups` targets the request; unknown where it hangs on what the request leaves out.
pub(super) fn targets_user(rule: &UserRule, question: &Question<'_>) -> Match {
    let request = question.request;
    let listed = rule.all
        || request
            .user
            .is_some_and(|user| rule.users.binary_search(&user).is_ok())
        || rule.groups.names_any(&question.groups);
    if listed {
        return Match::Yes;
    }
    let names_groups = !rule.groups.is_empty();
    let hangs_on_user = request.user.is_none() && (names_groups || !rule.users.is_empty());
    let hangs_on_groups = request.claims.groups_incomplete && names_groups;
    if hangs_on_user || hangs_on_groups {
        Match::Unknown
    } else {
        Match::No
    }
}

/// Whether `applications` targets the resource application or, where given, the client application.
pub(super) fn targets_app(rule: &AppRule, question: &Question<'_>) -> Match {
    Match::any(apps(question).map(|app| targets(rule, app, question)))
}

/// Whether the rule's list holds this application.
pub(super) fn targets(rule: &AppRule, app: AppId, question: &Question<'_>) -> Match {
    let applications = &question.snapshot.applications;
    Match::membership(rule.apps.membership(app, applications))
}

/// The resource application and, where given, the client application.
pub(super) fn apps(question: &Question<'_>) -> impl Iterator<Item = AppId> {
    let request = question.request;
    [Some(request.app), request.client_app]
        .into_iter()
        .flatten()
}
