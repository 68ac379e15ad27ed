//! A small deterministic random number generator (SplitMix64), so that a seed always names the same case.

/// A generator with a seed.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number from 0 up to, but not including, `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True with this probability in percent.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    pub fn one<T: Copy>(&mut self, list: &[T]) -> T {
        *self.pick(list)
    }

    /// Each item with this probability, in the order of the list.
    pub fn some<T: Copy>(&mut self, list: &[T], percent: usize) -> Vec<T> {
        list.iter()
            .copied()
            .filter(|_| self.chance(percent))
            .collect()
    }

    /// As `some`, but with at least one item.
    pub fn at_least_one<T: Copy>(&mut self, list: &[T], percent: usize) -> Vec<T> {
        let some = self.some(list, percent);
        if some.is_empty() {
            vec![self.one(list)]
        } else {
            some
        }
    }

    pub fn maybe<T>(&mut self, percent: usize, value: T) -> Option<T> {
        self.chance(percent).then_some(value)
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.below(last + 1);
            list.swap(last, other);
        }
    }

    /// A random index, with the given weights.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        unreachable!("the drawn number is below the sum of the weights")
    }
}
