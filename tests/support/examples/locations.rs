//! The `locations` condition (semantics §5). The policy of these examples blocks, so that a denial
//! means that it applies.

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::{Context, LocatedCountry, Request};
use crosstrust::vocabulary::CountrySource;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

pub fn all() -> Vec<Example> {
    [places()].into_iter().flatten().collect()
}

fn applies(name: &'static str, world: &World, request: Request) -> Example {
    denies(
        name,
        world,
        request,
        Stage::ConditionalAccess,
        Reason::CaBlocked,
    )
}

fn knowing(change: impl FnOnce(&mut Context)) -> Request {
    with(direct(), |request| change(&mut request.context))
}

fn places() -> Vec<Example> {
    let headquarters = json!({
        "@odata.type": "#microsoft.graph.ipNamedLocation", "id": HEADQUARTERS.to_string(), "displayName": "HQ", "isTrusted": true,
        "ipRanges": [
            {"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "198.51.100.128/25"},
            {"@odata.type": "#microsoft.graph.iPv6CidrRange", "cidrAddress": "2001:db8::/33"},
        ],
    });
    let europe = |unknown: bool| {
        json!({
            "@odata.type": "#microsoft.graph.countryNamedLocation", "id": EUROPE.to_string(), "displayName": "Europe",
            "countriesAndRegions": ["DE", "fr"], "includeUnknownCountriesAndRegions": unknown,
        })
    };
    let edge = |trusted: bool| {
        json!({
            "@odata.type": "#microsoft.graph.compliantNetworkNamedLocation", "id": SECURE_EDGE.to_string(), "displayName": "Edge",
            "compliantNetworkType": "allTenantCompliantNetworks", "isTrusted": trusted,
        })
    };
    let at = |locations: Vec<Value>, include: &[&str], exclude: &[&str]| {
        let condition = json!({"includeLocations": include, "excludeLocations": exclude});
        let contoso = open_contoso().policy(1, when(block(), "locations", condition));
        world([
            locations
                .into_iter()
                .fold(contoso, |tenant, location| tenant.location(location)),
            open_fabrikam(),
        ])
    };
    let hq = HEADQUARTERS.to_string();
    let eu = EUROPE.to_string();
    let edge_id = SECURE_EDGE.to_string();
    let in_hq = at(vec![headquarters.clone()], &[&hq], &[]);
    let not_in_hq = at(vec![headquarters.clone()], &["All"], &[&hq]);
    let not_trusted = at(vec![headquarters.clone()], &["All"], &["AllTrusted"]);
    let in_europe = at(vec![europe(false)], &[&eu], &[]);
    let in_europe_or_nowhere = at(vec![europe(true)], &[&eu], &[]);
    let from = |address: &str| {
        knowing(|context| context.ip_address = Some(address.parse().expect("an address")))
    };
    let located = |code: &str, source| {
        let country = code.parse().expect("a country");
        knowing(|context| context.country = Some(LocatedCountry { country, source }))
    };
    let country = |code: &str| located(code, CountrySource::ClientIpAddress);
    let by_gps = |code: &str| located(code, CountrySource::AuthenticatorAppGps);
    let europe_by = |method: Value, unknown: bool| {
        let mut location = europe(unknown);
        location["countryLookupMethod"] = method;
        location
    };
    let in_europe_by = |method: Value| at(vec![europe_by(method, false)], &[&eu], &[]);
    let not_in_europe_by = |method: Value| at(vec![europe_by(method, true)], &["All"], &[&eu]);
    let gps = || json!("authenticatorAppGps");
    let address = || json!("clientIpAddress");
    let zero = MFA_TRUSTED_IPS.to_string();
    let mut trusted_ips = headquarters.clone();
    trusted_ips["id"] = json!(zero);
    let mut untrusted_ips = trusted_ips.clone();
    untrusted_ips["isTrusted"] = json!(false);
    let mut untrusted = headquarters.clone();
    untrusted["isTrusted"] = json!(false);
    let none_trusted = at(vec![untrusted], &["All"], &["AllTrusted"]);
    vec![
        applies(
            "location: an untrusted one does not match AllTrusted",
            &none_trusted,
            from("198.51.100.200"),
        ),
        applies(
            "location: first address of a range",
            &in_hq,
            from("198.51.100.128"),
        ),
        allows(
            "location: the address before it",
            &in_hq,
            from("198.51.100.127"),
        ),
        applies(
            "location: IPv6, last address of a range",
            &in_hq,
            from("2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"),
        ),
        allows(
            "location: IPv6, the address after it",
            &in_hq,
            from("2001:db8:8000::"),
        ),
        allows("location: excluded", &not_in_hq, from("198.51.100.200")),
        applies("location: an unknown address is included", &in_hq, direct()),
        applies(
            "location: an unknown address is not excluded",
            &not_in_hq,
            direct(),
        ),
        allows(
            "location: trusted ones excluded",
            &not_trusted,
            from("198.51.100.200"),
        ),
        applies(
            "location: outside of trusted ones",
            &not_trusted,
            from("192.0.2.1"),
        ),
        applies(
            "location: an unknown address is in no trusted one",
            &not_trusted,
            direct(),
        ),
        allows(
            "location: without trusted ones AllTrusted includes no request",
            &at(vec![europe(true)], &["AllTrusted"], &[]),
            direct(),
        ),
        applies(
            "location: only exclusions include all others",
            &at(vec![headquarters], &[], &[&hq]),
            from("192.0.2.1"),
        ),
        applies("location: a country", &in_europe, country("DE")),
        applies(
            "location: a country without case",
            &in_europe,
            country("FR"),
        ),
        allows("location: another country", &in_europe, country("US")),
        applies(
            "location: an unknown country is included",
            &in_europe,
            direct(),
        ),
        applies(
            "location: an unknown country is not excluded",
            &at(vec![europe(false)], &["All"], &[&eu]),
            direct(),
        ),
        allows(
            "location: a country known to be unknown",
            &in_europe,
            country("ZZ"),
        ),
        applies(
            "location: an unknown country that the location includes",
            &in_europe_or_nowhere,
            country("ZZ"),
        ),
        applies(
            "location: the MFA trusted IPs are a missing input, included",
            &at(vec![], &[&zero], &[]),
            from("192.0.2.1"),
        ),
        applies(
            "location: the MFA trusted IPs are a missing input, not excluded",
            &at(vec![], &["All"], &[&zero]),
            from("192.0.2.1"),
        ),
        allows(
            "location: the MFA trusted IPs are not among all trusted",
            &at(vec![], &["AllTrusted"], &[]),
            from("192.0.2.1"),
        ),
        allows(
            "location: the MFA trusted IPs, defined in the folder, excluded",
            &at(vec![trusted_ips.clone()], &["All"], &[&zero]),
            from("198.51.100.200"),
        ),
        allows(
            "location: the MFA trusted IPs, defined in the folder, included elsewhere",
            &at(vec![trusted_ips.clone()], &[&zero], &[]),
            from("192.0.2.1"),
        ),
        allows(
            "location: the MFA trusted IPs that are defined as trusted are among all trusted",
            &at(vec![trusted_ips], &["All"], &["AllTrusted"]),
            from("198.51.100.200"),
        ),
        applies(
            "location: the MFA trusted IPs that are not defined as trusted are not",
            &at(vec![untrusted_ips], &["All"], &["AllTrusted"]),
            from("198.51.100.200"),
        ),
        applies(
            "location: by GPS, a country that was found so",
            &in_europe_by(gps()),
            by_gps("DE"),
        ),
        allows(
            "location: by GPS, another country that was found so",
            &in_europe_by(gps()),
            by_gps("US"),
        ),
        applies(
            "location: by GPS, a country found by address is a missing input, included",
            &in_europe_by(gps()),
            country("US"),
        ),
        applies(
            "location: by GPS, a country found by address is a missing input, not excluded",
            &not_in_europe_by(gps()),
            country("DE"),
        ),
        applies(
            "location: by GPS, ZZ found by address is a missing input, not excluded",
            &not_in_europe_by(gps()),
            country("ZZ"),
        ),
        allows(
            "location: by GPS, excluded",
            &not_in_europe_by(gps()),
            by_gps("DE"),
        ),
        allows(
            "location: by GPS, ZZ found so is excluded",
            &not_in_europe_by(gps()),
            by_gps("ZZ"),
        ),
        applies(
            "location: by address, a country found by GPS is a missing input, included",
            &in_europe_by(address()),
            by_gps("US"),
        ),
        applies(
            "location: by address, a country found by GPS is a missing input, not excluded",
            &not_in_europe_by(address()),
            by_gps("DE"),
        ),
        applies(
            "location: a method that is null is the address",
            &not_in_europe_by(Value::Null),
            by_gps("DE"),
        ),
        allows(
            "location: a method that is null is the address, excluded",
            &not_in_europe_by(Value::Null),
            country("DE"),
        ),
        applies(
            "location: a compliant network is included",
            &at(vec![edge(false)], &[&edge_id], &[]),
            from("192.0.2.1"),
        ),
        applies(
            "location: a compliant network is not excluded",
            &at(vec![edge(false)], &["All"], &[&edge_id]),
            from("192.0.2.1"),
        ),
        applies(
            "location: a trusted compliant network may be the trusted one",
            &at(vec![edge(true)], &["AllTrusted"], &[]),
            from("192.0.2.1"),
        ),
        allows(
            "location: All excluded",
            &at(vec![europe(true)], &["All"], &["All"]),
            direct(),
        ),
    ]
}
