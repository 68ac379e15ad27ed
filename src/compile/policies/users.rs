//! `users` of a policy: the include and exclude clauses of users, groups, roles and external users
//! (semantics §5).

use crate::compile::builder::SnapshotBuilder;
use crate::compile::settings::sorted;
use crate::graph::Code;
use crate::graph::document::{ExternalTenants, GuestsOrExternalUsers, UsersCondition, UsersList};
use crate::snapshot::{GuestClause, UsersClause};
use crate::vocabulary::UserType;

/// The include lists. Without `externalTenants` they include every tenant (chosen).
pub(super) fn include(builder: &mut SnapshotBuilder, list: &UsersList) -> UsersClause {
    let named = list.guests.as_ref().and_then(|guests| {
        let tenants = match &guests.tenants {
            ExternalTenants::Unspecified | ExternalTenants::All => None,
            ExternalTenants::These(tenants) => Some(sorted(tenants.clone())),
        };
        guest_clause(guests, tenants)
    });
    clause(builder, list, named)
}

/// The exclude lists. Without `externalTenants` they exclude no tenant (chosen).
pub(super) fn exclude(builder: &mut SnapshotBuilder, users: &UsersCondition) -> UsersClause {
    let list = &users.exclude;
    if list.all {
        let message = "found All excluded: the policy applies to no user";
        builder
            .findings
            .warning(&users.place, Code::NoEffect, message);
    }
    let named = list.guests.as_ref().and_then(|guests| match &guests.tenants {
        ExternalTenants::Unspecified => {
            let message = "found excluded guests or external users without `externalTenants`: they \
                           exclude no user";
            builder.findings.warning(&users.place, Code::NoEffect, message);
            None
        }
        ExternalTenants::All => guest_clause(guests, None),
        ExternalTenants::These(tenants) => guest_clause(guests, Some(sorted(tenants.clone()))),
    });
    clause(builder, list, named)
}

/// `None` if there are no types.
fn guest_clause(
    guests: &GuestsOrExternalUsers,
    tenants: Option<Box<[crate::id::TenantId]>>,
) -> Option<GuestClause> {
    (!guests.types.is_empty()).then_some(GuestClause {
        types: guests.types,
        tenants,
    })
}

/// The word `None` adds no user.
fn clause(
    builder: &mut SnapshotBuilder,
    list: &UsersList,
    named: Option<GuestClause>,
) -> UsersClause {
    // `GuestsOrExternalUsers`: every type, every tenant.
    let everyone = list.guests_or_external_users.then(|| GuestClause {
        types: UserType::ALL.iter().copied().collect(),
        tenants: None,
    });
    let groups = list.groups.iter().copied();
    UsersClause {
        all: list.all,
        users: sorted(list.users.clone()),
        groups: builder.groups.set(groups, &mut builder.findings),
        roles: sorted(list.roles.clone()),
        guests: everyone.into_iter().chain(named).collect(),
    }
}

/// The warning if the include lists include no user. The word `None` is deliberate and not reported.
pub(super) fn empty_include_message(list: &UsersList) -> Option<&'static str> {
    let UsersList {
        all,
        none,
        guests_or_external_users,
        agent_users,
        users,
        groups,
        roles,
        guests,
    } = list;
    let word = *all || *guests_or_external_users;
    let guests = guests
        .as_ref()
        .is_some_and(|guests| !guests.types.is_empty());
    let names_some = word || guests || !users.is_empty() || !groups.is_empty() || !roles.is_empty();
    match (names_some, agent_users, none) {
        (true, _, _) | (false, false, true) => None,
        (false, true, _) => Some(
            "found AllAgentIdUsers as the only inclusion: it means the accounts of agents, so the policy \
             applies to no user",
        ),
        (false, false, false) => Some("found no included user: the policy applies to no user"),
    }
}
