//! The typed objects of a file, and their combination to a tenant.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::document::{
    AssumedOutboundEntry, AuthenticationStrength, ConditionalAccessPolicy,
    ConditionalAccessSettings, Configuration, Federation, ListedProvider, Located, LocationEntry,
    NamedLocation, Organization, PartnerConfiguration, RefusedDocuments, SharedChannel,
    TenantDocuments,
};
use super::finding::{Code, Finding, SourceLocation};
use super::kind::DocumentKind;
use super::node::Node;
use super::values::quoted;
use super::{
    assumed_outbound, channel, conditional_access_settings, location, organization, policy,
    provider, setting, strength, synchronization,
};
use crate::id::{LocationId, PolicyId, StrengthId, TenantId};
use crate::vocabulary::Cloud;

/// The objects that were parsed, by kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    organizations: Vec<Organization>,
    clouds: Vec<Located<Vec<Cloud>>>,
    defaults: Vec<Configuration>,
    partners: Vec<PartnerConfiguration>,
    policies: Vec<ConditionalAccessPolicy>,
    conditional_access_settings: Vec<ConditionalAccessSettings>,
    locations: Vec<NamedLocation>,
    strengths: Vec<AuthenticationStrength>,
    channels: Vec<SharedChannel>,
    providers: Vec<ListedProvider>,
    federations: Vec<Federation>,
    assumed_outbound: Vec<AssumedOutboundEntry>,
    /// The location of a synchronisation policy, or a page of them, in a file named partners.
    synchronization_among_partners: Option<SourceLocation>,
    /// Whether a file named partners has an entry, or states that there are none.
    states_partners: bool,
    pub(super) refused: RefusedDocuments,
}

impl Documents {
    pub(super) fn note_synchronization_among_partners(&mut self, place: SourceLocation) {
        self.synchronization_among_partners.get_or_insert(place);
    }

    pub(super) fn note_stated_partners(&mut self) {
        self.states_partners = true;
    }

    /// Reports partner entries that were replaced by their synchronisation policies.
    fn check_partners(&self, findings: &mut Vec<Finding>) {
        let Some(place) = &self.synchronization_among_partners else {
            return;
        };
        if self.states_partners || self.refused.kinds.contains(&DocumentKind::Partners) {
            return;
        }
        let message = "found only synchronisation policies in files named partners, expected partner entries; [] \
                       means that there are none, or rename the file to identity-synchronization.json";
        findings.push(Finding::error(
            place.clone(),
            Code::UnknownDocument,
            message,
        ));
    }

    /// Parses an object and stores it. Returns whether it was accepted.
    pub(super) fn read(&mut self, kind: DocumentKind, node: Node<'_>) -> bool {
        let is_accepted = self.parse(kind, node);
        if !is_accepted {
            self.refuse(kind, node);
        }
        is_accepted
    }

    /// Records that an object was refused, by its id if that can be parsed.
    pub(super) fn refuse(&mut self, kind: DocumentKind, node: Node<'_>) {
        self.refused.any = true;
        let id = node.peek("id").and_then(Node::as_text).unwrap_or_default();
        let is_known = match kind {
            DocumentKind::NamedLocations => {
                let id: Option<LocationId> = id.parse().ok();
                self.refused.locations.extend(id);
                id.is_some()
            }
            DocumentKind::AuthenticationStrengths => {
                let id: Option<StrengthId> = id.parse().ok();
                self.refused.strengths.extend(id);
                id.is_some()
            }
            DocumentKind::Organization
            | DocumentKind::CrossTenantAccess
            | DocumentKind::Default
            | DocumentKind::Partners
            | DocumentKind::IdentitySynchronization
            | DocumentKind::ConditionalAccess
            | DocumentKind::ConditionalAccessSettings
            | DocumentKind::SharedChannels
            | DocumentKind::IdentityProviders
            | DocumentKind::FederationConfigurations
            | DocumentKind::AssumedOutbound => true,
        };
        if !is_known {
            self.refused.kinds.insert(kind);
        }
    }

