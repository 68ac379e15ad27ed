//! The `applications` condition: does a policy mean this application, user action or authentication
//! context? (semantics §5)

use super::Question;
use super::conditional_access::Subject;
use super::filter;
use super::matching::Match;
use crate::snapshot::{AppSet, AppsCondition};
use crate::vocabulary::FilterMode;

/// Whether the policy means what the request reaches. Include first; exclude then wins.
pub(super) fn apply(condition: &AppsCondition, subject: &Subject<'_>) -> Match {
    let question = subject.question;
    if is_taken_off(condition, subject) {
        return Match::No;
    }
    let listed = |set: &AppSet| {
        let applications = &question.snapshot.applications;
        Match::membership(set.membership(question.request.app, applications))
    };
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
        listed(&condition.include),
        Match::known(by_action(condition, question)),
        included_by_filter,
    ]);
    let excluded = Match::any([listed(&condition.exclude), excluded_by_filter]);
    Match::all([included, !excluded])
}

/// Whether the tenant excludes the request's user action from policies for all resources. A policy that
/// names the action itself stays (semantics §5).
pub(super) fn is_taken_off(condition: &AppsCondition, subject: &Subject<'_>) -> bool {
    let action = subject.context().user_action;
    action.is_some_and(|action| {
        condition.include.all
            && subject.resource.excluded_actions.contains(action)
            && !condition.user_actions.contains(action)
    })
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
