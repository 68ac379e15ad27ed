//! The typed objects of one file, and those of several as one tenant.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::document::{
    AssumedOutbound, At, AuthenticationStrength, ConditionalAccessPolicy,
    ConditionalAccessSettings, Configuration, Federation, ListedProvider, LocationEntry,
    NamedLocation, Organization, Partner, Refused, SharedChannel, TenantDocuments,
};
use super::finding::{Code, Finding, Place};
use super::kind::Kind;
use super::node::Node;
use super::values::quoted;
use super::{
    assumed_outbound, channel, conditional_access_settings, location, organization, policy,
    provider, setting, strength, synchronization,
};
use crate::id::{LocationId, PolicyId, StrengthId, TenantId};
use crate::vocabulary::Cloud;

/// What was read, by kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    organizations: Vec<Organization>,
    clouds: Vec<At<Vec<Cloud>>>,
    defaults: Vec<Configuration>,
    partners: Vec<Partner>,
    policies: Vec<ConditionalAccessPolicy>,
    conditional_access_settings: Vec<ConditionalAccessSettings>,
    locations: Vec<NamedLocation>,
    strengths: Vec<AuthenticationStrength>,
    channels: Vec<SharedChannel>,
    providers: Vec<ListedProvider>,
    federations: Vec<Federation>,
    assumed_outbound: Vec<AssumedOutbound>,
    /// Where a synchronisation policy, or a page of them, stands in a file named partners.
    synchronization_among_partners: Option<Place>,
    /// Whether a file named partners has an entry, or says that there are none.
    states_partners: bool,
    pub(super) refused: Refused,
}

impl Documents {
    pub(super) fn note_synchronization_among_partners(&mut self, place: Place) {
        self.synchronization_among_partners.get_or_insert(place);
    }

    pub(super) fn note_stated_partners(&mut self) {
        self.states_partners = true;
    }

    /// Partners that are replaced by their synchronisation policies would vanish without a word.
    fn check_partners(&self, findings: &mut Vec<Finding>) {
        let Some(place) = &self.synchronization_among_partners else {
            return;
        };
        if self.states_partners || self.refused.kinds.contains(&Kind::Partners) {
            return;
        }
        let message = "found only synchronisation policies in files named partners, expected partner entries; [] \
                       says that there are none, or name the file identity-synchronization.json";
        findings.push(Finding::error(
            place.clone(),
            Code::UnknownDocument,
            message,
        ));
    }

    /// Reads one object. Whether it was accepted: a refused one is not kept.
    pub(super) fn read(&mut self, kind: Kind, node: Node<'_>) -> bool {
        let is_accepted = self.keep(kind, node);
        if !is_accepted {
            self.refuse(kind, node);
        }
        is_accepted
    }

    /// Keeps in mind that an object was refused, by its id where that can be read.
    pub(super) fn refuse(&mut self, kind: Kind, node: Node<'_>) {
        self.refused.any = true;
        let id = node.peek("id").and_then(Node::as_text).unwrap_or_default();
        let is_known = match kind {
            Kind::NamedLocations => {
                let id: Option<LocationId> = id.parse().ok();
                self.refused.locations.extend(id);
                id.is_some()
            }
            Kind::AuthenticationStrengths => {
                let id: Option<StrengthId> = id.parse().ok();
                self.refused.strengths.extend(id);
                id.is_some()
            }
            Kind::Organization
            | Kind::CrossTenantAccess
            | Kind::Default
            | Kind::Partners
            | Kind::IdentitySynchronization
            | Kind::ConditionalAccess
            | Kind::ConditionalAccessSettings
            | Kind::SharedChannels
            | Kind::IdentityProviders
            | Kind::FederationConfigurations
            | Kind::AssumedOutbound => true,
        };
        if !is_known {
            self.refused.kinds.insert(kind);
        }
    }

    /// Keeps in mind that a file was refused as a whole.
    pub(super) fn refuse_file(&mut self, kind: Option<Kind>) {
        self.refused.any = true;
        self.refused.kinds.extend(kind);
    }

