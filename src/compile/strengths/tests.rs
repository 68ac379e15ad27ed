//! Resolution of a strength: exported, copied or built in; configurations.

use super::*;
use crate::compile::findings::Findings;
use crate::graph::SourceLocation;
use crate::id::Aaguid;
use crate::snapshot::AppDirectory;

fn set(methods: &[Method]) -> WordSet<Method> {
    methods.iter().copied().collect()
}

fn strength(id: StrengthId, combinations: &[&[Method]]) -> AuthenticationStrength {
    AuthenticationStrength {
        place: SourceLocation::of_file("strengths.json"),
        id,
        display_name: None,
        combinations: combinations.iter().map(|methods| set(methods)).collect(),
        configurations: Vec::new(),
    }
}

fn reference(id: StrengthId, copy: Option<AuthenticationStrength>) -> StrengthReference {
    StrengthReference {
        place: SourceLocation::of_file("conditional-access.json"),
        id,
        copy,
    }
}

/// The combinations of the strength that the reference resolves to.
fn resolved(
    exported: &[AuthenticationStrength],
    reference: &StrengthReference,
) -> Option<Vec<WordSet<Method>>> {
    let mut builder = SnapshotBuilder::new(
        &[],
        AppDirectory::default(),
        Findings::default(),
        crate::time::Timestamp::MIN,
    );
    let mut strengths = Strengths::of_tenant(&mut builder, exported);
    let position = strengths.position(&mut builder, reference);
    assert_eq!(position.is_some(), strengths.exists(reference));
    let combinations = &builder.strengths[position? as usize].combinations;
    Some(
        combinations
            .iter()
            .map(|combination| combination.methods)
            .collect(),
    )
}

#[test]
fn the_export_comes_before_the_copy_and_the_copy_before_the_built_in_table() {
    let id = StrengthId::BUILT_IN_PHISHING_RESISTANT;
    let exported = [strength(id, &[&[Method::Fido2]])];
    let copy = reference(id, Some(strength(id, &[&[Method::Sms]])));
    assert_eq!(
        resolved(&exported, &copy),
        Some(vec![set(&[Method::Fido2])])
    );
    assert_eq!(resolved(&[], &copy), Some(vec![set(&[Method::Sms])]));
    assert_eq!(
        resolved(&[], &reference(id, None)).map(|list| list.len()),
        Some(3)
    );
    assert_eq!(resolved(&exported, &reference(StrengthId(99), None)), None);
}

#[test]
fn each_policy_has_its_own_copy_and_all_share_the_export() {
    let mut builder = SnapshotBuilder::new(
        &[],
        AppDirectory::default(),
        Findings::default(),
        crate::time::Timestamp::MIN,
    );
    let exported = [strength(StrengthId(9), &[&[Method::Fido2]])];
    let mut strengths = Strengths::of_tenant(&mut builder, &exported);
    let shared = reference(StrengthId(9), None);
    let first = strengths.position(&mut builder, &shared);
    assert_eq!(first, strengths.position(&mut builder, &shared));
    let own = |method: Method| {
        let copy = strength(StrengthId(8), &[&[method]]);
        reference(StrengthId(8), Some(copy))
    };
    let sms = strengths.position(&mut builder, &own(Method::Sms));
    assert_ne!(sms, strengths.position(&mut builder, &own(Method::Voice)));
}

#[test]
fn the_built_in_strengths_are_those_that_graph_lists() {
    for (id, count) in [(2, 19), (3, 4), (4, 3)] {
        let built_in = built_in(StrengthId(id)).unwrap().strength();
        assert_eq!(built_in.combinations.len(), count);
        let methods = built_in.combinations.iter().map(|each| each.methods);
        assert!(methods.is_sorted_by(|left, right| left < right), "{id}");
    }
    let [mfa, passwordless, resistant] = [2, 3, 4].map(|id| {
        let built_in = built_in(StrengthId(id)).unwrap().strength();
        built_in.combinations.to_vec()
    });
    assert!(resistant.iter().all(|each| passwordless.contains(each)));
    assert!(passwordless.iter().all(|each| mfa.contains(each)));
}

#[test]
fn a_configuration_applies_to_exactly_the_combinations_that_it_names() {
    let mut custom = strength(
        StrengthId(9),
        &[&[Method::Fido2], &[Method::Fido2, Method::Password]],
    );
    let configuration = |model| CombinationConfiguration {
        combinations: vec![set(&[Method::Fido2])],
        demand: CombinationDemand::Fido2(vec![Aaguid(model)]),
    };
    custom.configurations = vec![configuration(2), configuration(1)];
    let compiled = compile(&custom);
    for Combination { methods, demands } in &compiled.combinations {
        let alone = *methods == set(&[Method::Fido2]);
        assert_eq!(demands.len(), if alone { 2 } else { 0 });
        assert!(demands.is_sorted());
    }
}
