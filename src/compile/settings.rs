//! Checks (semantics §2, "Invalid combinations") and compiles one access setting (§3).

use std::fmt::Display;

use super::builder::{SnapshotBuilder, push};
use super::findings::{incomplete_bundle_message, origin_of};
use crate::graph::document::{
    AccessRule, ApplicationTarget, B2bSetting as Document, Located, UserTarget,
};
use crate::graph::{Code, SourceLocation};
use crate::snapshot::{AccessSetting, AppRule, AppSet, GroupSet, UserRule};
use crate::vocabulary::{Access, Bundle};

/// The user targets that a setting may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AllowedTargets {
    /// Users, groups, or all.
    Any,
    /// All users only: inbound settings and tenant restrictions of a default.
    AllUsersOnly,
}

/// Compiles a setting and returns its position. An invalid setting is an error finding, and its position is
/// not used.
pub(super) fn compile(
    builder: &mut SnapshotBuilder,
    setting: &Document,
    allowed: AllowedTargets,
) -> u32 {
    if let Some(place) = &setting.names_devices {
        let message = "found a device filter, which Entra does not evaluate; expected null";
        builder
            .findings
            .error(place, Code::DevicesNotEvaluated, message);
    }
    let (Some(users), Some(apps)) = (&setting.users, &setting.applications) else {
        report_missing_rule(builder, setting);
        return u32::MAX;
    };
    check_users(builder, users, allowed);
    check_applications(builder, apps);
    check_conflict(builder, &setting.place, users, apps);
    let compiled = AccessSetting {
        users: user_rule(builder, users),
        apps: app_rule(apps),
        origin: origin_of(&setting.place).into(),
    };
    push(
        &mut builder.settings,
        compiled,
        &mut builder.findings,
        "settings",
    )
}

/// The service's own default, if no document has the setting (semantics §2, table).
pub(super) fn service_default(builder: &mut SnapshotBuilder, access: Access) -> u32 {
    let setting = AccessSetting {
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
        &mut builder.settings,
        setting,
        &mut builder.findings,
        "settings",
    )
}

fn report_missing_rule(builder: &mut SnapshotBuilder, setting: &Document) {
    let missing = match (&setting.users, &setting.applications) {
        (None, None) => "neither `usersAndGroups` nor `applications`",
        (None, Some(_)) => "no `usersAndGroups`",
        (Some(_), _) => "no `applications`",
    };
    let message = format!("found {missing}, expected both rules, or null for the whole setting");
    builder
        .findings
        .error(&setting.place, Code::MissingMember, message);
}

fn check_users(
    builder: &mut SnapshotBuilder,
    rule: &AccessRule<UserTarget>,
    allowed: AllowedTargets,
) {
    check_targets(builder, rule, UserTarget::AllUsers, "AllUsers");
    if allowed == AllowedTargets::Any {
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
        builder
            .findings
            .error(&target.place, Code::TargetNotAllowed, message);
    }
}

fn check_applications(builder: &mut SnapshotBuilder, rule: &AccessRule<ApplicationTarget>) {
    for target in &rule.targets {
        let bundle = match target.value {
            ApplicationTarget::Office365 => Bundle::Office365,
            ApplicationTarget::AllMicrosoftApps => Bundle::AllMicrosoftApps,
            ApplicationTarget::AllApplications | ApplicationTarget::Application(_) => continue,
        };
        let message = incomplete_bundle_message(bundle);
        builder
            .findings
            .info(&target.place, Code::IncompleteBundle, message);
    }
    check_targets(
        builder,
        rule,
        ApplicationTarget::AllApplications,
        "AllApplications",
    );
}

/// A rule has at least one target, and the word for all targets is the only one.
fn check_targets<T: PartialEq>(
    builder: &mut SnapshotBuilder,
    rule: &AccessRule<T>,
    all: T,
    word: &str,
) {
    if rule.targets.is_empty() {
        let message = format!("found no targets, expected {word} or at least one id");
        builder.findings.error(&rule.place, Code::Targets, message);
    }
    let others = rule.targets.iter().any(|target| target.value != all);
    if let Some(target) = rule
        .targets
        .iter()
        .find(|target| target.value == all && others)
    {
        let message = format!("found {word} together with other targets, expected it alone");
        builder
            .findings
            .error(&target.place, Code::Targets, message);
    }
}

/// Entra's "conflicting settings"
/// (learn.microsoft.com/entra/external-id/cross-tenant-access-overview, Important considerations).
fn check_conflict(
    builder: &mut SnapshotBuilder,
    place: &SourceLocation,
    users: &AccessRule<UserTarget>,
    apps: &AccessRule<ApplicationTarget>,
) {
    let all_users = targets(users, UserTarget::AllUsers);
    let blocks_all_apps =
        apps.access == Access::Blocked && targets(apps, ApplicationTarget::AllApplications);
    let message = match users.access {
        Access::Blocked if all_users && !blocks_all_apps => {
            "found AllUsers blocked and AllApplications not blocked, expected both: if all users are \
             blocked, all applications must be blocked"
        }
        Access::Allowed if blocks_all_apps => {
            "found users allowed and AllApplications blocked, expected users blocked or single \
             applications: allowed users need an application that is not blocked"
        }
        Access::Allowed | Access::Blocked => return,
    };
    builder
        .findings
        .error(place, Code::ConflictingSetting, message);
}

fn targets<T: PartialEq>(rule: &AccessRule<T>, expected: T) -> bool {
    rule.targets.iter().any(|target| target.value == expected)
}

fn user_rule(builder: &mut SnapshotBuilder, rule: &AccessRule<UserTarget>) -> UserRule {
    let mut users = Vec::new();
    let mut groups = Vec::new();
    let mut all = false;
    for Located { value, .. } in &rule.targets {
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
        groups: builder
            .groups
            .set(groups.into_iter(), &mut builder.findings),
    }
}

fn app_rule(rule: &AccessRule<ApplicationTarget>) -> AppRule {
    let mut apps = AppSet::default();
    let mut ids = Vec::new();
    for Located { value, .. } in &rule.targets {
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

/// The list as a set: sorted, without duplicates.
pub(super) fn sorted<T: Ord>(mut list: Vec<T>) -> Box<[T]> {
    list.sort_unstable();
    list.dedup();
    list.into_boxed_slice()
}
