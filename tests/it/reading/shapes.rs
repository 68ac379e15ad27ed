//! One object, a bare array, a page; and JSON that only looks like a document.

use crosstrust::graph::{Code, DocumentKind};

use super::{CONTOSO, FABRIKAM, assert_errors, assert_warnings, contoso, message, valid_tenant};

#[test]
fn a_document_is_one_object_a_bare_array_or_a_page() {
    let partner = format!(r#"{{"tenantId": "{FABRIKAM}"}}"#);
    for text in [
        partner.clone(),
        format!("[{partner}]"),
        format!(r#"{{"value": [{partner}]}}"#),
        format!(r#"{{"@odata.context": "x", "@odata.count": 1, "value": {partner}}}"#),
        format!(r#"{{"value": [{partner}], "Count": 1}}"#),
    ] {
        assert_eq!(valid_tenant(contoso("partners", text)).partners.len(), 1);
    }
}

#[test]
fn an_empty_array_object_or_page_is_an_empty_document() {
    for text in ["[]", "{}", r#"{"value": []}"#] {
        // A single object has no page.
        let is_one = |kind: &&DocumentKind| {
            matches!(
                kind,
                DocumentKind::Default | DocumentKind::CrossTenantAccess
            )
        };
        let is_page = text.contains("value");
        for kind in DocumentKind::ALL
            .iter()
            .filter(|kind| **kind != DocumentKind::Organization && !(is_page && is_one(kind)))
        {
            let parsed = contoso(kind.name(), text);
            assert_eq!(parsed.documents.len(), 2);
            let tenant = valid_tenant(parsed);
            assert!(tenant.default.is_none() && tenant.policies.is_empty());
        }
    }
}

#[test]
fn a_page_with_a_next_link_is_an_incomplete_export() {
    let text = format!(
        "{{\"@odata.nextLink\": \"https://graph.microsoft.com/next\",\n \"value\": [{{\"tenantId\": \"{FABRIKAM}\"}}]}}"
    );
    let parsed = contoso("partners", text);
    assert_errors(&parsed, &[(Code::IncompleteExport, 1, "$.@odata.nextLink")]);
}

#[test]
fn a_list_with_a_next_link_is_an_incomplete_export() {
    let text = "{\"id\": \"19:a@thread.tacv2\", \"membershipType\": \"shared\",\n \"members\": [],\n \"members@odata.nextLink\": \"x\"}";
    let parsed = contoso("shared-channels", text);
    let expected = (Code::IncompleteExport, 3, "$.members@odata.nextLink");
    assert_errors(&parsed, &[expected]);
}

#[test]
fn a_deleted_object_is_refused() {
    let text = format!(
        "{{\"tenantId\": \"{FABRIKAM}\",\n \"deletedDateTime\": \"2026-01-01T00:00:00Z\"}}"
    );
    let parsed = contoso("partners", text);
    assert_errors(&parsed, &[(Code::Deleted, 2, "$.deletedDateTime")]);
    assert!(parsed.tenants[0].partners.is_empty());
}

#[test]
fn dates_in_the_form_of_windows_powershell_are_accepted() {
    let text = format!(
        r#"{{"id": "{CONTOSO}", "displayName": "L", "ipRanges": [], "createdDateTime": "\/Date(1577836800000)\/"}}"#
    );
    valid_tenant(contoso("named-locations", text));
}

#[test]
fn an_error_response_of_graph_is_refused() {
    let text = r#"{"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}"#;
    let parsed = contoso("conditional-access", text);
    assert_errors(&parsed, &[(Code::GraphError, 1, "$.error")]);
    assert!(message(&parsed).contains("Authorization_RequestDenied"));
}

#[test]
fn a_skeleton_from_the_documentation_is_refused() {
    let text = "{\"tenantId\": \"String (identifier)\",\n \"isServiceProvider\": \"Boolean\",\n \"inboundTrust\": {\"@odata.type\": \"microsoft.graph.crossTenantAccessPolicyInboundTrust\"}}";
    assert_errors(
        &contoso("partners", text),
        &[
            (Code::Skeleton, 1, "$.tenantId"),
            (Code::Skeleton, 2, "$.isServiceProvider"),
        ],
    );
}

#[test]
fn contents_of_another_kind_than_the_file_name_are_refused() {
    let partner =
        format!(r#"{{"tenantId": "{FABRIKAM}", "inboundTrust": {{"isMfaAccepted": true}}}}"#);
    let location = format!(r#"{{"id": "{CONTOSO}", "ipRanges": []}}"#);
    for (name, text) in [
        ("default", &partner),
        ("conditional-access", &partner),
        ("conditional-access", &location),
        ("partners", &location),
    ] {
        let parsed = contoso(name, text);
        assert_errors(&parsed, &[(Code::UnknownDocument, 1, "$")]);
    }
}

#[test]
fn a_value_that_is_not_an_object_is_refused() {
    for (text, path) in [("[null]", "$[0]"), ("[\"a\"]", "$[0]"), ("7", "$")] {
        let parsed = contoso("partners", text);
        assert_errors(&parsed, &[(Code::WrongType, 1, path)]);
    }
}

#[test]
fn an_unknown_member_that_decides_nothing_is_a_warning() {
    let text = format!("{{\"tenantId\": \"{FABRIKAM}\",\n \"present\": true}}");
    let parsed = contoso("partners", text);
    assert_warnings(&parsed, &[(Code::UnknownMember, 2, "$.present")]);
}

#[test]
fn a_misspelt_member_that_would_decide_is_an_error() {
    let text = format!(
        "{{\"tenantId\": \"{FABRIKAM}\",\n \"b2bColaborationInbound\": {{\"usersAndGroups\": {{\"accessType\": \"blocked\"}}}}}}"
    );
    let parsed = contoso("partners", text);
    assert_errors(
        &parsed,
        &[(Code::UnknownMember, 2, "$.b2bColaborationInbound")],
    );
    assert!(message(&parsed).contains("`b2bCollaborationInbound`"));
}

#[test]
fn all_findings_of_a_document_are_reported() {
    let text = format!(
        "[{{\"tenantId\": \"x\"}},\n{{\"tenantId\": \"{FABRIKAM}\"}},\n{{\"tenantId\": 7}},\n{{\"tenantId\": \"{CONTOSO}\", \"isServiceProvider\": 1}}]"
    );
    let parsed = contoso("partners", text);
    assert_errors(
        &parsed,
        &[
            (Code::NotAnId, 1, "$[0].tenantId"),
            (Code::WrongType, 3, "$[2].tenantId"),
            (Code::WrongType, 4, "$[3].isServiceProvider"),
        ],
    );
    assert_eq!(parsed.tenants[0].partners.len(), 1);
    let counts = &parsed.documents[1];
    assert_eq!((counts.objects, counts.refused), (4, 3));
    assert_eq!(counts.kind, Some(DocumentKind::Partners));
}
