//! One tenant's Conditional Access policies by what they can apply to, so that a decision looks only at
//! those which can apply to its user class and application.

use super::app_directory::AppDirectory;
use super::table::Table;
use crate::decision::PolicyIndex;
use crate::id::AppId;
use crate::request::UserClass;

/// The catalogue of one tenant.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) internal: Candidates,
    pub(crate) direct_connect: Candidates,
    pub(crate) collaboration: Candidates,
}

/// What can apply to one user class. Every list is in the order of policy ids.
#[derive(Debug)]
pub struct Candidates {
    /// Applications that some policy names, by itself or in a bundle.
    pub(crate) named: Table<AppId>,
    /// For each of them, everything that can apply to it.
    pub(crate) by_app: Vec<Box<[PolicyIndex]>>,
    /// What can apply to every other application.
    pub(crate) other_apps: Box<[PolicyIndex]>,
    /// What can apply by a user action or an authentication context, besides the above.
    pub(crate) by_action: Box<[PolicyIndex]>,
    /// What can apply by a bundle, besides the above, to an application of which it is not known whether it
    /// is in the bundle.
    pub(crate) by_bundle: Box<[PolicyIndex]>,
}

impl Catalog {
    /// What can apply to this class of user.
    pub fn of(&self, class: UserClass) -> &Candidates {
        match class {
            UserClass::Internal => &self.internal,
            UserClass::DirectConnect => &self.direct_connect,
            UserClass::Collaboration => &self.collaboration,
        }
    }
}

impl Candidates {
    /// The policies that can apply to this application, in the order of their ids; with those that hang
    /// on a user action or authentication context where the request names one, and with those that hang on a
    /// bundle that the application may be in.
    pub fn for_app(
        &self,
        app: AppId,
        with_actions: bool,
        applications: &AppDirectory,
    ) -> impl Iterator<Item = PolicyIndex> {
        let by_app = self
            .named
            .position(&app)
            .and_then(|position| self.by_app.get(position))
            .unwrap_or(&self.other_apps);
        let by_action: &[PolicyIndex] = if with_actions { &self.by_action } else { &[] };
        let may_be_in_a_bundle =
            !self.by_bundle.is_empty() && applications.has_unknown_membership(app);
        let by_bundle: &[PolicyIndex] = if may_be_in_a_bundle {
            &self.by_bundle
        } else {
            &[]
        };
        let named = merge(by_app.iter().copied(), by_action.iter().copied());
        merge(named, by_bundle.iter().copied())
    }
}

/// Two sorted lists as one, without repeats.
fn merge(
    left: impl Iterator<Item = PolicyIndex>,
    right: impl Iterator<Item = PolicyIndex>,
) -> impl Iterator<Item = PolicyIndex> {
    let mut left = left.peekable();
    let mut right = right.peekable();
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some(l), Some(r)) if l == r => {
            right.next();
            left.next()
        }
        (Some(l), Some(r)) if r < l => right.next(),
        (Some(_), _) => left.next(),
        (None, _) => right.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_the_order_and_drops_repeats() {
        let list = |numbers: &[u32]| numbers.iter().map(|n| PolicyIndex(*n)).collect::<Vec<_>>();
        let merged: Vec<_> = merge(
            list(&[1, 3, 5]).into_iter(),
            list(&[0, 3, 4, 9]).into_iter(),
        )
        .collect();
        assert_eq!(merged, list(&[0, 1, 3, 4, 5, 9]));
    }
}
