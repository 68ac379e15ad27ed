//! Scans the policies folder: read, check, compile, activate; last known good.
//!
//! One scan at a time, on the reloader's thread. After any failed scan the active snapshot stays in force
//! (semantics §7).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::inbox::Debounce;
use super::{Activation, Rejection, ReloadOutcome};
use crate::changes::{self, Changes};
use crate::compile::{self, CompileOutcome};
use crate::engine::Engine;
use crate::files::{self, Directory, FilesError, Listing, TreeDigest, TreeLimits};
use crate::graph::{self, Code, Finding, PolicyFiles, Severity, SourceFile, SourceLocation};
use crate::policy_settings::PolicySettings;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// Why the folder is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanTrigger {
    /// The periodic rescan. A folder with an unchanged listing is usually not read.
    Tick,
    /// Something may have changed.
    Hint,
    /// A caller waits for the outcome: nothing is reused from an earlier scan.
    Request {
        /// Documents may be missing.
        allow_removals: bool,
    },
}

/// The result of a scan.
#[derive(Debug)]
pub(super) enum ScanResult {
    /// Same as the last scan, nothing to report.
    NothingNew,
    /// A new outcome, or a caller waits for it.
    Report(ReloadOutcome, Warnings, Changes),
}

/// The warnings of the policies in force.
type Warnings = Arc<[Finding]>;

/// A policies folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) limits: TreeLimits,
    settings: PolicySettings,
    pub(super) allow_removals: bool,
    pub(super) debounce: Debounce,
    /// The source of the active snapshot.
    active: Option<ActiveSource>,
    /// The last rejection; reported once for the same content.
    rejected: Option<RejectedContent>,
    /// The listing of the last read; `None` if it failed.
    last_read: Option<Listing>,
    /// The directories of the last listing, also if the scan failed otherwise.
    directories: Vec<Directory>,
    /// The listing was the same at a later read, so no change hides within one tick of the file system's clock.
    is_confirmed: bool,
    ticks_without_read: u32,
    loads: u64,
}

#[derive(Debug)]
struct ActiveSource {
    digest: TreeDigest,
    documents: BTreeSet<String>,
    warnings: Warnings,
    /// For the comparison with the next content.
    files: Vec<SourceFile>,
}

#[derive(Debug, PartialEq, Eq)]
enum RejectedContent {
    Digest(TreeDigest),
    /// The error of a folder that could not be read.
    Unreadable(String),
}

/// A scan that activates nothing.
#[derive(Debug)]
struct ScanFailure {
    rejected: RejectedContent,
    findings: Vec<Finding>,
}

impl Folder {
    pub(super) fn new(
        root: PathBuf,
        limits: TreeLimits,
        settings: PolicySettings,
        allow_removals: bool,
        debounce: Debounce,
    ) -> Self {
        Folder {
            root,
            limits,
            settings,
            allow_removals,
            debounce,
            active: None,
            rejected: None,
            last_read: None,
            directories: Vec::new(),
            is_confirmed: false,
            ticks_without_read: 0,
            loads: 0,
        }
    }

    /// Scans the folder and activates new valid content.
    pub(super) fn scan(&mut self, engine: &Engine, trigger: ScanTrigger) -> ScanResult {
        if trigger == ScanTrigger::Tick && !self.needs_reading() {
            return ScanResult::NothingNew;
        }
        self.ticks_without_read = 0;
        let (allow_removals, is_requested) = match trigger {
            ScanTrigger::Tick | ScanTrigger::Hint => (self.allow_removals, false),
            ScanTrigger::Request { allow_removals } => {
                (allow_removals || self.allow_removals, true)
            }
        };
        match self.attempt(engine, allow_removals, is_requested) {
            Ok(result) => result,
            Err(failure) => self.reject(engine, failure, is_requested),
        }
    }

    /// The directories of the last listing.
    pub(super) fn directories(&self) -> &[Directory] {
        &self.directories
    }

    /// Number of reads.
    pub(super) fn loads(&self) -> u64 {
        self.loads
    }

    /// Whether the listing is unchanged since the last read.
    pub(super) fn is_unchanged(&self) -> bool {
        files::list(&self.root, &self.limits).ok() == self.last_read
    }

    /// Stores the listing of a scan. If the folder could not be read, because it keeps changing or is briefly missing,
    /// its last known directories stay watched, so that the next change is noticed.
    fn store_listing(&mut self, listing: Option<&Listing>, is_requested: bool) {
        self.is_confirmed =
            !is_requested && listing.is_some() && listing == self.last_read.as_ref();
        self.last_read = listing.cloned();
        let latest = match listing {
            Some(listing) => Some(listing.clone()),
            None => files::list(&self.root, &self.limits).ok(),
        };
        if let Some(latest) = latest {
            self.directories = latest.directories;
        }
    }

    /// Whether a periodic rescan has to read the files: usually the listing is enough. If it has changed, this waits
    /// until it is stable.
    fn needs_reading(&mut self) -> bool {
        self.ticks_without_read += 1;
        if self.is_unchanged() && self.last_read.is_some() {
            return !self.is_confirmed || self.ticks_without_read >= FORCED_READ_TICKS;
        }
        let start = Instant::now();
        let mut last = files::list(&self.root, &self.limits).ok();
        while start.elapsed() < self.debounce.at_most {
            std::thread::sleep(self.debounce.quiet);
            let next = files::list(&self.root, &self.limits).ok();
            if next == last {
                break;
            }
            last = next;
        }
        true
    }

