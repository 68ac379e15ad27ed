//! Cross-tenant synchronisation: a kind of its own that decides nothing and is no partner entry (semantics §2).

use crosstrust::graph::{Code, DocumentKind, Severity, read_anything, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;

use super::{CONTOSO, FABRIKAM, SOMETHING, contoso, files, listed, only_tenant, sound, told};

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
fn a_synchronisation_policy_is_no_partner_entry_wherever_it_stands() {
    for text in synchronizations() {
        for name in [
            "partners",
            "partners/fabrikam-sync",
            "identity-synchronization",
        ] {
            let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
            let path = format!("contoso/{name}.json");
            let reading = |partners: &[(&str, &str)]| {
                let mut all = vec![
                    ("contoso/organization.json", &*organization),
                    (&*path, &*text),
                ];
                all.extend(partners);
                read_policies_folder(files(all), &PolicySettings::NONE)
            };
            let tenant = sound(reading(&[("contoso/partners/none.json", "[]")]));
            assert!(tenant.partners.is_empty(), "{name}: {text}");
            // Alone among partners, it would take the place of all of them.
            let alone = reading(&[]);
            match name {
                "identity-synchronization" => drop(sound(alone)),
                _ => {
                    let errors = told(&alone, Severity::Error);
                    assert_eq!(errors, [(Code::UnknownDocument, 1, "$")], "{name}: {text}");
                    assert!(listed(&alone.findings).contains("only synchronisation policies"));
                }
            }
        }
    }
}

#[test]
fn it_may_stand_beside_its_partner() {
    let partner =
        format!(r#"{{"tenantId": "{FABRIKAM}", "inboundTrust": {{"isMfaAccepted": true}}}}"#);
    let other = format!(r#"{{"tenantId": "{SOMETHING}"}}"#);
    let sync = &synchronizations()[0];
    for text in [
        format!("[{partner}, {sync}, {other}]"),
        format!("[{sync}, {partner}, {other}]"),
    ] {
        assert_eq!(sound(contoso("partners", &text)).partners.len(), 2);
        let organization = format!(r#"{{"id": "{CONTOSO}", "verifiedDomains": [1]}}"#);
        let reading = read_anything(
            files([("a/tenant.json", &*organization), ("a/some.json", &text)]),
            &PolicySettings::NONE,
        );
        assert_eq!(told(&reading, Severity::Error), []);
        assert_eq!(only_tenant(reading).partners.len(), 2);
    }
}

#[test]
fn settings_within_a_synchronisation_policy_are_not_lost() {
    let text = format!(
        r#"{{"tenantId": "{FABRIKAM}", "userSyncInbound": {{"isSyncAllowed": true}}, "inboundTrust": {{"isMfaAccepted": true}}}}"#
    );
    let reading = contoso("identity-synchronization", &text);
    let errors = told(&reading, Severity::Error);
    assert_eq!(errors, [(Code::UnknownMember, 1, "$.inboundTrust")]);
}

#[test]
fn a_partner_with_its_synchronisation_expanded_stays_a_partner() {
    let text = format!(
        r#"{{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/crossTenantAccessPolicy/partners(identitySynchronization())", "value": [{{"tenantId": "{FABRIKAM}", "identitySynchronization": {{"tenantId": "{FABRIKAM}", "userSyncInbound": {{"isSyncAllowed": true}}}}}}]}}"#
    );
    assert_eq!(sound(contoso("partners", &text)).partners.len(), 1);
}

#[test]
fn elsewhere_than_among_partners_it_is_an_error() {
    for name in ["default", "cross-tenant-access", "conditional-access"] {
        let reading = contoso(name, &synchronizations()[0]);
        let errors = told(&reading, Severity::Error);
        assert_eq!(errors, [(Code::UnknownDocument, 1, "$")], "{name}");
    }
}

#[test]
fn check_counts_it_as_what_it_is() {
    let reading = read_policies_folder(
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
    let kinds: Vec<_> = reading
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
