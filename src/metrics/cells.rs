//! Counters that threads add to without disturbing each other.
//!
//! There are several copies of every counter. A thread takes a copy for good when it first counts, so two threads
//! share one only where there are more threads than copies, which is slower and no less right. A counter is a plain
//! atomic; whoever reads adds its copies up.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::histogram::{self, SPAN};

/// Copies of a row of counters.
pub(super) struct Cells {
    /// Copy after copy, `stride` lines each.
    lines: Box<[Line]>,
    stride: usize,
}

/// A line of the processor's cache.
#[repr(align(64))]
#[derive(Default)]
struct Line([AtomicU64; PER_LINE]);

/// The copy of one thread.
#[derive(Clone, Copy)]
pub(super) struct Shard<'a>(&'a [Line]);

/// The place of a histogram: of its first bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistogramAt(pub(super) usize);

impl Cells {
    /// So many counters, at zero.
    pub(super) fn new(count: usize) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let copies = threads
            .next_power_of_two()
            .clamp(FEWEST_COPIES, MOST_COPIES);
        // One line is left between copies: processors fetch them in pairs.
        let stride = count.div_ceil(PER_LINE) + 1;
        let lines = (0..copies * stride).map(|_| Line::default());
        Cells {
            lines: lines.collect(),
            stride,
        }
    }

    /// The copy of this thread.
    pub(super) fn mine(&self) -> Shard<'_> {
        let mut number = NUMBER.get();
        if number == NONE {
            number = NEXT.fetch_add(1, Ordering::Relaxed) & !NONE;
            NUMBER.set(number);
        }
        let copies = self.lines.len() / self.stride;
        let start = number % copies * self.stride;
        Shard(self.lines.get(start..start + self.stride).unwrap_or(&[]))
    }

    /// The counter, over all copies.
    pub(super) fn sum(&self, at: usize) -> u64 {
        let copies = self.lines.chunks_exact(self.stride);
        let counts = copies.map(|copy| {
            Shard(copy)
                .cell(at)
                .map_or(0, |c| c.load(Ordering::Relaxed))
        });
        counts.fold(0, u64::wrapping_add)
    }
}

impl Shard<'_> {
    /// Adds to a counter.
    pub(super) fn add(self, at: usize, more: u64) {
        if let Some(cell) = self.cell(at) {
            cell.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Adds to a histogram: one to its bucket, and the time to its sum.
    pub(super) fn observe(self, HistogramAt(at): HistogramAt, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.add(at + histogram::bucket(nanos), 1);
        self.add(at + SPAN - 1, nanos);
    }

    fn cell(&self, at: usize) -> Option<&AtomicU64> {
        self.0.get(at / PER_LINE)?.0.get(at % PER_LINE)
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let copies = self.lines.len().checked_div(self.stride);
        out.debug_struct("Cells")
            .field("copies", &copies)
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// Without an initializer that runs and without a destructor: reading it costs nothing.
    static NUMBER: Cell<usize> = const { Cell::new(NONE) };
}

/// The number of the next thread that counts.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A thread that has not counted yet: the highest bit, which no number has.
const NONE: usize = 1 << (usize::BITS - 1);

const PER_LINE: usize = 8;

/// Where a machine has few cores, more request threads than cores may still be configured.
const FEWEST_COPIES: usize = 8;

/// At some ten kilobytes each.
const MOST_COPIES: usize = 64;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn threads_that_count_at_once_lose_nothing() {
        let cells = Cells::new(100);
        thread::scope(|scope| {
            for _ in 0..2 * MOST_COPIES {
                scope.spawn(|| {
                    for at in 0..100 {
                        cells.mine().add(at, 1);
                    }
                });
            }
        });
        let all = u64::try_from(2 * MOST_COPIES).unwrap();
        assert!((0..100).all(|at| cells.sum(at) == all));
    }

    #[test]
    fn two_threads_write_no_line_in_common() {
        let cells = Cells::new(100);
        // Numbers of their own: other tests' threads count at the same time, and copies are taken in turn.
        let place = |number| {
            NUMBER.set(number);
            let shard = cells.mine();
            let first: *const _ = shard.cell(0).unwrap();
            let last: *const _ = shard.cell(99).unwrap();
            (first.addr() / 64, last.addr() / 64)
        };
        let place_of =
            |number| thread::scope(|scope| scope.spawn(|| place(number)).join().unwrap());
        let (here, there) = (place_of(0), place_of(1));
        assert!(
            here.1 + 1 < there.0 || there.1 + 1 < here.0,
            "{here:?} {there:?}"
        );
    }

    #[test]
    fn a_counter_that_is_not_there_is_not_counted_and_reads_zero() {
        let cells = Cells::new(8);
        cells.mine().add(1000, 1);
        assert_eq!(cells.sum(1000), 0);
    }
}
