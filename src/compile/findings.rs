//! Collects the findings of one compilation.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use crate::graph::{Code, Finding, Severity, SourceLocation};
use crate::snapshot::bundles;
use crate::vocabulary::Bundle;

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn error(&mut self, place: &SourceLocation, code: Code, message: impl Into<String>) {
        self.0.push(Finding::error(place.clone(), code, message));
    }

    pub(super) fn warning(
        &mut self,
        place: &SourceLocation,
        code: Code,
        message: impl Into<String>,
    ) {
        self.0.push(Finding::warning(place.clone(), code, message));
    }

    pub(super) fn info(&mut self, place: &SourceLocation, code: Code, message: impl Into<String>) {
        self.0.push(Finding::info(place.clone(), code, message));
    }

    /// Reports with a severity that depends on the state of the policy.
    pub(super) fn report(
        &mut self,
        severity: Severity,
        place: &SourceLocation,
        code: Code,
        message: impl Into<String>,
    ) {
        match severity {
            Severity::Error => self.error(place, code, message),
            Severity::Warning => self.warning(place, code, message),
            Severity::Info => self.info(place, code, message),
        }
    }

    /// Reports a list that exceeds the 32-bit positions of a snapshot.
    pub(super) fn too_many(&mut self, what: &str) {
        let message = format!("found more {what} than the 32-bit positions of a snapshot allow");
        self.error(
            &SourceLocation::of_file("(all files)"),
            Code::OutOfRange,
            message,
        );
    }

    /// Reports a value without a position, so that it is not silently dropped from a rule.
    pub(super) fn missing_position(&mut self, what: &str) {
        let message = format!(
            "found no position for {what}: there are too many, or this is a bug in crosstrust"
        );
        self.error(
            &SourceLocation::of_file("(all files)"),
            Code::OutOfRange,
            message,
        );
    }

    /// The findings, sorted by file and line, without duplicates.
    pub(super) fn into_sorted(mut self) -> Vec<Finding> {
        self.0.sort();
        self.0.dedup();
        self.0
    }
}

/// Reports each duplicate id at its later place (semantics §2).
pub(super) fn report_duplicates<'a, K: Eq + Hash + Display>(
    findings: &mut Findings,
    what: &str,
    items: impl Iterator<Item = (K, &'a SourceLocation)>,
) {
    let mut first_places: HashMap<K, &SourceLocation> = HashMap::new();
    for (id, place) in items {
        if let Some(first) = first_places.get(&id) {
            let message = format!(
                "found {what} {id} twice, expected once; the first is at {}",
                origin_of(first)
            );
            findings.error(place, Code::Duplicate, message);
        } else {
            first_places.insert(id, place);
        }
    }
}

/// The message about a bundle whose members Microsoft publishes without ids (semantics §3).
pub(super) fn incomplete_bundle_message(bundle: Bundle) -> String {
    let known = bundles::members(bundle).apps().len();
    format!(
        "found {bundle}: the ids of {known} of its applications are known, and Microsoft publishes no list \
         of ids; every other Microsoft application counts as a possible member, which makes decisions \
         stricter, unless `[[application]] bundles` is set for it"
    )
}

/// A place as an origin: `contoso/partners.json:12 $[0].inboundTrust`.
pub(super) fn origin_of(place: &SourceLocation) -> String {
    format!("{}:{} {}", place.file, place.line, place.path)
}
