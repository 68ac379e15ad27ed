//! `identity-providers.json`, `federation-configurations.json` and `assumed-outbound.json`.

use crosstrust::graph::Code;
use crosstrust::request::AccessType;
use crosstrust::vocabulary::{AssumedBasis, IdentityProviderName as Name};

use super::{FABRIKAM, assert_errors, contoso, format_findings, valid_tenant};

#[test]
fn identity_providers_of_graph_are_read_and_others_match_no_sign_in() {
    let text = r##"{"@odata.context": "…/$metadata#identity/identityProviders", "value": [
        {"@odata.type": "#microsoft.graph.builtInIdentityProvider", "id": "MSASignup-OAUTH",
         "identityProviderType": "MicrosoftAccount", "displayName": "MicrosoftAccount"},
        {"@odata.type": "#microsoft.graph.builtInIdentityProvider", "id": "EmailOtpSignup-OAUTH",
         "identityProviderType": "EmailOTP", "displayName": "Email One Time Passcode"},
        {"@odata.type": "#microsoft.graph.socialIdentityProvider", "id": "Google-OAUTH",
         "identityProviderType": "Google", "clientId": "x", "clientSecret": "******"},
        {"@odata.type": "#microsoft.graph.appleManagedIdentityProvider", "id": "Apple-Managed-OIDC",
         "developerId": "d", "serviceId": "s", "keyId": "k", "certificateData": "******"},
        {"id": "AADSignup-OAUTH", "identityProviderType": "AADSignup"},
        {"@odata.type": "#microsoft.graph.oidcIdentityProvider", "id": "o", "displayName": "Adatum",
         "clientId": "x", "issuer": "https://idp.adatum.example", "responseType": "code", "scope": "openid",
         "wellKnownEndpoint": "https://idp.adatum.example/.well-known/openid-configuration",
         "clientAuthentication": {"clientSecret": "******"}, "inboundClaimMapping": {"sub": "sub"}},
        {"id": "Facebook-OAUTH", "identityProviderType": "Facebook", "state": "disabled"},
        {"id": "Fax-OAUTH", "identityProviderType": "Fax"}]}"##;
    let parsed = contoso("identity-providers", text);
    let findings = format_findings(&parsed.findings);
    assert!(
        findings.contains("Fax") && findings.contains("disabled"),
        "{findings}"
    );
    assert_eq!(parsed.findings.len(), 2, "{findings}");
    let names: Vec<Option<Name>> = parsed.tenants[0]
        .providers
        .iter()
        .map(|provider| provider.name)
        .collect();
    assert_eq!(
        names,
        [
            Some(Name::MicrosoftAccount),
            Some(Name::EmailOneTimePasscode),
            Some(Name::Google),
            Some(Name::Apple),
            None,
            None,
            None,
            None
        ]
    );
}

#[test]
fn a_provider_without_a_type_and_a_federation_without_an_issuer_are_refused() {
    let parsed = contoso("identity-providers", r#"[{"id": "Google-OAUTH"}]"#);
    assert_errors(&parsed, &[(Code::MissingMember, 1, "$[0]")]);
    let parsed = contoso(
        "federation-configurations",
        r#"[{"displayName": "Adatum"}]"#,
    );
    assert_errors(&parsed, &[(Code::MissingMember, 1, "$[0]")]);
    let internal = r##"{"@odata.type": "#microsoft.graph.internalDomainFederation",
        "issuerUri": "https://idp.example"}"##;
    let parsed = contoso("federation-configurations", internal);
    assert_errors(&parsed, &[(Code::UnknownWord, 1, "$")]);
}

#[test]
fn a_federation_of_graph_is_read() {
    let text = r##"{"value": [{"@odata.type": "microsoft.graph.samlOrWsFedExternalDomainFederation",
        "id": "3", "displayName": "Adatum", "issuerUri": "https://idp.adatum.example/SAML",
        "metadataExchangeUri": null, "passiveSignInUri": "https://idp.adatum.example/in",
        "preferredAuthenticationProtocol": "wsFed", "signingCertificate": "MIID",
        "domains": [{"id": "adatum.example"}]}]}"##;
    let tenant = valid_tenant(contoso("federation-configurations", text));
    let issuer = &tenant.federations[0].issuer;
    assert_eq!(issuer.value, "https://idp.adatum.example/SAML");
}

#[test]
fn an_assumed_outbound_entry_is_read() {
    let text = format!(
        r#"[{{"tenantId": "{FABRIKAM}", "basis": "tokenIssued", "reviewBy": "2026-12-31",
        "accessTypes": ["collaboration", "directConnect"], "comment": "contract 7"}}]"#
    );
    let entry = &valid_tenant(contoso("assumed-outbound", text)).assumed_outbound[0];
    assert_eq!(entry.basis, AssumedBasis::TokenIssued);
    let types = [AccessType::Collaboration, AccessType::DirectConnect];
    assert_eq!(entry.access_types, types);
    assert_eq!(entry.review_by.to_string(), "2026-12-31");
    assert_eq!(entry.review_by.end().to_string(), "2027-01-01T00:00:00Z");
    assert_eq!(entry.comment.as_deref(), Some("contract 7"));
}

#[test]
fn each_fault_of_an_assumed_outbound_entry_is_an_error() {
    let read = |members: &str| {
        let entry = format!("[{{\"tenantId\": \"{FABRIKAM}\"{members}}}]");
        contoso("assumed-outbound", entry)
    };
    let good = r#", "basis": "agreement", "reviewBy": "2026-12-31""#;
    assert_errors(&read(good), &[]);
    let dated = |day: &str| format!(r#", "basis": "agreement", "reviewBy": {day}"#);
    for day in [
        "\"2026-02-30\"",
        "\"2026-1-31\"",
        "\"31.12.2026\"",
        "\"2026-12-31T00:00:00Z\"",
        "\"never\"",
        "\"0001-01-01\"",
        "\"1969-12-31\"",
        "\"2262-01-01\"",
        "\"9999-12-31\"",
        "\"\"",
    ] {
        let expected = [(Code::OutOfRange, 1, "$[0].reviewBy")];
        assert_errors(&read(&dated(day)), &expected);
    }
    for (members, code, path) in [
        (dated("null"), Code::MissingMember, "$[0]"),
        (dated("20261231"), Code::WrongType, "$[0].reviewBy"),
        (
            r#", "basis": "agreement""#.to_owned(),
            Code::MissingMember,
            "$[0]",
        ),
        (
            r#", "reviewBy": "2026-12-31""#.to_owned(),
            Code::MissingMember,
            "$[0]",
        ),
        (
            r#", "basis": "hope", "reviewBy": "2026-12-31""#.to_owned(),
            Code::UnknownWord,
            "$[0].basis",
        ),
        (
            format!(r#"{good}, "accessTypes": ["serviceProvider"]"#),
            Code::UnknownWord,
            "$[0].accessTypes[0]",
        ),
        (
            format!(r#"{good}, "accessTypes": "directConnect""#),
            Code::WrongType,
            "$[0].accessTypes",
        ),
        (
            format!(r#"{good}, "approvedBy": "Carla""#),
            Code::UnknownMember,
            "$[0].approvedBy",
        ),
    ] {
        assert_errors(&read(&members), &[(code, 1, path)]);
    }
    let parsed = contoso(
        "assumed-outbound",
        r#"[{"tenantId": "fabrikam", "basis": "agreement", "reviewBy": "2026-12-31"}]"#,
    );
    assert_errors(&parsed, &[(Code::NotAnId, 1, "$[0].tenantId")]);
}
