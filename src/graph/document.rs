//! Microsoft Graph's policy documents, typed: every id is 128 bits, every word is from its list, and
//! what a document does not say is `None`. Nothing is inherited, defaulted or checked against another
//! document here; that is `compile`.
//!
//! Shapes: learn.microsoft.com/graph/api/resources/… (named at each type). A [`Place`] is kept wherever
//! a later check may have to point at the file.

use std::collections::{BTreeSet, HashSet};

use ipnet::IpNet;
use uuid::Uuid;

use super::finding::Place;
use super::kind::Kind;
use crate::id::{
    Aaguid, AppId, CustomControlId, GroupId, LocationId, PolicyId, RoleId, StrengthId, TeamId,
    TenantId, TermsOfUseId, UserId,
};
use crate::request::{AccessType, ChannelId};
use crate::time::Day;
use crate::vocabulary::{
    Access, AssumedBasis, AuthenticationFlow, AuthenticationMethod, BuiltInControl, ClientAppType,
    Cloud, Country, CountrySource, DeviceState, FilterMode, IdentityProviderName, IncludeExclude,
    InsiderRiskLevel, Operator, Platform, PolicyState, RiskLevel, SignInFrequency, UserAction,
    UserType, WordSet,
};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// Everything read of one tenant.
#[derive(Debug, Clone)]
pub struct TenantDocuments {
    /// The tenant's folder (or the file it was read from), for findings.
    pub place: Place,
    /// `organization.json`; none where a folder is only checked.
    pub organization: Option<Organization>,
    /// `cross-tenant-access.json`: clouds that are named besides the own one.
    pub allowed_clouds: Vec<Cloud>,
    /// `default.json`.
    pub default: Option<Configuration>,
    /// `partners.json`.
    pub partners: Vec<Partner>,
    /// `conditional-access.json`.
    pub policies: Vec<ConditionalAccessPolicy>,
    /// `conditional-access-settings.json`.
    pub conditional_access_settings: Option<ConditionalAccessSettings>,
    /// `named-locations.json`.
    pub locations: Vec<NamedLocation>,
    /// `authentication-strengths.json`.
    pub strengths: Vec<AuthenticationStrength>,
    /// `shared-channels.json`.
    pub channels: Vec<SharedChannel>,
    /// `identity-providers.json`.
    pub providers: Vec<ListedProvider>,
    /// `federation-configurations.json`.
    pub federations: Vec<Federation>,
    /// `assumed-outbound.json`.
    pub assumed_outbound: Vec<AssumedOutbound>,
    /// What was refused, and is in none of the lists.
    pub refused: Refused,
}

/// What of a tenant's documents was refused. A reference to it leads nowhere for that reason alone, so it is
/// no finding of its own; and nothing may be served without it.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    /// Whether anything was.
    pub any: bool,
    /// Named locations whose id could be read.
    pub locations: HashSet<LocationId>,
    /// Authentication strengths whose id could be read.
    pub strengths: HashSet<StrengthId>,
    /// The kinds of those objects and files whose ids could not be read.
    pub kinds: BTreeSet<Kind>,
}

impl Refused {
    /// Whether a named location with this id may be among what was refused.
    pub fn may_hold_location(&self, id: LocationId) -> bool {
        self.locations.contains(&id) || self.kinds.contains(&Kind::NamedLocations)
    }

    /// Whether an authentication strength with this id may be among what was refused.
    pub fn may_hold_strength(&self, id: StrengthId) -> bool {
        self.strengths.contains(&id) || self.kinds.contains(&Kind::AuthenticationStrengths)
    }

    pub(super) fn append(&mut self, other: Refused) {
        self.any |= other.any;
        self.locations.extend(other.locations);
        self.strengths.extend(other.strengths);
        self.kinds.extend(other.kinds);
    }
}

