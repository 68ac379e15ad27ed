//! `assumed-outbound.json`: assumed outbound settings of partners whose policies are not loaded (semantics §3, "A home
//! tenant whose policies are not loaded"). Specific to crosstrust.
//!
//! An entry grants access, so unknown members are errors.

use super::document::AssumedOutboundEntry;
use super::finding::Code;
use super::node::Node;
use super::values::{parse_id, parse_word};
use crate::request::AccessType;
use crate::time::Day;

/// Parses an entry.
pub(super) fn parse_entry(node: Node<'_>) -> Option<AssumedOutboundEntry> {
    let mut members = node.object()?;
    let tenant = members
        .require("tenantId")
        .and_then(|node| parse_id(node, "the home tenant"));
    let basis = members.require("basis").and_then(parse_word);
    let access_types = match members.take("accessTypes") {
        None => Some(vec![AccessType::DirectConnect]),
        Some(list) => list.array().map(parse_word).collect(),
    };
    let comment = members.name("comment");
    let review_by = members.require("reviewBy").and_then(day);
    members.close();
    Some(AssumedOutboundEntry {
        place: node.place(),
        tenant: tenant?,
        basis: basis?,
        access_types: access_types?,
        comment,
        review_by: review_by?,
    })
}

fn day(node: Node<'_>) -> Option<Day> {
    match node.text()?.parse() {
        Ok(day) => Some(day),
        Err(error) => {
            let message = format!("found {}, {error}", node.describe());
            node.error(Code::OutOfRange, message);
            None
        }
    }
}
