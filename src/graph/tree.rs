//! Text → strict JSON, with line, column and path of every value.
//!
//! serde_json checks that the text is JSON (RFC 8259, at most 128 levels deep). jsonc-parser, with all extensions
//! disabled, builds the tree: it keeps the offsets and duplicate members.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::Arc;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::finding::{Code, Finding, SourceLocation};
use super::report::FindingCollector;

/// A file as a syntax tree, with the findings about it.
#[derive(Debug)]
pub(super) struct JsonSource<'t> {
    file: Arc<str>,
    text: &'t str,
    lines: LineIndex,
    root: Value<'t>,
    /// [`PolicySettings::undecisive_members`](crate::policy_settings::PolicySettings::undecisive_members)
    undecisive: &'t [String],
    report: RefCell<FindingCollector>,
}

impl<'t> JsonSource<'t> {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// A finding with the location of the first syntax error.
    pub(super) fn parse(file: Arc<str>, text: &'t str) -> Result<Self, Finding> {
        if text.trim().is_empty() {
            let message = "found an empty file, expected JSON; an empty document is [] or {}";
            return Err(Finding::error(
                SourceLocation::of_file(file),
                Code::Syntax,
                message,
            ));
        }
        let lines = LineIndex::of(text);
        let refuse = |offset, reason: &str| {
            let (line, column) = lines.position(text, offset);
            let place = SourceLocation {
                line,
                column,
                ..SourceLocation::of_file(Arc::clone(&file))
            };
            let message = format!("not strict JSON: {reason}");
            Err(Finding::error(place, Code::Syntax, message))
        };
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            let offset = lines.offset(error.line(), error.column());
            return refuse(offset, &reason_of(&error));
        }
        let root = match parse_to_ast(text, &CollectOptions::default(), &strict()) {
            Ok(tree) => tree.value,
            Err(error) => return refuse(error.range().start, &error.kind().to_string()),
        };
        let Some(root) = root else {
            return refuse(0, "found no value");
        };
        Ok(JsonSource {
            file,
            text,
            lines,
            root,
            undecisive: &[],
            report: RefCell::default(),
        })
    }

    /// Accepts unknown members with these names.
    pub(super) fn accepting(self, undecisive: &'t [String]) -> Self {
        JsonSource { undecisive, ..self }
    }

    pub(super) fn is_undecisive(&self, member: &str) -> bool {
        let mut names = self.undecisive.iter();
        names.any(|name| name.eq_ignore_ascii_case(member))
    }

    pub(super) fn root(&self) -> &Value<'t> {
        &self.root
    }

    /// The location of a value.
    pub(super) fn place_of(&self, value: &Value<'_>) -> SourceLocation {
        self.place(value.start(), value.range())
    }

    /// The location of a member's name.
    pub(super) fn place_of_member(&self, member: &ObjectProp<'_>) -> SourceLocation {
        self.place(member.start(), member.value.range())
    }

    /// The line of a member's name, starting at 1.
    pub(super) fn line_of_member(&self, member: &ObjectProp<'_>) -> u32 {
        self.lines.position(self.text, member.start()).0
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

    fn place(&self, offset: usize, value: Range) -> SourceLocation {
        let (line, column) = self.lines.position(self.text, offset);
        SourceLocation {
            file: Arc::clone(&self.file),
            line,
            column,
            path: path(&self.root, value),
        }
    }
}

/// The path from the root to the value with this range, found by binary search on each level.
fn path(root: &Value<'_>, target: Range) -> String {
    let mut path = String::from("$");
    let mut value = root;
    while value.range() != target {
        let next = match value {
            Value::Object(object) => {
                let after = object
                    .properties
                    .partition_point(|member| member.start() <= target.start);
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
                    .partition_point(|element| element.start() <= target.start);
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

/// The offsets of line starts, and of positions within long lines: looking up the column of a value must not count
/// the characters of a long line from its start each time.
#[derive(Debug)]
struct LineIndex(Vec<LineMark>);

#[derive(Debug, Clone, Copy)]
struct LineMark {
    offset: usize,
    line: u32,
    /// In characters, starting at 1.
    column: u32,
}

/// The distance between two marks in a line, in bytes.
const STRIDE: usize = 512;

impl LineIndex {
    fn of(text: &str) -> Self {
        let mut last = LineMark {
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
                last = LineMark {
                    offset,
                    line: last.line.saturating_add(1),
                    column,
                };
                marks.push(last);
            } else if offset - last.offset >= STRIDE {
                last = LineMark {
                    offset,
                    column,
                    ..last
                };
                marks.push(last);
            }
            column = column.saturating_add(1);
            ends_line = character == '\n';
        }
        LineIndex(marks)
    }

    /// The line and column of an offset.
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

    /// The offset of a line and column as serde_json counts them: in bytes, starting at 1.
    fn offset(&self, line: usize, column: usize) -> usize {
        let at = self.0.partition_point(|mark| {
            usize::try_from(mark.line).is_ok_and(|mark_line| mark_line < line)
        });
        let start = self.0.get(at).map_or(0, |mark| mark.offset);
        start.saturating_add(column.saturating_sub(1))
    }
}
