//! The policies folder and the engine it feeds: read, check, compile, activate; last known good.
//!
//! One look at a time, all of it on the reloader's thread. A look that fails in any way leaves the active
//! snapshot where it is (semantics §7).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::inbox::Debounce;
use super::{Activation, Outcome, Rejection};
use crate::changes::{self, Changes};
use crate::compile::{self, Checked};
use crate::engine::Engine;
use crate::files::{self, Directory, FilesError, Limits, Listing, TreeDigest};
use crate::graph::{self, Code, Finding, Place, PolicyFiles, Severity, SourceFile};
use crate::policy_settings::PolicySettings;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// Why the folder is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is time: a folder whose listing is the same is not read, most of the time.
    Tick,
    /// Something may have changed.
    Hint,
    /// Somebody waits for the outcome: nothing is taken from an earlier look.
    Asked {
        /// Documents may be gone.
        allow_removals: bool,
    },
}

/// What a look found.
#[derive(Debug)]
pub(super) enum Look {
    /// The same as the last one.
    Nothing,
    /// Something else, or somebody asked.
    News(Outcome, Warnings, Changes),
}

/// The warnings of what is in force.
type Warnings = Arc<[Finding]>;

/// One policies folder.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) limits: Limits,
    settings: PolicySettings,
    pub(super) allow_removals: bool,
    pub(super) debounce: Debounce,
    /// What the active snapshot was read from.
    active: Option<Source>,
    /// The last rejection: told once for the same content.
    rejected: Option<Refused>,
    /// The listing that was read last; none where that failed.
    read: Option<Listing>,
    /// The directories that were seen last, also by a look that failed otherwise.
    directories: Vec<Directory>,
    /// It was the same listing when it was read at a later tick, so no change hides in one clock tick.
    is_confirmed: bool,
    ticks_unread: u32,
    loads: u64,
}

#[derive(Debug)]
struct Source {
    digest: TreeDigest,
    documents: BTreeSet<String>,
    warnings: Warnings,
    /// To be compared with what comes next.
    files: Vec<SourceFile>,
}

#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Content(TreeDigest),
    Unread(String),
}

/// Why nothing was activated.
#[derive(Debug)]
struct Refusal {
    refused: Refused,
    findings: Vec<Finding>,
}

