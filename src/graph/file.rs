//! Parses a file into typed objects. A file contains one object, an array, or a Graph page.

use std::sync::Arc;

use super::content;
use super::decode::decode;
use super::documents::Documents;
use super::finding::{Code, Finding, SourceLocation};
use super::kind::DocumentKind;
use super::node::Node;
use super::tree::JsonSource;
use super::{DocumentCount, SourceFile};
use crate::policy_settings::PolicySettings;

/// How the kind of a file is determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KindDetection {
    /// By its name; objects of another kind are errors.
    ByName(DocumentKind),
    /// By its content, else this kind from its name.
    ByContent(Option<DocumentKind>),
}

/// The objects and findings of a file.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) documents: Documents,
    pub(super) findings: Vec<Finding>,
    pub(super) count: DocumentCount,
}

/// Parses a file.
pub(super) fn read(
    file: SourceFile,
    detection: KindDetection,
    settings: &PolicySettings,
) -> Contents {
    let SourceFile { path, bytes } = file;
    let name: Arc<str> = Arc::from(path.as_str());
    let text = match decode(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let place = SourceLocation::of_file(name);
            let finding = Finding::error(place, Code::Encoding, error.to_string());
            return Contents::unread(path, detection, finding);
        }
    };
    let source = match JsonSource::parse(name, &text) {
        Ok(source) => source,
        Err(finding) => return Contents::unread(path, detection, finding),
    };
    let source = source.accepting(&settings.undecisive_members);
    let mut contents = Contents::empty(path, detection);
    contents.read(Node::root(&source), detection);
    contents.findings = source.into_findings();
    contents
}

impl Contents {
    fn empty(file: String, detection: KindDetection) -> Self {
        let (KindDetection::ByName(kind) | KindDetection::ByContent(Some(kind))) = detection else {
            return Contents::of(file, None);
        };
        Contents::of(file, Some(kind))
    }

