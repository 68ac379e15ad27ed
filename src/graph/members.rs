//! The members of an object: names compare without regard to case, and duplicates are errors.
//!
//! Closing an object reports the members that were not taken, so that no part of a policy is silently ignored
//! (semantics §2, §7).

use std::collections::HashMap;

use jsonc_parser::ast::{Object, ObjectProp};

use super::deciding::{is_deciding_member, member_within};
use super::finding::{Code, Finding, Severity};
use super::node::{ADDITIONAL, Node, is_annotation};
use super::values::quoted;

/// The members of an object. Must be closed with one of the `close` methods.
#[derive(Debug)]
pub(super) struct Members<'d> {
    node: Node<'d>,
    /// Each member, and whether it was taken.
    members: Vec<(&'d ObjectProp<'d>, bool)>,
    /// The names passed to [`Members::take`], to suggest corrections for unknown members.
    known_names: Vec<&'static str>,
}

impl<'d> Members<'d> {
    pub(super) fn open(node: Node<'d>, object: &'d Object<'d>) -> Self {
        let mut opened = Members {
            node,
            members: Vec::with_capacity(object.properties.len()),
            known_names: Vec::new(),
        };
        opened.add(object);
        opened.check_duplicates();
        opened.check_complete();
        opened
    }

    /// Adds the members, and those that the Graph PowerShell SDK puts one level below.
    fn add(&mut self, object: &'d Object<'d>) {
        for member in &object.properties {
            match member.value.as_object() {
                Some(inner) if is(member, ADDITIONAL) => self.add(inner),
                Some(_) | None => self.members.push((member, false)),
            }
        }
    }

    /// semantics §7: JSON does not define which of two duplicates is effective.
    fn check_duplicates(&self) {
        let mut first_by_name: HashMap<String, &ObjectProp<'_>> = HashMap::new();
        let source = self.node.source;
        for (member, _) in &self.members {
            let name = member.name.as_str();
            if let Some(first) = first_by_name.get(&name.to_ascii_lowercase()) {
                let spelled = match first.name.as_str() == name {
                    true => String::new(),
                    false => format!(" (also spelled {})", quoted(first.name.as_str())),
                };
                let message = format!(
                    "found {}{spelled} twice in one object, on line {} and line {}, expected it once",
                    quoted(name),
                    source.line_of_member(first),
                    source.line_of_member(member),
                );
                let place = source.place_of_member(member);
                source.add(Finding::error(place, Code::DuplicateMember, message));
            } else {
                first_by_name.insert(name.to_ascii_lowercase(), member);
            }
        }
    }

    /// semantics §2: `@odata.nextLink`, also of a list in an object, means that the export is incomplete.
    fn check_complete(&self) {
        for (member, _) in &self.members {
            let name = member.name.as_str();
            let is_next =
                ends_with(name, "@odata.nextLink") || name.eq_ignore_ascii_case("nextLink");
            if is_next && !self.node.with(&member.value).is_blank() {
                let message = format!(
                    "found {}, expected a complete export: follow the link and put all pages into the file",
                    quoted(name)
                );
                let place = self.node.source.place_of_member(member);
                let finding = Finding::error(place, Code::IncompleteExport, message);
                self.node.source.add(finding);
            }
        }
    }

    /// Sets the severity of unknown content for all further members.
    pub(super) fn set_unknown_severity(&mut self, severity: Severity) {
        self.node = self.node.with_unknown_severity(severity);
    }

