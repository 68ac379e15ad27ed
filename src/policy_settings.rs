//! The operator's configuration of policies, in addition to the policy files.

use std::collections::BTreeMap;

use crate::id::AppId;
use crate::vocabulary::{Bundle, WordSet};

/// Settings for reading and compiling policies. They are read once, at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// `[policies] undecisive_members`: unknown members that are accepted by name, although their value
    /// contains a member that affects decisions (semantics §2).
    pub undecisive_members: Vec<String>,
    /// `[[application]]` with `bundles` or `agent`: facts about applications that no export contains.
    pub applications: BTreeMap<AppId, ApplicationFacts>,
}

/// The configured facts of one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationFacts {
    /// All bundles of the application, except those of the product's own tables. `None` = not configured.
    pub bundles: Option<WordSet<Bundle>>,
    /// Whether it is a resource of agents (`AllAgentIdResources`). `None` = not configured.
    pub agent: Option<bool>,
}

impl PolicySettings {
    /// Nothing is configured.
    pub const NONE: PolicySettings = PolicySettings {
        undecisive_members: Vec::new(),
        applications: BTreeMap::new(),
    };
}
