//! Cross-tenant synchronisation policies: a separate kind that decides nothing and is not a partner entry (semantics §2).

use crosstrust::graph::{Code, DocumentKind, Severity, read_anything, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;

use super::{
    CONTOSO, FABRIKAM, SOMETHING, contoso, files, findings_of, format_findings, only_tenant,
    valid_tenant,
};

fn synchronizations() -> Vec<String> {
    let context = r#""@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/crossTenantAccessPolicy/partners('2a7b6c5d-1111-4222-8333-444455556666')/identitySynchronization/$entity""#;
    vec![
        format!(r#"{{"tenantId": "{FABRIKAM}", "userSyncInbound": {{"isSyncAllowed": true}}}}"#),
        format!(
            r#"{{{context}, "tenantId": "{FABRIKAM}", "displayName": "F", "userSyncInbound": {{"isSyncAllowed": true}}}}"#
        ),
        format!(r#"{{"tenantId": "{FABRIKAM}", "userSyncInbound": null}}"#),
        format!(r#"{{"tenantId": "{FABRIKAM}", "groupSyncInbound": {{"isSyncAllowed": true}}}}"#),
        format!(r#"{{{context}, "tenantId": "{FABRIKAM}"}}"#),
        format!(
            r##"{{"@odata.type": "#microsoft.graph.crossTenantIdentitySyncPolicyPartner", "tenantId": "{FABRIKAM}"}}"##
        ),
        format!(
            r#"{{"value": [{{"tenantId": "{FABRIKAM}", "userSyncInbound": {{"isSyncAllowed": false}}}}]}}"#
        ),
        format!(
            r#"{{{}, "value": [{{"tenantId": "{FABRIKAM}"}}]}}"#,
            context.replace("/$entity", "")
        ),
    ]
}

#[test]
fn a_synchronisation_policy_is_not_a_partner_entry_in_any_file() {
    for text in synchronizations() {
        for name in [
            "partners",
            "partners/fabrikam-sync",
            "identity-synchronization",
        ] {
            let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
            let path = format!("contoso/{name}.json");
            let parsed = |partners: &[(&str, &str)]| {
                let mut all = vec![
                    ("contoso/organization.json", &*organization),
                    (&*path, &*text),
                ];
                all.extend(partners);
                read_policies_folder(files(all), &PolicySettings::NONE)
            };
            let tenant = valid_tenant(parsed(&[("contoso/partners/none.json", "[]")]));
            assert!(tenant.partners.is_empty(), "{name}: {text}");
            // Alone in `partners`, it would replace all partner entries.
            let alone = parsed(&[]);
            match name {
                "identity-synchronization" => drop(valid_tenant(alone)),
                _ => {
                    let errors = findings_of(&alone, Severity::Error);
                    assert_eq!(errors, [(Code::UnknownDocument, 1, "$")], "{name}: {text}");
                    assert!(
                        format_findings(&alone.findings).contains("only synchronisation policies")
                    );
                }
            }
        }
    }
}

#[test]
fn a_synchronisation_policy_is_accepted_beside_its_partner() {
    let partner =
        format!(r#"{{"tenantId": "{FABRIKAM}", "inboundTrust": {{"isMfaAccepted": true}}}}"#);
    let other = format!(r#"{{"tenantId": "{SOMETHING}"}}"#);
    let sync = &synchronizations()[0];
    for text in [
        format!("[{partner}, {sync}, {other}]"),
        format!("[{sync}, {partner}, {other}]"),
    ] {
        assert_eq!(valid_tenant(contoso("partners", &text)).partners.len(), 2);
        let organization = format!(r#"{{"id": "{CONTOSO}", "verifiedDomains": [1]}}"#);
        let parsed = read_anything(
            files([("a/tenant.json", &*organization), ("a/some.json", &text)]),
            &PolicySettings::NONE,
        );
        assert_eq!(findings_of(&parsed, Severity::Error), []);
        assert_eq!(only_tenant(parsed).partners.len(), 2);
    }
}

#[test]
fn settings_within_a_synchronisation_policy_are_an_error() {
    let text = format!(
        r#"{{"tenantId": "{FABRIKAM}", "userSyncInbound": {{"isSyncAllowed": true}}, "inboundTrust": {{"isMfaAccepted": true}}}}"#
    );
    let parsed = contoso("identity-synchronization", &text);
    let errors = findings_of(&parsed, Severity::Error);
    assert_eq!(errors, [(Code::UnknownMember, 1, "$.inboundTrust")]);
}

#[test]
fn a_partner_with_its_synchronisation_expanded_stays_a_partner() {
    let text = format!(
        r#"{{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/crossTenantAccessPolicy/partners(identitySynchronization())", "value": [{{"tenantId": "{FABRIKAM}", "identitySynchronization": {{"tenantId": "{FABRIKAM}", "userSyncInbound": {{"isSyncAllowed": true}}}}}}]}}"#
    );
    assert_eq!(valid_tenant(contoso("partners", &text)).partners.len(), 1);
}

#[test]
fn a_synchronisation_policy_outside_partners_is_an_error() {
    for name in ["default", "cross-tenant-access", "conditional-access"] {
        let parsed = contoso(name, &synchronizations()[0]);
        let errors = findings_of(&parsed, Severity::Error);
        assert_eq!(errors, [(Code::UnknownDocument, 1, "$")], "{name}");
    }
}

#[test]
fn check_counts_a_synchronisation_policy_as_its_own_kind() {
    let parsed = read_policies_folder(
        files([
            (
                "contoso/organization.json",
                &*format!(r#"{{"id": "{CONTOSO}"}}"#),
            ),
            (
                "contoso/partners/fabrikam-sync.json",
                &*synchronizations()[0],
            ),
            ("contoso/partners.json", "[]"),
        ]),
        &PolicySettings::NONE,
    );
    let kinds: Vec<_> = parsed
        .documents
        .iter()
        .map(|document| document.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            Some(DocumentKind::Organization),
            Some(DocumentKind::Partners),
            Some(DocumentKind::IdentitySynchronization)
        ]
    );
}
