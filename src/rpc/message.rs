//! Request messages whose strings are borrowed from the received bytes. Only GUIDs are parsed here.
//!
//! [`decode`] accepts what prost accepts for the generated types (`proto`): unknown fields are skipped, the last value of
//! a field wins, repeated fields are appended, a message that occurs twice is merged. `owned` borrows from a message of
//! the generated types. `convert` interprets the fields. [`check`] has the messages of Envoy.

pub mod check;
mod decode;
mod owned;

pub use decode::{BorrowedMessage, MalformedMessage, count_requests, decode};

use prost_types::{Struct, Timestamp};

use crate::id::{GroupId, parse_guid};

/// `crosstrust.v1.AuthorizeRequest`
#[derive(Debug, Default, PartialEq)]
pub struct AuthorizeRequest<'a> {
    pub home_tenant: &'a str,
    pub resource_tenant: &'a str,
    pub user: &'a str,
    pub groups: GroupList<'a>,
    pub app: &'a str,
    pub claims: Option<ClaimsMessage<'a>>,
    pub access_type: i32,
    pub channel: &'a str,
    pub context: Option<ContextMessage<'a>>,
    pub roles: Vec<&'a str>,
    pub client_app: &'a str,
    pub external_user_type: &'a str,
    pub resource_user: &'a str,
    pub resource_groups: GroupList<'a>,
    pub home_cloud: &'a str,
    pub restricting_tenant: &'a str,
    pub request_id: &'a str,
    pub token: &'a str,
    pub identity_provider: &'a str,
    pub identity_provider_issuer: &'a str,
}

/// `crosstrust.v1.AuthorizeBatchRequest`
#[derive(Debug, Default, PartialEq)]
pub struct AuthorizeBatchRequest<'a> {
    pub requests: Vec<AuthorizeRequest<'a>>,
}

/// `crosstrust.v1.ExplainRequest`
#[derive(Debug, Default, PartialEq)]
pub struct ExplainRequest<'a> {
    pub request: Option<AuthorizeRequest<'a>>,
}

/// `crosstrust.v1.Claims`
#[derive(Debug, Default, PartialEq)]
pub struct ClaimsMessage<'a> {
    pub expires_at: Option<Timestamp>,
    pub issued_at: Option<Timestamp>,
    pub auth_time: Option<Timestamp>,
    pub mfa: bool,
    pub resource_mfa: bool,
    pub compliant_device: bool,
    pub hybrid_joined_device: bool,
    pub authentication_methods: Vec<&'a str>,
    pub resource_authentication_methods: Vec<&'a str>,
    pub authentication_contexts: Vec<&'a str>,
    pub device_id: &'a str,
    pub session_id: &'a str,
    pub groups_incomplete: bool,
    pub roles_incomplete: bool,
    pub accepted_terms_of_use: Vec<&'a str>,
    pub accepted_custom_controls: Vec<&'a str>,
    pub authenticator_aaguid: &'a str,
    pub certificate_issuer_skis: Vec<&'a str>,
    pub certificate_policy_oids: Vec<&'a str>,
}

/// `crosstrust.v1.Context`. Rare nested messages are decoded by prost.
#[derive(Debug, Default, PartialEq)]
pub struct ContextMessage<'a> {
    pub ip_address: &'a str,
    pub country: &'a str,
    pub platform: &'a str,
    pub client_app_type: &'a str,
    pub sign_in_risk: &'a str,
    pub user_risk: &'a str,
    pub insider_risk: &'a str,
    pub device: Option<Device>,
    pub app_attributes: Option<Struct>,
    pub approved_application: Option<bool>,
    pub app_protection: Option<bool>,
    pub password_changed: Option<bool>,
    pub risk_remediated: Option<bool>,
    pub user_action: &'a str,
    pub authentication_context: &'a str,
    pub authentication_flow: &'a str,
    pub client_capabilities: Vec<&'a str>,
    pub country_source: &'a str,
}

pub use super::proto::Device;

/// A list of groups: most of the bytes of a message. Decoded in one pass if each has the form that Graph writes.
#[derive(Debug, Default, PartialEq)]
pub struct GroupList<'a> {
    /// The IDs that could be parsed, in order.
    pub valid: Vec<GroupId>,
    /// The strings that could not be parsed, with their index in the whole list.
    pub invalid: Vec<(usize, &'a str)>,
}

impl<'a> GroupList<'a> {
    /// The number of groups, valid and invalid.
    pub fn len(&self) -> usize {
        self.valid.len().saturating_add(self.invalid.len())
    }

    pub fn is_empty(&self) -> bool {
        self.valid.is_empty() && self.invalid.is_empty()
    }

    fn push(&mut self, text: &'a str) {
        match parse_guid(text) {
            Ok(id) => self.valid.push(GroupId(id)),
            Err(_) => self.invalid.push((self.len(), text)),
        }
    }
}

#[cfg(test)]
mod tests;