/// `organization`, with our own member `cloudEndpoint`.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Where it stands.
    pub place: Place,
    /// The tenant.
    pub id: TenantId,
    /// Its name, for people.
    pub display_name: Option<String>,
    /// Names of `verifiedDomains`, for people to name the tenant by; they decide nothing.
    pub verified_domains: Vec<String>,
    /// The cloud it is in.
    pub cloud: Option<Cloud>,
}

/// What `crossTenantAccessPolicyConfigurationDefault` and `…Partner` have in common; `None` = missing or null.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Where it stands.
    pub place: Place,
    /// `b2bDirectConnectInbound`.
    pub direct_connect_inbound: Option<Setting>,
    /// `b2bDirectConnectOutbound`.
    pub direct_connect_outbound: Option<Setting>,
    /// `b2bCollaborationInbound`.
    pub collaboration_inbound: Option<Setting>,
    /// `b2bCollaborationOutbound`.
    pub collaboration_outbound: Option<Setting>,
    /// `tenantRestrictions`.
    pub tenant_restrictions: Option<Setting>,
    /// `inboundTrust`.
    pub inbound_trust: Option<InboundTrust>,
    /// `automaticUserConsentSettings`; reported, decides nothing.
    pub automatic_user_consent: Option<AutomaticUserConsent>,
}

/// `crossTenantAccessPolicyConfigurationPartner`.
#[derive(Debug, Clone)]
pub struct Partner {
    /// The other tenant.
    pub tenant: TenantId,
    /// Its settings.
    pub configuration: Configuration,
    /// `isServiceProvider`; reported, decides nothing.
    pub is_service_provider: bool,
    /// `isInMultiTenantOrganization`; reported, decides nothing.
    pub is_in_multi_tenant_organization: bool,
    /// `blockServiceProviderOutboundAccess`; null and missing are false.
    pub blocks_service_providers: bool,
}

/// `crossTenantAccessPolicyInboundTrust`, each bool one by one.
#[derive(Debug, Clone)]
pub struct InboundTrust {
    /// Where it stands.
    pub place: Place,
    /// `isMfaAccepted`.
    pub mfa: Option<bool>,
    /// `isCompliantDeviceAccepted`.
    pub compliant_device: Option<bool>,
    /// `isHybridAzureADJoinedDeviceAccepted`.
    pub hybrid_joined_device: Option<bool>,
}

/// `inboundOutboundPolicyConfiguration`, each bool one by one.
#[derive(Debug, Clone, Copy)]
pub struct AutomaticUserConsent {
    /// `inboundAllowed`.
    pub inbound: Option<bool>,
    /// `outboundAllowed`.
    pub outbound: Option<bool>,
}

/// `crossTenantAccessPolicyB2BSetting`; a rule that is missing or null is `None`.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Where it stands.
    pub place: Place,
    /// `usersAndGroups`.
    pub users: Option<Rule<UserTarget>>,
    /// `applications`.
    pub applications: Option<Rule<ApplicationTarget>>,
    /// Tenant restrictions only: `devices` is there and not null.
    pub names_devices: Option<Place>,
}

/// `crossTenantAccessPolicyTargetConfiguration`.
#[derive(Debug, Clone)]
pub struct Rule<T> {
    /// Where it stands.
    pub place: Place,
    /// `accessType`.
    pub access: Access,
    /// `targets`.
    pub targets: Vec<At<T>>,
}

/// A target of `usersAndGroups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserTarget {
    /// `AllUsers`
    AllUsers,
    /// `targetType` `user`
    User(UserId),
    /// `targetType` `group`
    Group(GroupId),
}

/// A target of `applications`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationTarget {
    /// `AllApplications`
    AllApplications,
    /// `Office365`
    Office365,
    /// `AllMicrosoftApps`
    AllMicrosoftApps,
    /// An application's id.
    Application(AppId),
}

