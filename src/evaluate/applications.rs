//! The `applications` condition: does a policy mean this application, user action or authentication
//! context? (semantics §5)

use super::Question;
use super::filter;
use super::matching::Match;
use crate::snapshot::AppsCondition;
use crate::vocabulary::FilterMode;

/// Whether the policy means what the request reaches. Include first; exclude then wins.
pub(super) fn apply(condition: &AppsCondition, question: &Question<'_>) -> Match {
    let app = question.request.app;
    let (included_by_filter, excluded_by_filter) = match &condition.filter {
        None => (Match::No, Match::No),
        Some(filter) => {
            let holds = filter::holds(&filter.rule, &question.request.context);
            match filter.mode {
                FilterMode::Include => (holds, Match::No),
                FilterMode::Exclude => (Match::No, holds),
            }
        }
    };
    let included = Match::any([
        Match::known(condition.include.contains(app)),
        Match::known(by_action(condition, question)),
        included_by_filter,
    ]);
    let excluded = Match::any([
        Match::known(condition.exclude.contains(app)),
        excluded_by_filter,
    ]);
    Match::all([included, !excluded])
}

/// Naming an action or a context adds policies, it removes none.
fn by_action(condition: &AppsCondition, question: &Question<'_>) -> bool {
    let context = &question.request.context;
    let action = context
        .user_action
        .is_some_and(|action| condition.user_actions.contains(action));
    let authentication_context = context
        .authentication_context
        .as_ref()
        .is_some_and(|asked| {
            condition
                .authentication_contexts
                .binary_search(asked)
                .is_ok()
        });
    action || authentication_context
}
