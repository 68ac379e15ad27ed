//! Reports the files of a policies folder that are not read because their names do not end in `.json`, except those in
//! the ignore file (semantics §2, "Files that are not read").

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::SourceFile;
use super::finding::{Code, Finding, SourceLocation};
use super::kind::DocumentKind;

/// The name of the ignore file, at the root of the policies folder.
pub const IGNORE_FILE: &str = ".crosstrustignore";

/// The patterns in the ignore file.
#[derive(Debug)]
pub(super) struct IgnorePatterns(GlobSet);

impl IgnorePatterns {
    /// Parses the ignore file: one pattern per line, `#` begins a comment. `*` matches within a name, `**` any
    /// folders, and `/` at the end everything in a folder; a pattern without another `/` matches in any folder.
    /// An invalid pattern is reported and ignores no file.
    pub(super) fn of(file: Option<&SourceFile>, shown: &str, findings: &mut Vec<Finding>) -> Self {
        let mut set = GlobSetBuilder::new();
        let text = file.map(|file| str::from_utf8(&file.bytes));
        if let Some(Err(_)) = text {
            let message = "found an ignore file that is not UTF-8, expected one pattern per line; it has no effect";
            let place = SourceLocation::of_file(shown);
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
                    let place = SourceLocation {
                        line: number,
                        column: 1,
                        ..SourceLocation::of_file(shown)
                    };
                    let message = format!(
                        "found an invalid pattern ({}); it has no effect",
                        error.kind()
                    );
                    findings.push(Finding::warning(place, Code::Syntax, message));
                }
            }
        }
        IgnorePatterns(set.build().unwrap_or_else(|_| GlobSet::empty()))
    }

    pub(super) fn covers(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// Converts a pattern to a glob over complete paths.
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

/// The document with the name of a file up to its first dot. Only letters and digits are compared.
pub(super) fn document_named(name: &str) -> Option<DocumentKind> {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    DocumentKind::nearly_named(stem)
}

/// A file that is not read, and its relation to the tenant's documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnreadFile {
    /// It is named after a document that the tenant does not have: probably meant as that document.
    ReplacesDocument(DocumentKind),
    /// It is in a document's folder that contains no `.json` file.
    NoJsonInFolder(DocumentKind),
    /// It is named after a document that the tenant has.
    NextToDocument(DocumentKind),
    /// Another file.
    Other,
}

impl UnreadFile {
    /// The finding; the ignore file suppresses only warnings.
    pub(super) fn finding(self, place: SourceLocation, is_ignored: bool) -> Option<Finding> {
        match self {
            UnreadFile::ReplacesDocument(kind) => {
                let message = format!(
                    "found a name that does not end in .json, so the file is not read, and no other file \
                     contains the document {kind}; expected {kind}.json"
                );
                Some(Finding::error(place, Code::UnreadFile, message))
            }
            UnreadFile::NoJsonInFolder(kind) => {
                let message = format!(
                    "found a name that does not end in .json, so the file is not read, and neither is any other \
                     file in the folder {kind}; expected a name that ends in .json"
                );
                Some(Finding::error(place, Code::UnreadFile, message))
            }
            UnreadFile::NextToDocument(_) | UnreadFile::Other if is_ignored => None,
            UnreadFile::NextToDocument(kind) => {
                let message = format!(
                    "found a name that does not end in .json: the file is not read, and {kind} is read from other \
                     files; remove it, or list it in {IGNORE_FILE}"
                );
                Some(Finding::warning(place, Code::UnreadFile, message))
            }
            UnreadFile::Other => {
                let message = format!(
                    "found a name that does not end in .json: the file is not read; remove it, or list it in \
                     {IGNORE_FILE}"
                );
                Some(Finding::warning(place, Code::UnreadFile, message))
            }
        }
    }
}
