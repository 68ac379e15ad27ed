//! Counts that are committed, on which toolchain they were made, and the table of what has changed since.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::program;

/// What was counted for each case, a call.
pub type Counts = Vec<(String, f64)>;

/// Counts to compare with.
pub struct Baseline {
    file: &'static str,
    /// What the numbers are.
    unit: &'static str,
    /// Digits behind the point.
    digits: usize,
    /// A case that has grown by more than this many percent fails.
    tolerance: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    Grown,
}

impl Baseline {
    /// The same build counted again differs by about 1 % at most.
    pub const INSTRUCTIONS: Baseline = Baseline {
        file: "instructions.json",
        unit: "instructions a call",
        digits: 0,
        tolerance: 2.0,
    };

    /// What is batched depends on who is quicker: a lost batch shows as a factor, not as percents.
    pub const SYSCALLS: Baseline = Baseline {
        file: "syscalls.json",
        unit: "system calls a call",
        digits: 3,
        tolerance: 20.0,
    };

    /// Compares, or takes these from now on.
    pub fn settle(
        &self,
        counts: &Counts,
        tools: &[(&str, String)],
        write: bool,
    ) -> Result<Verdict> {
        let made_with = made_with(tools)?;
        if write {
            fs::write(self.path(), self.text(counts, &made_with)?)?;
            println!("written: benches/counts/baseline/{}", self.file);
            return Ok(Verdict::Fine);
        }
        let text = fs::read_to_string(self.path()).context("no baseline: --write makes one")?;
        let committed: Value = serde_json::from_str(&text)?;
        for (name, now) in &made_with {
            let then = &committed["made_with"][name];
            if then != now {
                println!(
                    "The baseline was made with {name} {then}, this is {now}: a change may be the tools'."
                );
            }
        }
        self.compare(counts, &committed["counts"])
    }

    fn compare(&self, counts: &Counts, committed: &Value) -> Result<Verdict> {
        let committed = committed.as_object().context("a baseline without counts")?;
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
            "in the baseline, but not counted: {gone:?}"
        );
        println!();
        if grown.is_empty() {
            println!("None has grown by more than {} %.", self.tolerance);
            return Ok(Verdict::Fine);
        }
        println!(
            "Grown by more than {} %: {}",
            self.tolerance,
            grown.join(", ")
        );
        Ok(Verdict::Grown)
    }

    fn text(&self, counts: &Counts, made_with: &Map<String, Value>) -> Result<String> {
        let round = |count: f64| -> Result<Value> {
            // As text and back: no digits that say nothing.
            Ok(serde_json::from_str(&format!("{count:.*}", self.digits))?)
        };
        let mut rounded = Map::new();
        for (case, count) in counts {
            rounded.insert(case.clone(), round(*count)?);
        }
        let whole = json!({ "unit": self.unit, "made_with": made_with, "counts": rounded });
        Ok(format!("{whole:#}\n"))
    }

    fn path(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline");
        folder.join(self.file)
    }
}

/// What a count depends on besides the code.
fn made_with(tools: &[(&str, String)]) -> Result<Map<String, Value>> {
    let rustc = program::version("rustc", &["-vV"]).context("there is no rustc")?;
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
