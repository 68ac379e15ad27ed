//! One B2B setting: its checks (semantics §2, "Invalid combinations") and its compiled form (§3).

use std::fmt::Display;

use super::draft::{Draft, push};
use super::findings::{incomplete_bundle, origin_of};
use crate::graph::document::{ApplicationTarget, At, Rule, Setting as Document, UserTarget};
use crate::graph::{Code, Place};
use crate::snapshot::{AppRule, AppSet, GroupSet, Setting, UserRule};
use crate::vocabulary::{Access, Bundle};

/// What a setting may target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Users, groups, or all.
    Anyone,
    /// All users only: inbound and tenant restrictions of a default.
    AllUsersOnly,
}

/// Compiles a setting and gives its position. Where it is not sound the findings say so, and the
/// position is never read.
pub(super) fn compile(draft: &mut Draft, setting: &Document, reach: Reach) -> u32 {
    if let Some(place) = &setting.names_devices {
        let message = "found a device filter, which Entra does not evaluate; expected null";
        draft
            .findings
            .error(place, Code::DevicesNotEvaluated, message);
    }
    let (Some(users), Some(apps)) = (&setting.users, &setting.applications) else {
        report_missing_rule(draft, setting);
        return u32::MAX;
    };
    check_users(draft, users, reach);
    check_applications(draft, apps);
    check_conflict(draft, &setting.place, users, apps);
    let compiled = Setting {
        users: user_rule(draft, users),
        apps: app_rule(apps),
        origin: origin_of(&setting.place).into(),
    };
    push(
        &mut draft.settings,
        compiled,
        &mut draft.findings,
        "settings",
    )
}

/// The service's own default, where every document is silent (semantics §2, table).
pub(super) fn service_default(draft: &mut Draft, access: Access) -> u32 {
    let setting = Setting {
        users: UserRule {
            access,
            all: true,
            users: Box::default(),
            groups: GroupSet::default(),
        },
        apps: AppRule {
            access,
            apps: AppSet {
                all: true,
                ..AppSet::default()
            },
        },
        origin: super::relations::SERVICE_DEFAULT.into(),
    };
    push(
        &mut draft.settings,
        setting,
        &mut draft.findings,
        "settings",
    )
}

fn report_missing_rule(draft: &mut Draft, setting: &Document) {
    let missing = match (&setting.users, &setting.applications) {
        (None, None) => "neither `usersAndGroups` nor `applications`",
        (None, Some(_)) => "no `usersAndGroups`",
        (Some(_), _) => "no `applications`",
    };
    let message = format!("found {missing}, expected both rules, or null for the whole setting");
    draft
        .findings
        .error(&setting.place, Code::MissingMember, message);
}

fn check_users(draft: &mut Draft, rule: &Rule<UserTarget>, reach: Reach) {
    check_targets(draft, rule, UserTarget::AllUsers, "AllUsers");
    if reach == Reach::Anyone {
        return;
    }
    for target in &rule.targets {
        let (kind, id): (_, &dyn Display) = match &target.value {
            UserTarget::AllUsers => continue,
            UserTarget::User(id) => ("user", id),
            UserTarget::Group(id) => ("group", id),
        };
        let message = format!(
            "found {kind} {id}, expected AllUsers: a default cannot target single users or groups \
             of other organisations"
        );
        draft
            .findings
            .error(&target.place, Code::TargetNotAllowed, message);
    }
}

fn check_applications(draft: &mut Draft, rule: &Rule<ApplicationTarget>) {
    for target in &rule.targets {
        let bundle = match target.value {
            ApplicationTarget::Office365 => Bundle::Office365,
            ApplicationTarget::AllMicrosoftApps => Bundle::AllMicrosoftApps,
            ApplicationTarget::AllApplications | ApplicationTarget::Application(_) => continue,
        };
        let message = incomplete_bundle(bundle);
        draft
            .findings
            .info(&target.place, Code::IncompleteBundle, message);
    }
    check_targets(
        draft,
        rule,
        ApplicationTarget::AllApplications,
        "AllApplications",
    );
}

/// A rule has targets, and the word for all of them stands alone.
fn check_targets<T: PartialEq>(draft: &mut Draft, rule: &Rule<T>, all: T, word: &str) {
    if rule.targets.is_empty() {
        let message = format!("found no targets, expected {word} or at least one id");
        draft.findings.error(&rule.place, Code::Targets, message);
    }
    let others = rule.targets.iter().any(|target| target.value != all);
    if let Some(target) = rule
        .targets
        .iter()
        .find(|target| target.value == all && others)
    {
        let message = format!("found {word} beside other targets, expected it alone");
        draft.findings.error(&target.place, Code::Targets, message);
    }
}

/// Entra's "conflicting settings"
/// (learn.microsoft.com/entra/external-id/cross-tenant-access-overview, Important considerations).
fn check_conflict(
    draft: &mut Draft,
    place: &Place,
    users: &Rule<UserTarget>,
    apps: &Rule<ApplicationTarget>,
) {
    let all_users = targets(users, UserTarget::AllUsers);
    let blocks_all_apps =
        apps.access == Access::Blocked && targets(apps, ApplicationTarget::AllApplications);
    let message = match users.access {
        Access::Blocked if all_users && !blocks_all_apps => {
            "found AllUsers blocked and AllApplications not blocked, expected both: where all users \
             are blocked, all applications have to be"
        }
        Access::Allowed if blocks_all_apps => {
            "found users allowed and AllApplications blocked, expected users blocked or single \
             applications: nobody can be allowed to reach nothing"
        }
        Access::Allowed | Access::Blocked => return,
    };
    draft
        .findings
        .error(place, Code::ConflictingSetting, message);
}

fn targets<T: PartialEq>(rule: &Rule<T>, wanted: T) -> bool {
    rule.targets.iter().any(|target| target.value == wanted)
}

fn user_rule(draft: &mut Draft, rule: &Rule<UserTarget>) -> UserRule {
    let mut users = Vec::new();
    let mut groups = Vec::new();
    let mut all = false;
    for At { value, .. } in &rule.targets {
        match value {
            UserTarget::AllUsers => all = true,
            UserTarget::User(id) => users.push(*id),
            UserTarget::Group(id) => groups.push(*id),
        }
    }
    UserRule {
        access: rule.access,
        all,
        users: sorted(users),
        groups: draft.groups.set(groups.into_iter(), &mut draft.findings),
    }
}

fn app_rule(rule: &Rule<ApplicationTarget>) -> AppRule {
    let mut apps = AppSet::default();
    let mut ids = Vec::new();
    for At { value, .. } in &rule.targets {
        match value {
            ApplicationTarget::AllApplications => apps.all = true,
            ApplicationTarget::Office365 => apps.bundles = apps.bundles.with(Bundle::Office365),
            ApplicationTarget::AllMicrosoftApps => {
                apps.bundles = apps.bundles.with(Bundle::AllMicrosoftApps)
            }
            ApplicationTarget::Application(id) => ids.push(*id),
        }
    }
    apps.ids = sorted(ids);
    AppRule {
        access: rule.access,
        apps,
    }
}

/// A list that is a set: sorted, without repeats.
pub(super) fn sorted<T: Ord>(mut list: Vec<T>) -> Box<[T]> {
    list.sort_unstable();
    list.dedup();
    list.into_boxed_slice()
}
