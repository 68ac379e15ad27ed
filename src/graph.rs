//! Microsoft Graph JSON as it comes: bytes in, typed documents and findings out (semantics §2, §7).
//!
//! In the order in which a file travels: `decode` (bytes → text), `tree` (strict JSON, with places),
//! `node` and `members` (a cursor that tells what is wrong where it stands), one room a document kind,
//! `content` (what an object is), `file` (one file), `layout` (files → tenants). Knows no file system,
//! no defaults and no snapshot, and checks nothing against another document: that is `compile`.

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
pub use finding::{Code, Finding, Place, Severity};
pub use kind::Kind;
pub use layout::{read_anything, read_policies_folder};
pub use raw::{RawFile, owner_of};
pub use unread::IGNORE_FILE;

use bytes::Bytes;

use document::TenantDocuments;

/// One file as it was read from the disk.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path as it is to be shown, `/`-separated.
    pub path: String,
    /// What the file holds; shared by whoever keeps it.
    pub bytes: Bytes,
}

/// What was found in a folder, or the one file that is to be read.
#[derive(Debug, Clone)]
pub struct PolicyFiles {
    /// The files that end in `.json`, by paths relative to the folder.
    pub files: Vec<SourceFile>,
    /// The paths of all others: not read.
    pub unread: Vec<String>,
    /// The ignore file, which lists paths that are meant not to be read.
    pub ignore: Option<SourceFile>,
    /// What findings put before each path; empty = nothing.
    pub shown_root: String,
    /// Whether it is a folder, which could be served.
    pub is_folder: bool,
}

impl From<Vec<SourceFile>> for PolicyFiles {
    /// A folder that holds these files and nothing else.
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

/// What a run over files gave. Where [`Reading::has_errors`] says so, `tenants` lacks what was refused,
/// and nothing may be served from it.
#[derive(Debug)]
pub struct Reading {
    /// The tenants, by folder.
    pub tenants: Vec<TenantDocuments>,
    /// Everything that is wrong, by file and line.
    pub findings: Vec<Finding>,
    /// What each file held, by path.
    pub documents: Vec<DocumentCount>,
    /// How many files were not read, since their names do not end in `.json`.
    pub unread: usize,
}

impl Reading {
    /// Whether something was refused.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

/// What one file held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentCount {
    /// The file.
    pub file: String,
    /// What it holds; none where that could not be told.
    pub kind: Option<Kind>,
    /// How many objects it holds, refused ones among them.
    pub objects: usize,
    /// How many of them were refused.
    pub refused: usize,
    /// Whether the file as a whole was refused: no text, no JSON, of no known kind.
    pub unread: bool,
}