    fn attempt(
        &mut self,
        engine: &Engine,
        allow_removals: bool,
        is_requested: bool,
    ) -> Result<ScanResult, ScanFailure> {
        self.loads += 1;
        let tree = files::read(&self.root, &self.limits);
        self.store_listing(tree.as_ref().ok().map(|tree| &tree.listing), is_requested);
        let tree = tree.map_err(|error| ScanFailure::unreadable(&error))?;
        let digest = tree.digest;
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.digest == digest)
        {
            return Ok(self.unchanged(engine, is_requested));
        }
        let content = RejectedContent::Digest(digest);
        if !is_requested && self.rejected.as_ref() == Some(&content) {
            return Ok(ScanResult::NothingNew);
        }
        let documents: BTreeSet<String> = tree.files.iter().map(|file| file.path.clone()).collect();
        if !allow_removals {
            self.check_for_removals(&documents)
                .map_err(|findings| ScanFailure {
                    rejected: RejectedContent::Digest(digest),
                    findings,
                })?;
        }
        let now = engine.clock().now().wall;
        let compiled = compile_files(tree.policy_files(), &self.settings, now);
        let (snapshot, warnings) = compiled.map_err(|findings| ScanFailure {
            rejected: content,
            findings,
        })?;
        let source = ActiveSource {
            digest,
            documents,
            warnings: by_severity(warnings),
            files: tree.files,
        };
        Ok(self.activate(engine, snapshot, source))
    }

    /// A missing document is an error: empty content has to be explicit (semantics §2).
    fn check_for_removals(&self, documents: &BTreeSet<String>) -> Result<(), Vec<Finding>> {
        let Some(active) = &self.active else {
            return Ok(());
        };
        let missing: Vec<Finding> = active
            .documents
            .difference(documents)
            .map(|path| {
                let message = "the active policies were read from this file, and it is missing; \
                               restore it, write [] or {} into it, or reload with allow_removals";
                Finding::error(
                    SourceLocation::of_file(path.as_str()),
                    Code::Removed,
                    message,
                )
            })
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing)
        }
    }

    fn activate(
        &mut self,
        engine: &Engine,
        snapshot: Snapshot,
        source: ActiveSource,
    ) -> ScanResult {
        let warnings = Arc::clone(&source.warnings);
        let replaced = self.active.replace(source);
        self.rejected = None;
        let id = snapshot.id();
        let is_in_force = engine
            .active()
            .is_some_and(|active| active.snapshot.id() == id);
        let outcome = if is_in_force {
            // Lines and file names may differ, and Explain returns the origin of a value.
            engine.refresh(snapshot);
            ReloadOutcome::Unchanged { id: Some(id) }
        } else {
            let active = engine.activate(snapshot, self.root.display().to_string());
            ReloadOutcome::Activated(Activation {
                id,
                version: active.version,
                at: active.activated_at,
            })
        };
        // Compare after the activation, so that requests do not wait for it. The first load has nothing to compare.
        let changes = match (replaced, &self.active) {
            (Some(old), Some(new)) => changes::compare(&old.files, &new.files),
            (None | Some(_), _) => Changes::default(),
        };
        ScanResult::Report(outcome, warnings, changes)
    }

    fn unchanged(&mut self, engine: &Engine, is_requested: bool) -> ScanResult {
        if self.rejected.take().is_none() && !is_requested {
            return ScanResult::NothingNew;
        }
        let id = engine.active().map(|active| active.snapshot.id());
        let warnings = self
            .active
            .as_ref()
            .map(|active| Arc::clone(&active.warnings));
        let warnings = warnings.unwrap_or_default();
        ScanResult::Report(
            ReloadOutcome::Unchanged { id },
            warnings,
            Changes::default(),
        )
    }

    fn reject(&mut self, engine: &Engine, failure: ScanFailure, is_requested: bool) -> ScanResult {
        let ScanFailure { rejected, findings } = failure;
        if !is_requested && self.rejected.as_ref() == Some(&rejected) {
            return ScanResult::NothingNew;
        }
        self.rejected = Some(rejected);
        let rejection = Rejection {
            message: message_of(&findings),
            findings: by_severity(findings),
            at: engine.clock().now().wall,
        };
        let outcome = ReloadOutcome::Rejected(rejection);
        ScanResult::Report(outcome, Arc::default(), Changes::default())
    }
}

impl ScanFailure {
    fn unreadable(error: &FilesError) -> Self {
        let finding = error.finding();
        ScanFailure {
            rejected: RejectedContent::Unreadable(finding.to_string()),
            findings: vec![finding],
        }
    }
}

/// Reads and compiles: a snapshot and its warnings, or all findings.
fn compile_files(
    files: PolicyFiles,
    settings: &PolicySettings,
    now: Timestamp,
) -> Result<(Snapshot, Vec<Finding>), Vec<Finding>> {
    let reading = graph::read_policies_folder(files, settings);
    let CompileOutcome {
        findings,
        snapshots,
    } = compile::check(reading, settings, now);
    // Several snapshots come only from tenants without a name, which is an error already.
    match <[Snapshot; 1]>::try_from(snapshots) {
        Ok([snapshot]) => Ok((snapshot, findings)),
        Err(_) => Err(findings),
    }
}

fn is_error(finding: &Finding) -> bool {
    finding.severity == Severity::Error
}

/// Sorts errors before warnings before informational findings, so that a truncated list keeps the errors.
fn by_severity(mut findings: Vec<Finding>) -> Arc<[Finding]> {
    findings.sort_by_key(|finding| finding.severity);
    findings.into()
}

/// The first error and the number of further errors.
fn message_of(findings: &[Finding]) -> String {
    let mut errors = findings.iter().filter(|finding| is_error(finding));
    let first = errors.next().map_or_else(String::new, Finding::to_string);
    match errors.count() {
        0 => first,
        more => format!("{first} (and {more} more)"),
    }
}

/// Rescans after which the folder is read although its listing is unchanged: some file systems report stale metadata.
const FORCED_READ_TICKS: u32 = 12;
