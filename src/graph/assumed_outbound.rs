//! `assumed-outbound.json`, a document of ours: what the outbound settings of partners whose policies are
//! not loaded are taken to say (semantics §3, "A home tenant whose policies are not loaded").
//!
//! It opens access, so every member has to be understood.

use super::document::AssumedOutbound;
use super::finding::Code;
use super::node::Node;
use super::values::{id, word};
use crate::request::AccessType;
use crate::time::Day;

/// One entry.
pub(super) fn entry(node: Node<'_>) -> Option<AssumedOutbound> {
    let mut members = node.object()?;
    let tenant = members
        .require("tenantId")
        .and_then(|node| id(node, "the home tenant"));
    let basis = members.require("basis").and_then(word);
    let access_types = match members.take("accessTypes") {
        None => Some(vec![AccessType::DirectConnect]),
        Some(list) => list.array().map(word).collect(),
    };
    let comment = members.name("comment");
    let review_by = members.require("reviewBy").and_then(day);
    members.close();
    Some(AssumedOutbound {
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
