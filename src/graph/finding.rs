//! Findings: problems in policy files, with file, line, JSON path, what was found and what was expected. Each is
//! printed on one line. All are reported, not only the first.

use std::fmt;
use std::sync::Arc;

use crate::printable::printable;

/// A location in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceLocation {
    /// The path of the file, as passed by the caller.
    pub file: Arc<str>,
    /// The line, starting at 1; 0 if the finding is about the complete file.
    pub line: u32,
    /// The column in characters, starting at 1; 0 if there is no line.
    pub column: u32,
    /// The JSON path, such as `$.value[2].b2bDirectConnectInbound.usersAndGroups`.
    pub path: String,
}

impl SourceLocation {
    /// A complete file or folder.
    pub fn of_file(file: impl Into<Arc<str>>) -> Self {
        SourceLocation {
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
    /// Could change a decision: the policies are not compiled.
    Error,
    /// Should be reviewed. Changes no decision.
    Warning,
    /// Informational: correct as it is. `check` never fails because of it.
    Info,
}

impl Severity {
    /// `error`, `warning` or `info`, as in text and JSON output.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// A problem in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where it was found.
    pub place: SourceLocation,
    /// The severity; errors stop the compilation.
    pub severity: Severity,
    /// The kind of finding.
    pub code: Code,
    /// What was found, then what was expected, in one sentence without the location.
    pub message: String,
}

impl Finding {
    /// Creates an error.
    pub fn error(place: SourceLocation, code: Code, message: impl Into<String>) -> Self {
        Finding {
            place,
            severity: Severity::Error,
            code,
            message: message.into(),
        }
    }

    /// Creates a warning.
    pub fn warning(place: SourceLocation, code: Code, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Warning,
            ..Self::error(place, code, message)
        }
    }

    /// Creates an informational finding.
    pub fn info(place: SourceLocation, code: Code, message: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Info,
            ..Self::error(place, code, message)
        }
    }
}

/// Writes `file:line:column: error[CT012] $.path: message`.
impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SourceLocation {
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
        /// The kinds of findings. Their ids are stable, so that scripts can match them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// All kinds.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// The stable id, such as `CT012`.
            pub const fn id(self) -> &'static str {
                match self { $(Code::$code => $id,)* }
            }
        }
    };
}

codes! {
    /// The file is not in a Unicode encoding that is accepted.
    Encoding = "CT001",
    /// Not JSON (trailing commas, comments, truncated).
    Syntax = "CT002",
    /// Two members of an object have the same name.
    DuplicateMember = "CT003",
    /// An unknown member.
    UnknownMember = "CT004",
    /// A value of the wrong JSON type.
    WrongType = "CT005",
    /// An unknown enumeration value.
    UnknownWord = "CT006",
    /// A name or placeholder instead of an id.
    NotAnId = "CT007",
    /// A required member is missing.
    MissingMember = "CT008",
    /// A JSON representation from Microsoft's documentation: values are type names.
    Skeleton = "CT009",
    /// An error response of Graph.
    GraphError = "CT010",
    /// A policy template, not a policy.
    Template = "CT011",
    /// The kind of a document is not recognised.
    UnknownDocument = "CT012",
    /// A page with `@odata.nextLink`: the export is incomplete.
    IncompleteExport = "CT013",
    /// An object with a `deletedDateTime`.
    Deleted = "CT014",
    /// An invalid address range, or one with host bits set.
    AddressRange = "CT015",
    /// A filter rule that cannot be parsed.
    FilterRule = "CT016",
    /// A number or time outside its range.
    OutOfRange = "CT017",
    /// The two rules of a setting contradict each other.
    ConflictingSetting = "CT020",
    /// A target that is not allowed in this setting.
    TargetNotAllowed = "CT021",
    /// A rule without targets, or with `AllUsers` or `AllApplications` and further targets.
    Targets = "CT022",
    /// A duplicate: id, partner or tenant.
    Duplicate = "CT023",
    /// A partner entry for the tenant itself.
    OwnPartner = "CT024",
    /// A named location that does not exist.
    UnknownLocation = "CT025",
    /// An authentication strength that does not exist.
    UnknownStrength = "CT026",
    /// Tenant restrictions with a device filter, which Entra does not evaluate.
    DevicesNotEvaluated = "CT027",
    /// A policy that applies to no user or requires nothing.
    NoEffect = "CT028",
    /// A condition or control that is not supported.
    NotUnderstood = "CT029",
    /// A folder without `organization.json`, or a policies folder without tenants.
    NoTenant = "CT030",
    /// A file or folder that cannot be read, or is too large.
    Unreadable = "CT031",
    /// A document of the active policies has been removed.
    Removed = "CT032",
    /// An assumed-outbound entry whose `reviewBy` date is past or near.
    ReviewDue = "CT040",
    /// A partner whose policies are not loaded.
    PartnerNotLoaded = "CT041",
    /// A rule that uses an application bundle whose members are not all known.
    IncompleteBundle = "CT042",
    /// A file that is not read because its name does not end in `.json`.
    UnreadFile = "CT050",
    /// A member that has no effect on decisions is not at its default.
    DecidesNothing = "CT051",
    /// Exports that `check` accepts and `serve` would refuse.
    NotServed = "CT052",
    /// A group id that is used for both the home tenant and the resource tenant.
    GroupOfTwoTenants = "CT053",
    /// A partner entry that sets nothing, or that another service probably created.
    PartnerSetsNothing = "CT054",
    /// A partner that is identified by a domain instead of a tenant id.
    DomainBasedPartner = "CT055",
}
