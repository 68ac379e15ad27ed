//! Named locations (learn.microsoft.com/graph/api/resources/ipnamedlocation, …/countrynamedlocation,
//! …/compliantnetworknamedlocation).

use std::net::IpAddr;

use ipnet::IpNet;

use super::document::{LocationKind, NamedLocation};
use super::finding::Code;
use super::members::Members;
use super::node::Node;
use super::values::{is_type_name, parse_id, parse_word, quoted};
use crate::vocabulary::{Country, CountrySource};

/// Parses a named location.
pub(super) fn parse_named_location(node: Node<'_>) -> Option<NamedLocation> {
    let mut members = node.object()?;
    let location = members
        .require("id")
        .and_then(|node| parse_id(node, "the named location"));
    let display_name = members.name("displayName");
    let kind = match location_type(&mut members) {
        Some(LocationType::Ip) => ip(&mut members),
        Some(LocationType::Country) => country(&mut members),
        Some(LocationType::CompliantNetwork) => compliant_network(&mut members),
        None => {
            let message = "found neither `ipRanges`, `countriesAndRegions` nor `compliantNetworkType`, \
                           expected one of them, or an `@odata.type` of a named location";
            node.error(Code::MissingMember, message);
            None
        }
    };
    members.ignore(MEMBERS_WITHOUT_EFFECT);
    members.close_outer();
    Some(NamedLocation {
        place: node.place(),
        id: location?,
        display_name,
        kind: kind?,
    })
}

#[derive(Debug, Clone, Copy)]
enum LocationType {
    Ip,
    Country,
    CompliantNetwork,
}

/// Determines the type by `@odata.type`, else by the member that only this type has.
fn location_type(members: &mut Members<'_>) -> Option<LocationType> {
    match members.odata_type() {
        Some("ipNamedLocation") => return Some(LocationType::Ip),
        Some("countryNamedLocation") => return Some(LocationType::Country),
        Some("compliantNetworkNamedLocation") => return Some(LocationType::CompliantNetwork),
        Some(other) => {
            let message = format!(
                "found the type {}, expected ipNamedLocation, countryNamedLocation or \
                 compliantNetworkNamedLocation",
                quoted(other)
            );
            members.node().error(Code::UnknownWord, message);
            return None;
        }
        None => {}
    }
    let kinds = [
        ("ipRanges", LocationType::Ip),
        ("countriesAndRegions", LocationType::Country),
        ("compliantNetworkType", LocationType::CompliantNetwork),
    ];
    let mut set = kinds.iter().filter(|(name, _)| members.has(name));
    let first = set.next();
    if set.next().is_some() {
        let message = "found the members of two types of location, expected one type";
        members.node().error(Code::UnknownMember, message);
        return None;
    }
    // An empty list still determines the type.
    let present = || {
        kinds
            .iter()
            .find(|(name, _)| members.node().peek(name).is_some())
    };
    first
        .or_else(present)
        .map(|(_, location_type)| *location_type)
}

fn ip(members: &mut Members<'_>) -> Option<LocationKind> {
    let ranges = members.require("ipRanges");
    let ranges = ranges.into_iter().flat_map(Node::array);
    let ranges = ranges.filter_map(range).collect();
    let trusted = members.boolean("isTrusted");
    Some(LocationKind::Ip {
        ranges,
        trusted: trusted == Some(true),
    })
}

/// `iPv4CidrRange` or `iPv6CidrRange`.
fn range(node: Node<'_>) -> Option<IpNet> {
    let mut members = node.object()?;
    let address = members.require("cidrAddress");
    members.close_outer();
    let node = address?;
    let text = node.text()?;
    match text.parse::<IpNet>() {
        Ok(range) if range.addr() == range.network() => Some(range),
        Ok(range) => {
            let message = format!(
                "found {}, whose address has bits set beyond the prefix, expected {}",
                node.describe(),
                range.trunc()
            );
            node.error(Code::AddressRange, message);
            None
        }
        Err(_) => {
            not_a_range(node, text);
            None
        }
    }
}

fn not_a_range(node: Node<'_>, text: &str) {
    let expected = "an address range such as 192.0.2.0/24 or 2001:db8::/32";
    if is_type_name(text) {
        node.wrong_type::<()>(expected);
        return;
    }
    let found = node.describe();
    let message = match text.parse::<IpAddr>() {
        Ok(_) => format!("found the single address {found}, expected {expected}"),
        Err(_) => format!("found {found}, expected {expected}"),
    };
    node.error(Code::AddressRange, message);
}

fn country(members: &mut Members<'_>) -> Option<LocationKind> {
    let countries = members.require("countriesAndRegions");
    let countries = countries.into_iter().flat_map(Node::array);
    let countries = countries.filter_map(read_country).collect();
    let include_unknown = members.boolean("includeUnknownCountriesAndRegions");
    let lookup = match members.take_set("countryLookupMethod") {
        Some(method) => parse_word(method),
        None => Some(CountrySource::ClientIpAddress),
    };
    Some(LocationKind::Country {
        countries,
        include_unknown: include_unknown == Some(true),
        lookup: lookup?,
    })
}

fn read_country(node: Node<'_>) -> Option<Country> {
    match node.text()?.parse() {
        Ok(country) => Some(country),
        Err(_) if node.as_text().is_some_and(is_type_name) => node.wrong_type("a country"),
        Err(error) => {
            let message = format!("found {}, {error}", node.describe());
            node.error(Code::UnknownWord, message);
            None
        }
    }
}

fn compliant_network(members: &mut Members<'_>) -> Option<LocationKind> {
    let trusted = members.boolean("isTrusted");
    members.ignore(&["compliantNetworkType"]);
    Some(LocationKind::CompliantNetwork {
        trusted: trusted == Some(true),
    })
}

const MEMBERS_WITHOUT_EFFECT: &[&str] = &["deletedDateTime", "createdDateTime", "modifiedDateTime"];
