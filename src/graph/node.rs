//! A cursor on one value: reads it as what is expected there, and reports it where it is something else.
//!
//! Reading goes on after a finding, so that a run tells all of them; whoever reads an object asks
//! [`Node::whole`] whether anything in it was refused.

use std::ops::Range;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;

use super::finding::{Code, Finding, Place, Severity};
use super::members::Members;
use super::tree::Source;
use super::values::{is_cut_off, is_type_name, quoted};

/// A value of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'d> {
    pub(super) source: &'d Source<'d>,
    value: &'d Value<'d>,
    /// How bad it is if something in here is not understood: a warning in a policy that decides nothing.
    not_understood: Severity,
}

impl<'d> Node<'d> {
    pub(super) fn root(source: &'d Source<'d>) -> Self {
        Node {
            source,
            value: source.root(),
            not_understood: Severity::Error,
        }
    }

    /// Another value of the same object or array.
    pub(super) fn with(self, value: &'d Value<'d>) -> Self {
        Node { value, ..self }
    }

    /// The same value, where not being understood is as bad as this.
    pub(super) fn not_understood_is(self, severity: Severity) -> Self {
        Node {
            not_understood: severity,
            ..self
        }
    }

    /// How bad it is if something in here is not understood.
    pub(super) fn severity(self) -> Severity {
        self.not_understood
    }

    /// The offsets that it stands at in its file's text.
    pub(super) fn range(self) -> Range<usize> {
        let range = self.value.range();
        range.start..range.end
    }

    pub(super) fn place(self) -> Place {
        self.source.place_of(self.value)
    }

    pub(super) fn error(self, code: Code, message: impl Into<String>) {
        self.source.add(Finding::error(self.place(), code, message));
    }

    pub(super) fn warning(self, code: Code, message: impl Into<String>) {
        self.source
            .add(Finding::warning(self.place(), code, message));
    }

    pub(super) fn info(self, code: Code, message: impl Into<String>) {
        self.source.add(Finding::info(self.place(), code, message));
    }

    /// Something that would change a decision if it were understood.
    pub(super) fn not_understood(self, code: Code, message: impl Into<String>) {
        match self.not_understood {
            Severity::Error => self.error(code, message),
            Severity::Warning => self.warning(code, message),
            Severity::Info => self.info(code, message),
        }
    }

    /// Reads the value with `read`, and gives the result only if nothing in it was refused.
    pub(super) fn whole<T>(self, read: impl FnOnce(Self) -> Option<T>) -> Option<T> {
        let errors = self.source.errors();
        read(self).filter(|_| self.source.errors() == errors)
    }

    /// Null, or empty through and through: what PowerShell writes for null.
    pub(super) fn is_nothing(self) -> bool {
        is_nothing(self.value)
    }

    /// An object that has members, all of them nothing.
    pub(super) fn is_hollow(self) -> bool {
        let members = self.value.as_object().map(|object| &object.properties);
        members.is_some_and(|members| {
            members
                .iter()
                .any(|member| !is_annotation(member.name.as_str()))
        }) && self.is_nothing()
    }

    pub(super) fn is_null(self) -> bool {
        self.value.as_null_keyword().is_some()
    }

    pub(super) fn is_true(self) -> bool {
        self.value.as_boolean_lit().is_some_and(|value| value.value)
    }

    pub(super) fn is_empty_text(self) -> bool {
        matches!(self.value, Value::StringLit(text) if text.value.is_empty())
    }

    pub(super) fn is_object(self) -> bool {
        self.value.as_object().is_some()
    }

    pub(super) fn is_array(self) -> bool {
        self.value.as_array().is_some()
    }

    /// The members as they stand, unchecked: to look at before it is known what the object is.
    pub(super) fn peek_all(self) -> impl Iterator<Item = (&'d str, Node<'d>)> {
        let object = self.value.as_object().into_iter();
        let outer = object.flat_map(|object| &object.properties);
        let inner = outer.clone().filter_map(|member| {
            let is_inner = member.name.as_str().eq_ignore_ascii_case(ADDITIONAL);
            member.value.as_object().filter(|_| is_inner)
        });
        outer
            .chain(inner.flat_map(|object| &object.properties))
            .map(move |member| (member.name.as_str(), self.with(&member.value)))
    }

    /// The members as they stand, those of [`ADDITIONAL`] not taken out of it.
    pub(super) fn own_members(self) -> impl Iterator<Item = (&'d str, Node<'d>)> {
        let object = self.value.as_object().into_iter();
        object
            .flat_map(|object| &object.properties)
            .map(move |member| (member.name.as_str(), self.with(&member.value)))
    }

