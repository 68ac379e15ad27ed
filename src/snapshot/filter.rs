//! A parsed filter rule for devices or applications (semantics §5; the language is documented at
//! learn.microsoft.com/entra/identity/conditional-access/concept-condition-filters-for-devices).

use crate::request::DeviceProperty;

/// A rule. `compile` bounds its depth, so recursion cannot exhaust the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterRule {
    /// A comparison.
    Compare {
        /// The left side.
        attribute: Attribute,
        /// The operator and the right side.
        comparison: Comparison,
        /// The negative form of the operator (`-ne`, `-notContains`, …).
        negated: bool,
    },
    /// `-not`
    Not(Box<FilterRule>),
    /// `-and`, two or more operands.
    And(Vec<FilterRule>),
    /// `-or`, two or more operands.
    Or(Vec<FilterRule>),
}

/// The left side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// `device.…`
    Device(DeviceProperty),
    /// `CustomSecurityAttribute.<Set>_<Name>`: `Set_Name` in lower case.
    Application(String),
}

/// The operator in its positive form and the right side. Text is in lower case: comparison ignores case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// `-eq null`
    IsNull,
    /// `-eq`
    Equals(String),
    /// `-startsWith`
    StartsWith(String),
    /// `-endsWith`
    EndsWith(String),
    /// `-contains`: a substring of a text, or a member of a collection.
    Contains(String),
    /// `-in`
    In(Vec<String>),
}
