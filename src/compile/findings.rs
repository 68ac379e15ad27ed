//! The findings of one run, collected.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use crate::graph::{Code, Finding, Place, Severity};
use crate::snapshot::bundles;
use crate::vocabulary::Bundle;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn error(&mut self, place: &Place, code: Code, message: impl Into<String>) {
        self.0.push(Finding::error(place.clone(), code, message));
    }

    pub(super) fn warning(&mut self, place: &Place, code: Code, message: impl Into<String>) {
        self.0.push(Finding::warning(place.clone(), code, message));
    }

    pub(super) fn info(&mut self, place: &Place, code: Code, message: impl Into<String>) {
        self.0.push(Finding::info(place.clone(), code, message));
    }

    /// For what is an error in a policy that decides, and a warning in one that does not.
    pub(super) fn report(
        &mut self,
        severity: Severity,
        place: &Place,
        code: Code,
        message: impl Into<String>,
    ) {
        match severity {
            Severity::Error => self.error(place, code, message),
            Severity::Warning => self.warning(place, code, message),
            Severity::Info => self.info(place, code, message),
        }
    }

    /// Positions in a snapshot are 32 bits; beyond that nothing is compiled.
    pub(super) fn too_many(&mut self, what: &str) {
        let message = format!("found more {what} than 32 bits can count");
        self.error(&Place::of_file("(all files)"), Code::OutOfRange, message);
    }

    /// Something that should have a position has none. No rule may lose it silently.
    pub(super) fn lost(&mut self, what: &str) {
        let message =
            format!("found no position for {what}: there are too many, or this is our bug");
        self.error(&Place::of_file("(all files)"), Code::OutOfRange, message);
    }

    /// By file and line, without repeats.
    pub(super) fn into_sorted(mut self) -> Vec<Finding> {
        self.0.sort();
        self.0.dedup();
        self.0
    }
}

/// semantics §2: an id that stands twice is an error, told at the later place.
pub(super) fn report_repeats<'a, K: Eq + Hash + Display>(
    findings: &mut Findings,
    what: &str,
    items: impl Iterator<Item = (K, &'a Place)>,
) {
    let mut first_places: HashMap<K, &Place> = HashMap::new();
    for (id, place) in items {
        if let Some(first) = first_places.get(&id) {
            let message = format!(
                "found {what} {id} twice, expected once; it already stands at {}",
                origin_of(first)
            );
            findings.error(place, Code::Duplicate, message);
        } else {
            first_places.insert(id, place);
        }
    }
}

/// semantics §3: the members of a bundle that Microsoft does not publish with ids are not all known.
pub(super) fn incomplete_bundle(bundle: Bundle) -> String {
    let known = bundles::members(bundle).apps().len();
    format!(
        "found {bundle}: {known} of its applications are known here, and Microsoft publishes no list of ids; \
         another application of Microsoft's counts as a possible member, on the strict side, unless \
         `[[application]]` states its bundles"
    )
}

/// A place as an origin: `contoso/partners.json:12 $[0].inboundTrust`.
pub(super) fn origin_of(place: &Place) -> String {
    format!("{}:{} {}", place.file, place.line, place.path)
}
