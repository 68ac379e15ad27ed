//! Collects the findings of one file, up to a limit.

use super::finding::{Code, Finding, Severity, SourceLocation};

/// The findings of a file.
#[derive(Debug, Default)]
pub(super) struct FindingCollector {
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
    infos: usize,
}

impl FindingCollector {
    /// Adds a finding. Findings beyond [`MAX_FINDINGS`] are only counted.
    pub(super) fn add(&mut self, finding: Finding) {
        let count = match finding.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
            Severity::Info => &mut self.infos,
        };
        *count += 1;
        if *count <= MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// The number of errors so far.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// All findings. If some were only counted, the last one reports their number.
    pub(super) fn into_findings(mut self, file: &str) -> Vec<Finding> {
        let counts = [self.errors, self.warnings, self.infos];
        let omitted: usize = counts
            .iter()
            .map(|count| count.saturating_sub(MAX_FINDINGS))
            .sum();
        if omitted > 0 {
            let message = format!("{omitted} more findings in this file are not listed");
            let place = SourceLocation::of_file(file);
            self.findings
                .push(Finding::warning(place, Code::OutOfRange, message));
        }
        self.findings
    }
}

/// The maximum number of findings of each severity for one file: a file of a few MB could have a finding for each value.
const MAX_FINDINGS: usize = 1000;
