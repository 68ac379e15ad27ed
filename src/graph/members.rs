//! The members of one object: looked up without case, each only once, none lost.
//!
//! A member that nobody asked for is reported when the object is closed, so that nothing in a policy
//! vanishes (semantics §2, §7).

use std::collections::HashMap;

use jsonc_parser::ast::{Object, ObjectProp};

use super::deciding::{is_deciding_member, member_within};
use super::finding::{Code, Finding, Severity};
use super::node::{ADDITIONAL, Node, is_annotation};
use super::values::quoted;

/// The members of an object. Ends with [`Members::close`] or one of its kin.
#[derive(Debug)]
pub(super) struct Members<'d> {
    node: Node<'d>,
    /// Each with whether somebody asked for it.
    members: Vec<(&'d ObjectProp<'d>, bool)>,
    asked: Vec<&'static str>,
}

impl<'d> Members<'d> {
    pub(super) fn open(node: Node<'d>, object: &'d Object<'d>) -> Self {
        let mut opened = Members {
            node,
            members: Vec::with_capacity(object.properties.len()),
            asked: Vec::new(),
        };
        opened.add(object);
        opened.check_repeats();
        opened.check_complete();
        opened
    }

    /// The members, and those that the Graph PowerShell SDK puts one level below.
    fn add(&mut self, object: &'d Object<'d>) {
        for member in &object.properties {
            match member.value.as_object() {
                Some(inner) if is(member, ADDITIONAL) => self.add(inner),
                Some(_) | None => self.members.push((member, false)),
            }
        }
    }

