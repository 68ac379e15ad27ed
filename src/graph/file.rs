//! One file: bytes → its objects (one, a bare array, or a Graph page), each typed as its kind.

use std::sync::Arc;

use super::content;
use super::decode::decode;
use super::documents::Documents;
use super::finding::{Code, Finding, Place};
use super::kind::Kind;
use super::node::Node;
use super::tree::Source;
use super::{DocumentCount, SourceFile};
use crate::policy_settings::PolicySettings;

/// How the kind of a file is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// By its name; contents of another kind are an error.
    ByName(Kind),
    /// By its contents, else by its name if that says something.
    ByContent(Option<Kind>),
}

/// What one file gave.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) documents: Documents,
    pub(super) findings: Vec<Finding>,
    pub(super) count: DocumentCount,
}

/// Reads a file.
pub(super) fn read(file: SourceFile, told: Told, settings: &PolicySettings) -> Contents {
    let SourceFile { path, bytes } = file;
    let name: Arc<str> = Arc::from(path.as_str());
    let text = match decode(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let place = Place::of_file(name);
            let finding = Finding::error(place, Code::Encoding, error.to_string());
            return Contents::unread(path, told, finding);
        }
    };
    let source = match Source::parse(name, &text) {
        Ok(source) => source,
        Err(finding) => return Contents::unread(path, told, finding),
    };
    let source = source.accepting(&settings.undecisive_members);
    let mut contents = Contents::empty(path, told);
    contents.read(Node::root(&source), told);
    contents.findings = source.into_findings();
    contents
}

impl Contents {
    fn empty(file: String, told: Told) -> Self {
        let (Told::ByName(kind) | Told::ByContent(Some(kind))) = told else {
            return Contents::of(file, None);
        };
        Contents::of(file, Some(kind))
    }

    fn of(file: String, kind: Option<Kind>) -> Self {
        Contents {
            documents: Documents::default(),
            findings: Vec::new(),
            count: DocumentCount {
                file,
                kind,
                objects: 0,
                refused: 0,
                unread: false,
            },
        }
    }

    fn unread(file: String, told: Told, finding: Finding) -> Self {
        let mut contents = Contents::empty(file, told);
        contents.findings.push(finding);
        contents.documents.refuse_file(contents.count.kind);
        contents.count.unread = true;
        contents
    }

    fn read(&mut self, root: Node<'_>, told: Told) {
        if report_error_body(root) {
            self.documents.refuse_file(self.count.kind);
            self.count.unread = true;
            return;
        }
        let objects = objects_of(root);
        let by_context = content::kind_of_context(root).filter(|_| objects.is_empty());
        self.count.kind = match told {
            // The partners' file or folder may hold nothing but their synchronisation policies.
            Told::ByName(Kind::Partners) => kind_of_objects(root, &objects)
                .or(by_context)
                .filter(|kind| *kind == Kind::IdentitySynchronization)
                .or(Some(Kind::Partners)),
            Told::ByName(kind) => Some(kind),
            Told::ByContent(named) => kind_of_objects(root, &objects).or(by_context).or(named),
        };
        let Some(kind) = self.count.kind else {
            match objects.first() {
                Some(first) => report_unknown(*first),
                None => root.warning(
                    Code::UnknownDocument,
                    "found an empty document whose name says no kind",
                ),
            }
            if !objects.is_empty() {
                self.documents.refuse_file(None);
                self.count.unread = true;
            }
            return;
        };
        if let Some(message) = why_not_empty(kind, root, &objects) {
            root.error(Code::UnknownDocument, message);
            self.documents.refuse_file(Some(kind));
            self.count.unread = true;
            return;
        }
        self.note_partners(kind, root, told, &objects);
        for node in objects {
            self.count.objects += 1;
            if !self.read_object(kind, content::kind_in(root, node), node) {
                self.count.refused += 1;
            }
        }
    }

