//! Encodings and strict JSON.

use crosstrust::graph::{Code, Severity};

use super::{FABRIKAM, assert_errors, contoso, message, valid_tenant};

fn partner() -> String {
    format!("{{\r\n  \"tenantId\": \"{FABRIKAM}\"\r\n}}\r\n")
}

fn utf16(text: &str, encode: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let with_mark = format!("\u{feff}{text}");
    with_mark.encode_utf16().flat_map(encode).collect()
}

#[test]
fn text_is_read_with_or_without_byte_order_mark_in_utf_8_and_utf_16() {
    let text = partner();
    for bytes in [
        text.clone().into_bytes(),
        format!("\u{feff}{text}").into_bytes(),
        utf16(&text, u16::to_le_bytes),
        utf16(&text, u16::to_be_bytes),
    ] {
        assert_eq!(valid_tenant(contoso("partners", bytes)).partners.len(), 1);
    }
}

#[test]
fn a_column_in_utf_16_counts_characters_without_the_byte_order_mark() {
    let bytes = utf16("{\r\n \"tenantId\": \"x\"}", u16::to_le_bytes);
    let parsed = contoso("partners", bytes);
    assert_errors(&parsed, &[(Code::NotAnId, 2, "$.tenantId")]);
    assert_eq!(parsed.findings[0].place.column, 14);
}

#[test]
fn utf_16_without_byte_order_mark_is_refused() {
    let bytes: Vec<u8> = partner()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let parsed = contoso("partners", bytes);
    assert_errors(&parsed, &[(Code::Encoding, 0, "$")]);
    assert!(message(&parsed).contains("UTF-16 without a byte-order mark"));
}

#[test]
fn bytes_in_an_invalid_encoding_are_refused() {
    let odd = [0xFF, 0xFE, b'{', 0, b'}'];
    let lone_surrogate = [0xFE, 0xFF, 0xD8, 0x00];
    let utf_32 = [0xFF, 0xFE, 0, 0, b'{', 0, 0, 0];
    for bytes in [
        b"{\"tenantId\": \"\xe4\"}".as_slice(),
        b"{}\0",
        &odd,
        &lone_surrogate,
        &utf_32,
    ] {
        let parsed = contoso("partners", bytes);
        assert_errors(&parsed, &[(Code::Encoding, 0, "$")]);
    }
}

#[test]
fn a_syntax_error_is_reported_at_the_first_invalid_character() {
    for (text, line, column) in [
        ("[\n  1,\n]", 3, 1),
        ("{\"a\": 1,\n}", 2, 1),
        ("{\n// why\n}", 2, 1),
        ("[NaN]", 1, 2),
        ("[+1]", 1, 2),
        ("[0x1F]", 1, 3),
        ("{'a': 1}", 1, 2),
        ("{a: 1}", 1, 2),
        ("[1 2]", 1, 4),
        ("[1]\n[2]", 2, 1),
        ("{\"a\": \"x", 1, 8),
        ("[\"\\ud800\"]", 1, 9),
    ] {
        let parsed = contoso("partners", text);
        assert_errors(&parsed, &[(Code::Syntax, line, "$")]);
        assert_eq!(parsed.findings[0].place.column, column, "{text}");
    }
}

#[test]
fn a_raw_control_character_in_a_string_is_refused() {
    let parsed = contoso("partners", "[\"a\tb\"]");
    assert_errors(&parsed, &[(Code::Syntax, 1, "$")]);
}

#[test]
fn an_empty_file_is_refused_with_the_form_of_an_empty_document() {
    let parsed = contoso("partners", " \n");
    assert_errors(&parsed, &[(Code::Syntax, 0, "$")]);
    assert!(message(&parsed).contains("[] or {}"));
}

#[test]
fn json_nested_too_deeply_is_refused() {
    let deep = "[".repeat(100_000);
    assert_errors(&contoso("partners", &deep), &[(Code::Syntax, 1, "$")]);
    let closed = format!("{}{}", "[".repeat(129), "]".repeat(129));
    assert_errors(&contoso("partners", closed), &[(Code::Syntax, 1, "$")]);
}

