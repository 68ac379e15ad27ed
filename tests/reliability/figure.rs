//! The size of a test, and its row of the table in docs/reliability.md.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The folder that `.ci/full reliability` names for the rows.
const ROWS: &str = "CROSSTRUST_RELIABILITY_ROWS";

/// Returns `full` if rows are written (`.ci/full reliability`), otherwise `short`.
pub fn size<T>(short: T, full: T) -> T {
    match rows() {
        Some(_) => full,
        None => short,
    }
}

/// Serialises the tests of this binary: concurrent floods would measure the machine.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a row of docs/reliability.md. `place` sorts the rows: the section, a hyphen, and a name, such as `1-kill`.
/// The other texts are the cells: what was tried, how often, and the result.
pub fn row(place: &str, tried: &str, times: &str, result: &str) {
    println!("{tried} | {times} | {result}");
    if let Some(folder) = rows() {
        let row = format!("| {tried} | {times} | {result} |\n");
        fs::write(folder.join(place), row).unwrap();
    }
}

/// Reports that this machine lacks something a test needs, on stderr, which the test harness does not capture. The full
/// form fails instead.
pub fn lacks(what: &str) {
    assert!(size(true, false), "this machine lacks {what}");
    let _ = writeln!(std::io::stderr(), "NOT TESTED: this machine lacks {what}");
}

/// The latency at this percentile, as text in milliseconds, for rows.
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
