//! How long a test runs, and its row of the table.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The folder that `.ci/full reliability` names for the rows.
const ROWS: &str = "CROSSTRUST_RELIABILITY_ROWS";

/// Which of two sizes to run: `short` in `cargo test`, `full` where rows are wanted.
pub fn size<T>(short: T, full: T) -> T {
    match rows() {
        Some(_) => full,
        None => short,
    }
}

/// Lets one test of this binary run at a time: a flood beside another flood measures the machine.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a row of docs/reliability.md. `place` sorts the rows: the section, a hyphen, and a name, such as `1-kill`.
/// The other texts are cells of the table: what was tried, how often, and what came of it.
pub fn row(place: &str, tried: &str, times: &str, result: &str) {
    println!("{tried} | {times} | {result}");
    if let Some(folder) = rows() {
        let row = format!("| {tried} | {times} | {result} |\n");
        fs::write(folder.join(place), row).unwrap();
    }
}

/// Says what this machine lacks for a figure, also where the output of tests is captured. The full form needs it.
pub fn lacks(what: &str) {
    assert!(size(true, false), "this machine lacks {what}");
    let _ = writeln!(std::io::stderr(), "NOT TESTED: this machine lacks {what}");
}

/// The latency that this many of a hundred calls do not exceed, in milliseconds. For rows; no test asserts it.
pub fn percentile(latencies: &mut [Duration], percent: usize) -> String {
    latencies.sort_unstable();
    let last = latencies.len().saturating_sub(1);
    let latency = latencies.get(last * percent / 100).copied();
    format!(
        "{:.1} ms",
        latency.unwrap_or_default().as_secs_f64() * 1000.0
    )
}

fn rows() -> Option<PathBuf> {
    let folder = std::env::var_os(ROWS).filter(|name| !name.is_empty());
    folder.map(PathBuf::from)
}
