//! Examples of semantics §2 to §8, one test per topic: every row of every table, and the worked examples, with
//! answers written by hand. Both evaluators must give them.

use crate::reference;
use crate::support::examples::{self, Answer, Example};
use crate::support::product;

fn check(topic: Vec<Example>) {
    assert!(!topic.is_empty());
    let mut wrong = Vec::new();
    for mut example in topic {
        assert_eq!(example.request.contradiction(), None, "{}", example.name);
        example.world.bundles = product::bundles();
        let Example {
            name,
            world,
            revocations,
            request,
            now,
            expect,
        } = &example;
        let by_oracle = reference::decide(world, revocations, request, *now);
        let revocations = revocations.iter().cloned().collect();
        let by_product = product::decide(&product::snapshot(world), &revocations, request, *now);
        for (who, found) in [("oracle", &by_oracle), ("product", &by_product)] {
            let same = Answer::from(&found.verdict) == expect.answer
                && expect
                    .expires_at
                    .is_none_or(|instant| instant == found.expires_at)
                && expect
                    .cacheable
                    .is_none_or(|cacheable| cacheable == found.cacheable)
                && expect
                    .applied
                    .as_ref()
                    .is_none_or(|applied| *applied == found.applied)
                && expect
                    .obligations
                    .as_ref()
                    .is_none_or(|own| *own == found.obligations);
            if !same {
                wrong.push(format!(
                    "{name}: {who}\n  expected {expect:?}\n  found {found:?}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

macro_rules! topics {
    ($($name:ident: $topic:ident,)*) => {
        $(#[test] fn $name() { check(examples::$topic::all()); })*

        #[test]
        fn example_names_are_unique() {
            let mut names: Vec<&str> = Vec::new();
            $(names.extend(examples::$topic::all().iter().map(|example| example.name));)*
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    };
}

topics! {
    the_worked_examples: worked,
    the_two_rules_of_a_setting: settings,
    what_a_target_means: targets,
    across_clouds: clouds,
    home_tenants_without_policies: assumed_outbound,
    users_without_a_home_tenant: identity_providers,
    service_providers_that_the_home_tenant_keeps: service_providers,
    the_stages_and_their_codes: stages,
    how_long_an_answer_is_good: expiry,
    user_types_overlap: user_types,
    policies_for_guests_and_external_users: guests,
    every_condition: conditions,
    named_locations: locations,
    filter_rules: filters,
    every_control: controls,
    and_or_and_what_is_told_first: grants,
    authentication_strengths: strengths,
    shared_channels: channels,
    tenant_restrictions: restrictions,
}
