//! The `applications` condition of a Conditional Access policy: applications, user actions and authentication
//! contexts (semantics §5).

use super::Evaluation;
use super::conditional_access::PolicyInput;
use super::filter;
use super::matching::Match;
use crate::snapshot::{AppSet, AppsCondition};
use crate::vocabulary::FilterMode;

/// Whether the condition matches the application, user action or authentication context. Exclude wins over include.
pub(super) fn apply(condition: &AppsCondition, input: &PolicyInput<'_>) -> Match {
    let evaluation = input.evaluation;
    if is_excluded_by_tenant(condition, input) {
        return Match::No;
    }
    let listed = |set: &AppSet| {
        let applications = &evaluation.snapshot.applications;
        Match::from_membership(set.membership(evaluation.request.app, applications))
    };
    let (included_by_filter, excluded_by_filter) = match &condition.filter {
        None => (Match::No, Match::No),
        Some(filter) => {
            let holds = filter::holds(&filter.rule, &evaluation.request.context);
            match filter.mode {
                FilterMode::Include => (holds, Match::No),
                FilterMode::Exclude => (Match::No, holds),
            }
        }
    };
    let included = Match::any([
        listed(&condition.include),
        Match::from_bool(by_action(condition, evaluation)),
        included_by_filter,
    ]);
    let excluded = Match::any([listed(&condition.exclude), excluded_by_filter]);
    Match::all([included, !excluded])
}

/// Whether the tenant excludes the request's user action from policies for all resources. A policy that
/// names the action itself still applies (semantics §5).
pub(super) fn is_excluded_by_tenant(condition: &AppsCondition, input: &PolicyInput<'_>) -> bool {
    let action = input.context().user_action;
    action.is_some_and(|action| {
        condition.include.all
            && input.resource.excluded_actions.contains(action)
            && !condition.user_actions.contains(action)
    })
}

/// A user action or an authentication context in the request adds policies and removes none.
fn by_action(condition: &AppsCondition, evaluation: &Evaluation<'_>) -> bool {
    let context = &evaluation.request.context;
    let action = context
        .user_action
        .is_some_and(|action| condition.user_actions.contains(action));
    let authentication_context = context
        .authentication_context
        .as_ref()
        .is_some_and(|requested| {
            condition
                .authentication_contexts
                .binary_search(requested)
                .is_ok()
        });
    action || authentication_context
}
