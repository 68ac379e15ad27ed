//! Violations in a request: the path of the field, what was found and what was expected.
//!
//! Reading continues after a violation, so that a caller receives all of them at once. A caller in process receives
//! all; a gRPC client receives only what fits into a header that cautious clients accept.

use std::fmt;
use std::str::FromStr;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::id::{GroupId, NotAGuid};
use crate::rpc::RequestLimits;
use crate::rpc::message::GroupList;
use crate::time::Timestamp;

/// A violation in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, such as `requests[2].context.device.properties.trustType`.
    pub field: String,
    /// What was found and what was expected.
    pub message: String,
}

/// `field: message`
impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.field, self.message)
    }
}

/// The path of a field in a request. Formatted only if there is a violation.
#[derive(Clone, Copy)]
pub struct FieldPath<'a> {
    parent: Option<&'a FieldPath<'a>>,
    segment: PathSegment<'a>,
}

#[derive(Clone, Copy)]
enum PathSegment<'a> {
    Root,
    Name(&'a str),
    Item(usize),
}

impl FieldPath<'_> {
    /// The request itself.
    pub const ROOT: FieldPath<'static> = FieldPath {
        parent: None,
        segment: PathSegment::Root,
    };

    /// The path of a field or map key within this one.
    pub fn name<'a>(&'a self, name: &'a str) -> FieldPath<'a> {
        FieldPath {
            parent: Some(self),
            segment: PathSegment::Name(name),
        }
    }

    /// The path of a list item within this field.
    pub fn item(&self, index: usize) -> FieldPath<'_> {
        FieldPath {
            parent: Some(self),
            segment: PathSegment::Item(index),
        }
    }
}

impl fmt::Display for FieldPath<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else {
            return Ok(());
        };
        write!(out, "{parent}")?;
        match (self.segment, parent.segment) {
            (PathSegment::Name(name), PathSegment::Root) => out.write_str(&truncate(name)),
            (PathSegment::Name(name), PathSegment::Name(_) | PathSegment::Item(_)) => {
                write!(out, ".{}", truncate(name))
            }
            (PathSegment::Item(index), _) => write!(out, "[{index}]"),
            (PathSegment::Root, _) => Ok(()),
        }
    }
}

/// Reads the fields of a request and records violations.
pub struct RequestReader<'a> {
    pub(super) limits: &'a RequestLimits,
    pub(super) violations: Vec<Violation>,
}

impl<'a> RequestReader<'a> {
    pub fn new(limits: &'a RequestLimits) -> Self {
        RequestReader {
            limits,
            violations: Vec::new(),
        }
    }

    /// Records a violation, unless there are already [`MAX_VIOLATIONS`].
    pub fn refuse(&mut self, at: &FieldPath<'_>, message: impl Into<String>) {
        if self.violations.len() >= MAX_VIOLATIONS {
            return;
        }
        self.violations.push(Violation {
            field: at.to_string(),
            message: message.into(),
        });
    }

    /// Reads an ID or an enumerated string that is required.
    pub fn required<T: FromStr<Err: fmt::Display>>(
        &mut self,
        at: &FieldPath<'_>,
        text: &str,
    ) -> Option<T> {
        if text.is_empty() {
            self.refuse(at, REQUIRED);
            return None;
        }
        self.parse(at, text)
    }