/// `conditionalAccessPolicy`.
#[derive(Debug, Clone)]
pub struct ConditionalAccessPolicy {
    /// Where it stands.
    pub place: Place,
    /// `id`; exports often lack it.
    pub id: Option<PolicyId>,
    /// `displayName`.
    pub display_name: String,
    /// `state`.
    pub state: PolicyState,
    /// `conditions`.
    pub conditions: Conditions,
    /// `grantControls`; `None` = null or missing.
    pub grant: Option<GrantControls>,
    /// `sessionControls`, those that are set.
    pub session: SessionControls,
}

/// `conditionalAccessSettings`, as far as they decide.
#[derive(Debug, Clone)]
pub struct ConditionalAccessSettings {
    /// Where they stand.
    pub place: Place,
    /// The actions of `exclusions.allResourcesExclusions.userActionExclusions` that are enabled.
    pub excluded_actions: WordSet<UserAction>,
}

/// `conditionalAccessConditionSet`. An empty list, set or option = not set.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// Where it stands.
    pub place: Place,
    /// `users`; `None` = missing or null.
    pub users: Option<UsersCondition>,
    /// `applications`; `None` = missing or null.
    pub applications: Option<ApplicationsCondition>,
    /// `clientAppTypes`; `all` alone or beside others = [`ClientAppTypes::All`].
    pub client_app_types: ClientAppTypes,
    /// `platforms`.
    pub platforms: Option<IncludeExclude<Option<Platform>>>,
    /// `locations`.
    pub locations: Option<IncludeExclude<At<LocationEntry>>>,
    /// `signInRiskLevels`.
    pub sign_in_risk: WordSet<RiskLevel>,
    /// `userRiskLevels`.
    pub user_risk: WordSet<RiskLevel>,
    /// `insiderRiskLevels`.
    pub insider_risk: WordSet<InsiderRiskLevel>,
    /// `authenticationFlows.transferMethods`, `none` left out.
    pub authentication_flows: WordSet<AuthenticationFlow>,
    /// `devices.deviceFilter`.
    pub device_filter: Option<FilterCondition>,
    /// `devices.include/excludeDevices`, `…DeviceStates` and `deviceStates.include/excludeStates`, taken together.
    pub device_states: Option<IncludeExclude<DeviceState>>,
    /// `clientApplications`, `servicePrincipalRiskLevels`, agents and their kin are set to something: the
    /// policy is for workload identities or agents and never applies to users.
    pub for_workloads: bool,
}

/// `clientAppTypes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAppTypes {
    /// Empty, missing, or `all`.
    All,
    /// These.
    These(WordSet<ClientAppType>),
}

/// An entry of `includeLocations` / `excludeLocations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationEntry {
    /// `All`
    All,
    /// `AllTrusted`
    AllTrusted,
    /// A named location's id.
    Location(LocationId),
}

/// `conditionalAccessUsers`.
#[derive(Debug, Clone)]
pub struct UsersCondition {
    /// Where it stands.
    pub place: Place,
    /// The include lists, as one.
    pub include: UsersList,
    /// The exclude lists, as one.
    pub exclude: UsersList,
}

/// The include or the exclude lists of `conditionalAccessUsers`.
#[derive(Debug, Clone, Default)]
pub struct UsersList {
    /// `All`
    pub all: bool,
    /// `None` is listed (names nobody, but the list is not empty).
    pub none: bool,
    /// `GuestsOrExternalUsers`
    pub guests_or_external_users: bool,
    /// `AllAgentIdUsers` is listed: the accounts of agents, which no user is.
    pub agent_users: bool,
    /// User ids.
    pub users: Vec<UserId>,
    /// Group ids.
    pub groups: Vec<GroupId>,
    /// Directory role template ids.
    pub roles: Vec<RoleId>,
    /// `includeGuestsOrExternalUsers` / `excludeGuestsOrExternalUsers`.
    pub guests: Option<GuestsOrExternalUsers>,
}

/// `conditionalAccessGuestsOrExternalUsers`.
#[derive(Debug, Clone)]
pub struct GuestsOrExternalUsers {
    /// `guestOrExternalUserTypes`, `none` left out.
    pub types: WordSet<UserType>,
    /// `externalTenants`.
    pub tenants: ExternalTenants,
}

