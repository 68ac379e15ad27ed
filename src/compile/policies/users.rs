//! `users` of a policy: two clauses of users, groups, roles and kinds of external user (semantics §5).

use crate::compile::draft::Draft;
use crate::compile::settings::sorted;
use crate::graph::Code;
use crate::graph::document::{ExternalTenants, GuestsOrExternalUsers, UsersCondition, UsersList};
use crate::snapshot::{GuestClause, UsersClause};
use crate::vocabulary::UserType;

/// The include lists. `externalTenants` that is not said is every tenant (chosen).
pub(super) fn include(draft: &mut Draft, list: &UsersList) -> UsersClause {
    let named = list.guests.as_ref().and_then(|guests| {
        let tenants = match &guests.tenants {
            ExternalTenants::Unsaid | ExternalTenants::All => None,
            ExternalTenants::These(tenants) => Some(sorted(tenants.clone())),
        };
        guest_clause(guests, tenants)
    });
    clause(draft, list, named)
}

/// The exclude lists. `externalTenants` that is not said is no tenant (chosen): the clause names nobody.
pub(super) fn exclude(draft: &mut Draft, users: &UsersCondition) -> UsersClause {
    let list = &users.exclude;
    if list.all {
        let message = "found All excluded: the policy applies to nobody";
        draft
            .findings
            .warning(&users.place, Code::NoEffect, message);
    }
    let named = list.guests.as_ref().and_then(|guests| match &guests.tenants {
        ExternalTenants::Unsaid => {
            let message = "found excluded guests or external users without `externalTenants`: nobody \
                           is excluded by them";
            draft.findings.warning(&users.place, Code::NoEffect, message);
            None
        }
        ExternalTenants::All => guest_clause(guests, None),
        ExternalTenants::These(tenants) => guest_clause(guests, Some(sorted(tenants.clone()))),
    });
    clause(draft, list, named)
}

/// Types of which there are none name nobody.
fn guest_clause(
    guests: &GuestsOrExternalUsers,
    tenants: Option<Box<[crate::id::TenantId]>>,
) -> Option<GuestClause> {
    (!guests.types.is_empty()).then_some(GuestClause {
        types: guests.types,
        tenants,
    })
}

/// The word `None` names nobody and leaves nothing behind.
fn clause(draft: &mut Draft, list: &UsersList, named: Option<GuestClause>) -> UsersClause {
    // `GuestsOrExternalUsers`: every type, every tenant.
    let everyone = list.guests_or_external_users.then(|| GuestClause {
        types: UserType::ALL.iter().copied().collect(),
        tenants: None,
    });
    let groups = list.groups.iter().copied();
    UsersClause {
        all: list.all,
        users: sorted(list.users.clone()),
        groups: draft.groups.set(groups, &mut draft.findings),
        roles: sorted(list.roles.clone()),
        guests: everyone.into_iter().chain(named).collect(),
    }
}

/// Why the include lists mean no user, where they do. The word `None` says so on purpose.
pub(super) fn names_no_user(list: &UsersList) -> Option<&'static str> {
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
            "found AllAgentIdUsers included and nothing else: it means the accounts of agents, so the policy \
             applies to no user",
        ),
        (false, false, false) => Some("found nobody included: the policy applies to nobody"),
    }
}