    fn keep(&mut self, kind: Kind, node: Node<'_>) -> bool {
        match kind {
            Kind::Organization => keep(&mut self.organizations, node, organization::organization),
            Kind::CrossTenantAccess => {
                keep(&mut self.clouds, node, organization::cross_tenant_access)
            }
            Kind::Default => keep(&mut self.defaults, node, setting::default),
            Kind::Partners => keep(&mut self.partners, node, setting::partner),
            Kind::IdentitySynchronization => {
                keep(&mut Vec::new(), node, synchronization::synchronization)
            }
            Kind::ConditionalAccess => keep(&mut self.policies, node, policy::policy),
            Kind::ConditionalAccessSettings => keep(
                &mut self.conditional_access_settings,
                node,
                conditional_access_settings::settings,
            ),
            Kind::NamedLocations => keep(&mut self.locations, node, location::named_location),
            Kind::AuthenticationStrengths => keep(&mut self.strengths, node, strength::strength),
            Kind::SharedChannels => keep(&mut self.channels, node, channel::shared_channel),
            Kind::IdentityProviders => keep(&mut self.providers, node, provider::identity_provider),
            Kind::FederationConfigurations => {
                keep(&mut self.federations, node, provider::federation)
            }
            Kind::AssumedOutbound => {
                keep(&mut self.assumed_outbound, node, assumed_outbound::entry)
            }
        }
    }

    pub(super) fn append(&mut self, mut other: Documents) {
        self.organizations.append(&mut other.organizations);
        self.clouds.append(&mut other.clouds);
        self.defaults.append(&mut other.defaults);
        self.partners.append(&mut other.partners);
        self.policies.append(&mut other.policies);
        self.conditional_access_settings
            .append(&mut other.conditional_access_settings);
        self.locations.append(&mut other.locations);
        self.strengths.append(&mut other.strengths);
        self.channels.append(&mut other.channels);
        self.providers.append(&mut other.providers);
        self.federations.append(&mut other.federations);
        self.assumed_outbound.append(&mut other.assumed_outbound);
        self.refused.append(other.refused);
        self.states_partners |= other.states_partners;
        if let Some(place) = other.synchronization_among_partners {
            self.note_synchronization_among_partners(place);
        }
    }

    /// What can stand only once in a tenant, of everything that is here.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let policies = self.policies.iter().map(|policy| match policy.id {
            Some(id) => Key::Policy(id),
            None => Key::PolicyName(policy.display_name.clone()),
        });
        let organization = (!self.organizations.is_empty()).then_some(Key::Organization);
        let clouds = (!self.clouds.is_empty()).then_some(Key::Clouds);
        let default = (!self.defaults.is_empty()).then_some(Key::Default);
        let settings = &self.conditional_access_settings;
        let settings = (!settings.is_empty()).then_some(Key::ConditionalAccessSettings);
        let singles = organization
            .into_iter()
            .chain(clouds)
            .chain(default)
            .chain(settings);
        singles
            .chain(
                self.partners
                    .iter()
                    .map(|partner| Key::Partner(partner.tenant)),
            )
            .chain(policies)
            .chain(
                self.locations
                    .iter()
                    .map(|location| Key::Location(location.id)),
            )
            .chain(
                self.strengths
                    .iter()
                    .map(|strength| Key::Strength(strength.id)),
            )
            .chain(
                self.channels
                    .iter()
                    .map(|channel| Key::Channel(channel.id.0.clone())),
            )
            .chain(
                self.providers
                    .iter()
                    .map(|provider| Key::Provider(provider.kind.clone())),
            )
            .chain(
                self.federations
                    .iter()
                    .map(|federation| Key::Federation(federation.issuer.value.clone())),
            )
            .chain(
                self.assumed_outbound
                    .iter()
                    .map(|entry| Key::AssumedOutbound(entry.tenant)),
            )
    }

    /// Whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        self.keys().next().is_none()
    }

    /// Takes from the pool those locations and strengths that a policy here names and that are not here.
    pub(super) fn borrow(&mut self, pool: &Pool) {
        let mut locations: HashSet<LocationId> = HashSet::new();
        let mut strengths: HashSet<StrengthId> = HashSet::new();
        for policy in &self.policies {
            let condition = policy.conditions.locations.iter();
            let entries = condition.flat_map(|both| both.include.iter().chain(&both.exclude));
            locations.extend(entries.filter_map(|entry| match entry.value {
                LocationEntry::Location(id) => Some(id),
                LocationEntry::All | LocationEntry::AllTrusted => None,
            }));
            let grant = policy.grant.as_ref();
            strengths.extend(
                grant
                    .and_then(|grant| grant.strength.as_ref())
                    .map(|s| s.id),
            );
        }
        for location in &self.locations {
            locations.remove(&location.id);
        }
        for strength in &self.strengths {
            strengths.remove(&strength.id);
        }
        let lent = locations.iter().filter_map(|id| pool.locations.get(id));
        self.locations.extend(lent.cloned());
        let lent = strengths.iter().filter_map(|id| pool.strengths.get(id));
        self.strengths.extend(lent.cloned());
    }

    /// All of it as one tenant. What can be there only once and is there again is an error.
    pub(super) fn into_tenant(self, place: Place, findings: &mut Vec<Finding>) -> TenantDocuments {
        self.check_partners(findings);
        let organizations = self.organizations;
        let organization = only(
            organizations,
            |organization| &organization.place,
            "organization",
            findings,
        );
        let clouds = only(
            self.clouds,
            |clouds| &clouds.place,
            "cross-tenant access policy",
            findings,
        );
        let default = only(self.defaults, |default| &default.place, "default", findings);
        let conditional_access_settings = only(
            self.conditional_access_settings,
            |settings| &settings.place,
            "object of Conditional Access settings",
            findings,
        );
        TenantDocuments {
            place,
            organization,
            allowed_clouds: clouds.map(|clouds| clouds.value).unwrap_or_default(),
            default,
            partners: self.partners,
            policies: self.policies,
            conditional_access_settings,
            locations: self.locations,
            strengths: self.strengths,
            channels: self.channels,
            providers: self.providers,
            federations: self.federations,
            assumed_outbound: self.assumed_outbound,
            refused: self.refused,
        }
    }
}

