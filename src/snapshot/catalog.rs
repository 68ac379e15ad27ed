//! One tenant's Conditional Access policies, indexed so that a decision evaluates only those that can apply to
//! its user class and application.

use super::app_directory::AppDirectory;
use super::table::PositionTable;
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

/// The policies that can apply to one user class. Every list is in the order of policy ids.
#[derive(Debug)]
pub struct Candidates {
    /// Applications that a policy names, by id or in a bundle.
    pub(crate) named: PositionTable<AppId>,
    /// For each of them, all policies that can apply to it.
    pub(crate) by_app: Vec<Box<[PolicyIndex]>>,
    /// The policies that can apply to any other application.
    pub(crate) other_apps: Box<[PolicyIndex]>,
    /// Further policies that can apply by a user action or an authentication context.
    pub(crate) by_action: Box<[PolicyIndex]>,
    /// Further policies that can apply by a bundle, to an application whose membership of it is unknown.
    pub(crate) by_bundle: Box<[PolicyIndex]>,
}

impl Catalog {
    /// The policies that can apply to this user class.
    pub fn of(&self, class: UserClass) -> &Candidates {
        match class {
            UserClass::Internal => &self.internal,
            UserClass::DirectConnect => &self.direct_connect,
            UserClass::Collaboration => &self.collaboration,
        }
    }
}

impl Candidates {
    /// The policies that can apply to this application, in the order of their ids. `with_actions`: the request
    /// has a user action or an authentication context.
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

/// Merges two sorted lists, without duplicates.
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
    fn merging_preserves_the_order_and_drops_duplicates() {
        let list = |numbers: &[u32]| numbers.iter().map(|n| PolicyIndex(*n)).collect::<Vec<_>>();
        let merged: Vec<_> = merge(
            list(&[1, 3, 5]).into_iter(),
            list(&[0, 3, 4, 9]).into_iter(),
        )
        .collect();
        assert_eq!(merged, list(&[0, 1, 3, 4, 5, 9]));
    }
}
