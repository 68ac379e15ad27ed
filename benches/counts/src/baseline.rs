//! Committed counts with their toolchain, and the comparison of new counts with them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::program;

/// Cases and their counts per call.
pub type Counts = Vec<(String, f64)>;

/// A committed file of counts.
pub struct Baseline {
    file: &'static str,
    unit: &'static str,
    /// Decimal places.
    digits: usize,
    /// Growth in percent above which a case fails.
    tolerance: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Passed,
    Grown,
}

impl Baseline {
    /// Counts of the same build differ by about 1 % at most.
    pub const INSTRUCTIONS: Baseline = Baseline {
        file: "instructions.json",
        unit: "instructions a call",
        digits: 0,
        tolerance: 2.0,
    };

    /// Batching depends on timing, but answers that are no longer batched grow by a factor, not by percents.
    pub const SYSCALLS: Baseline = Baseline {
        file: "syscalls.json",
        unit: "system calls a call",
        digits: 3,
        tolerance: 20.0,
    };

    /// Compares with the baseline, or writes a new one.
    pub fn compare_or_write(
        &self,
        counts: &Counts,
        tools: &[(&str, String)],
        write: bool,
    ) -> Result<Comparison> {
        let made_with = made_with(tools)?;
        if write {
            fs::write(self.path(), self.text(counts, &made_with)?)?;
            println!("wrote benches/counts/baseline/{}", self.file);
            return Ok(Comparison::Passed);
        }
        let text = fs::read_to_string(self.path())
            .context("cannot read the baseline; --write creates one")?;
        let committed: Value = serde_json::from_str(&text)?;
        for (name, now) in &made_with {
            let then = &committed["made_with"][name];
            if then != now {
                println!(
                    "The baseline was made with {name} {then}, this run has {now}: the tools may have caused a change."
                );
            }
        }
        self.compare(counts, &committed["counts"])
    }

    fn compare(&self, counts: &Counts, committed: &Value) -> Result<Comparison> {
        let committed = committed
            .as_object()
            .context("the baseline has no counts")?;
        let digits = self.digits;
        println!("\n| {} | baseline | now | change |", self.unit);
        println!("|---|---:|---:|---:|");
        let mut grown = Vec::new();
        for (case, now) in counts {
            let Some(then) = committed.get(case).and_then(Value::as_f64) else {
                println!("| {case} | | {now:.digits$} | new |");
                continue;
            };
            let change = (now / then - 1.0) * 100.0;
            println!("| {case} | {then:.digits$} | {now:.digits$} | {change:+.1} % |");
            if change > self.tolerance {
                grown.push(case.as_str());
            }
        }
        let is_counted = |case: &String| counts.iter().any(|(counted, _)| counted == case);
        let gone: Vec<_> = committed.keys().filter(|case| !is_counted(case)).collect();
        ensure!(
            gone.is_empty(),
            "cases of the baseline that were not counted: {gone:?}"
        );
        println!();
        if grown.is_empty() {
            println!("No case has grown by more than {} %.", self.tolerance);
            return Ok(Comparison::Passed);
        }
        println!(
            "Grown by more than {} %: {}",
            self.tolerance,
            grown.join(", ")
        );
        Ok(Comparison::Grown)
    }

    fn text(&self, counts: &Counts, made_with: &Map<String, Value>) -> Result<String> {
        let round = |count: f64| -> Result<Value> {
            // Rounds by formatting and parsing.
            Ok(serde_json::from_str(&format!("{count:.*}", self.digits))?)
        };
        let mut rounded = Map::new();
        for (case, count) in counts {
            rounded.insert(case.clone(), round(*count)?);
        }
        let document = json!({ "unit": self.unit, "made_with": made_with, "counts": rounded });
        Ok(format!("{document:#}\n"))
    }

    fn path(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline");
        folder.join(self.file)
    }
}

/// The toolchain and tools, on which counts depend besides the code.
fn made_with(tools: &[(&str, String)]) -> Result<Map<String, Value>> {
    let rustc = program::version("rustc", &["-vV"]).context("rustc is not installed")?;
    let field = |name: &str| {
        let value = rustc.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().to_owned()
    };
    let mut made_with = Map::new();
    made_with.insert("rustc".to_owned(), field("rustc ").into());
    made_with.insert("target".to_owned(), field("host: ").into());
    for (tool, version) in tools {
        let first = version.lines().next().unwrap_or_default();
        made_with.insert((*tool).to_owned(), first.into());
    }
    Ok(made_with)
}
