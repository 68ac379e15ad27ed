//! A setting, applied to (user, groups, application): semantics §3.

use super::Question;
use super::matching::Match;
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
    let request = question.request;
    let applications = &question.snapshot.applications;
    let apps = [Some(request.app), request.client_app];
    Match::any(
        apps.into_iter()
            .flatten()
            .map(|app| Match::membership(rule.apps.membership(app, applications))),
    )
}
