//! The immutable, compiled form of all tenants' policies, made by `compile` and read by `evaluate`.
//!
//! Ids are interned, inheritance is resolved and conflicts are excluded, so `evaluate` never guesses. This
//! module makes no decision, reads no clock and does no I/O. Two snapshots of the same policies have the
//! same [`SnapshotId`], regardless of the order of files and members.

mod app_directory;
pub mod app_names;
pub mod bundles;
mod catalog;
mod channel;
mod filter;
mod groups;
mod home;
mod location;
mod policy;
mod setting;
mod strength;
mod table;

use std::fmt;
use std::sync::Arc;

pub use app_directory::{AppDirectory, ConfiguredApp};
pub use catalog::{Candidates, Catalog};
pub use channel::{Channel, Team};
pub use filter::{Attribute, Comparison, FilterRule};
pub use groups::{GroupIndexes, GroupSet, GroupTable};
pub use home::{AssumedOutboundSettings, IdentityProviders};
pub use location::{AddressRanges, Location};
pub use policy::{
    AppSet, AppsCondition, Control, Grant, GuestClause, LocationTest, Policy, PolicyFilter,
    UsersClause,
};
pub use setting::{AccessSetting, AppRule, UserRule};
pub use strength::{Combination, Demand, Strength};
pub use table::PositionTable;

use crate::decision::PolicyIndex;
use crate::id::{StrengthId, TenantId};
use crate::request::{AccessType, ChannelId};
use crate::time::Timestamp;
use crate::vocabulary::{Cloud, UserAction, WordSet};

/// All tenants' policies, compiled.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) id: SnapshotId,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) tenant_table: PositionTable<TenantId>,
    /// (tenant, partner) → the relation at the same position.
    pub(crate) pair_table: PositionTable<(TenantId, TenantId)>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) settings: Vec<AccessSetting>,
    pub(crate) groups: GroupTable,
    /// By tenant, then by policy id; without disabled policies.
    pub(crate) policies: Vec<Policy>,
    pub(crate) strengths: Vec<Strength>,
    pub(crate) locations: Vec<Location>,
    pub(crate) reads: ContextReads,
    pub(crate) applications: AppDirectory,
    pub(crate) expires_at: Option<Timestamp>,
    /// The relation of a tenant that is not in the snapshot.
    pub(crate) service_default: Relation,
}

/// A digest of everything that an answer can show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(pub [u8; 32]);

/// 64 hexadecimal digits. Every answer contains them, and formatting each byte with `write!` took longer than
/// a decision.
impl fmt::Display for SnapshotId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |nibble: u8| match nibble {
            0..=9 => b'0' + nibble,
            _ => b'a' + nibble - 10,
        };
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [digit(byte >> 4), digit(byte & 0xf)];
        }
        out.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for SnapshotId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// One tenant of the snapshot.
#[derive(Debug)]
pub struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) display_name: String,
    /// `verifiedDomains`, by which people may name the tenant. Not used in decisions and not digested.
    pub(crate) verified_domains: Vec<String>,
    pub(crate) cloud: Cloud,
    /// The clouds of `allowedCloudEndpoints`.
    pub(crate) allowed_clouds: Vec<Cloud>,
    /// The relation to every tenant without a partner entry.
    pub(crate) default: Relation,
    /// The tenant's Conditional Access policies, as positions in the snapshot's list, by policy id.
    pub(crate) policies: std::ops::Range<u32>,
    /// The same policies, indexed by user class and application.
    pub(crate) catalog: Catalog,
    /// User actions that policies for all resources do not apply to.
    pub(crate) excluded_actions: WordSet<UserAction>,
    /// Trusted named locations, as positions in the snapshot's list.
    pub(crate) trusted_locations: Vec<u32>,
    /// Sorted by id.
    pub(crate) channels: Vec<Channel>,
    pub(crate) identity_providers: IdentityProviders,
    /// Sorted by tenant, one entry each.
    pub(crate) assumed_outbound: Box<[AssumedOutboundSettings]>,
}

/// One tenant's settings for another tenant, with inheritance resolved.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Positions in the snapshot's settings.
    pub(crate) direct_connect_inbound: u32,
    pub(crate) direct_connect_outbound: u32,
    pub(crate) collaboration_inbound: u32,
    pub(crate) collaboration_outbound: u32,
    pub(crate) tenant_restrictions: u32,
    pub(crate) trust: TrustedClaims,
    /// From a partner entry; false for a tenant's default.
    pub(crate) is_partner: bool,
    /// Outbound: `blockServiceProviderOutboundAccess` of the partner entry.
    pub(crate) blocks_service_providers: bool,
    /// Of the partner entry, or of the default.
    pub(crate) origin: PolicyOrigin,
}

/// Which claims of the home tenant the resource tenant accepts (`inboundTrust`).
#[derive(Debug, Clone)]
pub struct TrustedClaims {
    pub(crate) mfa: bool,
    pub(crate) compliant_device: bool,
    pub(crate) hybrid_joined_device: bool,
    pub(crate) origin: PolicyOrigin,
}

/// Where an effective value comes from: `contoso/partners.json:12 $[0].inboundTrust`, or the service's own
/// default. For output only; not digested.
pub type PolicyOrigin = Arc<str>;

/// Which facts of a request's context the policies of a snapshot depend on. Any other fact cannot change an
/// answer, so the cache key omits it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `request::Context`")]
pub struct ContextReads {
    pub ip_address: bool,
    pub country: bool,
    pub platform: bool,
    pub client_app_type: bool,
    pub sign_in_risk: bool,
    pub user_risk: bool,
    pub insider_risk: bool,
    pub device: bool,
    pub app_attributes: bool,
    pub authentication_flow: bool,
    pub user_action: bool,
    pub authentication_context: bool,
    pub approved_application: bool,
    pub app_protection: bool,
    pub password_changed: bool,
    pub risk_remediated: bool,
}

