//! Interned groups: a request's group ids are mapped to positions once, and rules are tested by position.
//!
//! The filter drops groups that no rule names; they cannot change an answer. Teams of shared channels are
//! groups too.

use smallvec::SmallVec;

use super::table::PositionTable;
use crate::id::GroupId;

/// The positions of a request's groups that a rule names: sorted, without duplicates.
pub type GroupIndexes = SmallVec<[u32; 32]>;

/// Every group id that a rule names.
#[derive(Debug)]
pub struct GroupTable {
    table: PositionTable<GroupId>,
    /// A Bloom filter with one hash, 16 to 32 bits an id up to 2^20 bits: one load drops most other groups.
    filter: Box<[u64]>,
}

impl GroupTable {
    /// Interns the ids, which must be sorted and without duplicates. `None` if there are too many for 32 bits.
    pub fn build(ids: Vec<GroupId>) -> Option<Self> {
        let bits = (ids.len() * 16).next_power_of_two().clamp(64, 1 << 20);
        let mut filter = vec![0u64; bits / 64].into_boxed_slice();
        for id in &ids {
            let (word, bit) = filter_place(*id, filter.len());
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        Some(GroupTable {
            table: PositionTable::build(ids)?,
            filter,
        })
    }

    /// The group's position, if a rule names it.
    #[inline]
    pub fn position(&self, id: GroupId) -> Option<u32> {
        let (word, bit) = filter_place(id, self.filter.len());
        if self.filter.get(word)? & bit == 0 {
            return None;
        }
        self.in_table(id)
    }

    fn in_table(&self, id: GroupId) -> Option<u32> {
        self.table
            .position(&id)
            .and_then(|position| u32::try_from(position).ok())
    }

    /// The positions of the groups that a rule names, sorted and without duplicates.
    pub fn positions(&self, ids: &[GroupId]) -> GroupIndexes {
        let mut positions = GroupIndexes::new();
        for id in ids {
            // Push one by one: collecting into a `SmallVec` costs more than the lookup.
            if let Some(position) = self.position(*id) {
                positions.push(position);
            }
        }
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// All ids, sorted; an id's index is its position.
    pub fn ids(&self) -> &[GroupId] {
        self.table.keys()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a hash may lose bits, and the mask drops them anyway"
)]
fn filter_place(id: GroupId, words: usize) -> (usize, u64) {
    let folded = (id.0 ^ (id.0 >> 64)) as u64;
    let hash = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let bit = (hash as usize) & (words * 64 - 1);
    (bit / 64, 1 << (bit % 64))
}

/// The groups that one rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupSet {
    /// Positions, sorted.
    Sparse(Box<[u32]>),
    /// One bit per position.
    Dense(Box<[u64]>),
}

impl GroupSet {
    /// From positions, in any order.
    pub fn of(mut positions: Vec<u32>) -> Self {
        positions.sort_unstable();
        positions.dedup();
        let span = positions.last().map_or(0, |last| *last as usize / 64 + 1);
        // Use a bitset if it is not larger than the list.
        if positions.is_empty() || span * 2 > positions.len() {
            return GroupSet::Sparse(positions.into_boxed_slice());
        }
        let mut bits = vec![0u64; span].into_boxed_slice();
        for position in positions {
            if let Some(word) = bits.get_mut(position as usize / 64) {
                *word |= 1 << (position % 64);
            }
        }
        GroupSet::Dense(bits)
    }

    /// Whether the rule names no group.
    pub fn is_empty(&self) -> bool {
        matches!(self, GroupSet::Sparse(positions) if positions.is_empty())
    }

    /// Whether the rule names one of these groups.
    pub fn names_any(&self, groups: &[u32]) -> bool {
        match self {
            GroupSet::Sparse(named) if named.is_empty() => false,
            GroupSet::Sparse(named) => groups
                .iter()
                .any(|group| named.binary_search(group).is_ok()),
            GroupSet::Dense(bits) => groups.iter().any(|group| {
                bits.get(*group as usize / 64)
                    .is_some_and(|word| word & 1 << (group % 64) != 0)
            }),
        }
    }

    /// The positions, sorted.
    pub fn positions(&self) -> Vec<u32> {
        match self {
            GroupSet::Sparse(named) => named.to_vec(),
            GroupSet::Dense(bits) => (0..u32::try_from(bits.len() * 64).unwrap_or(u32::MAX))
                .filter(|position| self.names_any(&[*position]))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_sets_name_the_same_groups() {
        for step in [1u32, 2, 3, 50, 1000] {
            let positions: Vec<u32> = (0..200).map(|n| n * step).collect();
            let set = GroupSet::of(positions.clone());
            assert_eq!(set.positions(), positions);
            for group in 0..1000 {
                assert_eq!(
                    set.names_any(&[group]),
                    positions.contains(&group),
                    "{step} {group}"
                );
            }
        }
        assert!(GroupSet::of(Vec::new()).is_empty());
    }

    #[test]
    fn positions_are_sorted_and_skip_unnamed_groups_and_duplicates() {
        let ids: Vec<GroupId> = (1..500u128).map(|n| GroupId(n << 77)).collect();
        let table = GroupTable::build(ids.clone()).unwrap();
        assert!(
            ids.iter()
                .enumerate()
                .all(|(n, id)| table.position(*id) == Some(u32::try_from(n).unwrap()))
        );
        let request = [ids[7], GroupId(99), ids[3], ids[7]];
        assert_eq!(table.positions(&request).as_slice(), &[3, 7]);
    }
}
