//! Compiled named locations: ranges are sorted and merged, so that a lookup is a binary search.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::vocabulary::{Country, CountrySource};

/// A named location of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `ipNamedLocation`
    Ip(AddressRanges),
    /// `countryNamedLocation`
    Country {
        /// Sorted.
        countries: Box<[Country]>,
        /// `includeUnknownCountriesAndRegions`: a location that the request states as unknown matches.
        include_unknown: bool,
        /// Only a country that was determined in this way is compared.
        lookup: CountrySource,
    },
    /// `compliantNetworkNamedLocation`: no request field states it.
    CompliantNetwork,
}

/// Address ranges: first and last address, sorted, neither overlapping nor adjacent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRanges {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl AddressRanges {
    /// From ranges in any order, overlapping or not.
    pub fn of(ranges: &[IpNet]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match range {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        AddressRanges {
            v4: merged(v4, |last| last.checked_add(1)),
            v6: merged(v6, |last| last.checked_add(1)),
        }
    }

    /// Whether the address, in canonical form, is in one of the ranges.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => within(&self.v4, address.to_bits()),
            IpAddr::V6(address) => within(&self.v6, address.to_bits()),
        }
    }

    /// The IPv4 ranges, first and last address, sorted: for the digest.
    pub fn v4(&self) -> &[(u32, u32)] {
        &self.v4
    }

    /// The IPv6 ranges, first and last address, sorted: for the digest.
    pub fn v6(&self) -> &[(u128, u128)] {
        &self.v6
    }
}

fn merged<N: Copy + Ord>(mut ranges: Vec<(N, N)>, next: fn(N) -> Option<N>) -> Box<[(N, N)]> {
    ranges.sort_unstable();
    let mut out: Vec<(N, N)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some((_, end)) if next(*end).is_none_or(|after| first <= after) => {
                *end = last.max(*end)
            }
            _ => out.push((first, last)),
        }
    }
    out.into_boxed_slice()
}

fn within<N: Copy + Ord>(ranges: &[(N, N)], address: N) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after
        .checked_sub(1)
        .and_then(|at| ranges.get(at))
        .is_some_and(|(_, last)| address <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_regardless_of_order_and_overlap() {
        let ranges = [
            "10.0.1.0/24",
            "10.0.0.0/24",
            "10.0.0.128/25",
            "192.0.2.7/32",
            "2001:db8::/32",
            "255.255.255.0/24",
        ]
        .map(|text| text.parse().unwrap());
        let ranges = AddressRanges::of(&ranges);
        assert_eq!(ranges.v4().len(), 3);
        for (address, inside) in [
            ("10.0.0.0", true),
            ("10.0.1.255", true),
            ("10.0.2.0", false),
            ("9.255.255.255", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("255.255.255.255", true),
            ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(
                ranges.contains(address.parse().unwrap()),
                inside,
                "{address}"
            );
        }
    }
}
