//! A hash table that maps keys to their positions in a list.
//!
//! Open addressing with linear probing over 64-bit slots (a 32-bit tag and a 32-bit position), at most half
//! full; a matching tag is confirmed by comparing the key. The hash has a random key, so that a policy author
//! cannot choose keys that collide. Takes half the time and memory of a general hash map at a million pairs.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

/// Keys and their positions, in the given order.
#[derive(Debug)]
pub struct PositionTable<K> {
    keys: Box<[K]>,
    /// High half: tag of the key's hash. Low half: position + 1, 0 = free.
    slots: Box<[u64]>,
    hasher: RandomState,
}

impl<K: Copy + Eq + Hash> PositionTable<K> {
    /// Builds the table. `None` if there are too many keys for 32-bit positions. Of equal keys the first is
    /// found.
    pub fn build(keys: Vec<K>) -> Option<Self> {
        u32::try_from(keys.len())
            .ok()
            .filter(|n| *n < u32::MAX / 4)?;
        let size = (keys.len() * 2).next_power_of_two().max(2);
        let mut table = PositionTable {
            keys: keys.into_boxed_slice(),
            slots: vec![0; size].into_boxed_slice(),
            hasher: RandomState::default(),
        };
        for (position, key) in table.keys.iter().enumerate() {
            let hash = table.hasher.hash_one(key);
            let mut at = first_slot(hash, size);
            while let Some(slot) = table.slots.get_mut(at) {
                if *slot == 0 {
                    *slot = tag(hash) | (position as u64 + 1);
                    break;
                }
                at = (at + 1) & (size - 1);
            }
        }
        Some(table)
    }

    /// The key's position in the list that the table was built from.
    pub fn position(&self, key: &K) -> Option<usize> {
        let hash = self.hasher.hash_one(key);
        let size = self.slots.len();
        let mut at = first_slot(hash, size);
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            if slot & TAG == tag(hash) {
                let position = usize::try_from((slot & !TAG) - 1).ok()?;
                if self.keys.get(position) == Some(key) {
                    return Some(position);
                }
            }
            at = (at + 1) & (size - 1);
        }
    }

    /// The keys, in the given order.
    pub fn keys(&self) -> &[K] {
        &self.keys
    }
}

const TAG: u64 = 0xffff_ffff_0000_0000;

fn tag(hash: u64) -> u64 {
    hash & TAG
}

/// The low bits select the slot, the high bits are the tag. `size` is a power of two.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only bits that the mask drops anyway"
)]
fn first_slot(hash: u64, size: usize) -> usize {
    (hash as usize) & (size - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_at_its_position_and_no_other_key_is_found() {
        let keys: Vec<u128> = (0..10_000).map(|n| n * 0x9e37_79b9_7f4a_7c15).collect();
        let table = PositionTable::build(keys.clone()).unwrap();
        for (position, key) in keys.iter().enumerate() {
            assert_eq!(table.position(key), Some(position));
        }
        assert!((1..10_000).all(|n| table.position(&(n * 3 + 1_000_000_007)).is_none()));
    }

    #[test]
    fn an_empty_table_finds_nothing() {
        let table = PositionTable::<u128>::build(Vec::new()).unwrap();
        assert_eq!(table.position(&0), None);
    }
}
