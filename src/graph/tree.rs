//! Text → strict JSON, where every value knows its line, column and path.
//!
//! serde_json judges what is JSON (RFC 8259, at most 128 levels deep); jsonc-parser, with every leniency
//! off, gives the tree: it keeps places, and members that stand twice.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::Arc;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::finding::{Code, Finding, Place};
use super::report::Report;

/// One file as a tree, and what is found while it is read.
#[derive(Debug)]
pub(super) struct Source<'t> {
    file: Arc<str>,
    text: &'t str,
    marks: Marks,
    root: Value<'t>,
    /// [`PolicySettings::undecisive_members`](crate::policy_settings::PolicySettings::undecisive_members)
    undecisive: &'t [String],
    report: RefCell<Report>,
}

impl<'t> Source<'t> {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The finding that says where the text stops being JSON.
    pub(super) fn parse(file: Arc<str>, text: &'t str) -> Result<Self, Finding> {
        if text.trim().is_empty() {
            let message = "found an empty file, expected JSON; an empty document is [] or {}";
            return Err(Finding::error(Place::of_file(file), Code::Syntax, message));
        }
        let marks = Marks::of(text);
        let refuse = |offset, reason: &str| {
            let (line, column) = marks.position(text, offset);
            let place = Place {
                line,
                column,
                ..Place::of_file(Arc::clone(&file))
            };
            let message = format!("not strict JSON: {reason}");
            Err(Finding::error(place, Code::Syntax, message))
        };
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            let offset = marks.offset(error.line(), error.column());
            return refuse(offset, &reason_of(&error));
        }
        let root = match parse_to_ast(text, &CollectOptions::default(), &strict()) {
            Ok(tree) => tree.value,
            Err(error) => return refuse(error.range().start, &error.kind().to_string()),
        };
        let Some(root) = root else {
            return refuse(0, "no value");
        };
        Ok(Source {
            file,
            text,
            marks,
            root,
            undecisive: &[],
            report: RefCell::default(),
        })
    }

    /// The same, where unknown members with these names are accepted.
    pub(super) fn accepting(self, undecisive: &'t [String]) -> Self {
        Source { undecisive, ..self }
    }

    pub(super) fn is_undecisive(&self, member: &str) -> bool {
        let mut names = self.undecisive.iter();
        names.any(|name| name.eq_ignore_ascii_case(member))
    }

    pub(super) fn root(&self) -> &Value<'t> {
        &self.root
    }

    /// Where a value stands.
    pub(super) fn place_of(&self, value: &Value<'_>) -> Place {
        self.place(value.start(), value.range())
    }

    /// Where a member stands: at its name.
    pub(super) fn place_of_member(&self, member: &ObjectProp<'_>) -> Place {
        self.place(member.start(), member.value.range())
    }

    /// The line of a member's name.
    pub(super) fn line_of_member(&self, member: &ObjectProp<'_>) -> u32 {
        self.marks.position(self.text, member.start()).0
    }

    pub(super) fn add(&self, finding: Finding) {
        self.report.borrow_mut().add(finding);
    }

    pub(super) fn errors(&self) -> usize {
        self.report.borrow().errors()
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.report.into_inner().into_findings(&self.file)
    }

    fn place(&self, offset: usize, value: Range) -> Place {
        let (line, column) = self.marks.position(self.text, offset);
        Place {
            file: Arc::clone(&self.file),
            line,
            column,
            path: path(&self.root, value),
        }
    }
}

/// The path from the root to the value with this range: down the tree, by bisection.
fn path(root: &Value<'_>, wanted: Range) -> String {
    let mut path = String::from("$");
    let mut value = root;
    while value.range() != wanted {
        let next = match value {
            Value::Object(object) => {
                let after = object
                    .properties
                    .partition_point(|member| member.start() <= wanted.start);
                let member = after
                    .checked_sub(1)
                    .and_then(|at| object.properties.get(at));
                member.map(|member| {
                    push_name(&mut path, member.name.as_str());
                    &member.value
                })
            }
            Value::Array(array) => {
                let after = array
                    .elements
                    .partition_point(|element| element.start() <= wanted.start);
                let at = after.checked_sub(1);
                at.and_then(|at| {
                    let _ = write!(path, "[{at}]");
                    array.elements.get(at)
                })
            }
            Value::StringLit(_)
            | Value::NumberLit(_)
            | Value::BooleanLit(_)
            | Value::NullKeyword(_) => None,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    path
}

fn push_name(path: &mut String, name: &str) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '@' | '.');
    let _ = match !name.is_empty() && name.chars().all(is_plain) {
        true => write!(path, ".{name}"),
        false => write!(path, "[{}]", super::values::quoted(name)),
    };
}

fn reason_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// Where lines begin, and further marks within long lines: a file of one line must not be counted anew
/// for each of its values.
#[derive(Debug)]
struct Marks(Vec<Mark>);

#[derive(Debug, Clone, Copy)]
struct Mark {
    offset: usize,
    line: u32,
    /// In characters, from 1.
    column: u32,
}

/// Bytes between two marks of one line.
const STRIDE: usize = 512;

impl Marks {
    fn of(text: &str) -> Self {
        let mut last = Mark {
            offset: 0,
            line: 1,
            column: 1,
        };
        let mut marks = vec![last];
        let mut column = 1_u32;
        let mut ends_line = false;
        for (offset, character) in text.char_indices() {
            if ends_line {
                column = 1;
                last = Mark {
                    offset,
                    line: last.line.saturating_add(1),
                    column,
                };
                marks.push(last);
            } else if offset - last.offset >= STRIDE {
                last = Mark {
                    offset,
                    column,
                    ..last
                };
                marks.push(last);
            }
            column = column.saturating_add(1);
            ends_line = character == '\n';
        }
        Marks(marks)
    }

    /// Line and column of an offset.
    fn position(&self, text: &str, offset: usize) -> (u32, u32) {
        let after = self.0.partition_point(|mark| mark.offset <= offset);
        let Some(mark) = after.checked_sub(1).and_then(|at| self.0.get(at)) else {
            return (1, 1);
        };
        let between = text.get(mark.offset..offset.min(text.len()));
        let characters = between.map_or(0, |between| between.chars().count());
        let characters = u32::try_from(characters).unwrap_or(u32::MAX);
        (mark.line, mark.column.saturating_add(characters))
    }

    /// The offset of a line and a column in bytes, both from 1, as serde_json counts them.
    fn offset(&self, line: usize, column: usize) -> usize {
        let at = self.0.partition_point(|mark| {
            usize::try_from(mark.line).is_ok_and(|mark_line| mark_line < line)
        });
        let start = self.0.get(at).map_or(0, |mark| mark.offset);
        start.saturating_add(column.saturating_sub(1))
    }
}