/// Locations and strengths of several exports, which policies of another may name.
#[derive(Debug, Default)]
pub(super) struct Pool {
    locations: HashMap<LocationId, NamedLocation>,
    strengths: HashMap<StrengthId, AuthenticationStrength>,
    pub(super) refused: Refused,
}

impl Pool {
    pub(super) fn of<'a>(all: impl Iterator<Item = &'a Documents>) -> Self {
        let mut pool = Pool::default();
        for documents in all {
            pool.refused.append(documents.refused.clone());
            let locations = documents.locations.iter().cloned();
            pool.locations
                .extend(locations.map(|location| (location.id, location)));
            let strengths = documents.strengths.iter().cloned();
            pool.strengths
                .extend(strengths.map(|strength| (strength.id, strength)));
        }
        pool
    }
}

/// What can stand only once in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Organization,
    Clouds,
    Default,
    ConditionalAccessSettings,
    Partner(TenantId),
    Policy(PolicyId),
    PolicyName(String),
    Location(LocationId),
    Strength(StrengthId),
    Channel(String),
    Provider(String),
    Federation(String),
    AssumedOutbound(TenantId),
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Organization => out.write_str("an organization"),
            Key::Clouds => out.write_str("a cross-tenant access policy"),
            Key::Default => out.write_str("a default"),
            Key::ConditionalAccessSettings => out.write_str("settings of Conditional Access"),
            Key::Partner(tenant) => write!(out, "partner {tenant}"),
            Key::Policy(id) => write!(out, "policy {id}"),
            Key::PolicyName(name) => write!(out, "policy {} (it has no id)", quoted(name)),
            Key::Location(id) => write!(out, "named location {id}"),
            Key::Strength(id) => write!(out, "authentication strength {id}"),
            Key::Channel(id) => write!(out, "shared channel {}", quoted(id)),
            Key::Provider(name) => write!(out, "identity provider {}", quoted(name)),
            Key::Federation(issuer) => write!(out, "federation with {}", quoted(issuer)),
            Key::AssumedOutbound(tenant) => write!(out, "assumed outbound of {tenant}"),
        }
    }
}

fn keep<T>(list: &mut Vec<T>, node: Node<'_>, read: fn(Node<'_>) -> Option<T>) -> bool {
    let object = node.whole(|node| {
        check_deleted(node);
        read(node)
    });
    let is_accepted = object.is_some();
    list.extend(object);
    is_accepted
}

/// semantics §2: a deleted object protects nothing, and should not be in an export.
fn check_deleted(node: Node<'_>) {
    if let Some(deleted) = node
        .peek("deletedDateTime")
        .filter(|node| !node.is_nothing())
    {
        let message = format!(
            "found an object that was deleted at {}, expected only what is in force; leave it out, or export \
             again once it is restored (it keeps its id)",
            deleted.describe()
        );
        deleted.error(Code::Deleted, message);
    }
}

fn only<T>(
    objects: Vec<T>,
    place: fn(&T) -> &Place,
    what: &str,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    let mut objects = objects.into_iter();
    let first = objects.next()?;
    for further in objects {
        let at = place(&first);
        let message = format!(
            "found a second {what}, expected one for each tenant; the first is at {}:{}",
            at.file, at.line
        );
        findings.push(Finding::error(
            place(&further).clone(),
            Code::Duplicate,
            message,
        ));
    }
    Some(first)
}
