//! A small world compiles completely.

use super::documents::*;

#[test]
fn the_snapshot_contains_all_tenants_partners_and_policies() {
    let contoso = contoso_with(|documents| {
        documents.partners = vec![partner_with(FABRIKAM, |fabrikam| {
            fabrikam.direct_connect_inbound = Some(allow_all());
        })];
        documents.policies = vec![policy(2), policy(1)];
    });
    let world = [contoso, tenant(FABRIKAM, "fabrikam")];
    let compiled = compiled(&world);
    let counts = compiled.snapshot.counts();
    assert_eq!(
        (counts.tenants, counts.partners, counts.policies),
        (2, 1, 2)
    );
    assert_eq!(compiled.warnings, []);
    let names: Vec<_> = compiled.snapshot.tenants().collect();
    assert_eq!(names, [(CONTOSO, "contoso"), (FABRIKAM, "fabrikam")]);
}
