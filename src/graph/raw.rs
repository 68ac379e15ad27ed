//! The unparsed text of the objects in a file, for comparing two versions of the policies.
//!
//! Only for files that were parsed without errors. Checks nothing and reports no findings.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::SourceFile;
use super::content;
use super::decode::decode;
use super::file::objects_of;
use super::kind::DocumentKind;
use super::layout;
use super::node::Node;
use super::tree::JsonSource;

/// A file and the byte ranges of its objects.
#[derive(Debug)]
pub struct RawFile<'f> {
    /// The tenant's folder.
    pub folder: &'f str,
    /// The kind according to the file name.
    pub kind: DocumentKind,
    text: Cow<'f, str>,
    objects: Vec<(DocumentKind, Range<usize>)>,
}

impl<'f> RawFile<'f> {
    /// Parses a file of a policies folder; `None` if it is not a policy document.
    pub fn of(file: &'f SourceFile) -> Option<Self> {
        let (folder, kind) = tenant_folder_and_kind(file)?;
        let text = decode(&file.bytes).ok()?;
        let source = JsonSource::parse(Arc::from(file.path.as_str()), &text).ok()?;
        let root = Node::root(&source);
        let nodes = objects_of(root).into_iter();
        let kind_in = |node| match content::kind_in(root, node) {
            Some(DocumentKind::IdentitySynchronization) => DocumentKind::IdentitySynchronization,
            Some(_) | None => kind,
        };
        let objects = nodes.map(|node| (kind_in(node), node.range())).collect();
        drop(source);
        Some(RawFile {
            folder,
            kind,
            text,
            objects,
        })
    }

    /// The kind and text of each object.
    pub fn objects(&self) -> impl Iterator<Item = (DocumentKind, &str)> {
        let objects = self.objects.iter().cloned();
        objects.filter_map(|(kind, range)| Some((kind, self.text.get(range)?)))
    }
}

/// The tenant's folder of a file, and the kind according to its name.
pub fn tenant_folder_and_kind(file: &SourceFile) -> Option<(&str, DocumentKind)> {
    layout::tenant_folder_and_kind(&file.path)
}
