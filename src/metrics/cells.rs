//! Sharded counters, which threads increment without contention.
//!
//! Each shard has a copy of every counter. A thread gets its shard when it first counts. If there are more threads than
//! shards, threads share shards, which is slower but correct. A counter is an atomic; readers sum the shards.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::histogram::{self, CELLS_PER_HISTOGRAM};

/// The shards of a row of counters.
pub(super) struct Cells {
    /// The shards one after the other, `stride` lines each.
    lines: Box<[CacheLine]>,
    stride: usize,
}

#[repr(align(64))]
#[derive(Default)]
struct CacheLine([AtomicU64; PER_LINE]);

/// The counters of one thread.
#[derive(Clone, Copy)]
pub(super) struct CounterShard<'a>(&'a [CacheLine]);

/// The index of a histogram's first bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistogramIndex(pub(super) usize);

impl Cells {
    /// `count` counters at zero.
    pub(super) fn new(count: usize) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = threads.next_power_of_two().clamp(MIN_SHARDS, MAX_SHARDS);
        // One line is unused between shards, because processors prefetch lines in pairs.
        let stride = count.div_ceil(PER_LINE) + 1;
        let lines = (0..shards * stride).map(|_| CacheLine::default());
        Cells {
            lines: lines.collect(),
            stride,
        }
    }

    /// The shard of the current thread.
    pub(super) fn thread_shard(&self) -> CounterShard<'_> {
        let mut number = NUMBER.get();
        if number == NONE {
            number = NEXT.fetch_add(1, Ordering::Relaxed) & !NONE;
            NUMBER.set(number);
        }
        let shards = self.lines.len() / self.stride;
        let start = number % shards * self.stride;
        CounterShard(self.lines.get(start..start + self.stride).unwrap_or(&[]))
    }

    /// The sum of a counter over all shards.
    pub(super) fn sum(&self, index: usize) -> u64 {
        let shards = self.lines.chunks_exact(self.stride);
        let counts = shards.map(|shard| {
            CounterShard(shard)
                .cell(index)
                .map_or(0, |c| c.load(Ordering::Relaxed))
        });
        counts.fold(0, u64::wrapping_add)
    }
}

impl CounterShard<'_> {
    /// Adds to a counter.
    pub(super) fn add(self, index: usize, amount: u64) {
        if let Some(cell) = self.cell(index) {
            cell.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Adds to a histogram: 1 to the bucket, and the time to the sum.
    pub(super) fn observe(self, HistogramIndex(index): HistogramIndex, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.add(index + histogram::bucket(nanos), 1);
        self.add(index + CELLS_PER_HISTOGRAM - 1, nanos);
    }

    fn cell(&self, index: usize) -> Option<&AtomicU64> {
        self.0.get(index / PER_LINE)?.0.get(index % PER_LINE)
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shards = self.lines.len().checked_div(self.stride);
        out.debug_struct("Cells")
            .field("shards", &shards)
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// Const-initialized and without a destructor, so access is cheap.
    static NUMBER: Cell<usize> = const { Cell::new(NONE) };
}

/// The number of the next thread that counts.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The number of a thread that has not counted yet: the highest bit, which no other number has.
const NONE: usize = 1 << (usize::BITS - 1);

const PER_LINE: usize = 8;

/// More request threads than cores may be configured.
const MIN_SHARDS: usize = 8;

/// A shard takes about ten kilobytes.
const MAX_SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn concurrent_threads_lose_no_count() {
        let cells = Cells::new(100);
        thread::scope(|scope| {
            for _ in 0..2 * MAX_SHARDS {
                scope.spawn(|| {
                    for at in 0..100 {
                        cells.thread_shard().add(at, 1);
                    }
                });
            }
        });
        let all = u64::try_from(2 * MAX_SHARDS).unwrap();
        assert!((0..100).all(|at| cells.sum(at) == all));
    }

    #[test]
    fn two_threads_share_no_cache_line() {
        let cells = Cells::new(100);
        // Fixed numbers, because threads of other tests take numbers at the same time.
        let lines = |number| {
            NUMBER.set(number);
            let shard = cells.thread_shard();
            let first: *const _ = shard.cell(0).unwrap();
            let last: *const _ = shard.cell(99).unwrap();
            (first.addr() / 64, last.addr() / 64)
        };
        let lines_of =
            |number| thread::scope(|scope| scope.spawn(|| lines(number)).join().unwrap());
        let (first, second) = (lines_of(0), lines_of(1));
        assert!(
            first.1 + 1 < second.0 || second.1 + 1 < first.0,
            "{first:?} {second:?}"
        );
    }

    #[test]
    fn an_unknown_counter_is_ignored_and_reads_zero() {
        let cells = Cells::new(8);
        cells.thread_shard().add(1000, 1);
        assert_eq!(cells.sum(1000), 0);
    }
}
