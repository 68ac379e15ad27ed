//! What is wrong with a policy file, told so that a person can act on it: file, line, JSON path, what
//! was found and what was expected. One finding a line; a run tells all of them, not only the first.

use std::fmt;
use std::sync::Arc;

use crate::printable::printable;

/// A place in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file's path, as the caller named it.
    pub file: Arc<str>,
    /// Line, from 1; 0 where the finding is about the file as a whole.
    pub line: u32,
    /// Column in characters, from 1; 0 where there is no line.
    pub column: u32,
    /// JSON path such as `$.value[2].b2bDirectConnectInbound.usersAndGroups`.
    pub path: String,
}

impl Place {
    /// A file or folder as a whole.
    pub fn of_file(file: impl Into<Arc<str>>) -> Self {
        Place {
            file: file.into(),
            line: 0,
            column: 0,
            path: String::from("$"),
        }
    }
}

/// Whether a finding stops the compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Could change a decision: nothing is compiled.
    Error,
    /// Worth a look: changes no decision.
    Warning,
    /// Reported for completeness: correct as it is. No gate fails on it.
    Info,
}

impl Severity {
    /// `error`, `warning` or `info`: the word in text and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// Whether it stops the compilation.
    pub severity: Severity,
    /// What kind of thing it is.
    pub code: Code,
    /// What is wrong, in one sentence without the place: found, then expected.
    pub message: String,
}

impl Finding {
    /// An error.
    pub fn error(place: Place, code: Code, message: impl Into<String>) -> Self {
        Finding {
            place,
            severity: Severity::Error,
            code,
            message: message.into(),
        }
    }

    /// A warning.
    pub fn warning(place: Place, code: Code, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Warning,
            ..Self::error(place, code, message)
        }
    }

    /// An informational finding.
    pub fn info(place: Place, code: Code, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Info,
            ..Self::error(place, code, message)
        }
    }
}

/// `file:line:column: error[CT012] $.path: message`
impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            file,
            line,
            column,
            path,
        } = &self.place;
        out.write_str(&printable(file))?;
        if *line > 0 {
            write!(out, ":{line}:{column}")?;
        }
        let severity = self.severity.word();
        write!(
            out,
            ": {severity}[{}] {}: {}",
            self.code.id(),
            printable(path),
            printable(&self.message)
        )
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $id:literal,)*) => {
        /// The kinds of finding. Their ids are stable: scripts may look for them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// Every kind.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// The stable id, such as `CT012`.
            pub const fn id(self) -> &'static str {
                match self { $(Code::$code => $id,)* }
            }
        }
    };
}

codes! {
    /// The bytes are no text that JSON may be in.
    Encoding = "CT001",
    /// Not JSON (trailing commas, comments, cut off).
    Syntax = "CT002",
    /// A member stands twice in one object.
    DuplicateMember = "CT003",
    /// A member that is not known here.
    UnknownMember = "CT004",
    /// A value of the wrong JSON type.
    WrongType = "CT005",
    /// A word that is not in Microsoft's list.
    UnknownWord = "CT006",
    /// A name or placeholder where an id belongs.
    NotAnId = "CT007",
    /// A member that has to be there is not.
    MissingMember = "CT008",
    /// A documentation skeleton: values are type names.
    Skeleton = "CT009",
    /// A Graph error body.
    GraphError = "CT010",
    /// A policy template, not a policy.
    Template = "CT011",
    /// What the file holds is not known.
    UnknownDocument = "CT012",
    /// A page with `@odata.nextLink`: the export is not complete.
    IncompleteExport = "CT013",
    /// An object with a `deletedDateTime`.
    Deleted = "CT014",
    /// An address range that is none, or has host bits set.
    AddressRange = "CT015",
    /// A filter rule that cannot be read.
    FilterRule = "CT016",
    /// A number or time out of its range.
    OutOfRange = "CT017",
    /// The two rules of a setting contradict each other.
    ConflictingSetting = "CT020",
    /// A target that this setting may not have.
    TargetNotAllowed = "CT021",
    /// A rule without targets, or with `AllUsers` / `AllApplications` beside others.
    Targets = "CT022",
    /// The same thing stands twice: id, partner, tenant.
    Duplicate = "CT023",
    /// A partner that is the tenant itself.
    OwnPartner = "CT024",
    /// A named location that does not exist.
    UnknownLocation = "CT025",
    /// An authentication strength that does not exist.
    UnknownStrength = "CT026",
    /// Tenant restrictions with a device filter, which Entra does not evaluate.
    DevicesNotEvaluated = "CT027",
    /// A policy that applies to nobody, or asks for nothing.
    NoEffect = "CT028",
    /// A condition or control that is not understood.
    NotUnderstood = "CT029",
    /// A folder without `organization.json`, or a policies folder without tenants.
    NoTenant = "CT030",
    /// A file or folder that cannot be read, or is too large.
    Unreadable = "CT031",
    /// A document that the active policies were read from is no longer there.
    Removed = "CT032",
    /// An assumption whose `reviewBy` is past, or near.
    ReviewDue = "CT040",
    /// A partner whose policies are not loaded.
    PartnerNotLoaded = "CT041",
    /// A rule that rests on a bundle of applications whose members are not all known.
    IncompleteBundle = "CT042",
    /// A file that is not read, since its name does not end in `.json`.
    UnreadFile = "CT050",
    /// A member that decides nothing is set to something other than its default.
    DecidesNothing = "CT051",
    /// Exports that `check` reads, and `serve` would refuse.
    NotServed = "CT052",
    /// One group id as a group of the home tenant and as one of the resource tenant.
    GroupOfTwoTenants = "CT053",
    /// A partner entry that sets nothing, or that another service is likely to have written.
    PartnerSetsNothing = "CT054",
    /// A partner known by a domain and not by a tenant.
    DomainBasedPartner = "CT055",
}
