//! Three-valued logic: a fact is yes, no or unknown.
//!
//! Each value becomes a bool in exactly one place, which states how it fails closed.

use std::ops::Not;

use crate::snapshot::bundles::Membership;

/// Whether a condition matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    No,
    Unknown,
}

impl Match {
    /// Yes or no.
    pub(super) fn from_bool(holds: bool) -> Self {
        if holds { Match::Yes } else { Match::No }
    }

    /// Whether an application is in a set of applications.
    pub(super) fn from_membership(membership: Membership) -> Self {
        match membership {
            Membership::Member => Match::Yes,
            Membership::NonMember => Match::No,
            Membership::Unknown => Match::Unknown,
        }
    }

    /// Yes if any is yes, else unknown if any is unknown.
    pub(super) fn any(answers: impl IntoIterator<Item = Match>) -> Self {
        let mut all = Match::No;
        for answer in answers {
            match answer {
                Match::Yes => return Match::Yes,
                Match::Unknown => all = Match::Unknown,
                Match::No => {}
            }
        }
        all
    }

    /// No if any is no, else unknown if any is unknown.
    pub(super) fn all(answers: impl IntoIterator<Item = Match>) -> Self {
        !Self::any(answers.into_iter().map(Match::not))
    }

    /// Whether a condition matches. An unknown include side counts as a match and an unknown exclude side does
    /// not (semantics §5): both make the condition match.
    pub(super) fn counts_as_match(self) -> bool {
        self != Match::No
    }
}

impl Not for Match {
    type Output = Match;
    fn not(self) -> Match {
        match self {
            Match::Yes => Match::No,
            Match::No => Match::Yes,
            Match::Unknown => Match::Unknown,
        }
    }
}