    /// Records that a complete file was refused.
    pub(super) fn refuse_file(&mut self, kind: Option<DocumentKind>) {
        self.refused.any = true;
        self.refused.kinds.extend(kind);
    }

    fn parse(&mut self, kind: DocumentKind, node: Node<'_>) -> bool {
        match kind {
            DocumentKind::Organization => parse_into(
                &mut self.organizations,
                node,
                organization::parse_organization,
            ),
            DocumentKind::CrossTenantAccess => parse_into(
                &mut self.clouds,
                node,
                organization::parse_cross_tenant_access,
            ),
            DocumentKind::Default => parse_into(&mut self.defaults, node, setting::parse_default),
            DocumentKind::Partners => parse_into(&mut self.partners, node, setting::parse_partner),
            DocumentKind::IdentitySynchronization => parse_into(
                &mut Vec::new(),
                node,
                synchronization::check_synchronization,
            ),
            DocumentKind::ConditionalAccess => {
                parse_into(&mut self.policies, node, policy::parse_policy)
            }
            DocumentKind::ConditionalAccessSettings => parse_into(
                &mut self.conditional_access_settings,
                node,
                conditional_access_settings::parse_settings,
            ),
            DocumentKind::NamedLocations => {
                parse_into(&mut self.locations, node, location::parse_named_location)
            }
            DocumentKind::AuthenticationStrengths => {
                parse_into(&mut self.strengths, node, strength::parse_strength)
            }
            DocumentKind::SharedChannels => {
                parse_into(&mut self.channels, node, channel::parse_shared_channel)
            }
            DocumentKind::IdentityProviders => {
                parse_into(&mut self.providers, node, provider::parse_identity_provider)
            }
            DocumentKind::FederationConfigurations => {
                parse_into(&mut self.federations, node, provider::parse_federation)
            }
            DocumentKind::AssumedOutbound => parse_into(
                &mut self.assumed_outbound,
                node,
                assumed_outbound::parse_entry,
            ),
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

    /// The keys of all objects that must be unique in a tenant.
    pub(super) fn keys(&self) -> impl Iterator<Item = DocumentKey> {
        let policies = self.policies.iter().map(|policy| match policy.id {
            Some(id) => DocumentKey::Policy(id),
            None => DocumentKey::PolicyName(policy.display_name.clone()),
        });
        let organization = (!self.organizations.is_empty()).then_some(DocumentKey::Organization);
        let clouds = (!self.clouds.is_empty()).then_some(DocumentKey::Clouds);
        let default = (!self.defaults.is_empty()).then_some(DocumentKey::Default);
        let settings = &self.conditional_access_settings;
        let settings = (!settings.is_empty()).then_some(DocumentKey::ConditionalAccessSettings);
        let singles = organization
            .into_iter()
            .chain(clouds)
            .chain(default)
            .chain(settings);
        singles
            .chain(
                self.partners
                    .iter()
                    .map(|partner| DocumentKey::Partner(partner.tenant)),
            )
            .chain(policies)
            .chain(
                self.locations
                    .iter()
                    .map(|location| DocumentKey::Location(location.id)),
            )
            .chain(
                self.strengths
                    .iter()
                    .map(|strength| DocumentKey::Strength(strength.id)),
            )
            .chain(
                self.channels
                    .iter()
                    .map(|channel| DocumentKey::Channel(channel.id.0.clone())),
            )
            .chain(
                self.providers
                    .iter()
                    .map(|provider| DocumentKey::Provider(provider.kind.clone())),
            )
            .chain(
                self.federations
                    .iter()
                    .map(|federation| DocumentKey::Federation(federation.issuer.value.clone())),
            )
            .chain(
                self.assumed_outbound
                    .iter()
                    .map(|entry| DocumentKey::AssumedOutbound(entry.tenant)),
            )
    }

    /// Whether there are no objects.
    pub(super) fn is_empty(&self) -> bool {
        self.keys().next().is_none()
    }

    /// Adds the locations and strengths that a policy refers to and that are missing here.
    pub(super) fn add_referenced(&mut self, pool: &DefinitionPool) {
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
        let found = locations.iter().filter_map(|id| pool.locations.get(id));
        self.locations.extend(found.cloned());
        let found = strengths.iter().filter_map(|id| pool.strengths.get(id));
        self.strengths.extend(found.cloned());
    }

    /// Combines all objects to a tenant. Reports duplicates of objects that must be unique.
    pub(super) fn into_tenant(
        self,
        place: SourceLocation,
        findings: &mut Vec<Finding>,
    ) -> TenantDocuments {
        self.check_partners(findings);
        let organizations = self.organizations;
        let organization = at_most_one(
            organizations,
            |organization| &organization.place,
            "organization",
            findings,
        );
        let clouds = at_most_one(
            self.clouds,
            |clouds| &clouds.place,
            "cross-tenant access policy",
            findings,
        );
        let default = at_most_one(self.defaults, |default| &default.place, "default", findings);
        let conditional_access_settings = at_most_one(
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

/// The locations and strengths of several exports. Policies in one export may refer to those in another.
#[derive(Debug, Default)]
pub(super) struct DefinitionPool {
    locations: HashMap<LocationId, NamedLocation>,
    strengths: HashMap<StrengthId, AuthenticationStrength>,
    pub(super) refused: RefusedDocuments,
}

impl DefinitionPool {
    pub(super) fn of<'a>(all: impl Iterator<Item = &'a Documents>) -> Self {
        let mut pool = DefinitionPool::default();
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

/// The identity of an object that must be unique in a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum DocumentKey {
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

impl fmt::Display for DocumentKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DocumentKey::Organization => out.write_str("an organization"),
            DocumentKey::Clouds => out.write_str("a cross-tenant access policy"),
            DocumentKey::Default => out.write_str("a default"),
            DocumentKey::ConditionalAccessSettings => {
                out.write_str("settings of Conditional Access")
            }
            DocumentKey::Partner(tenant) => write!(out, "partner {tenant}"),
            DocumentKey::Policy(id) => write!(out, "policy {id}"),
            DocumentKey::PolicyName(name) => write!(out, "policy {} (it has no id)", quoted(name)),
            DocumentKey::Location(id) => write!(out, "named location {id}"),
            DocumentKey::Strength(id) => write!(out, "authentication strength {id}"),
            DocumentKey::Channel(id) => write!(out, "shared channel {}", quoted(id)),
            DocumentKey::Provider(name) => write!(out, "identity provider {}", quoted(name)),
            DocumentKey::Federation(issuer) => write!(out, "federation with {}", quoted(issuer)),
            DocumentKey::AssumedOutbound(tenant) => write!(out, "assumed outbound of {tenant}"),
        }
    }
}

fn parse_into<T>(list: &mut Vec<T>, node: Node<'_>, read: fn(Node<'_>) -> Option<T>) -> bool {
    let object = node.read_without_errors(|node| {
        check_deleted(node);
        read(node)
    });
    let is_accepted = object.is_some();
    list.extend(object);
    is_accepted
}

/// semantics §2: a deleted object has no effect in Entra and does not belong in an export.
fn check_deleted(node: Node<'_>) {
    if let Some(deleted) = node.peek("deletedDateTime").filter(|node| !node.is_blank()) {
        let message = format!(
            "found an object that was deleted at {}, expected only active objects; remove it, or export again after \
             it is restored (it keeps its id)",
            deleted.describe()
        );
        deleted.error(Code::Deleted, message);
    }
}

fn at_most_one<T>(
    objects: Vec<T>,
    place: fn(&T) -> &SourceLocation,
    what: &str,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    let mut objects = objects.into_iter();
    let first = objects.next()?;
    for further in objects {
        let first_place = place(&first);
        let message = format!(
            "found a second {what}, expected one for each tenant; the first is at {}:{}",
            first_place.file, first_place.line
        );
        findings.push(Finding::error(
            place(&further).clone(),
            Code::Duplicate,
            message,
        ));
    }
    Some(first)
}
