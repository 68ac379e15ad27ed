//! Facts of applications: the product's tables, and what the operator states.

use super::bundles::{self, Membership};
use crate::id::AppId;
use crate::vocabulary::{Bundle, Word, WordSet};

/// What is known of applications beside their ids.
#[derive(Debug, Clone, Default)]
pub struct AppDirectory {
    /// Sorted by id, without repeats.
    pub(crate) stated: Box<[StatedApp]>,
}

/// What the operator states of one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatedApp {
    pub(crate) app: AppId,
    /// `None` = not stated.
    pub(crate) bundles: Option<WordSet<Bundle>>,
    /// Whether it is a resource of agents. `None` = not stated.
    pub(crate) agent: Option<bool>,
}

impl AppDirectory {
    /// Whether the application is in the bundle. A member of the product's own table stays one, whatever is
    /// stated.
    pub fn membership(&self, app: AppId, bundle: Bundle) -> Membership {
        let by_table = bundles::membership(app, bundle);
        if by_table == Membership::Member {
            return by_table;
        }
        match self.of(app).and_then(|stated| stated.bundles) {
            Some(stated) if includes(stated, bundle) => Membership::Member,
            Some(_) => Membership::NonMember,
            None => by_table,
        }
    }

    /// Whether the application is a resource of agents (`AllAgentIdResources`).
    pub fn is_agent(&self, app: AppId) -> Membership {
        match self.of(app).and_then(|stated| stated.agent) {
            Some(true) => Membership::Member,
            Some(false) => Membership::NonMember,
            None => Membership::Unknown,
        }
    }

    /// Whether it is not known of some bundle that the application is in it.
    pub fn has_unknown_membership(&self, app: AppId) -> bool {
        let mut bundles = Bundle::list().iter();
        bundles.any(|bundle| self.membership(app, *bundle) == Membership::Unknown)
    }

    /// The known members of the bundle, in no order.
    pub fn members(&self, bundle: Bundle) -> impl Iterator<Item = AppId> {
        let in_table = bundles::members(bundle);
        let stated = self.stated.iter().filter(move |stated| {
            stated
                .bundles
                .is_some_and(|stated| includes(stated, bundle))
                && !in_table.contains(stated.app)
        });
        let stated = stated.map(|stated| stated.app);
        in_table.apps().iter().copied().chain(stated)
    }

    fn of(&self, app: AppId) -> Option<&StatedApp> {
        let found = self.stated.binary_search_by_key(&app, |stated| stated.app);
        self.stated.get(found.ok()?)
    }
}

/// The wider bundle holds the narrower ones.
fn includes(stated: WordSet<Bundle>, bundle: Bundle) -> bool {
    stated.contains(bundle) || (bundle == Bundle::AllMicrosoftApps && !stated.is_empty())
}
