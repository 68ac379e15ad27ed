//! Compiled authentication strengths.

use crate::id::{Aaguid, StrengthId};
use crate::vocabulary::{AuthenticationMethod, WordSet};

/// An authentication strength of one tenant, or a built-in one.
#[derive(Debug, Clone)]
pub struct Strength {
    pub(crate) id: StrengthId,
    pub(crate) display_name: String,
    /// Each of these satisfies the strength; sorted by methods.
    pub(crate) combinations: Box<[Combination]>,
}

/// Methods that together satisfy a strength.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    pub(crate) methods: WordSet<AuthenticationMethod>,
    /// Further requirements, all of which must be met.
    pub(crate) demands: Box<[Demand]>,
}

/// Compiled `combinationConfigurations`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// A passkey of one of these models; sorted.
    Fido2(Box<[Aaguid]>),
    /// A certificate of one of these issuers, with one of these policies; an empty list requires nothing.
    Certificate {
        /// Lower case, sorted.
        issuer_skis: Box<[String]>,
        /// Sorted.
        policy_oids: Box<[String]>,
    },
}

impl StrengthId {
    /// The built-in "multifactor authentication" strength, the only one that an MFA claim without methods
    /// satisfies (semantics §5).
    pub const BUILT_IN_MFA: StrengthId = StrengthId(2);
    /// The built-in "passwordless MFA" strength.
    pub const BUILT_IN_PASSWORDLESS: StrengthId = StrengthId(3);
    /// The built-in "phishing-resistant MFA" strength.
    pub const BUILT_IN_PHISHING_RESISTANT: StrengthId = StrengthId(4);
}