impl Folder {
    pub(super) fn new(
        root: PathBuf,
        limits: Limits,
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
            read: None,
            directories: Vec::new(),
            is_confirmed: false,
            ticks_unread: 0,
            loads: 0,
        }
    }

    /// Looks at the folder, and activates what is there if it is new and good.
    pub(super) fn look(&mut self, engine: &Engine, reason: Reason) -> Look {
        if reason == Reason::Tick && !self.is_worth_reading() {
            return Look::Nothing;
        }
        self.ticks_unread = 0;
        let (allow_removals, is_asked) = match reason {
            Reason::Tick | Reason::Hint => (self.allow_removals, false),
            Reason::Asked { allow_removals } => (allow_removals || self.allow_removals, true),
        };
        match self.attempt(engine, allow_removals, is_asked) {
            Ok(look) => look,
            Err(refusal) => self.refuse(engine, refusal, is_asked),
        }
    }

    /// The directories that the folder was last seen to have.
    pub(super) fn directories(&self) -> &[Directory] {
        &self.directories
    }

    /// How often it was read.
    pub(super) fn loads(&self) -> u64 {
        self.loads
    }

    /// Whether the folder's listing is still the one that was read.
    pub(super) fn is_as_read(&self) -> bool {
        files::list(&self.root, &self.limits).ok() == self.read
    }

    /// Remembers what a look has seen. A folder that cannot be read, because it keeps changing or is gone
    /// for a moment, is watched where it was: its next change has to be heard.
    fn remember(&mut self, listing: Option<&Listing>, is_asked: bool) {
        self.is_confirmed = !is_asked && listing.is_some() && listing == self.read.as_ref();
        self.read = listing.cloned();
        let seen = match listing {
            Some(listing) => Some(listing.clone()),
            None => files::list(&self.root, &self.limits).ok(),
        };
        if let Some(seen) = seen {
            self.directories = seen.directories;
        }
    }

    /// At a tick, most of the time, a listing is enough. Where it has changed, this waits for quiet.
    fn is_worth_reading(&mut self) -> bool {
        self.ticks_unread += 1;
        if self.is_as_read() && self.read.is_some() {
            return !self.is_confirmed || self.ticks_unread >= TICKS_TO_READ_ANYWAY;
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
        is_asked: bool,
    ) -> Result<Look, Refusal> {
        self.loads += 1;
        let tree = files::read(&self.root, &self.limits);
        self.remember(tree.as_ref().ok().map(|tree| &tree.listing), is_asked);
        let tree = tree.map_err(|error| Refusal::unread(&error))?;
        let digest = tree.digest;
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.digest == digest)
        {
            return Ok(self.unchanged(engine, is_asked));
        }
        let content = Refused::Content(digest);
        if !is_asked && self.rejected.as_ref() == Some(&content) {
            return Ok(Look::Nothing);
        }
        let documents: BTreeSet<String> = tree.files.iter().map(|file| file.path.clone()).collect();
        if !allow_removals {
            self.check_for_removals(&documents)
                .map_err(|findings| Refusal {
                    refused: Refused::Content(digest),
                    findings,
                })?;
        }
        let now = engine.clock().now().wall;
        let compiled = compile_files(tree.policy_files(), &self.settings, now);
        let (snapshot, warnings) = compiled.map_err(|findings| Refusal {
            refused: content,
            findings,
        })?;
        let source = Source {
            digest,
            documents,
            warnings: worst_first(warnings),
            files: tree.files,
        };
        Ok(self.put_in_force(engine, snapshot, source))
    }

    /// semantics §2: emptiness is said, not guessed.
    fn check_for_removals(&self, documents: &BTreeSet<String>) -> Result<(), Vec<Finding>> {
        let Some(active) = &self.active else {
            return Ok(());
        };
        let missing: Vec<Finding> = active
            .documents
            .difference(documents)
            .map(|path| {
                let message = "the active policies were read from this document, and it is gone; \
                               write [] or {} into it, or allow removals in a reload";
                Finding::error(Place::of_file(path.as_str()), Code::Removed, message)
            })
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing)
        }
    }

    fn put_in_force(&mut self, engine: &Engine, snapshot: Snapshot, source: Source) -> Look {
        let warnings = Arc::clone(&source.warnings);
        let replaced = self.active.replace(source);
        self.rejected = None;
        let id = snapshot.id();
        let is_in_force = engine
            .active()
            .is_some_and(|active| active.snapshot.id() == id);
        let outcome = if is_in_force {
            // Lines and file names may have moved: Explain tells where a value comes from.
            engine.refresh(snapshot);
            Outcome::Unchanged { id: Some(id) }
        } else {
            let active = engine.activate(snapshot, self.root.display().to_string());
            Outcome::Activated(Activation {
                id,
                version: active.version,
                at: active.activated_at,
            })
        };
        // Not before: nobody waits for a comparison to be let in or kept out. A start has nothing to compare.
        let changes = match (replaced, &self.active) {
            (Some(old), Some(new)) => changes::compare(&old.files, &new.files),
            (None | Some(_), _) => Changes::default(),
        };
        Look::News(outcome, warnings, changes)
    }

    fn unchanged(&mut self, engine: &Engine, is_asked: bool) -> Look {
        if self.rejected.take().is_none() && !is_asked {
            return Look::Nothing;
        }
        let id = engine.active().map(|active| active.snapshot.id());
        let warnings = self
            .active
            .as_ref()
            .map(|active| Arc::clone(&active.warnings));
        let warnings = warnings.unwrap_or_default();
        Look::News(Outcome::Unchanged { id }, warnings, Changes::default())
    }

    fn refuse(&mut self, engine: &Engine, refusal: Refusal, is_asked: bool) -> Look {
        let Refusal { refused, findings } = refusal;
        if !is_asked && self.rejected.as_ref() == Some(&refused) {
            return Look::Nothing;
        }
        self.rejected = Some(refused);
        let rejection = Rejection {
            message: message_of(&findings),
            findings: worst_first(findings),
            at: engine.clock().now().wall,
        };
        let outcome = Outcome::Rejected(rejection);
        Look::News(outcome, Arc::default(), Changes::default())
    }
}

impl Refusal {
    fn unread(error: &FilesError) -> Self {
        let finding = error.finding();
        Refusal {
            refused: Refused::Unread(finding.to_string()),
            findings: vec![finding],
        }
    }
}

/// Reads and compiles: a snapshot and warnings, or all that was found.
fn compile_files(
    files: PolicyFiles,
    settings: &PolicySettings,
    now: Timestamp,
) -> Result<(Snapshot, Vec<Finding>), Vec<Finding>> {
    let reading = graph::read_policies_folder(files, settings);
    let Checked {
        findings,
        snapshots,
    } = compile::check(reading, settings, now);
    // Several would be tenants without a name, which is an error already.
    match <[Snapshot; 1]>::try_from(snapshots) {
        Ok([snapshot]) => Ok((snapshot, findings)),
        Err(_) => Err(findings),
    }
}

fn is_error(finding: &Finding) -> bool {
    finding.severity == Severity::Error
}

/// Errors before warnings before informational findings, so that a list that is cut keeps the errors.
fn worst_first(mut findings: Vec<Finding>) -> Arc<[Finding]> {
    findings.sort_by_key(|finding| finding.severity);
    findings.into()
}

/// The first error, and how many more there are.
fn message_of(findings: &[Finding]) -> String {
    let mut errors = findings.iter().filter(|finding| is_error(finding));
    let first = errors.next().map_or_else(String::new, Finding::to_string);
    match errors.count() {
        0 => first,
        more => format!("{first} (and {more} more)"),
    }
}

/// A folder whose listing says that nothing has changed is read all the same after this many ticks: there
/// are file systems whose listings lie.
const TICKS_TO_READ_ANYWAY: u32 = 12;
