//! `named-locations.json`.

use crosstrust::graph::Code;
use crosstrust::graph::document::LocationKind;
use crosstrust::vocabulary::CountrySource;

use super::{SOMETHING, assert_errors, contoso, message, valid_tenant};

fn kind(text: &str) -> LocationKind {
    let text = format!(r#"[{{"id": "{SOMETHING}", "displayName": "L", {text}}}]"#);
    let mut tenant = valid_tenant(contoso("named-locations", text));
    tenant.locations.remove(0).kind
}

#[test]
fn ip_locations_are_recognised_by_type_or_by_their_ranges() {
    for text in [
        r##""@odata.type": "#microsoft.graph.ipNamedLocation", "isTrusted": true, "ipRanges": [
            {"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"},
            {"@odata.type": "#microsoft.graph.iPv6CidrRange", "cidrAddress": "2001:db8::/32"}]"##,
        r#""isTrusted": true, "ipRanges": [{"cidrAddress": "192.0.2.0/24"}, {"cidrAddress": "2001:db8::/32"}]"#,
        r#""AdditionalProperties": {"isTrusted": true, "ipRanges": [{"cidrAddress": "192.0.2.0/24"}, {"cidrAddress": "2001:db8::/32"}]}"#,
    ] {
        let LocationKind::Ip { ranges, trusted } = kind(text) else {
            panic!("expected an ip location");
        };
        assert!(trusted);
        let ranges: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        assert_eq!(ranges, ["192.0.2.0/24", "2001:db8::/32"]);
    }
}

#[test]
fn a_location_is_not_trusted_by_default() {
    for text in [r#""ipRanges": []"#, r#""ipRanges": [], "isTrusted": null"#] {
        assert!(matches!(
            kind(text),
            LocationKind::Ip { trusted: false, .. }
        ));
    }
}

#[test]
fn country_locations_are_read() {
    let text = r##""@odata.type": "#microsoft.graph.countryNamedLocation", "countriesAndRegions": ["DE", "at"],
        "includeUnknownCountriesAndRegions": true, "countryLookupMethod": "clientIpAddress""##;
    let LocationKind::Country {
        countries,
        include_unknown,
        lookup,
    } = kind(text)
    else {
        panic!("expected countries");
    };
    let countries: Vec<String> = countries.iter().map(ToString::to_string).collect();
    assert_eq!(countries, ["DE", "AT"]);
    assert!(include_unknown);
    assert_eq!(lookup, CountrySource::ClientIpAddress);
}

#[test]
fn a_country_is_looked_up_by_address_unless_the_location_sets_another_method() {
    for (method, expected) in [
        ("null", CountrySource::ClientIpAddress),
        (
            "\"AuthenticatorAppGps\"",
            CountrySource::AuthenticatorAppGps,
        ),
    ] {
        let text = format!(r#""countriesAndRegions": ["DE"], "countryLookupMethod": {method}"#);
        let LocationKind::Country { lookup, .. } = kind(&text) else {
            panic!("expected countries");
        };
        assert_eq!(lookup, expected);
    }
}

#[test]
fn an_unknown_method_to_look_up_a_country_is_refused() {
    let text = format!(
        "{{\"id\": \"{SOMETHING}\", \"countriesAndRegions\": [\"DE\"],\n\"countryLookupMethod\": \"starlight\"}}"
    );
    let parsed = contoso("named-locations", text);
    assert_errors(&parsed, &[(Code::UnknownWord, 2, "$.countryLookupMethod")]);
}

#[test]
fn compliant_networks_are_read() {
    let text = r##""@odata.type": "#microsoft.graph.compliantNetworkNamedLocation", "compliantNetworkType": "allTenantCompliantNetworks", "isTrusted": true"##;
    assert!(matches!(
        kind(text),
        LocationKind::CompliantNetwork { trusted: true }
    ));
}

#[test]
fn an_address_that_is_not_a_range_is_refused_with_the_intended_range() {
    for (found, hint) in [
        ("192.0.2.17/24", "expected 192.0.2.0/24"),
        ("2001:db8::1/32", "expected 2001:db8::/32"),
        ("192.0.2.17", "the single address"),
        ("192.0.2.0/33", "an address range such as"),
        ("everywhere", "an address range such as"),
    ] {
        let text = format!(
            "{{\"id\": \"{SOMETHING}\",\n\"ipRanges\": [{{\"cidrAddress\": \"{found}\"}}]}}"
        );
        let parsed = contoso("named-locations", text);
        let path = "$.ipRanges[0].cidrAddress";
        assert_errors(&parsed, &[(Code::AddressRange, 2, path)]);
        assert!(message(&parsed).contains(hint), "{}", message(&parsed));
    }
}

#[test]
fn a_location_without_a_required_member_is_refused() {
    for (text, path) in [
        (r#"{"displayName": "L", "ipRanges": []}"#, "$"),
        (
            r#"{"id": "4c9d8e7f-3333-4444-8555-666677778888", "displayName": "L"}"#,
            "$",
        ),
        (
            r##"{"id": "4c9d8e7f-3333-4444-8555-666677778888", "@odata.type": "#microsoft.graph.ipNamedLocation"}"##,
            "$",
        ),
        (
            r#"{"id": "4c9d8e7f-3333-4444-8555-666677778888", "ipRanges": [{"@odata.type": "x"}]}"#,
            "$.ipRanges[0]",
        ),
    ] {
        let parsed = contoso("named-locations", text);
        assert_errors(&parsed, &[(Code::MissingMember, 1, path)]);
    }
}

#[test]
fn an_unknown_country_is_refused() {
    let text =
        format!("{{\"id\": \"{SOMETHING}\",\n\"countriesAndRegions\": [\"DE\", \"Austria\"]}}");
    let parsed = contoso("named-locations", text);
    assert_errors(
        &parsed,
        &[(Code::UnknownWord, 2, "$.countriesAndRegions[1]")],
    );
}

#[test]
fn misspelt_ranges_or_trust_are_refused() {
    let text = format!("{{\"id\": \"{SOMETHING}\", \"ipRanges\": [],\n\"isTrustd\": true}}");
    let parsed = contoso("named-locations", text);
    assert_errors(&parsed, &[(Code::UnknownMember, 2, "$.isTrustd")]);
}
