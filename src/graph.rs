//! Parses Microsoft Graph JSON: bytes in, typed documents and findings out (semantics §2, §7).
//!
//! In the order of processing: `decode` (bytes → text), `tree` (strict JSON with line numbers), `node` and
//! `members` (cursors that report findings), one module for each document kind, `content` (detects the kind of
//! an object), `file` (one file), `layout` (files → tenants). Reads no files, applies no defaults, and checks no
//! references between documents: `compile` does that.

pub mod document;
pub mod explanation;
mod finding;

mod report;

mod decode;
mod tree;
mod undecisive;
mod unread;

mod members;
mod node;
mod values;

mod assumed_outbound;
mod channel;
mod conditional_access_settings;
mod deciding;
mod location;
mod organization;
mod policy;
mod provider;
mod setting;
mod strength;
mod synchronization;

mod content;
mod documents;
mod file;
mod kind;
mod layout;
mod raw;

pub use deciding::is_known_deciding_member;
pub use document::name_based_policy_id;
pub use finding::{Code, Finding, Severity, SourceLocation};
pub use kind::DocumentKind;
pub use layout::{read_anything, read_policies_folder};
pub use raw::{RawFile, tenant_folder_and_kind};
pub use unread::IGNORE_FILE;

use bytes::Bytes;

use document::TenantDocuments;

/// A file and its content.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path for findings, `/`-separated.
    pub path: String,
    /// The content; clones share the memory.
    pub bytes: Bytes,
}

/// The files of a policies folder, or a single file.
#[derive(Debug, Clone)]
pub struct PolicyFiles {
    /// The `.json` files, with paths relative to the folder.
    pub files: Vec<SourceFile>,
    /// The paths of all other files; these are not read.
    pub unread: Vec<String>,
    /// The file `.crosstrustignore`: patterns of files that are not policies.
    pub ignore: Option<SourceFile>,
    /// A prefix for the paths in findings; empty = none.
    pub shown_root: String,
    /// Whether this is a folder, which `serve` could load.
    pub is_folder: bool,
}

impl From<Vec<SourceFile>> for PolicyFiles {
    /// A folder with these files and no others.
    fn from(files: Vec<SourceFile>) -> Self {
        PolicyFiles {
            files,
            unread: Vec::new(),
            ignore: None,
            shown_root: String::new(),
            is_folder: true,
        }
    }
}

/// The result of parsing policy files. If [`ParsedPolicies::has_errors`], `tenants` lacks the refused objects and
/// must not be served.
#[derive(Debug)]
pub struct ParsedPolicies {
    /// One entry for each tenant's folder.
    pub tenants: Vec<TenantDocuments>,
    /// All findings, sorted by file and line.
    pub findings: Vec<Finding>,
    /// Object counts of each file, sorted by path.
    pub documents: Vec<DocumentCount>,
    /// The number of files that were not read because their names do not end in `.json`.
    pub unread: usize,
}

impl ParsedPolicies {
    /// Whether there is a finding of severity error.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

/// The number of objects in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentCount {
    /// The path of the file.
    pub file: String,
    /// The kind of its objects; `None` if it was not recognised.
    pub kind: Option<DocumentKind>,
    /// The number of objects, including refused ones.
    pub objects: usize,
    /// The number of refused objects.
    pub refused: usize,
    /// Whether the complete file was refused: not text, not JSON, or not a known document.
    pub unread: bool,
}