/// `conditionalAccessExternalTenants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalTenants {
    /// null or missing: all on the include side, none on the exclude side.
    Unsaid,
    /// `all`
    All,
    /// `enumerated`
    These(Vec<TenantId>),
}

/// `conditionalAccessApplications`.
#[derive(Debug, Clone)]
pub struct ApplicationsCondition {
    /// Where it stands.
    pub place: Place,
    /// `includeApplications`.
    pub include: ApplicationsList,
    /// `excludeApplications`.
    pub exclude: ApplicationsList,
    /// `includeUserActions`.
    pub user_actions: WordSet<UserAction>,
    /// `includeAuthenticationContextClassReferences`, in lower case.
    pub authentication_contexts: Vec<String>,
    /// `applicationFilter`: one more entry of the include or of the exclude list.
    pub filter: Option<FilterCondition>,
}

/// `includeApplications` or `excludeApplications`.
#[derive(Debug, Clone, Default)]
pub struct ApplicationsList {
    /// `All`
    pub all: bool,
    /// `None` is listed.
    pub none: bool,
    /// `Office365`
    pub office365: bool,
    /// `MicrosoftAdminPortals`
    pub admin_portals: bool,
    /// `AllAgentIdResources`
    pub agent_resources: bool,
    /// Application ids.
    pub applications: Vec<AppId>,
}

/// `conditionalAccessFilter`: the rule as text, not yet read.
#[derive(Debug, Clone)]
pub struct FilterCondition {
    /// Where the rule stands.
    pub place: Place,
    /// `mode`
    pub mode: FilterMode,
    /// `rule`
    pub rule: String,
}

/// `conditionalAccessGrantControls`.
#[derive(Debug, Clone)]
pub struct GrantControls {
    /// Where it stands.
    pub place: Place,
    /// `operator`; none or empty = AND.
    pub operator: Operator,
    /// `builtInControls`.
    pub built_in: Vec<BuiltInControl>,
    /// `authenticationStrength`.
    pub strength: Option<StrengthReference>,
    /// `termsOfUse`.
    pub terms_of_use: Vec<TermsOfUseId>,
    /// `customAuthenticationFactors`.
    pub custom: Vec<CustomControlId>,
}

/// The strength that a policy names, with its own copy where the export carries one.
#[derive(Debug, Clone)]
pub struct StrengthReference {
    /// Where it stands.
    pub place: Place,
    /// Which strength.
    pub id: StrengthId,
    /// The policy's own copy, if it has `allowedCombinations`.
    pub copy: Option<AuthenticationStrength>,
}

/// `authenticationStrengthPolicy`.
#[derive(Debug, Clone)]
pub struct AuthenticationStrength {
    /// Where it stands.
    pub place: Place,
    /// `id`
    pub id: StrengthId,
    /// `displayName`
    pub display_name: Option<String>,
    /// `allowedCombinations`
    pub combinations: Vec<WordSet<AuthenticationMethod>>,
    /// `combinationConfigurations`
    pub configurations: Vec<CombinationConfiguration>,
}

/// `authenticationCombinationConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CombinationConfiguration {
    /// `appliesToCombinations`
    pub combinations: Vec<WordSet<AuthenticationMethod>>,
    /// What the combination has to bring besides its methods.
    pub demand: CombinationDemand,
}

/// The two kinds of `authenticationCombinationConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CombinationDemand {
    /// `fido2CombinationConfiguration.allowedAAGUIDs`, never empty.
    Fido2(Vec<Aaguid>),
    /// `x509CertificateCombinationConfiguration`; an empty list demands nothing, both empty is an error.
    Certificate {
        /// `allowedIssuerSkis`, in lower case.
        issuer_skis: Vec<String>,
        /// `allowedPolicyOIDs`
        policy_oids: Vec<String>,
    },
}

