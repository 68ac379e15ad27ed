//! The objects of a file as they are written: for whoever compares what administrators wrote.
//!
//! Only for files that were read without errors; nothing is typed or checked here, and nothing is found.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::SourceFile;
use super::content;
use super::decode::decode;
use super::file::objects_of;
use super::kind::Kind;
use super::layout;
use super::node::Node;
use super::tree::Source;

/// A file and where its objects stand.
#[derive(Debug)]
pub struct RawFile<'f> {
    /// Its tenant's folder.
    pub folder: &'f str,
    /// What its name says it holds.
    pub kind: Kind,
    text: Cow<'f, str>,
    objects: Vec<(Kind, Range<usize>)>,
}

impl<'f> RawFile<'f> {
    /// A file of a policies folder; none where it is not one that is served.
    pub fn of(file: &'f SourceFile) -> Option<Self> {
        let (folder, kind) = owner_of(file)?;
        let text = decode(&file.bytes).ok()?;
        let source = Source::parse(Arc::from(file.path.as_str()), &text).ok()?;
        let root = Node::root(&source);
        let nodes = objects_of(root).into_iter();
        let kind_in = |node| match content::kind_in(root, node) {
            Some(Kind::IdentitySynchronization) => Kind::IdentitySynchronization,
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

    /// The text of each object, and what it is.
    pub fn objects(&self) -> impl Iterator<Item = (Kind, &str)> {
        let objects = self.objects.iter().cloned();
        objects.filter_map(|(kind, range)| Some((kind, self.text.get(range)?)))
    }
}

/// The tenant's folder that a file is in, and what its name says it holds.
pub fn owner_of(file: &SourceFile) -> Option<(&str, Kind)> {
    layout::owner_of(&file.path)
}