/// The size of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotCounts {
    /// Tenants.
    pub tenants: usize,
    /// Partner entries of all tenants.
    pub partners: usize,
    /// Conditional Access policies that are not disabled.
    pub policies: usize,
}

impl Snapshot {
    /// The digest of the content.
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// The size of the snapshot.
    pub fn counts(&self) -> SnapshotCounts {
        SnapshotCounts {
            tenants: self.tenants.len(),
            partners: self.relations.len(),
            policies: self.policies.len(),
        }
    }

    /// The tenants: id and display name.
    pub fn tenants(&self) -> impl Iterator<Item = (TenantId, &str)> {
        self.tenants
            .iter()
            .map(|tenant| (tenant.id, tenant.display_name.as_str()))
    }

    /// The tenant's display name, if the tenant is in the snapshot and has one.
    pub fn tenant_name(&self, id: TenantId) -> Option<&str> {
        // The display name of a tenant without a name is its id.
        let name = self.tenant(id)?.display_name.as_str();
        (name != id.to_string()).then_some(name)
    }

    /// The tenants with this display name or verified domain, ignoring ASCII case: id and display name.
    pub fn tenants_named(&self, name: &str) -> impl Iterator<Item = (TenantId, &str)> {
        let is_named = move |tenant: &&Tenant| {
            tenant.display_name.eq_ignore_ascii_case(name)
                || tenant
                    .verified_domains
                    .iter()
                    .any(|domain| domain.eq_ignore_ascii_case(name))
        };
        let tenants = self.tenants.iter().filter(is_named);
        tenants.map(|tenant| (tenant.id, tenant.display_name.as_str()))
    }

    /// Which facts of a request's context the policies depend on.
    pub fn reads(&self) -> ContextReads {
        self.reads
    }

    /// The Conditional Access policy at this position.
    pub fn policy(&self, index: PolicyIndex) -> Option<&Policy> {
        self.policies.get(usize::try_from(index.0).ok()?)
    }

    /// The name of a strength that this policy requires.
    pub fn strength_named_by(&self, policy: &Policy, id: StrengthId) -> Option<&str> {
        let mut controls = policy.grant.controls.iter();
        let required = controls.find_map(|control| {
            let Control::Strength(position) = control else {
                return None;
            };
            self.strength(*position).filter(|one| one.id == id)
        });
        required.map(|strength| strength.display_name.as_str())
    }

    /// The group ids that a rule names.
    pub fn groups(&self) -> &GroupTable {
        &self.groups
    }

    /// The tenant's policies, in the order of their ids.
    pub(crate) fn policies_of(
        &self,
        tenant: &Tenant,
    ) -> impl Iterator<Item = (PolicyIndex, &Policy)> {
        tenant
            .policies
            .clone()
            .map(PolicyIndex)
            .filter_map(|index| Some((index, self.policy(index)?)))
    }

    pub(crate) fn setting(&self, position: u32) -> Option<&AccessSetting> {
        self.settings.get(usize::try_from(position).ok()?)
    }

    pub(crate) fn strength(&self, position: u32) -> Option<&Strength> {
        self.strengths.get(usize::try_from(position).ok()?)
    }

    pub(crate) fn location(&self, position: u32) -> Option<&Location> {
        self.locations.get(usize::try_from(position).ok()?)
    }

    pub(crate) fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(self.tenant_table.position(&id)?)
    }

    /// The partner entry of `tenant` for `partner`, else the default of `tenant`.
    pub(crate) fn relation<'a>(&'a self, tenant: &'a Tenant, partner: TenantId) -> &'a Relation {
        self.pair_table
            .position(&(tenant.id, partner))
            .and_then(|position| self.relations.get(position))
            .unwrap_or(&tenant.default)
    }

    /// The tenant's relation to `partner`; the service's defaults if the tenant is not in the snapshot.
    pub(crate) fn relation_or_service_default<'a>(
        &'a self,
        tenant: Option<&'a Tenant>,
        partner: TenantId,
    ) -> &'a Relation {
        match tenant {
            Some(tenant) => self.relation(tenant, partner),
            None => &self.service_default,
        }
    }
}

impl Tenant {
    pub(crate) fn channel(&self, id: &ChannelId) -> Option<&Channel> {
        let found = self.channels.binary_search_by(|channel| channel.id.cmp(id));
        self.channels.get(found.ok()?)
    }

    /// The assumed outbound settings of this home tenant.
    pub(crate) fn assumed_outbound_of(&self, home: TenantId) -> Option<&AssumedOutboundSettings> {
        let entries = &self.assumed_outbound;
        let found = entries.binary_search_by_key(&home, |entry| entry.tenant);
        entries.get(found.ok()?)
    }
}

impl Relation {
    pub(crate) fn inbound(&self, access: AccessType) -> u32 {
        match access {
            AccessType::DirectConnect => self.direct_connect_inbound,
            AccessType::Collaboration => self.collaboration_inbound,
        }
    }

    pub(crate) fn outbound(&self, access: AccessType) -> u32 {
        match access {
            AccessType::DirectConnect => self.direct_connect_outbound,
            AccessType::Collaboration => self.collaboration_outbound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshots_id_is_written_as_64_hexadecimal_digits() {
        let mut id = SnapshotId([0; 32]);
        for (number, byte) in (0u8..).zip(&mut id.0) {
            *byte = number.wrapping_mul(37);
        }
        let digits: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(id.to_string(), digits);
    }
}