    fn of(file: String, kind: Option<DocumentKind>) -> Self {
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

    fn unread(file: String, detection: KindDetection, finding: Finding) -> Self {
        let mut contents = Contents::empty(file, detection);
        contents.findings.push(finding);
        contents.documents.refuse_file(contents.count.kind);
        contents.count.unread = true;
        contents
    }

    fn read(&mut self, root: Node<'_>, detection: KindDetection) {
        if report_error_body(root) {
            self.documents.refuse_file(self.count.kind);
            self.count.unread = true;
            return;
        }
        let objects = objects_of(root);
        let by_context = content::kind_of_context(root).filter(|_| objects.is_empty());
        self.count.kind = match detection {
            // A file or folder named partners may contain only synchronisation policies.
            KindDetection::ByName(DocumentKind::Partners) => kind_of_objects(root, &objects)
                .or(by_context)
                .filter(|kind| *kind == DocumentKind::IdentitySynchronization)
                .or(Some(DocumentKind::Partners)),
            KindDetection::ByName(kind) => Some(kind),
            KindDetection::ByContent(named) => {
                kind_of_objects(root, &objects).or(by_context).or(named)
            }
        };
        let Some(kind) = self.count.kind else {
            match objects.first() {
                Some(first) => report_unknown(*first),
                None => root.warning(
                    Code::UnknownDocument,
                    "found an empty document, expected a name that states its kind",
                ),
            }
            if !objects.is_empty() {
                self.documents.refuse_file(None);
                self.count.unread = true;
            }
            return;
        };
        if let Some(message) = empty_page_error(kind, root, &objects) {
            root.error(Code::UnknownDocument, message);
            self.documents.refuse_file(Some(kind));
            self.count.unread = true;
            return;
        }
        self.note_partners(kind, root, detection, &objects);
        for node in objects {
            self.count.objects += 1;
            if !self.read_object(kind, content::kind_in(root, node), node) {
                self.count.refused += 1;
            }
        }
    }

    /// Records whether a file named partners contains partner entries.
    fn note_partners(
        &mut self,
        kind: DocumentKind,
        root: Node<'_>,
        detection: KindDetection,
        objects: &[Node<'_>],
    ) {
        let (KindDetection::ByName(DocumentKind::Partners)
        | KindDetection::ByContent(Some(DocumentKind::Partners))) = detection
        else {
            if kind == DocumentKind::Partners {
                self.documents.note_stated_partners();
            }
            return;
        };
        let is_synchronization = |node: &Node<'_>| {
            content::kind_in(root, *node) == Some(DocumentKind::IdentitySynchronization)
        };
        match objects.iter().all(is_synchronization) {
            // An empty page of synchronisation policies does not mean that there are no partners.
            true if kind == DocumentKind::IdentitySynchronization => self
                .documents
                .note_synchronization_among_partners(root.place()),
            true | false => self.documents.note_stated_partners(),
        }
    }

    /// Parses an object of a document of this kind; `found` is the kind according to the object's members.
    fn read_object(
        &mut self,
        kind: DocumentKind,
        found: Option<DocumentKind>,
        node: Node<'_>,
    ) -> bool {
        match found {
            // A synchronisation policy may be in the file of its partner (semantics §2).
            Some(DocumentKind::IdentitySynchronization) if kind == DocumentKind::Partners => self
                .documents
                .read(DocumentKind::IdentitySynchronization, node),
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

/// A message if a document without objects does not mean that nothing is set: it is a page of another kind, or a page
/// instead of a single object (semantics §2, "Recognised documents").
fn empty_page_error(kind: DocumentKind, root: Node<'_>, objects: &[Node<'_>]) -> Option<String> {
    let is_empty = |node: &Node<'_>| node.is_object() && node.own_members().next().is_none();
    let is_one_object = kind == DocumentKind::Default || kind == DocumentKind::CrossTenantAccess;
    if is_one_object && root.peek("value").is_some() && objects.iter().all(is_empty) {
        return Some(format!(
            "found a page without objects, expected {}; {{}} means that nothing is set",
            kind.object()
        ));
    }
    if !objects.is_empty() || content::kind_of_context(root) == Some(kind) {
        return None;
    }
    let context = root
        .peek("@odata.context")
        .filter(|context| !context.is_blank())?;
    Some(format!(
        "found an empty page whose @odata.context is {}, expected one for {kind}; [] means that nothing is set",
        context.describe()
    ))
}

/// The kind of the first object that has one; partners may be mixed with their synchronisation policies.
fn kind_of_objects(root: Node<'_>, objects: &[Node<'_>]) -> Option<DocumentKind> {
    let mut kinds = objects
        .iter()
        .filter_map(|node| content::kind_in(root, *node));
    let first = kinds.next()?;
    let mut has_partners = || kinds.any(|kind| kind == DocumentKind::Partners);
    Some(
        match first == DocumentKind::IdentitySynchronization && has_partners() {
            true => DocumentKind::Partners,
            false => first,
        },
    )
}

/// Reports an error response of Graph: `{"error": {"code", "message"}}`.
fn report_error_body(root: Node<'_>) -> bool {
    let Some(error) = root.peek("error").filter(|error| error.has("code")) else {
        return false;
    };
    let member = |name| error.peek(name).map(Node::describe).unwrap_or_default();
    let message = format!(
        "found an error response of Graph ({}, {}), expected the document; fix the error and export again",
        member("code"),
        member("message")
    );
    error.error(Code::GraphError, message);
    true
}

/// The objects of a document: `[…]`, `{"value": […]}`, `{"value": {…}}`, or one object. `{}` has no objects.
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
    // Windows PowerShell wraps a list as `value` and `Count`; `nextLink` is reported when the object is opened.
    members.ignore(&["count", "nextLink"]);
    // Reports other members: a policy that happens to have a member `value` must not be ignored.
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
            "found {found}, expected `tenantId` (a partner), `isServiceDefault`, or the file name default.json"
        ),
        false => format!("found {found}, expected one of {}", DocumentKind::names()),
    };
    node.error(Code::UnknownDocument, message);
}
