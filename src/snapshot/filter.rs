//! A filter rule for devices or applications, as a tree (semantics §5; the language is documented at
//! learn.microsoft.com/entra/identity/conditional-access/concept-condition-filters-for-devices).

use crate::request::DeviceProperty;

/// A rule. `compile` bounds its depth, so walking it cannot exhaust the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// One comparison.
    Compare {
        /// What is compared.
        attribute: Attribute,
        /// With what.
        comparison: Comparison,
        /// The negative form of the operator (`-ne`, `-notContains`, …).
        negated: bool,
    },
    /// `-not`
    Not(Box<Filter>),
    /// `-and`, of two or more.
    And(Vec<Filter>),
    /// `-or`, of two or more.
    Or(Vec<Filter>),
}

/// The left side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// `device.…`
    Device(DeviceProperty),
    /// `CustomSecurityAttribute.<Set>_<Name>`: `Set_Name` in lower case.
    Application(String),
}

/// Operator (its positive form) and right side. Text is kept in lower case: values compare without case.
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
    /// `-contains`: a part of a text, a whole member of a collection.
    Contains(String),
    /// `-in`
    In(Vec<String>),
}