/// `namedLocation`.
#[derive(Debug, Clone)]
pub struct NamedLocation {
    /// Where it stands.
    pub place: Place,
    /// `id`
    pub id: LocationId,
    /// `displayName`
    pub display_name: Option<String>,
    /// Which places.
    pub kind: LocationKind,
}

/// The three kinds of named location.
#[derive(Debug, Clone)]
pub enum LocationKind {
    /// `ipNamedLocation`
    Ip {
        /// `ipRanges`
        ranges: Vec<IpNet>,
        /// `isTrusted`
        trusted: bool,
    },
    /// `countryNamedLocation`
    Country {
        /// `countriesAndRegions`
        countries: Vec<Country>,
        /// `includeUnknownCountriesAndRegions`
        include_unknown: bool,
        /// `countryLookupMethod`; missing or null = clientIpAddress.
        lookup: CountrySource,
    },
    /// `compliantNetworkNamedLocation`: no request can tell.
    CompliantNetwork {
        /// `isTrusted`
        trusted: bool,
    },
}

/// `conditionalAccessSessionControls`, those that are enabled, as obligations of the gateway.
#[derive(Debug, Clone, Default)]
pub struct SessionControls {
    /// `signInFrequency`, enabled.
    pub sign_in_frequency: Option<SignInFrequency>,
    /// Every enabled control as (name, value), `signInFrequency` among them: `("persistentBrowser", "never")`,
    /// `("signInFrequency", "4 hours")`, `("signInFrequency", "everyTime")`.
    pub obligations: Vec<(String, String)>,
}

/// A `channel` with membershipType `shared`.
#[derive(Debug, Clone)]
pub struct SharedChannel {
    /// Where it stands.
    pub place: Place,
    /// `id`
    pub id: ChannelId,
    /// `displayName`
    pub display_name: Option<String>,
    /// `members`: (user, tenant).
    pub members: Vec<(UserId, TenantId)>,
    /// `sharedWithTeams`
    pub teams: Vec<SharedWithTeam>,
}

/// `sharedWithChannelTeamInfo`.
#[derive(Debug, Clone)]
pub struct SharedWithTeam {
    /// `id`, also the id of the team's group.
    pub id: TeamId,
    /// `tenantId`
    pub tenant: TenantId,
    /// `allowedMembers`: `None` = no list (ask the groups), empty = nobody. Entries of another tenant
    /// than the team's are guests and left out.
    pub allowed_members: Option<Vec<UserId>>,
}

/// An `identityProviderBase` of the tenant.
#[derive(Debug, Clone)]
pub struct ListedProvider {
    /// Where it stands.
    pub place: Place,
    /// Which one it is; `None`: disabled, or one that no request can name.
    pub name: Option<IdentityProviderName>,
    /// `identityProviderType`, as written.
    pub kind: String,
}

/// `samlOrWsFedExternalDomainFederation`.
#[derive(Debug, Clone)]
pub struct Federation {
    /// `issuerUri`, compared with case.
    pub issuer: At<String>,
}

/// An entry of `assumed-outbound.json`, a document of ours.
#[derive(Debug, Clone)]
pub struct AssumedOutbound {
    /// Where it stands.
    pub place: Place,
    /// The home tenant whose policies are not loaded.
    pub tenant: TenantId,
    /// On what the assumption rests.
    pub basis: AssumedBasis,
    /// Which access types it lets out.
    pub access_types: Vec<AccessType>,
    /// For people.
    pub comment: Option<String>,
    /// The last day on which it counts.
    pub review_by: Day,
}

/// semantics §2: a policy without id gets the name-based UUID (v5) of its tenant and `displayName`.
pub fn name_based_policy_id(tenant: TenantId, display_name: &str) -> PolicyId {
    let namespace = Uuid::from_u128(tenant.0);
    PolicyId(Uuid::new_v5(&namespace, display_name.as_bytes()).as_u128())
}