    /// A member as it stands, unchecked.
    pub(super) fn peek(self, name: &str) -> Option<Node<'d>> {
        self.peek_all()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, node)| node)
    }

    /// Whether there is such a member and it is set to something.
    pub(super) fn has(self, name: &str) -> bool {
        self.peek(name).is_some_and(|node| !node.is_nothing())
    }

    /// The text, if it is one.
    pub(super) fn as_text(self) -> Option<&'d str> {
        self.value.as_string_lit().map(|text| text.value.as_ref())
    }

    /// The elements, if it is an array.
    pub(super) fn as_array(self) -> Option<impl Iterator<Item = Node<'d>>> {
        let array = self.value.as_array()?;
        Some(array.elements.iter().map(move |element| self.with(element)))
    }

    /// The members of an object.
    pub(super) fn object(self) -> Option<Members<'d>> {
        match self.value.as_object() {
            Some(object) => Some(Members::open(self, object)),
            None => self.wrong_type("an object"),
        }
    }

    /// The elements of an array; none of anything else.
    pub(super) fn array(self) -> impl Iterator<Item = Node<'d>> {
        let elements = self.as_array();
        if elements.is_none() {
            self.wrong_type::<()>("an array");
        }
        elements.into_iter().flatten()
    }

    pub(super) fn text(self) -> Option<&'d str> {
        match self.as_text() {
            Some(text) => Some(text),
            None => self.wrong_type("a text"),
        }
    }

    pub(super) fn boolean(self) -> Option<bool> {
        match self.value.as_boolean_lit() {
            Some(boolean) => Some(boolean.value),
            None => self.wrong_type("true or false"),
        }
    }

    /// A whole number from 0.
    pub(super) fn count(self) -> Option<u32> {
        let Some(number) = self.value.as_number_lit() else {
            return self.wrong_type("a number");
        };
        let count = number.value.parse().ok();
        if count.is_none() {
            let message = format!("found {}, expected a whole number", self.describe());
            self.error(Code::OutOfRange, message);
        }
        count
    }

    /// Reports the value as none of what is expected.
    pub(super) fn wrong_type<T>(self, expected: &str) -> Option<T> {
        let found = self.describe();
        match self.as_text() {
            Some(text) if is_type_name(text) => {
                let message = format!(
                    "found the type name {found}, expected {expected}: this is a skeleton from the documentation"
                );
                self.error(Code::Skeleton, message);
            }
            Some(text) if is_cut_off(text) => {
                let message = format!(
                    "found {found}, expected {expected}: PowerShell's ConvertTo-Json cut it off, export with a larger -Depth"
                );
                self.error(Code::WrongType, message);
            }
            Some(_) | None => {
                let message = format!("found {found}, expected {expected}");
                self.error(Code::WrongType, message);
            }
        }
        None
    }

    /// The value, short enough for a message.
    pub(super) fn describe(self) -> String {
        match self.value {
            Value::StringLit(text) => quoted(&text.value),
            Value::NumberLit(number) => number.value.chars().take(40).collect(),
            Value::BooleanLit(boolean) => boolean.value.to_string(),
            Value::NullKeyword(_) => String::from("null"),
            Value::Array(array) if array.elements.is_empty() => String::from("an empty array"),
            Value::Array(_) => String::from("an array"),
            Value::Object(object) if object.properties.is_empty() => {
                String::from("an empty object")
            }
            Value::Object(_) => String::from("an object"),
        }
    }
}

/// Where the Graph PowerShell SDK puts the members that its classes lack.
pub(super) const ADDITIONAL: &str = "AdditionalProperties";

/// Whether a member's name is an annotation that tells about the document and nothing of the policy:
/// `@odata.type`, `members@odata.context`, `#microsoft.graph.restore`. A closed list: `x@odata.bind` says
/// what `x` is, and whatever else has an `@` in it is a member that is not known here.
pub(super) fn is_annotation(name: &str) -> bool {
    const ANNOTATIONS: [&str; 13] = [
        "odata.associationLink",
        "odata.context",
        "odata.count",
        "odata.deltaLink",
        "odata.editLink",
        "odata.etag",
        "odata.id",
        "odata.metadataEtag",
        "odata.navigationLink",
        "odata.nextLink",
        "odata.readLink",
        "odata.type",
        "microsoft.graph.tips",
    ];
    name.starts_with('#')
        || name.split_once('@').is_some_and(|(_, annotation)| {
            let annotation = annotation.trim_start_matches('@');
            annotation.eq_ignore_ascii_case("microsoft.graph.originalSourceMembershipUrl")
                || ANNOTATIONS
                    .iter()
                    .any(|known| annotation.eq_ignore_ascii_case(known))
        })
}

fn is_nothing(value: &Value<'_>) -> bool {
    match value {
        Value::NullKeyword(_) => true,
        Value::StringLit(text) => text.value.is_empty(),
        Value::Array(array) => array.elements.iter().all(is_nothing),
        Value::Object(object) => object
            .properties
            .iter()
            .all(|member| is_annotation(member.name.as_str()) || is_nothing(&member.value)),
        Value::BooleanLit(_) | Value::NumberLit(_) => false,
    }
}