    /// semantics §7: which of two would win is not told by JSON.
    fn check_repeats(&self) {
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

    /// semantics §2: `@odata.nextLink`, also of a list within an object, says that there is more.
    fn check_complete(&self) {
        for (member, _) in &self.members {
            let name = member.name.as_str();
            let is_next =
                ends_with(name, "@odata.nextLink") || name.eq_ignore_ascii_case("nextLink");
            if is_next && !self.node.with(&member.value).is_nothing() {
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

    /// How bad it is from here on if something is not understood.
    pub(super) fn not_understood_is(&mut self, severity: Severity) {
        self.node = self.node.not_understood_is(severity);
    }

    /// The object itself.
    pub(super) fn node(&self) -> Node<'d> {
        self.node
    }

    /// Whether the object has a member of this name that is set to something.
    pub(super) fn has(&self, name: &str) -> bool {
        self.node.has(name)
    }

    /// A member; null is as good as missing.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Node<'d>> {
        self.asked.push(name);
        let mut found = None;
        for (member, is_asked) in &mut self.members {
            if is(member, name) {
                *is_asked = true;
                found.get_or_insert(self.node.with(&member.value));
            }
        }
        found.filter(|node| !node.is_null())
    }

    /// A member; one that is empty through and through is as good as missing.
    pub(super) fn take_set(&mut self, name: &'static str) -> Option<Node<'d>> {
        self.take(name).filter(|node| !node.is_nothing())
    }

    /// A member that has to be there.
    pub(super) fn require(&mut self, name: &'static str) -> Option<Node<'d>> {
        let found = self.take(name);
        if found.is_none() {
            let message = format!("found no `{name}`, expected it");
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

    /// A text to be kept; an empty one is none.
    pub(super) fn name(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The elements of a list; a missing one has none.
    pub(super) fn list(&mut self, name: &'static str) -> impl Iterator<Item = Node<'d>> + use<'d> {
        let node = self.take(name);
        node.into_iter().flat_map(Node::array)
    }

    /// What `@odata.type` says, without `#microsoft.graph.`.
    pub(super) fn odata_type(&mut self) -> Option<&'d str> {
        let text = self.take("@odata.type")?.text()?;
        let name = text.trim_start_matches('#');
        Some(name.strip_prefix("microsoft.graph.").unwrap_or(name))
    }

    /// Members that decide nothing.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for (member, is_asked) in &mut self.members {
            *is_asked |= names.iter().any(|name| is(member, name));
        }
    }

    /// Reports what nobody asked for, where anything could change a decision (semantics §2).
    pub(super) fn close(self) {
        let node = self.node;
        for (member, name) in self.unknown() {
            let message = match self.meant(name) {
                Some(meant) => {
                    format!(
                        "found {}, which is not known here: `{meant}` was meant?",
                        quoted(name)
                    )
                }
                None => format!("found {}, which is not known here", quoted(name)),
            };
            self.add_finding(member, node.severity(), message);
        }
    }

    /// Reports what nobody asked for, where unknown members change nothing: as a warning, unless it looks
    /// like a misspelt member that does.
    pub(super) fn close_outer(self) {
        let node = self.node;
        for (member, name) in self.unknown() {
            match self.meant(name) {
                Some(meant) => {
                    let message = format!(
                        "found {}, which is not known here, expected `{meant}`: it looks misspelt",
                        quoted(name)
                    );
                    self.add_finding(member, node.severity(), message);
                }
                None => {
                    let message = format!(
                        "found {}, which is not known here and is not read",
                        quoted(name)
                    );
                    self.add_finding(member, Severity::Warning, message);
                }
            }
        }
    }

    /// As [`Members::close`], where the operator may name a member as one that decides nothing.
    pub(super) fn close_but_undecisive(self) {
        for (member, name) in self.unknown() {
            let shown = quoted(name);
            if self.node.source.is_undecisive(name) {
                let message = format!(
                    "found {shown}, which is not known here: it is not read, as policies.undecisive_members says"
                );
                self.add_finding(member, Severity::Warning, message);
                continue;
            }
            let expected = self.meant(name).map_or_else(
                || String::from("a known member"),
                |meant| format!("`{meant}`"),
            );
            let message = format!(
                "found {shown}, which is not known here; expected {expected}, or {shown} in \
                 policies.undecisive_members if it decides nothing about external users"
            );
            self.add_finding(member, self.node.severity(), message);
        }
    }

    /// As [`Members::close_outer`], for default, partner, cross-tenant access and organization: an unknown
    /// member that decides by its name, or holds a member that decides, is an error, unless the operator
    /// names it as one that decides nothing (semantics §2, "Members that decide").
    pub(super) fn close_configuration(mut self) {
        let mut findings = Vec::new();
        for (member, name) in self.unknown() {
            let held = member_within(self.node.with(&member.value), &is_deciding_member);
            let decides = is_deciding_member(name);
            let is_accepted = self.node.source.is_undecisive(name);
            let meant = self.meant(name);
            let name = quoted(name);
            let holds = held.map(|held| format!("holds {}, which decides", quoted(&held)));
            let why = match decides {
                true => Some(String::from("decides elsewhere")),
                false => holds,
            };
            let (severity, message) = match (why, is_accepted) {
                (why, true) => {
                    let holds = why.map_or(String::new(), |why| format!(" and {why}"));
                    let message = format!(
                        "found {name}, which is not known here{holds}: it is not read, as \
                         policies.undecisive_members says"
                    );
                    (Severity::Warning, message)
                }
                (Some(why), false) => {
                    let expected = meant.map_or_else(
                        || String::from("a known member"),
                        |meant| format!("`{meant}` (it looks misspelt)"),
                    );
                    let message = format!(
                        "found {name}, which is not known here and {why}; expected {expected}, or {name} in \
                         policies.undecisive_members if it decides nothing about external users"
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
            .filter(|(member, is_asked)| {
                !is_asked
                    && !is_annotation(member.name.as_str())
                    && !self.node.with(&member.value).is_nothing()
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

    /// The member that this name is a misspelling of.
    fn meant(&self, name: &str) -> Option<&'static str> {
        let name = name.to_ascii_lowercase();
        let near = |asked: &&&str| is_near(&name, &asked.to_ascii_lowercase());
        self.asked.iter().find(near).copied()
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

/// Whether two words are at most two letters apart (one in short words): left out, put in or changed.
fn is_near(left: &str, right: &str) -> bool {
    let most = match left.len().min(right.len()) {
        0..5 => return false,
        5..9 => 1,
        _ => 2,
    };
    left.len().abs_diff(right.len()) <= most && strsim::levenshtein(left, right) <= most
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn a_misspelt_word_is_near_and_another_word_is_not() {
        assert!(is_near("grantcontrol", "grantcontrols"));
        assert!(is_near("condtions", "conditions"));
        assert!(is_near("inboundturst", "inboundtrust"));
        assert!(!is_near("displayname", "description"));
        assert!(!is_near(
            "m365collaborationinbound",
            "b2bcollaborationinbound"
        ));
        assert!(!is_near("id", "if"));
        assert!(!is_near("état", "state"));
    }
}
