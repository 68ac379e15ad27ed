//! Bytes and strict JSON.

use crosstrust::graph::{Code, Severity};

use super::{FABRIKAM, assert_errors, contoso, message, sound};

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
        assert_eq!(sound(contoso("partners", bytes)).partners.len(), 1);
    }
}

#[test]
fn a_place_in_utf_16_counts_characters_and_not_the_mark() {
    let bytes = utf16("{\r\n \"tenantId\": \"x\"}", u16::to_le_bytes);
    let reading = contoso("partners", bytes);
    assert_errors(&reading, &[(Code::NotAnId, 2, "$.tenantId")]);
    assert_eq!(reading.findings[0].place.column, 14);
}

#[test]
fn utf_16_without_byte_order_mark_is_refused() {
    let bytes: Vec<u8> = partner()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let reading = contoso("partners", bytes);
    assert_errors(&reading, &[(Code::Encoding, 0, "$")]);
    assert!(message(&reading).contains("UTF-16 without a byte-order mark"));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
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
        let reading = contoso("partners", bytes);
        assert_errors(&reading, &[(Code::Encoding, 0, "$")]);
    }
}

#[test]
fn what_is_not_strict_json_is_refused_where_it_stops_being_json() {
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
        let reading = contoso("partners", text);
        assert_errors(&reading, &[(Code::Syntax, line, "$")]);
        assert_eq!(reading.findings[0].place.column, column, "{text}");
    }
}

#[test]
fn a_raw_control_character_in_a_text_is_refused() {
    let reading = contoso("partners", "[\"a\tb\"]");
    assert_errors(&reading, &[(Code::Syntax, 1, "$")]);
}

#[test]
fn an_empty_file_is_refused_and_the_message_says_what_empty_documents_look_like() {
    let reading = contoso("partners", " \n");
    assert_errors(&reading, &[(Code::Syntax, 0, "$")]);
    assert!(message(&reading).contains("[] or {}"));
}

#[test]
fn json_nested_without_end_is_refused() {
    let deep = "[".repeat(100_000);
    assert_errors(&contoso("partners", &deep), &[(Code::Syntax, 1, "$")]);
    let closed = format!("{}{}", "[".repeat(129), "]".repeat(129));
    assert_errors(&contoso("partners", closed), &[(Code::Syntax, 1, "$")]);
}

#[test]
fn a_member_that_stands_twice_is_an_error_that_names_both_lines() {
    let text = format!(
        "{{\"tenantId\": \"{FABRIKAM}\",\n\n \"inboundTrust\": null,\n \"inboundTrust\": {{}}}}"
    );
    let reading = contoso("partners", text);
    assert_errors(&reading, &[(Code::DuplicateMember, 4, "$.inboundTrust")]);
    assert!(message(&reading).contains("line 3 and line 4"));
    assert!(reading.tenants[0].partners.is_empty());
}

#[test]
fn a_member_that_stands_twice_in_two_spellings_is_an_error() {
    let text = format!(
        "{{\"tenantId\": \"{FABRIKAM}\",\n \"inboundTrust\": null,\n \"InboundTrust\": {{}}}}"
    );
    let reading = contoso("partners", text);
    assert_errors(&reading, &[(Code::DuplicateMember, 3, "$.InboundTrust")]);
    assert!(message(&reading).contains("also spelled \"inboundTrust\""));
}

#[test]
fn pascal_case_and_mixed_case_are_read() {
    let text = format!(
        r#"{{"TenantId": "{FABRIKAM}", "inboundTrust": {{"IsMfaAccepted": true, "isCompliantDeviceAccepted": false}}}}"#
    );
    let tenant = sound(contoso("partners", text));
    let trust = tenant.partners[0].configuration.inbound_trust.as_ref();
    assert_eq!(trust.and_then(|trust| trust.mfa), Some(true));
    assert_eq!(trust.and_then(|trust| trust.compliant_device), Some(false));
    assert_eq!(trust.and_then(|trust| trust.hybrid_joined_device), None);
}

#[test]
fn what_the_powershell_sdk_puts_under_additional_properties_is_read_as_members() {
    let text = format!(
        r#"{{"AdditionalProperties": {{"inboundTrust": {{"isMfaAccepted": true}}}}, "TenantId": "{FABRIKAM}"}}"#
    );
    let tenant = sound(contoso("partners", text));
    assert!(tenant.partners[0].configuration.inbound_trust.is_some());
}

#[test]
fn annotations_and_unknown_members_that_hold_nothing_are_nothing() {
    let text = format!(
        r##"{{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x", "inboundTrust@odata.type": "x",
            "tenantId": "{FABRIKAM}", "new": null, "newer": "", "newest": [], "last": {{"of": null, "all": []}}}}"##
    );
    sound(contoso("partners", text));
}

#[test]
fn a_value_found_is_shown_short_and_without_control_characters() {
    let text = format!(r#"{{"tenantId": "\n\u001b[31m{}"}}"#, "x".repeat(100));
    let reading = contoso("partners", text);
    assert_errors(&reading, &[(Code::NotAnId, 1, "$.tenantId")]);
    let message = message(&reading);
    assert!(message.chars().all(|c| !c.is_control()), "{message}");
    assert!(message.len() < 200, "{message}");
}

#[test]
fn a_line_of_a_finding_is_shown_as_compilers_show_it() {
    let reading = contoso("partners", "{\n \"tenantId\": \"all\"}");
    assert_eq!(
        reading.findings[0].to_string(),
        "contoso/partners.json:2:14: error[CT007] $.tenantId: found \"all\", expected the id of the \
         partner's tenant (a GUID)"
    );
    assert_eq!(reading.findings[0].severity, Severity::Error);
}

#[test]
fn a_value_that_powershell_cut_off_is_refused_with_the_remedy() {
    let text =
        format!("{{\"tenantId\": \"{FABRIKAM}\",\n\"inboundTrust\": \"@{{isMfaAccepted=True}}\"}}");
    let reading = contoso("partners", text);
    assert_errors(&reading, &[(Code::WrongType, 2, "$.inboundTrust")]);
    assert!(message(&reading).contains("-Depth"));
}
