//! Named locations (semantics §5).

use std::collections::HashMap;

use ipnet::{IpNet, Ipv4Net};

use super::builder::{SnapshotBuilder, push};
use super::findings::report_duplicates;
use super::settings::sorted;
use crate::graph::document::{LocationKind, NamedLocation};
use crate::id::LocationId;
use crate::snapshot::{AddressRanges, Location};

/// The named locations of one tenant, as positions in the snapshot's list.
#[derive(Debug, Default)]
pub(super) struct Locations {
    by_id: HashMap<LocationId, u32>,
    /// Positions, sorted.
    pub(super) trusted: Vec<u32>,
}

impl Locations {
    pub(super) fn position(&self, id: LocationId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }
}

/// Compiles the tenant's locations in the order of their ids.
pub(super) fn compile(builder: &mut SnapshotBuilder, documents: &[NamedLocation]) -> Locations {
    let places = documents
        .iter()
        .map(|location| (location.id, &location.place));
    report_duplicates(&mut builder.findings, "named location", places);

    let mut ordered: Vec<&NamedLocation> = documents.iter().collect();
    ordered.sort_by_key(|location| location.id);
    let mut locations = Locations::default();
    for document in ordered {
        let (location, trusted) = location(&document.kind);
        let list = &mut builder.locations;
        let position = push(list, location, &mut builder.findings, "named locations");
        locations.by_id.insert(document.id, position);
        if trusted {
            locations.trusted.push(position);
        }
    }
    locations
}

/// The location, and whether `AllTrusted` includes it. A compliant network can be trusted too, but a request
/// cannot state that it comes from one.
fn location(kind: &LocationKind) -> (Location, bool) {
    match kind {
        LocationKind::Ip { ranges, trusted } => {
            let ranges: Vec<IpNet> = ranges.iter().copied().map(canonical_range).collect();
            (Location::Ip(AddressRanges::of(&ranges)), *trusted)
        }
        LocationKind::Country {
            countries,
            include_unknown,
            lookup,
        } => {
            let location = Location::Country {
                countries: sorted(countries.clone()),
                include_unknown: *include_unknown,
                lookup: *lookup,
            };
            (location, false)
        }
        LocationKind::CompliantNetwork { trusted } => (Location::CompliantNetwork, *trusted),
    }
}

/// Requests have IPv4-mapped IPv6 addresses as IPv4 addresses, so ranges are converted too.
fn canonical_range(range: IpNet) -> IpNet {
    let IpNet::V6(net) = range else {
        return range;
    };
    let mapped = net.network().to_ipv4_mapped();
    let mapped = mapped.zip(net.prefix_len().checked_sub(96));
    mapped
        .and_then(|(address, length)| Ipv4Net::new(address, length).ok())
        .map_or(range, IpNet::V4)
}