#[test]
fn a_duplicate_member_is_an_error_that_names_both_lines() {
    let text = format!(
        "{{\"tenantId\": \"{FABRIKAM}\",\n\n \"inboundTrust\": null,\n \"inboundTrust\": {{}}}}"
    );
    let parsed = contoso("partners", text);
    assert_errors(&parsed, &[(Code::DuplicateMember, 4, "$.inboundTrust")]);
    assert!(message(&parsed).contains("line 3 and line 4"));
    assert!(parsed.tenants[0].partners.is_empty());
}

#[test]
fn a_duplicate_member_in_two_spellings_is_an_error() {
    let text = format!(
        "{{\"tenantId\": \"{FABRIKAM}\",\n \"inboundTrust\": null,\n \"InboundTrust\": {{}}}}"
    );
    let parsed = contoso("partners", text);
    assert_errors(&parsed, &[(Code::DuplicateMember, 3, "$.InboundTrust")]);
    assert!(message(&parsed).contains("also spelled \"inboundTrust\""));
}

#[test]
fn pascal_case_and_mixed_case_are_read() {
    let text = format!(
        r#"{{"TenantId": "{FABRIKAM}", "inboundTrust": {{"IsMfaAccepted": true, "isCompliantDeviceAccepted": false}}}}"#
    );
    let tenant = valid_tenant(contoso("partners", text));
    let trust = tenant.partners[0].configuration.inbound_trust.as_ref();
    assert_eq!(trust.and_then(|trust| trust.mfa), Some(true));
    assert_eq!(trust.and_then(|trust| trust.compliant_device), Some(false));
    assert_eq!(trust.and_then(|trust| trust.hybrid_joined_device), None);
}

#[test]
fn additional_properties_of_the_powershell_sdk_are_read_as_members() {
    let text = format!(
        r#"{{"AdditionalProperties": {{"inboundTrust": {{"isMfaAccepted": true}}}}, "TenantId": "{FABRIKAM}"}}"#
    );
    let tenant = valid_tenant(contoso("partners", text));
    assert!(tenant.partners[0].configuration.inbound_trust.is_some());
}

#[test]
fn annotations_and_empty_unknown_members_are_ignored() {
    let text = format!(
        r##"{{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x", "inboundTrust@odata.type": "x",
            "tenantId": "{FABRIKAM}", "new": null, "newer": "", "newest": [], "last": {{"of": null, "all": []}}}}"##
    );
    valid_tenant(contoso("partners", text));
}

#[test]
fn a_found_value_is_shown_shortened_and_without_control_characters() {
    let text = format!(r#"{{"tenantId": "\n\u001b[31m{}"}}"#, "x".repeat(100));
    let parsed = contoso("partners", text);
    assert_errors(&parsed, &[(Code::NotAnId, 1, "$.tenantId")]);
    let message = message(&parsed);
    assert!(message.chars().all(|c| !c.is_control()), "{message}");
    assert!(message.len() < 200, "{message}");
}

#[test]
fn a_finding_is_formatted_like_a_compiler_error() {
    let parsed = contoso("partners", "{\n \"tenantId\": \"all\"}");
    assert_eq!(
        parsed.findings[0].to_string(),
        "contoso/partners.json:2:14: error[CT007] $.tenantId: found \"all\", expected the id of the \
         partner's tenant (a GUID)"
    );
    assert_eq!(parsed.findings[0].severity, Severity::Error);
}

#[test]
fn a_value_that_powershell_truncated_is_refused_with_the_remedy() {
    let text =
        format!("{{\"tenantId\": \"{FABRIKAM}\",\n\"inboundTrust\": \"@{{isMfaAccepted=True}}\"}}");
    let parsed = contoso("partners", text);
    assert_errors(&parsed, &[(Code::WrongType, 2, "$.inboundTrust")]);
    assert!(message(&parsed).contains("-Depth"));
}
