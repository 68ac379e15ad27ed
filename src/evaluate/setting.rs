//! Applies a cross-tenant access setting to user, groups and application (semantics §3).

use super::Evaluation;
use super::matching::Match;
use crate::id::AppId;
use crate::snapshot::{AccessSetting, AppRule, UserRule};
use crate::vocabulary::Access;

/// Why a setting blocks the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingRefusal {
    User,
    Application,
    GroupsUnknown,
}

/// Whether the setting allows the request. User and group ids are those of the home tenant, for inbound settings too.
pub(super) fn apply(
    setting: &AccessSetting,
    evaluation: &Evaluation<'_>,
) -> Result<(), SettingRefusal> {
    match targets_app(&setting.apps, evaluation) {
        Match::Yes => apply_to_users(setting, evaluation, true),
        Match::No => apply_to_users(setting, evaluation, false),
        // Unknown whether a bundle contains it: both cases are evaluated, as for unknown groups.
        Match::Unknown => {
            let targeted = apply_to_users(setting, evaluation, true);
            if targeted == apply_to_users(setting, evaluation, false) {
                targeted
            } else {
                Err(SettingRefusal::Application)
            }
        }
    }
}

fn apply_to_users(
    setting: &AccessSetting,
    evaluation: &Evaluation<'_>,
    app: bool,
) -> Result<(), SettingRefusal> {
    let rules = (setting.users.access, setting.apps.access);
    match targets_user(&setting.users, evaluation) {
        Match::Yes => combine(rules, true, app),
        Match::No => combine(rules, false, app),
        // Unknown whether the user is targeted: both cases are evaluated, and the result counts only if they agree.
        Match::Unknown => match (combine(rules, true, app), combine(rules, false, app)) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(_), Err(_)) => Err(SettingRefusal::Application),
            (Ok(()), Err(_)) | (Err(_), Ok(())) => Err(SettingRefusal::GroupsUnknown),
        },
    }
}

/// The table of semantics §3. If both rules block, they block only a targeted user at a targeted application.
fn combine(
    (users, apps): (Access, Access),
    user_targeted: bool,
    app_targeted: bool,
) -> Result<(), SettingRefusal> {
    if (users, apps) == (Access::Blocked, Access::Blocked) {
        return if user_targeted && app_targeted {
            Err(SettingRefusal::User)
        } else {
            Ok(())
        };
    }
    if user_targeted != (users == Access::Allowed) {
        Err(SettingRefusal::User)
    } else if app_targeted != (apps == Access::Allowed) {
        Err(SettingRefusal::Application)
    } else {
        Ok(())
    }
}

/// The missing facts that could turn a block into an allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MissingSettingFacts {
    /// The user id or the user's groups.
    pub(super) membership: bool,
    /// Whether an application of the request is in an application bundle.
    pub(super) bundles: bool,
    /// The client application.
    pub(super) client_app: bool,
}

/// The missing facts that a block by this setting depends on; none if it blocks regardless of them.
pub(super) fn missing_facts(
    setting: &AccessSetting,
    evaluation: &Evaluation<'_>,
) -> MissingSettingFacts {
    let may_pass = |result: Result<(), SettingRefusal>| {
        matches!(result, Ok(()) | Err(SettingRefusal::GroupsUnknown))
    };
    let [targeted, untargeted] = [true, false].map(|app| apply_to_users(setting, evaluation, app));
    let app = targets_app(&setting.apps, evaluation);
    let (as_sent, bundles) = match app {
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
        && evaluation.request.client_app.is_none()
        && !setting.apps.apps.is_empty()
        && may_pass(targeted)
        && targeted != untargeted;
    let results = match bundles || client_app {
        true => [targeted, untargeted],
        false => [as_sent, as_sent],
    };
    MissingSettingFacts {
        membership: results.contains(&Err(SettingRefusal::GroupsUnknown)),
        bundles,
        client_app,
    }
}

/// Whether `usersAndGroups` targets the request; unknown if it depends on facts that the request omits.
pub(super) fn targets_user(rule: &UserRule, evaluation: &Evaluation<'_>) -> Match {
    let request = evaluation.request;
    let listed = rule.all
        || request
            .user
            .is_some_and(|user| rule.users.binary_search(&user).is_ok())
        || rule.groups.names_any(&evaluation.groups);
    if listed {
        return Match::Yes;
    }
    let names_groups = !rule.groups.is_empty();
    let depends_on_user = request.user.is_none() && (names_groups || !rule.users.is_empty());
    let depends_on_groups = request.claims.groups_incomplete && names_groups;
    if depends_on_user || depends_on_groups {
        Match::Unknown
    } else {
        Match::No
    }
}

/// Whether `applications` targets the resource application or, if sent, the client application.
pub(super) fn targets_app(rule: &AppRule, evaluation: &Evaluation<'_>) -> Match {
    Match::any(apps(evaluation).map(|app| targets(rule, app, evaluation)))
}

/// Whether the rule's list contains this application.
pub(super) fn targets(rule: &AppRule, app: AppId, evaluation: &Evaluation<'_>) -> Match {
    let applications = &evaluation.snapshot.applications;
    Match::from_membership(rule.apps.membership(app, applications))
}

/// The resource application and, if sent, the client application.
pub(super) fn apps(evaluation: &Evaluation<'_>) -> impl Iterator<Item = AppId> {
    let request = evaluation.request;
    [Some(request.app), request.client_app]
        .into_iter()
        .flatten()
}
