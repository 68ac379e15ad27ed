//! The findings about one file, as many as a person can read.

use super::finding::{Code, Finding, Place, Severity};

/// Findings collected while a file is read.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
    infos: usize,
}

impl Report {
    /// Adds a finding. Beyond [`MOST`] it is only counted.
    pub(super) fn add(&mut self, finding: Finding) {
        let count = match finding.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Info => &mut self.infos,
        };
        *count += 1;
        if *count <= MOST {
            self.findings.push(finding);
        }
    }

    /// How many errors were found so far.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// All findings; where some were only counted, one more says so.
    pub(super) fn into_findings(mut self, file: &str) -> Vec<Finding> {
        let counts = [self.errors, self.warnings, self.infos];
        let untold: usize = counts.iter().map(|count| count.saturating_sub(MOST)).sum();
        if untold > 0 {
            let message = format!("{untold} more findings in this file are not told");
            let place = Place::of_file(file);
            self.findings
                .push(Finding::warning(place, Code::OutOfRange, message));
        }
        self.findings
    }
}

/// Findings of each severity that are reported of one file: more are of no use, and a file of a few MB could have as many
/// findings as it has values.
const MOST: usize = 1000;
