//! The layout of a policies folder.

use crosstrust::graph::{Code, DocumentKind, SourceFile, read_anything, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;

use super::{CONTOSO, FABRIKAM, SOMETHING, assert_errors, files, policy_when};

fn organization(id: &str) -> String {
    format!(r#"{{"id": "{id}"}}"#)
}

#[test]
fn every_tenant_is_a_folder_and_every_kind_a_file_or_a_folder_of_any_depth() {
    let contoso = organization(CONTOSO);
    let fabrikam = organization(FABRIKAM);
    let one = policy_when(r#""platforms": null"#);
    let two = one.replace(r#""P""#, r#""Q""#);
    let three = one.replace(r#""P""#, r#""R""#);
    let partner = format!(r#"{{"tenantId": "{SOMETHING}"}}"#);
    let parsed = read_policies_folder(
        files([
            ("contoso/organization.json", &*contoso),
            ("contoso/conditional-access.json", &*one),
            ("contoso/conditional-access/guests/two.json", &*two),
            ("contoso/conditional-access/three.json", &*three),
            ("contoso/Partners/woodgrove.json", &*partner),
            ("fabrikam/organization.json", &*fabrikam),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[]);
    assert!(!parsed.has_errors());
    let tenants: Vec<(&str, usize, usize)> = parsed
        .tenants
        .iter()
        .map(|tenant| {
            (
                &*tenant.place.file,
                tenant.policies.len(),
                tenant.partners.len(),
            )
        })
        .collect();
    assert_eq!(tenants, [("contoso", 3, 1), ("fabrikam", 0, 0)]);
    assert_eq!(parsed.documents.len(), 6);
    assert_eq!(parsed.documents[0].file, "contoso/Partners/woodgrove.json");
    assert_eq!(parsed.documents[0].kind, Some(DocumentKind::Partners));
}

#[test]
fn a_tenant_without_organization_is_refused() {
    let parsed = read_policies_folder(
        files([("contoso/partners.json", "[]")]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::NoTenant, 0, "$")]);
    assert_eq!(&*parsed.findings[0].place.file, "contoso");
}

#[test]
fn a_folder_without_tenants_is_refused() {
    assert_errors(
        &read_policies_folder(Vec::new(), &PolicySettings::NONE),
        &[(Code::NoTenant, 0, "$")],
    );
}

#[test]
fn an_unknown_file_name_is_refused_because_a_misspelt_policy_file_would_not_protect() {
    let contoso = organization(CONTOSO);
    for name in [
        "contoso/condtional-access.json",
        "contoso/notes/x.json",
        "contoso/partners.txt",
    ] {
        let parsed = read_policies_folder(
            files([("contoso/organization.json", &*contoso), (name, "[]")]),
            &PolicySettings::NONE,
        );
        assert_errors(&parsed, &[(Code::UnknownDocument, 0, "$")]);
        assert_eq!(&*parsed.findings[0].place.file, name);
    }
}

#[test]
fn a_file_beside_the_tenant_folders_is_refused() {
    let contoso = organization(CONTOSO);
    let parsed = read_policies_folder(
        files([
            ("contoso/organization.json", &*contoso),
            ("default.json", "{}"),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::UnknownDocument, 0, "$")]);
}

#[test]
fn names_that_begin_with_a_dot_are_skipped() {
    let contoso = organization(CONTOSO);
    let parsed = read_policies_folder(
        files([
            ("contoso/organization.json", &*contoso),
            ("contoso/.partners.json", "not JSON"),
            (".git/partners.json", "not JSON"),
            ("contoso/.old/partners.json", "not JSON"),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[]);
    assert_eq!(parsed.documents.len(), 1);
}

#[test]
fn a_file_that_is_not_json_is_counted_as_unread() {
    let contoso = organization(CONTOSO);
    let parsed = read_policies_folder(
        files([
            ("contoso/organization.json", &*contoso),
            ("contoso/partners.json", "[1,]"),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::Syntax, 1, "$")]);
    assert!(parsed.documents[1].unread);
    assert_eq!(parsed.documents[1].kind, Some(DocumentKind::Partners));
}

#[test]
fn checking_a_policies_folder_reports_the_findings_of_serving_it() {
    let contoso = organization(CONTOSO);
    let folder = || -> Vec<SourceFile> {
        files([
            ("contoso/organization.json", &*contoso),
            ("contoso/condtional-access.json", "[]"),
            ("contoso/partners.json", "[{}]"),
            ("fabrikam/default.json", "{}"),
        ])
    };
    let served = read_policies_folder(folder(), &PolicySettings::NONE);
    let checked = read_anything(folder(), &PolicySettings::NONE);
    assert!(served.has_errors());
    assert_eq!(served.findings, checked.findings);
    assert_eq!(served.documents, checked.documents);
}
