//! Facts about applications: the product's tables and the operator's configuration.

use super::bundles::{self, Membership};
use crate::id::AppId;
use crate::vocabulary::{Bundle, Word, WordSet};

/// Facts about applications beyond their ids.
#[derive(Debug, Clone, Default)]
pub struct AppDirectory {
    /// Sorted by id, without duplicates.
    pub(crate) configured: Box<[ConfiguredApp]>,
}

/// The configured facts of one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfiguredApp {
    pub(crate) app: AppId,
    /// `None` = not configured.
    pub(crate) bundles: Option<WordSet<Bundle>>,
    /// Whether it is a resource of agents. `None` = not configured.
    pub(crate) agent: Option<bool>,
}

impl AppDirectory {
    /// Whether the application is in the bundle. The configuration cannot remove a member of the product's own
    /// table.
    pub fn membership(&self, app: AppId, bundle: Bundle) -> Membership {
        let by_table = bundles::membership(app, bundle);
        if by_table == Membership::Member {
            return by_table;
        }
        match self.of(app).and_then(|configured| configured.bundles) {
            Some(configured) if includes(configured, bundle) => Membership::Member,
            Some(_) => Membership::NonMember,
            None => by_table,
        }
    }

    /// Whether the application is a resource of agents (`AllAgentIdResources`).
    pub fn is_agent(&self, app: AppId) -> Membership {
        match self.of(app).and_then(|configured| configured.agent) {
            Some(true) => Membership::Member,
            Some(false) => Membership::NonMember,
            None => Membership::Unknown,
        }
    }

    /// Whether the application's membership of some bundle is unknown.
    pub fn has_unknown_membership(&self, app: AppId) -> bool {
        let mut bundles = Bundle::list().iter();
        bundles.any(|bundle| self.membership(app, *bundle) == Membership::Unknown)
    }

    /// The known members of the bundle, unordered.
    pub fn members(&self, bundle: Bundle) -> impl Iterator<Item = AppId> {
        let in_table = bundles::members(bundle);
        let configured = self.configured.iter().filter(move |configured| {
            configured
                .bundles
                .is_some_and(|bundles| includes(bundles, bundle))
                && !in_table.contains(configured.app)
        });
        let configured = configured.map(|configured| configured.app);
        in_table.apps().iter().copied().chain(configured)
    }

    fn of(&self, app: AppId) -> Option<&ConfiguredApp> {
        let found = self
            .configured
            .binary_search_by_key(&app, |configured| configured.app);
        self.configured.get(found.ok()?)
    }
}

/// `AllMicrosoftApps` contains the other bundles.
fn includes(configured: WordSet<Bundle>, bundle: Bundle) -> bool {
    configured.contains(bundle) || (bundle == Bundle::AllMicrosoftApps && !configured.is_empty())
}
