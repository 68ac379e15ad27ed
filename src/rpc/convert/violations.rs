//! What is wrong with a request: the field as its caller wrote it, and what was expected there.
//!
//! Reading goes on past a violation, so that a caller is told all of them at once. In process they are all
//! handed over; on the wire they travel in a header, so as many are told as a cautious peer accepts.

use std::fmt;
use std::str::FromStr;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::id::{GroupId, NotAGuid};
use crate::rpc::Limits;
use crate::rpc::message::Groups;
use crate::time::Timestamp;

/// One thing that is wrong with a request.
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

/// A place in a request. Costs nothing until it is written.
#[derive(Clone, Copy)]
pub struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Name(&'a str),
    Item(usize),
}

impl At<'_> {
    /// The request itself.
    pub const ROOT: At<'static> = At {
        parent: None,
        step: Step::Root,
    };

    /// A field of what is here, or a key.
    pub fn name<'a>(&'a self, name: &'a str) -> At<'a> {
        At {
            parent: Some(self),
            step: Step::Name(name),
        }
    }

    /// A member of the list that is here.
    pub fn item(&self, index: usize) -> At<'_> {
        At {
            parent: Some(self),
            step: Step::Item(index),
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else {
            return Ok(());
        };
        write!(out, "{parent}")?;
        match (self.step, parent.step) {
            (Step::Name(name), Step::Root) => out.write_str(&cut(name)),
            (Step::Name(name), Step::Name(_) | Step::Item(_)) => write!(out, ".{}", cut(name)),
            (Step::Item(index), _) => write!(out, "[{index}]"),
            (Step::Root, _) => Ok(()),
        }
    }
}

/// Reads the parts of a request and notes what is wrong with them.
pub struct Reader<'a> {
    pub(super) limits: &'a Limits,
    pub(super) violations: Vec<Violation>,
}

impl<'a> Reader<'a> {
    pub fn new(limits: &'a Limits) -> Self {
        Reader {
            limits,
            violations: Vec::new(),
        }
    }

    /// Notes a violation; past a thousand, that there are some is enough.
    pub fn refuse(&mut self, at: &At<'_>, message: impl Into<String>) {
        if self.violations.len() >= MOST_NOTED {
            return;
        }
        self.violations.push(Violation {
            field: at.to_string(),
            message: message.into(),
        });
    }

    /// An id or a word that has to be there.
    pub fn required<T: FromStr<Err: fmt::Display>>(
        &mut self,
        at: &At<'_>,
        text: &str,
    ) -> Option<T> {
        if text.is_empty() {
            self.refuse(at, REQUIRED);
            return None;
        }
        self.parse(at, text)
    }