    /// Reads an ID or an enumerated string. An empty string means that it is not set.
    pub fn optional<T: FromStr<Err: fmt::Display>>(
        &mut self,
        at: &FieldPath<'_>,
        text: &str,
    ) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        self.parse(at, text)
    }

    /// Reads a list of IDs or enumerated strings.
    pub fn each<T: FromStr<Err: fmt::Display>, C: FromIterator<T>>(
        &mut self,
        at: &FieldPath<'_>,
        texts: &[&str],
        max: usize,
    ) -> C {
        let texts = self.at_most(at, texts, max);
        texts
            .iter()
            .enumerate()
            .filter_map(|(index, text)| self.parse(&at.item(index), text))
            .collect()
    }

    /// Reads free text. An empty string means that it is not set.
    pub fn text(&mut self, at: &FieldPath<'_>, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        self.line(at, text)
    }

    /// Reads a list of free texts. None may be empty.
    pub fn texts(&mut self, at: &FieldPath<'_>, texts: &[&str]) -> Vec<String> {
        let max = self.limits.list_items;
        let texts = self.at_most(at, texts, max).iter().enumerate();
        texts
            .filter_map(|(index, text)| {
                let at = at.item(index);
                if text.is_empty() {
                    self.refuse(&at, "found an empty string, expected a value");
                    return None;
                }
                self.line(&at, text)
            })
            .collect()
    }

    /// Reads a text that is safe to log: short enough and without control characters.
    pub fn line(&mut self, at: &FieldPath<'_>, text: &str) -> Option<String> {
        let text = self.within_limit(at, text)?;
        if text.chars().any(char::is_control) {
            self.refuse(at, "found a control character, expected none");
            return None;
        }
        Some(text.to_owned())
    }

    /// Returns the text if its length is within the limit.
    pub fn within_limit<'t>(&mut self, at: &FieldPath<'_>, text: &'t str) -> Option<&'t str> {
        let max = self.limits.text_bytes;
        if text.len() <= max {
            return Some(text);
        }
        self.refuse(
            at,
            format!("found {} bytes, expected at most {max}", text.len()),
        );
        None
    }

    /// Reads a list of groups.
    pub fn groups(&mut self, at: &FieldPath<'_>, groups: &mut GroupList<'_>) -> Vec<GroupId> {
        let max = self.limits.groups;
        if groups.len() > max {
            self.refuse(at, too_many(groups.len(), max));
            return Vec::new();
        }
        for (index, text) in &groups.invalid {
            self.refuse(&at.item(*index), found(text, NotAGuid));
        }
        std::mem::take(&mut groups.valid)
    }

    /// Reads a timestamp. Protobuf allows the years 1 to 9999.
    pub fn instant(
        &mut self,
        at: &FieldPath<'_>,
        timestamp: Option<prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let timestamp = timestamp?;
        if !(FIRST_SECOND..=LAST_SECOND).contains(&timestamp.seconds) {
            let found = timestamp.seconds;
            self.refuse(
                &at.name("seconds"),
                format!("found {found}, expected a time in the years 1 to 9999"),
            );
            return None;
        }
        match u32::try_from(timestamp.nanos) {
            Ok(nanos) if nanos < 1_000_000_000 => {
                Some(Timestamp::from_parts(timestamp.seconds, nanos))
            }
            _ => {
                let found = timestamp.nanos;
                self.refuse(
                    &at.name("nanos"),
                    format!("found {found}, expected 0 to 999,999,999"),
                );
                None
            }
        }
    }

    /// Returns the list, or an empty one if it is too long.
    pub fn at_most<'l, T>(&mut self, at: &FieldPath<'_>, list: &'l [T], max: usize) -> &'l [T] {
        if list.len() <= max {
            return list;
        }
        self.refuse(at, too_many(list.len(), max));
        &[]
    }

    fn parse<T: FromStr<Err: fmt::Display>>(
        &mut self,
        at: &FieldPath<'_>,
        text: &str,
    ) -> Option<T> {
        text.parse()
            .map_err(|error: T::Err| self.refuse(at, found(text, error)))
            .ok()
    }
}

/// The message for a text that cannot be parsed.
pub fn found(text: &str, expected: impl fmt::Display) -> String {
    format!("found {:?}, {expected}", truncate(text))
}

/// The message for a list that is too long.
pub fn too_many(count: usize, max: usize) -> String {
    format!("found {count}, expected at most {max}")
}

/// The message for a required field that is not set.
pub const REQUIRED: &str = "is required";

/// `INVALID_ARGUMENT` with `google.rpc.BadRequest`.
pub fn status(violations: &[Violation]) -> Status {
    let Some(first) = violations.first() else {
        // INVARIANT(refusal): only called with violations. An empty list is a bug here, not an error of the caller.
        return Status::internal("a request was rejected without a violation");
    };
    let mut left = MAX_DETAIL_BYTES;
    let sent: Vec<FieldViolation> = violations
        .iter()
        .map_while(|one| {
            left = left.checked_sub(one.field.len() + one.message.len() + 8)?;
            Some(FieldViolation::new(&one.field, &one.message))
        })
        .collect();
    let message = match violations.len() {
        1 => first.to_string(),
        all if all == sent.len() => format!("{first} (and {} more)", all - 1),
        all => format!(
            "{first} (and {} more, {} of them in the details)",
            all - 1,
            sent.len().saturating_sub(1)
        ),
    };
    let details = ErrorDetails::with_bad_request(sent);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// Truncates a text from the caller for use in a message.
fn truncate(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_QUOTED_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// 0001-01-01T00:00:00Z, the minimum of protobuf's `Timestamp`.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;
/// A batch can contain 100,000 malformed empty IDs, each with a message.
const MAX_VIOLATIONS: usize = 1000;
/// Longer than any ID or enumerated string.
const MAX_QUOTED_CHARACTERS: usize = 64;
/// Details are sent as base64 in a header beside the message. grpc-java accepts 8 KiB of headers.
const MAX_DETAIL_BYTES: usize = 4096;
