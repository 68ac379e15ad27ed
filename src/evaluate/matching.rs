//! Three-valued answers: a fact is yes, no or not known.
//!
//! Each becomes a bool in exactly one place, which says which way it fails closed.

use std::ops::Not;

use crate::snapshot::bundles::Membership;

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    No,
    Unknown,
}

impl Match {
    /// A known answer.
    pub(super) fn known(holds: bool) -> Self {
        if holds { Match::Yes } else { Match::No }
    }

    /// Whether an application is in a set of them.
    pub(super) fn membership(membership: Membership) -> Self {
        match membership {
            Membership::Member => Match::Yes,
            Membership::NonMember => Match::No,
            Membership::Unknown => Match::Unknown,
        }
    }

    /// Yes if one is, else unknown if one is.
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

    /// No if one is, else unknown if one is.
    pub(super) fn all(answers: impl IntoIterator<Item = Match>) -> Self {
        !Self::any(answers.into_iter().map(Match::not))
    }

    /// A condition, whose include side is taken to match where it is not known, and whose exclude side is
    /// not (semantics §5): both make the condition match.
    pub(super) fn includes(self) -> bool {
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
