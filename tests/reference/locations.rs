//! The `locations` condition: named locations by address range and by country (semantics §5).

use std::net::IpAddr;

use crosstrust::id::LocationId;
use crosstrust::request::Request;
use crosstrust::vocabulary::{Country, CountrySource};
use serde_json::Value;

use super::documents::{flag, is_word, list, member, text, texts};
use super::{Fact, TenantDocuments};

pub fn matches(tenant: &TenantDocuments, conditions: &Value, request: &Request) -> bool {
    let Some(condition) = member(conditions, "locations") else {
        return true;
    };
    let place = |word: &&str| named(tenant, word, request);
    let include = texts(condition, "includeLocations");
    let exclude = texts(condition, "excludeLocations");
    let included = include.is_empty() || Fact::any(include.iter().map(place)) != Fact::No;
    included && Fact::any(exclude.iter().map(place)) != Fact::Yes
}

fn named(tenant: &TenantDocuments, word: &str, request: &Request) -> Fact {
    if is_word(word, "All") {
        return Fact::Yes;
    }
    let locations = tenant.objects("named-locations");
    if is_word(word, "AllTrusted") {
        return Fact::any(
            locations
                .into_iter()
                .filter(|location| !is_of_kind(location, "countryNamedLocation"))
                .filter(|location| flag(location, "isTrusted") == Some(true))
                .map(|location| is_in(location, request)),
        );
    }
    let id: LocationId = word.parse().expect("a location id");
    let location = locations
        .into_iter()
        .find(|location| text(location, "id").is_some_and(|found| found.parse() == Ok(id)));
    match location {
        Some(location) => is_in(location, request),
        // The MFA trusted IPs, which no export lists.
        None if id == LocationId(0) => Fact::Unknown,
        None => panic!("{id} is not a location of the tenant"),
    }
}

fn is_in(location: &Value, request: &Request) -> Fact {
    if is_of_kind(location, "ipNamedLocation") {
        match request.context.ip_address {
            None => Fact::Unknown,
            Some(address) => Fact::from_bool(
                list(location, "ipRanges")
                    .into_iter()
                    .filter_map(|range| text(range, "cidrAddress"))
                    .any(|range| range_contains(range, address)),
            ),
        }
    } else if is_of_kind(location, "countryNamedLocation") {
        let method = text(location, "countryLookupMethod").unwrap_or("clientIpAddress");
        let method: CountrySource = method.parse().expect("a lookup method");
        // A country that was found by the other method does not count.
        let found = request
            .context
            .country
            .filter(|located| located.source == method);
        match found.map(|located| located.country) {
            None => Fact::Unknown,
            Some(Country::UNKNOWN) => {
                Fact::from_bool(flag(location, "includeUnknownCountriesAndRegions") == Some(true))
            }
            Some(country) => Fact::from_bool(
                texts(location, "countriesAndRegions")
                    .into_iter()
                    .any(|listed| listed.parse() == Ok(country)),
            ),
        }
    } else if is_of_kind(location, "compliantNetworkNamedLocation") {
        Fact::Unknown
    } else {
        panic!("unknown kind of location in {location}");
    }
}

fn is_of_kind(location: &Value, kind: &str) -> bool {
    let found = text(location, "@odata.type").expect("a location has a type");
    is_word(found.trim_start_matches("#microsoft.graph."), kind)
}

/// Compares bit by bit.
fn range_contains(range: &str, address: IpAddr) -> bool {
    let (network, length) = range.split_once('/').expect("a range in CIDR form");
    let network: IpAddr = network.parse().expect("an address");
    let length: usize = length.parse().expect("a prefix length");
    network.is_ipv4() == address.is_ipv4()
        && bits(network)
            .into_iter()
            .zip(bits(address))
            .take(length)
            .all(|(one, other)| one == other)
}

fn bits(address: IpAddr) -> Vec<bool> {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    octets
        .into_iter()
        .flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1))
        .collect()
}
