//! What the operator states about policies in the configuration, beside the policy files.

/// Statements that reading and compiling take into account. They are read once, at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// `[policies] undecisive_members`: unknown members that are accepted by name, although their value
    /// holds a member that decides (semantics §2).
    pub undecisive_members: Vec<String>,
}

impl PolicySettings {
    /// Nothing is stated.
    pub const NONE: PolicySettings = PolicySettings {
        undecisive_members: Vec::new(),
    };
}