    /// An id or a word; an empty text says nothing.
    pub fn optional<T: FromStr<Err: fmt::Display>>(
        &mut self,
        at: &At<'_>,
        text: &str,
    ) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        self.parse(at, text)
    }

    /// A list of ids or words, collected as they come.
    pub fn each<T: FromStr<Err: fmt::Display>, C: FromIterator<T>>(
        &mut self,
        at: &At<'_>,
        texts: &[&str],
        most: usize,
    ) -> C {
        let texts = self.at_most(at, texts, most);
        texts
            .iter()
            .enumerate()
            .filter_map(|(index, text)| self.parse(&at.item(index), text))
            .collect()
    }

    /// A text that is taken as it is; an empty one says nothing.
    pub fn text(&mut self, at: &At<'_>, text: &str) -> Option<String> {
        if text.is_empty() {
            return None;
        }
        self.line(at, text)
    }

    /// A list of texts, none of them empty.
    pub fn texts(&mut self, at: &At<'_>, texts: &[&str]) -> Vec<String> {
        let most = self.limits.list_items;
        let texts = self.at_most(at, texts, most).iter().enumerate();
        texts
            .filter_map(|(index, text)| {
                let at = at.item(index);
                if text.is_empty() {
                    self.refuse(&at, "found an empty text");
                    return None;
                }
                self.line(&at, text)
            })
            .collect()
    }

    /// A text that may stand in a log: short enough, and nothing in it ends a line or moves a cursor.
    pub fn line(&mut self, at: &At<'_>, text: &str) -> Option<String> {
        let text = self.short_enough(at, text)?;
        if text.chars().any(char::is_control) {
            self.refuse(at, "found a control character, expected none");
            return None;
        }
        Some(text.to_owned())
    }

    /// The text, if it is no longer than texts may be.
    pub fn short_enough<'t>(&mut self, at: &At<'_>, text: &'t str) -> Option<&'t str> {
        let most = self.limits.text_bytes;
        if text.len() <= most {
            return Some(text);
        }
        self.refuse(
            at,
            format!("found {} bytes, expected at most {most}", text.len()),
        );
        None
    }

    /// A list of groups.
    pub fn groups(&mut self, at: &At<'_>, groups: &mut Groups<'_>) -> Vec<GroupId> {
        let most = self.limits.groups;
        if groups.len() > most {
            self.refuse(at, too_many(groups.len(), most));
            return Vec::new();
        }
        for (index, text) in &groups.unread {
            self.refuse(&at.item(*index), found(text, NotAGuid));
        }
        std::mem::take(&mut groups.read)
    }

    /// An instant, if it is one that protobuf allows: the years 1 to 9999.
    pub fn instant(
        &mut self,
        at: &At<'_>,
        told: Option<prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let told = told?;
        if !(FIRST_SECOND..=LAST_SECOND).contains(&told.seconds) {
            let found = told.seconds;
            self.refuse(
                &at.name("seconds"),
                format!("found {found}, expected an instant of the years 1 to 9999"),
            );
            return None;
        }
        match u32::try_from(told.nanos) {
            Ok(nanos) if nanos < 1_000_000_000 => Some(Timestamp::from_parts(told.seconds, nanos)),
            _ => {
                let found = told.nanos;
                self.refuse(
                    &at.name("nanos"),
                    format!("found {found}, expected 0 to 999,999,999"),
                );
                None
            }
        }
    }

    /// The list if it is not too long, else nothing of it.
    pub fn at_most<'l, T>(&mut self, at: &At<'_>, list: &'l [T], most: usize) -> &'l [T] {
        if list.len() <= most {
            return list;
        }
        self.refuse(at, too_many(list.len(), most));
        &[]
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, at: &At<'_>, text: &str) -> Option<T> {
        text.parse()
            .map_err(|error: T::Err| self.refuse(at, found(text, error)))
            .ok()
    }
}

/// What is said of a text that cannot be read.
pub fn found(text: &str, expected: impl fmt::Display) -> String {
    format!("found {:?}, {expected}", cut(text))
}

/// What is said of a list that is too long.
pub fn too_many(count: usize, most: usize) -> String {
    format!("found {count}, expected at most {most}")
}

/// What is said of a field that has to be there and is not.
pub const REQUIRED: &str = "is required";

/// `INVALID_ARGUMENT` with `google.rpc.BadRequest`.
pub fn status(violations: &[Violation]) -> Status {
    let Some(first) = violations.first() else {
        // INVARIANT(refusal): only called for violations; an empty list is our fault, not the caller's.
        return Status::internal("a request was refused without a reason");
    };
    let mut left = MOST_DETAIL_BYTES;
    let told: Vec<FieldViolation> = violations
        .iter()
        .map_while(|one| {
            left = left.checked_sub(one.field.len() + one.message.len() + 8)?;
            Some(FieldViolation::new(&one.field, &one.message))
        })
        .collect();
    let message = match violations.len() {
        1 => first.to_string(),
        all if all == told.len() => format!("{first} (and {} more)", all - 1),
        all => format!(
            "{first} (and {} more, of which {} are told)",
            all - 1,
            told.len().saturating_sub(1)
        ),
    };
    let details = ErrorDetails::with_bad_request(told);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// A text of the caller's, short enough to be said again.
fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_CHARACTERS_TOLD).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// 0001-01-01T00:00:00Z, as protobuf's `Timestamp` has it.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;
/// A batch has room for 100,000 malformed ids of no length, each with a sentence about it.
const MOST_NOTED: usize = 1000;
/// Longer than any id or word.
const MOST_CHARACTERS_TOLD: usize = 64;
/// Details travel as base64 in a header beside the message; grpc-java takes 8 KiB of headers.
const MOST_DETAIL_BYTES: usize = 4096;