    /// Keeps in mind what a file named partners holds.
    fn note_partners(&mut self, kind: Kind, root: Node<'_>, told: Told, objects: &[Node<'_>]) {
        let (Told::ByName(Kind::Partners) | Told::ByContent(Some(Kind::Partners))) = told else {
            if kind == Kind::Partners {
                self.documents.note_stated_partners();
            }
            return;
        };
        let is_synchronization =
            |node: &Node<'_>| content::kind_in(root, *node) == Some(Kind::IdentitySynchronization);
        match objects.iter().all(is_synchronization) {
            // A page of them that is empty says nothing of partners.
            true if kind == Kind::IdentitySynchronization => self
                .documents
                .note_synchronization_among_partners(root.place()),
            true | false => self.documents.note_stated_partners(),
        }
    }

    /// Reads an object of a document of this kind; `found` is what the object's members say.
    fn read_object(&mut self, kind: Kind, found: Option<Kind>, node: Node<'_>) -> bool {
        match found {
            // It may stand beside the partner that it belongs to, and is none (semantics §2).
            Some(Kind::IdentitySynchronization) if kind == Kind::Partners => {
                self.documents.read(Kind::IdentitySynchronization, node)
            }
            Some(other) if other != kind => {
                let message = format!("found {}, expected {}", other.object(), kind.object());
                node.error(Code::UnknownDocument, message);
                self.documents.refuse(kind, node);
                false
            }
            Some(_) | None => self.documents.read(kind, node),
        }
    }
}

/// Why a document without objects does not say that nothing is set: it is a page of something else, or a
/// page where one object is expected (semantics §2, "Recognised documents").
fn why_not_empty(kind: Kind, root: Node<'_>, objects: &[Node<'_>]) -> Option<String> {
    let is_empty = |node: &Node<'_>| node.is_object() && node.own_members().next().is_none();
    let is_one_object = kind == Kind::Default || kind == Kind::CrossTenantAccess;
    if is_one_object && root.peek("value").is_some() && objects.iter().all(is_empty) {
        return Some(format!(
            "found a page without objects, expected {}; {{}} says that nothing is set",
            kind.object()
        ));
    }
    if !objects.is_empty() || content::kind_of_context(root) == Some(kind) {
        return None;
    }
    let context = root
        .peek("@odata.context")
        .filter(|context| !context.is_nothing())?;
    Some(format!(
        "found an empty page whose @odata.context is {}, expected one of {kind}; [] says that nothing is set",
        context.describe()
    ))
}

/// What the first object says; partners may have their synchronisation policies beside them.
fn kind_of_objects(root: Node<'_>, objects: &[Node<'_>]) -> Option<Kind> {
    let mut kinds = objects
        .iter()
        .filter_map(|node| content::kind_in(root, *node));
    let first = kinds.next()?;
    let mut has_partners = || kinds.any(|kind| kind == Kind::Partners);
    Some(
        match first == Kind::IdentitySynchronization && has_partners() {
            true => Kind::Partners,
            false => first,
        },
    )
}

/// `{"error": {"code", "message"}}`: what Graph answers instead of a document.
fn report_error_body(root: Node<'_>) -> bool {
    let Some(error) = root.peek("error").filter(|error| error.has("code")) else {
        return false;
    };
    let said = |name| error.peek(name).map(Node::describe).unwrap_or_default();
    let message = format!(
        "found an error that Graph answered ({}, {}), expected the document",
        said("code"),
        said("message")
    );
    error.error(Code::GraphError, message);
    true
}

/// The objects of a document: `[…]`, `{"value": […]}`, `{"value": {…}}`, or one object. `{}` is none.
pub(super) fn objects_of(root: Node<'_>) -> Vec<Node<'_>> {
    if let Some(elements) = root.as_array() {
        return elements.collect();
    }
    match root.peek("value") {
        Some(value) if value.is_array() || value.is_object() => page(root),
        Some(_) | None if root.peek_all().next().is_none() && root.is_object() => Vec::new(),
        Some(_) | None => vec![root],
    }
}

fn page(root: Node<'_>) -> Vec<Node<'_>> {
    let Some(mut members) = root.object() else {
        return Vec::new();
    };
    let value = members.take("value");
    // Windows PowerShell wraps a list as `value` and `Count`; a link is told when the page is opened.
    members.ignore(&["count", "nextLink"]);
    // What stands beside the list is read by nobody: a policy around a `value` must not vanish.
    members.close();
    let Some(value) = value else {
        return Vec::new();
    };
    match value.as_array() {
        Some(elements) => elements.collect(),
        None => vec![value],
    }
}

fn report_unknown(node: Node<'_>) {
    let found = content::describe(node);
    let message = match content::has_settings(node) {
        true => format!(
            "found {found}, expected `tenantId` (a partner), `isServiceDefault`, or a file named default.json"
        ),
        false => format!("found {found}, expected one of {}", Kind::names()),
    };
    node.error(Code::UnknownDocument, message);
}
