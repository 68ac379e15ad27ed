//! What the operator states about policies in the configuration, beside the policy files.

use std::collections::BTreeMap;

use crate::id::AppId;
use crate::vocabulary::{Bundle, WordSet};

/// Statements that reading and compiling take into account. They are read once, at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// `[policies] undecisive_members`: unknown members that are accepted by name, although their value
    /// holds a member that decides (semantics §2).
    pub undecisive_members: Vec<String>,
    /// `[[application]]` with `bundles` or `agent`: facts of applications that no export has.
    pub applications: BTreeMap<AppId, ApplicationFacts>,
}

/// What is stated of one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationFacts {
    /// The bundles that it is in; it is in no other, the product's own table apart. `None` = not stated.
    pub bundles: Option<WordSet<Bundle>>,
    /// Whether it is a resource of agents (`AllAgentIdResources`). `None` = not stated.
    pub agent: Option<bool>,
}

impl PolicySettings {
    /// Nothing is stated.
    pub const NONE: PolicySettings = PolicySettings {
        undecisive_members: Vec::new(),
        applications: BTreeMap::new(),
    };
}
