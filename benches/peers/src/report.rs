//! Numbers of several rounds, as Markdown.

use std::fs;
use std::time::Duration;

/// One number, seen in each round; the first round is thrown away.
#[derive(Default)]
pub struct Series(Vec<f64>);

impl Series {
    pub fn push(&mut self, number: f64) {
        self.0.push(number);
    }

    pub fn push_micros(&mut self, duration: Duration) {
        self.push(duration.as_secs_f64() * 1e6);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.iter().skip(1).copied().collect::<Vec<_>>();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    }

    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            len if len % 2 == 1 => sorted[len / 2],
            len => (sorted[len / 2 - 1] + sorted[len / 2]) / 2.0,
        }
    }

    /// `median (least–most)`
    pub fn show(&self) -> String {
        let sorted = self.sorted();
        let number = |number: Option<&f64>| number.copied().map_or_else(String::new, self::number);
        let range = format!("{}–{}", number(sorted.first()), number(sorted.last()));
        format!("{} ({range})", self::number(self.median()))
    }
}

/// Three figures that count.
pub fn number(number: f64) -> String {
    match number {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

/// A row of a table.
pub fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// The head of a table: names on the left, numbers on the right.
pub fn head(cells: &[&str]) {
    println!("\n| {} |", cells.join(" | "));
    println!("|---|{}", "---:|".repeat(cells.len().saturating_sub(1)));
}

/// What this runs on, and how busy that is: latencies of a busy machine are the machine's.
pub fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("?");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{model}, {cores} cores, Linux {}, load {load} before the run",
        kernel.trim()
    )
}
