//! Groups, interned: a request's ids become positions once, and rules are tested by position.
//!
//! A group that no rule names ends at the filter and cannot change an answer. Teams of shared channels
//! are groups too.

use smallvec::SmallVec;

use super::table::Table;
use crate::id::GroupId;

/// The groups of a request that the snapshot knows: positions, sorted, without repeats.
pub type GroupIndexes = SmallVec<[u32; 32]>;

/// Every group id that some rule names.
#[derive(Debug)]
pub struct GroupTable {
    table: Table<GroupId>,
    /// A bit for each hash of 16 to 32 bits' worth of the id: most foreign groups end here, in one load.
    filter: Box<[u64]>,
}

impl GroupTable {
    /// Interns the ids. They have to be sorted and without repeats, so that positions are too.
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
            table: Table::build(ids)?,
            filter,
        })
    }

    /// The group's position, if some rule names it.
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

    /// The positions of those groups that some rule names, sorted and without repeats.
    pub fn known(&self, ids: &[GroupId]) -> GroupIndexes {
        let mut known = GroupIndexes::new();
        for id in ids {
            // Pushed one by one: collecting into a `SmallVec` costs more than the look-up.
            if let Some(position) = self.position(*id) {
                known.push(position);
            }
        }
        known.sort_unstable();
        known.dedup();
        known
    }

    /// Every id, sorted; an id's place here is its position.
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
    /// A bit a position.
    Dense(Box<[u64]>),
}

impl GroupSet {
    /// From positions, in any order.
    pub fn of(mut positions: Vec<u32>) -> Self {
        positions.sort_unstable();
        positions.dedup();
        let span = positions.last().map_or(0, |last| *last as usize / 64 + 1);
        // A bitset where it is not larger than the list.
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
    fn only_named_groups_are_known_and_order_and_repeats_do_not_matter() {
        let ids: Vec<GroupId> = (1..500u128).map(|n| GroupId(n << 77)).collect();
        let table = GroupTable::build(ids.clone()).unwrap();
        assert!(
            ids.iter()
                .enumerate()
                .all(|(n, id)| table.position(*id) == Some(u32::try_from(n).unwrap()))
        );
        let asked = [ids[7], GroupId(99), ids[3], ids[7]];
        assert_eq!(table.known(&asked).as_slice(), &[3, 7]);
    }
}
