//! Authentication strengths, compiled.

use crate::id::{Aaguid, StrengthId};
use crate::vocabulary::{AuthenticationMethod, WordSet};

/// An authentication strength of one tenant, or a built-in one.
#[derive(Debug, Clone)]
pub struct Strength {
    pub(crate) id: StrengthId,
    pub(crate) display_name: String,
    /// Each of these reaches the strength; sorted by methods.
    pub(crate) combinations: Box<[Combination]>,
}

/// Methods that reach a strength when all of them were done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    pub(crate) methods: WordSet<AuthenticationMethod>,
    /// What is asked besides the methods; all of it.
    pub(crate) demands: Box<[Demand]>,
}

/// `combinationConfigurations`, compiled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// A passkey of one of these models; sorted.
    Fido2(Box<[Aaguid]>),
    /// A certificate of one of these issuers and under one of these policies; an empty list asks nothing.
    Certificate {
        /// Lower case, sorted.
        issuer_skis: Box<[String]>,
        /// Sorted.
        policy_oids: Box<[String]>,
    },
}

impl StrengthId {
    /// The built-in "multifactor authentication" strength, the only one that a bare "MFA was done"
    /// satisfies (semantics §5).
    pub const BUILT_IN_MFA: StrengthId = StrengthId(2);
    /// The built-in "passwordless MFA" strength.
    pub const BUILT_IN_PASSWORDLESS: StrengthId = StrengthId(3);
    /// The built-in "phishing-resistant MFA" strength.
    pub const BUILT_IN_PHISHING_RESISTANT: StrengthId = StrengthId(4);
}