    /// The object.
    pub(super) fn node(&self) -> Node<'d> {
        self.node
    }

    /// Whether the object has this member and it is not blank.
    pub(super) fn has(&self, name: &str) -> bool {
        self.node.has(name)
    }

    /// Takes a member. Null counts as missing.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Node<'d>> {
        self.known_names.push(name);
        let mut found = None;
        for (member, is_taken) in &mut self.members {
            if is(member, name) {
                *is_taken = true;
                found.get_or_insert(self.node.with(&member.value));
            }
        }
        found.filter(|node| !node.is_null())
    }

    /// Takes a member. A blank value counts as missing.
    pub(super) fn take_set(&mut self, name: &'static str) -> Option<Node<'d>> {
        self.take(name).filter(|node| !node.is_blank())
    }

    /// Takes a required member.
    pub(super) fn require(&mut self, name: &'static str) -> Option<Node<'d>> {
        let found = self.take(name);
        if found.is_none() {
            let message = format!("found no `{name}`, which is required");
            self.node.error(Code::MissingMember, message);
        }
        found
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.take(name)?.boolean()
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<&'d str> {
        self.take(name)?.text()
    }

    /// Takes a string. An empty string counts as missing.
    pub(super) fn name(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Takes the elements of a list. A missing list counts as empty.
    pub(super) fn list(&mut self, name: &'static str) -> impl Iterator<Item = Node<'d>> + use<'d> {
        let node = self.take(name);
        node.into_iter().flat_map(Node::array)
    }

    /// Takes `@odata.type`, and removes `#microsoft.graph.`.
    pub(super) fn odata_type(&mut self) -> Option<&'d str> {
        let text = self.take("@odata.type")?.text()?;
        let name = text.trim_start_matches('#');
        Some(name.strip_prefix("microsoft.graph.").unwrap_or(name))
    }

    /// Takes members that have no effect on decisions.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for (member, is_taken) in &mut self.members {
            *is_taken |= names.iter().any(|name| is(member, name));
        }
    }

    /// Closes an object in which every member could change a decision: reports unknown members with the severity
    /// for unknown content (semantics §2).
    pub(super) fn close(self) {
        let node = self.node;
        for (member, name) in self.unknown() {
            let message = match self.similar_name(name) {
                Some(similar) => format!(
                    "found the unknown member {}; did you mean `{similar}`?",
                    quoted(name)
                ),
                None => format!("found the unknown member {}", quoted(name)),
            };
            self.add_finding(member, node.unknown_severity(), message);
        }
    }

    /// Closes an object in which unknown members change no decision: reports them as warnings, unless the name is
    /// similar to a known one.
    pub(super) fn close_outer(self) {
        let node = self.node;
        for (member, name) in self.unknown() {
            match self.similar_name(name) {
                Some(similar) => {
                    let message = format!(
                        "found the unknown member {}; did you mean `{similar}`?",
                        quoted(name)
                    );
                    self.add_finding(member, node.unknown_severity(), message);
                }
                None => {
                    let message = format!(
                        "found the unknown member {}, which is not read",
                        quoted(name)
                    );
                    self.add_finding(member, Severity::Warning, message);
                }
            }
        }
    }

    /// Like [`Members::close`], but members in `policies.undecisive_members` are warnings.
    pub(super) fn close_allowing_undecisive(self) {
        for (member, name) in self.unknown() {
            let shown = quoted(name);
            if self.node.source.is_undecisive(name) {
                let message = format!(
                    "found the unknown member {shown}, which is in policies.undecisive_members and not read"
                );
                self.add_finding(member, Severity::Warning, message);
                continue;
            }
            let expected = self.similar_name(name).map_or_else(
                || String::from("a known member"),
                |similar| format!("`{similar}`"),
            );
            let message = format!(
                "found the unknown member {shown}, expected {expected}; add {shown} to \
                 policies.undecisive_members if it has no effect on external users"
            );
            self.add_finding(member, self.node.unknown_severity(), message);
        }
    }

    /// Like [`Members::close_outer`], for default, partner, cross-tenant access and organization: an unknown member
    /// whose name decides, or that contains a member that decides, is an error unless it is in
    /// `policies.undecisive_members` (semantics §2, "Members that decide").
    pub(super) fn close_configuration(mut self) {
        let mut findings = Vec::new();
        for (member, name) in self.unknown() {
            let nested = member_within(self.node.with(&member.value), &is_deciding_member);
            let decides = is_deciding_member(name);
            let is_accepted = self.node.source.is_undecisive(name);
            let similar = self.similar_name(name);
            let name = quoted(name);
            let contains = nested.map(|nested| format!("contains {}", quoted(&nested)));
            let reason = match decides {
                true => Some(String::from("has the name of a member that decides")),
                false => contains.map(|contains| format!("{contains}, a member that decides")),
            };
            let (severity, message) = match (reason, is_accepted) {
                (reason, true) => {
                    let reason = reason.map_or(String::new(), |reason| format!("; it {reason}"));
                    let message = format!(
                        "found the unknown member {name}, which is in policies.undecisive_members and not \
                         read{reason}"
                    );
                    (Severity::Warning, message)
                }
                (Some(reason), false) => {
                    let expected = similar.map_or_else(
                        || String::from("a known member"),
                        |similar| format!("`{similar}`"),
                    );
                    let message = format!(
                        "found the unknown member {name}, which {reason}; expected {expected}; add {name} to \
                         policies.undecisive_members if it has no effect on external users"
                    );
                    (Severity::Error, message)
                }
                (None, false) => continue,
            };
            findings.push((member, severity, message));
        }
        for (member, severity, message) in findings {
            self.add_finding(member, severity, message);
            self.ignore(&[member.name.as_str()]);
        }
        self.close_outer();
    }

    fn unknown(&self) -> impl Iterator<Item = (&'d ObjectProp<'d>, &'d str)> {
        self.members
            .iter()
            .filter(|(member, is_taken)| {
                !is_taken
                    && !is_annotation(member.name.as_str())
                    && !self.node.with(&member.value).is_blank()
            })
            .map(|(member, _)| (*member, member.name.as_str()))
    }

    fn add_finding(&self, member: &ObjectProp<'_>, severity: Severity, message: String) {
        let place = self.node.source.place_of_member(member);
        let finding = Finding {
            severity,
            ..Finding::error(place, Code::UnknownMember, message)
        };
        self.node.source.add(finding);
    }

    /// The known name that this name is probably a misspelling of.
    fn similar_name(&self, name: &str) -> Option<&'static str> {
        let name = name.to_ascii_lowercase();
        let is_similar = |known: &&&str| is_similar(&name, &known.to_ascii_lowercase());
        self.known_names.iter().find(is_similar).copied()
    }
}

fn is(member: &ObjectProp<'_>, name: &str) -> bool {
    member.name.as_str().eq_ignore_ascii_case(name)
}

fn ends_with(name: &str, end: &str) -> bool {
    let start = name.len().checked_sub(end.len());
    start
        .and_then(|start| name.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// Whether the Levenshtein distance of two words is at most two (one for short words).
fn is_similar(left: &str, right: &str) -> bool {
    let max_distance = match left.len().min(right.len()) {
        0..5 => return false,
        5..9 => 1,
        _ => 2,
    };
    left.len().abs_diff(right.len()) <= max_distance
        && strsim::levenshtein(left, right) <= max_distance
}

#[cfg(test)]
mod tests {
    use super::is_similar;

    #[test]
    fn misspelt_words_are_similar_and_other_words_are_not() {
        assert!(is_similar("grantcontrol", "grantcontrols"));
        assert!(is_similar("condtions", "conditions"));
        assert!(is_similar("inboundturst", "inboundtrust"));
        assert!(!is_similar("displayname", "description"));
        assert!(!is_similar(
            "m365collaborationinbound",
            "b2bcollaborationinbound"
        ));
        assert!(!is_similar("id", "if"));
        assert!(!is_similar("état", "state"));
    }
}
