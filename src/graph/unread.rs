//! Files of a policies folder that are not read, since their names do not end in `.json`: which are reported,
//! and which the ignore file says are meant to be there (semantics §2, "Files that are not read").

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::SourceFile;
use super::finding::{Code, Finding, Place};
use super::kind::Kind;

/// The name of the ignore file, at the root of the policies folder.
pub const IGNORE_FILE: &str = ".crosstrustignore";

/// The paths that the ignore file lists.
#[derive(Debug)]
pub(super) struct Ignored(GlobSet);

impl Ignored {
    /// Reads the ignore file: a pattern a line, `#` begins a comment. `*` is anything within a name, `**` any
    /// folders, `/` at the end everything in a folder; a pattern without another `/` fits in any folder. A
    /// pattern that cannot be read ignores nothing, which is reported.
    pub(super) fn of(file: Option<&SourceFile>, shown: &str, findings: &mut Vec<Finding>) -> Self {
        let mut set = GlobSetBuilder::new();
        let text = file.map(|file| str::from_utf8(&file.bytes));
        if let Some(Err(_)) = text {
            let message = "found an ignore file that is not UTF-8, expected a pattern a line; it ignores nothing";
            let place = Place::of_file(shown);
            findings.push(Finding::warning(place, Code::Encoding, message));
        }
        let text = text.and_then(Result::ok).unwrap_or("");
        for (line, number) in text.lines().zip(1_u32..) {
            let pattern = line.trim();
            if pattern.is_empty() || pattern.starts_with('#') {
                continue;
            }
            match GlobBuilder::new(&glob_of(pattern))
                .literal_separator(true)
                .build()
            {
                Ok(glob) => {
                    set.add(glob);
                }
                Err(error) => {
                    let place = Place {
                        line: number,
                        column: 1,
                        ..Place::of_file(shown)
                    };
                    let message = format!(
                        "found a pattern that cannot be read ({}); it ignores nothing",
                        error.kind()
                    );
                    findings.push(Finding::warning(place, Code::Syntax, message));
                }
            }
        }
        Ignored(set.build().unwrap_or_else(|_| GlobSet::empty()))
    }

    pub(super) fn covers(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// The glob over whole paths that a pattern stands for.
fn glob_of(pattern: &str) -> String {
    let below = match pattern.strip_suffix('/') {
        Some(folder) => format!("{folder}/**"),
        None => pattern.to_owned(),
    };
    let names_a_folder = pattern.trim_end_matches('/').contains('/');
    match below.strip_prefix('/') {
        Some(from_root) => from_root.to_owned(),
        None if names_a_folder => below,
        None => format!("**/{below}"),
    }
}

/// The document that a file's stem names: its name up to the first dot, or all of it; letters
/// and digits count.
pub(super) fn document_named(name: &str) -> Option<Kind> {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    Kind::nearly_named(stem)
}

/// What a file is, that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// Its stem names a document of a tenant that is not there: it may have been meant.
    InPlaceOf(Kind),
    /// It is in a document's folder, where no file is read.
    AloneInFolder(Kind),
    /// Its stem names a document that is there.
    Beside(Kind),
    /// Something else.
    Other,
}

impl Unread {
    /// The finding; the ignore file silences warnings only.
    pub(super) fn finding(self, place: Place, is_ignored: bool) -> Option<Finding> {
        match self {
            Unread::InPlaceOf(kind) => {
                let message = format!(
                    "found a name that does not end in .json, so the file is not read, and nothing else holds \
                     the document {kind}; expected {kind}.json"
                );
                Some(Finding::error(place, Code::UnreadFile, message))
            }
            Unread::AloneInFolder(kind) => {
                let message = format!(
                    "found a name that does not end in .json, so the file is not read, and no file of its folder \
                     {kind} is; expected a name that ends in .json"
                );
                Some(Finding::error(place, Code::UnreadFile, message))
            }
            Unread::Beside(_) | Unread::Other if is_ignored => None,
            Unread::Beside(kind) => {
                let message = format!(
                    "found a name that does not end in .json: the file is not read, and {kind} is what other \
                     files hold; remove it, or list it in {IGNORE_FILE}"
                );
                Some(Finding::warning(place, Code::UnreadFile, message))
            }
            Unread::Other => {
                let message = format!(
                    "found a name that does not end in .json: the file is not read; remove it, or list it in \
                     {IGNORE_FILE}"
                );
                Some(Finding::warning(place, Code::UnreadFile, message))
            }
        }
    }
}
