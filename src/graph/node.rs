//! A cursor on a JSON value that parses it as an expected type, and reports a finding if it has another type.
//!
//! Parsing continues after a finding, so that all are reported. [`Node::read_without_errors`] discards an object in
//! which something was refused.

use std::ops::Range;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;

use super::finding::{Code, Finding, Severity, SourceLocation};
use super::members::Members;
use super::tree::JsonSource;
use super::values::{is_truncated, is_type_name, quoted};

/// A value in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'d> {
    pub(super) source: &'d JsonSource<'d>,
    value: &'d Value<'d>,
    /// The severity of something unknown in this value: a warning in a policy that has no effect.
    unknown_severity: Severity,
}

impl<'d> Node<'d> {
    pub(super) fn root(source: &'d JsonSource<'d>) -> Self {
        Node {
            source,
            value: source.root(),
            unknown_severity: Severity::Error,
        }
    }

    /// A cursor on another value of the same object or array.
    pub(super) fn with(self, value: &'d Value<'d>) -> Self {
        Node { value, ..self }
    }

    /// The same value, with another severity for unknown content.
    pub(super) fn with_unknown_severity(self, severity: Severity) -> Self {
        Node {
            unknown_severity: severity,
            ..self
        }
    }

    /// The severity of unknown content.
    pub(super) fn unknown_severity(self) -> Severity {
        self.unknown_severity
    }

    /// The byte range of the value in the text of its file.
    pub(super) fn range(self) -> Range<usize> {
        let range = self.value.range();
        range.start..range.end
    }

    pub(super) fn place(self) -> SourceLocation {
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

    /// Reports unknown content that could change a decision.
    pub(super) fn report_unknown(self, code: Code, message: impl Into<String>) {
        match self.unknown_severity {
            Severity::Error => self.error(code, message),
            Severity::Warning => self.warning(code, message),
            Severity::Info => self.info(code, message),
        }
    }

    /// Parses the value with `read`, and returns the result only if that reported no error.
    pub(super) fn read_without_errors<T>(self, read: impl FnOnce(Self) -> Option<T>) -> Option<T> {
        let errors = self.source.errors();
        read(self).filter(|_| self.source.errors() == errors)
    }

    /// Null, an empty string, or an object or array with only such values: what PowerShell writes for null.
    pub(super) fn is_blank(self) -> bool {
        is_blank(self.value)
    }

    /// An object with at least one member, whose members are all blank.
    pub(super) fn has_only_blank_members(self) -> bool {
        let members = self.value.as_object().map(|object| &object.properties);
        members.is_some_and(|members| {
            members
                .iter()
                .any(|member| !is_annotation(member.name.as_str()))
        }) && self.is_blank()
    }

    pub(super) fn is_null(self) -> bool {
        self.value.as_null_keyword().is_some()
    }

    pub(super) fn is_true(self) -> bool {
        self.value.as_boolean_lit().is_some_and(|value| value.value)
    }

    pub(super) fn is_empty_string(self) -> bool {
        matches!(self.value, Value::StringLit(text) if text.value.is_empty())
    }

    pub(super) fn is_object(self) -> bool {
        self.value.as_object().is_some()
    }

    pub(super) fn is_array(self) -> bool {
        self.value.as_array().is_some()
    }

    /// All members, including those in [`ADDITIONAL`], without checks: to detect the kind of the object.
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

    /// The direct members, without those in [`ADDITIONAL`].
    pub(super) fn own_members(self) -> impl Iterator<Item = (&'d str, Node<'d>)> {
        let object = self.value.as_object().into_iter();
        object
            .flat_map(|object| &object.properties)
            .map(move |member| (member.name.as_str(), self.with(&member.value)))
    }

    /// A member, without checks.
    pub(super) fn peek(self, name: &str) -> Option<Node<'d>> {
        self.peek_all()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, node)| node)
    }

    /// Whether the member is present and not blank.
    pub(super) fn has(self, name: &str) -> bool {
        self.peek(name).is_some_and(|node| !node.is_blank())
    }

    /// The string, if the value is one.
    pub(super) fn as_text(self) -> Option<&'d str> {
        self.value.as_string_lit().map(|text| text.value.as_ref())
    }

    /// The elements, if the value is an array.
    pub(super) fn as_array(self) -> Option<impl Iterator<Item = Node<'d>>> {
        let array = self.value.as_array()?;
        Some(array.elements.iter().map(move |element| self.with(element)))
    }

    /// The members of an object. Reports another type.
    pub(super) fn object(self) -> Option<Members<'d>> {
        match self.value.as_object() {
            Some(object) => Some(Members::open(self, object)),
            None => self.wrong_type("an object"),
        }
    }

    /// The elements of an array. Reports another type.
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
            None => self.wrong_type("a string"),
        }
    }

    pub(super) fn boolean(self) -> Option<bool> {
        match self.value.as_boolean_lit() {
            Some(boolean) => Some(boolean.value),
            None => self.wrong_type("true or false"),
        }
    }

    /// A non-negative integer.
    pub(super) fn count(self) -> Option<u32> {
        let Some(number) = self.value.as_number_lit() else {
            return self.wrong_type("a number");
        };
        let count = number.value.parse().ok();
        if count.is_none() {
            let message = format!(
                "found {}, expected an integer from 0 to 4294967295",
                self.describe()
            );
            self.error(Code::OutOfRange, message);
        }
        count
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong_type<T>(self, expected: &str) -> Option<T> {
        let found = self.describe();
        match self.as_text() {
            Some(text) if is_type_name(text) => {
                let message = format!(
                    "found the type name {found}, expected {expected}: this is a JSON representation from the documentation"
                );
                self.error(Code::Skeleton, message);
            }
            Some(text) if is_truncated(text) => {
                let message = format!(
                    "found {found}, expected {expected}: PowerShell's ConvertTo-Json truncated it; export with a larger -Depth"
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

    /// The value for a message, shortened.
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

/// The member in which the Graph PowerShell SDK puts members that its classes lack.
pub(super) const ADDITIONAL: &str = "AdditionalProperties";

/// Whether a member is an annotation that describes the document and not the policy: `@odata.type`,
/// `members@odata.context`, `#microsoft.graph.restore`. A closed list: `x@odata.bind` sets `x`, and all other names
/// with an `@` are unknown members.
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

fn is_blank(value: &Value<'_>) -> bool {
    match value {
        Value::NullKeyword(_) => true,
        Value::StringLit(text) => text.value.is_empty(),
        Value::Array(array) => array.elements.iter().all(is_blank),
        Value::Object(object) => object
            .properties
            .iter()
            .all(|member| is_annotation(member.name.as_str()) || is_blank(&member.value)),
        Value::BooleanLit(_) | Value::NumberLit(_) => false,
    }
}
