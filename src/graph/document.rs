//! Microsoft Graph's policy documents as Rust types. Ids are 128-bit integers, enumerations are Rust enums, and a
//! missing member is `None`. `compile` applies inheritance and defaults, and checks references between documents.
//!
//! Each type names its Graph resource (learn.microsoft.com/graph/api/resources/…). A [`SourceLocation`] is stored
//! for objects that later findings may refer to.

use std::collections::{BTreeSet, HashSet};

use ipnet::IpNet;
use uuid::Uuid;

use super::finding::SourceLocation;
use super::kind::DocumentKind;
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

/// A value and its location in the file.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its location.
    pub place: SourceLocation,
}

/// All documents of a tenant.
#[derive(Debug, Clone)]
pub struct TenantDocuments {
    /// The tenant's folder, or the file that was read.
    pub place: SourceLocation,
    /// `organization.json`. May be `None` for exports that are only checked.
    pub organization: Option<Organization>,
    /// `cross-tenant-access.json`: the allowed clouds, in addition to the tenant's own.
    pub allowed_clouds: Vec<Cloud>,
    /// `default.json`.
    pub default: Option<Configuration>,
    /// `partners.json`.
    pub partners: Vec<PartnerConfiguration>,
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
    pub assumed_outbound: Vec<AssumedOutboundEntry>,
    /// The objects that were refused and are in none of the lists.
    pub refused: RefusedDocuments,
}

/// The refused objects of a tenant. A dangling reference to one of them is not reported separately. The tenant must
/// not be served without them.
#[derive(Debug, Clone, Default)]
pub struct RefusedDocuments {
    /// Whether any object was refused.
    pub any: bool,
    /// The refused named locations whose id could be parsed.
    pub locations: HashSet<LocationId>,
    /// The refused authentication strengths whose id could be parsed.
    pub strengths: HashSet<StrengthId>,
    /// The kinds of refused objects and files whose ids could not be parsed.
    pub kinds: BTreeSet<DocumentKind>,
}

impl RefusedDocuments {
    /// Whether a named location with this id may have been refused.
    pub fn may_hold_location(&self, id: LocationId) -> bool {
        self.locations.contains(&id) || self.kinds.contains(&DocumentKind::NamedLocations)
    }

    /// Whether an authentication strength with this id may have been refused.
    pub fn may_hold_strength(&self, id: StrengthId) -> bool {
        self.strengths.contains(&id) || self.kinds.contains(&DocumentKind::AuthenticationStrengths)
    }

    pub(super) fn append(&mut self, other: RefusedDocuments) {
        self.any |= other.any;
        self.locations.extend(other.locations);
        self.strengths.extend(other.strengths);
        self.kinds.extend(other.kinds);
    }
}

/// `organization`, with the additional member `cloudEndpoint`, which is specific to crosstrust.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Its location in the file.
    pub place: SourceLocation,
    /// The tenant's id.
    pub id: TenantId,
    /// The display name.
    pub display_name: Option<String>,
    /// The names in `verifiedDomains`, by which users can refer to the tenant. No effect on decisions.
    pub verified_domains: Vec<String>,
    /// The cloud of the tenant.
    pub cloud: Option<Cloud>,
}

/// The common members of `crossTenantAccessPolicyConfigurationDefault` and `…Partner`; `None` = missing or null.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `b2bDirectConnectInbound`.
    pub direct_connect_inbound: Option<B2bSetting>,
    /// `b2bDirectConnectOutbound`.
    pub direct_connect_outbound: Option<B2bSetting>,
    /// `b2bCollaborationInbound`.
    pub collaboration_inbound: Option<B2bSetting>,
    /// `b2bCollaborationOutbound`.
    pub collaboration_outbound: Option<B2bSetting>,
    /// `tenantRestrictions`.
    pub tenant_restrictions: Option<B2bSetting>,
    /// `inboundTrust`.
    pub inbound_trust: Option<InboundTrust>,
    /// `automaticUserConsentSettings`; reported, no effect on decisions.
    pub automatic_user_consent: Option<AutomaticUserConsent>,
}

/// `crossTenantAccessPolicyConfigurationPartner`.
#[derive(Debug, Clone)]
pub struct PartnerConfiguration {
    /// The partner tenant.
    pub tenant: TenantId,
    /// The settings for this partner.
    pub configuration: Configuration,
    /// `isServiceProvider`; reported, no effect on decisions.
    pub is_service_provider: bool,
    /// `isInMultiTenantOrganization`; reported, no effect on decisions.
    pub is_in_multi_tenant_organization: bool,
    /// `blockServiceProviderOutboundAccess`; null or missing = false.
    pub blocks_service_providers: bool,
}

/// `crossTenantAccessPolicyInboundTrust`; each member inherits separately.
#[derive(Debug, Clone)]
pub struct InboundTrust {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `isMfaAccepted`.
    pub mfa: Option<bool>,
    /// `isCompliantDeviceAccepted`.
    pub compliant_device: Option<bool>,
    /// `isHybridAzureADJoinedDeviceAccepted`.
    pub hybrid_joined_device: Option<bool>,
}

/// `inboundOutboundPolicyConfiguration`; each member inherits separately.
#[derive(Debug, Clone, Copy)]
pub struct AutomaticUserConsent {
    /// `inboundAllowed`.
    pub inbound: Option<bool>,
    /// `outboundAllowed`.
    pub outbound: Option<bool>,
}

/// `crossTenantAccessPolicyB2BSetting` or `crossTenantAccessPolicyTenantRestrictions`; `None` = missing or null.
#[derive(Debug, Clone)]
pub struct B2bSetting {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `usersAndGroups`.
    pub users: Option<AccessRule<UserTarget>>,
    /// `applications`.
    pub applications: Option<AccessRule<ApplicationTarget>>,
    /// The location of `devices`, if it is set. Only tenant restrictions have it.
    pub names_devices: Option<SourceLocation>,
}

/// `crossTenantAccessPolicyTargetConfiguration`.
#[derive(Debug, Clone)]
pub struct AccessRule<T> {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `accessType`.
    pub access: Access,
    /// `targets`.
    pub targets: Vec<Located<T>>,
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
    /// An application id.
    Application(AppId),
}

/// `conditionalAccessPolicy`.
#[derive(Debug, Clone)]
pub struct ConditionalAccessPolicy {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `id`; missing in many exports.
    pub id: Option<PolicyId>,
    /// `displayName`.
    pub display_name: String,
    /// `state`.
    pub state: PolicyState,
    /// `conditions`.
    pub conditions: Conditions,
    /// `grantControls`; `None` = null or missing.
    pub grant: Option<GrantControls>,
    /// `sessionControls`; only those that are set.
    pub session: SessionControls,
}

/// `conditionalAccessSettings`; only the members that have an effect on decisions.
#[derive(Debug, Clone)]
pub struct ConditionalAccessSettings {
    /// Their location in the file.
    pub place: SourceLocation,
    /// The actions of `exclusions.allResourcesExclusions.userActionExclusions` that are enabled.
    pub excluded_actions: WordSet<UserAction>,
}

/// `conditionalAccessConditionSet`. An empty list, set or option = not set.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `users`; `None` = missing or null.
    pub users: Option<UsersCondition>,
    /// `applications`; `None` = missing or null.
    pub applications: Option<ApplicationsCondition>,
    /// `clientAppTypes`; any list with `all` = [`ClientAppTypes::All`].
    pub client_app_types: ClientAppTypes,
    /// `platforms`.
    pub platforms: Option<IncludeExclude<Option<Platform>>>,
    /// `locations`.
    pub locations: Option<IncludeExclude<Located<LocationEntry>>>,
    /// `signInRiskLevels`.
    pub sign_in_risk: WordSet<RiskLevel>,
    /// `userRiskLevels`.
    pub user_risk: WordSet<RiskLevel>,
    /// `insiderRiskLevels`.
    pub insider_risk: WordSet<InsiderRiskLevel>,
    /// `authenticationFlows.transferMethods`, without `none`.
    pub authentication_flows: WordSet<AuthenticationFlow>,
    /// `devices.deviceFilter`.
    pub device_filter: Option<FilterCondition>,
    /// `devices.include/excludeDevices`, `…DeviceStates` and `deviceStates.include/excludeStates`, combined.
    pub device_states: Option<IncludeExclude<DeviceState>>,
    /// Whether `clientApplications`, `servicePrincipalRiskLevels` or a condition for agents is set: the policy is for
    /// workload identities or agents, and never applies to users.
    pub for_workloads: bool,
}

/// `clientAppTypes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAppTypes {
    /// Empty, missing, or `all`.
    All,
    /// The listed types.
    These(WordSet<ClientAppType>),
}

/// An entry of `includeLocations` / `excludeLocations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationEntry {
    /// `All`
    All,
    /// `AllTrusted`
    AllTrusted,
    /// The id of a named location.
    Location(LocationId),
}

/// `conditionalAccessUsers`.
#[derive(Debug, Clone)]
pub struct UsersCondition {
    /// Its location in the file.
    pub place: SourceLocation,
    /// The include lists.
    pub include: UsersList,
    /// The exclude lists.
    pub exclude: UsersList,
}

/// The include or the exclude lists of `conditionalAccessUsers`.
#[derive(Debug, Clone, Default)]
pub struct UsersList {
    /// `All`
    pub all: bool,
    /// `None`: matches no user, but the list is not empty.
    pub none: bool,
    /// `GuestsOrExternalUsers`
    pub guests_or_external_users: bool,
    /// `AllAgentIdUsers`: the accounts of agents, never a user.
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
    /// `guestOrExternalUserTypes`, without `none`.
    pub types: WordSet<UserType>,
    /// `externalTenants`.
    pub tenants: ExternalTenants,
}

/// `conditionalAccessExternalTenants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalTenants {
    /// Null or missing: all tenants in an include list, none in an exclude list.
    Unspecified,
    /// `all`
    All,
    /// `enumerated`
    These(Vec<TenantId>),
}

/// `conditionalAccessApplications`.
#[derive(Debug, Clone)]
pub struct ApplicationsCondition {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `includeApplications`.
    pub include: ApplicationsList,
    /// `excludeApplications`.
    pub exclude: ApplicationsList,
    /// `includeUserActions`.
    pub user_actions: WordSet<UserAction>,
    /// `includeAuthenticationContextClassReferences`, in lower case.
    pub authentication_contexts: Vec<String>,
    /// `applicationFilter`: a further entry of the include or exclude list.
    pub filter: Option<FilterCondition>,
}

/// `includeApplications` or `excludeApplications`.
#[derive(Debug, Clone, Default)]
pub struct ApplicationsList {
    /// `All`
    pub all: bool,
    /// `None`: matches no application, but the list is not empty.
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

/// `conditionalAccessFilter`; the rule is not parsed yet.
#[derive(Debug, Clone)]
pub struct FilterCondition {
    /// The location of the rule.
    pub place: SourceLocation,
    /// `mode`
    pub mode: FilterMode,
    /// `rule`
    pub rule: String,
}

/// `conditionalAccessGrantControls`.
#[derive(Debug, Clone)]
pub struct GrantControls {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `operator`; missing or empty = AND.
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

/// A policy's reference to an authentication strength, and its copy if the export contains one.
#[derive(Debug, Clone)]
pub struct StrengthReference {
    /// Its location in the file.
    pub place: SourceLocation,
    /// The id of the strength.
    pub id: StrengthId,
    /// The copy in the policy, if it has `allowedCombinations`.
    pub copy: Option<AuthenticationStrength>,
}

/// `authenticationStrengthPolicy`.
#[derive(Debug, Clone)]
pub struct AuthenticationStrength {
    /// Its location in the file.
    pub place: SourceLocation,
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
    /// The additional requirement on the combinations.
    pub demand: CombinationDemand,
}

/// The two kinds of `authenticationCombinationConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CombinationDemand {
    /// `fido2CombinationConfiguration.allowedAAGUIDs`, never empty.
    Fido2(Vec<Aaguid>),
    /// `x509CertificateCombinationConfiguration`. An empty list requires nothing; both empty is an error.
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
    /// Its location in the file.
    pub place: SourceLocation,
    /// `id`
    pub id: LocationId,
    /// `displayName`
    pub display_name: Option<String>,
    /// The kind, with its members.
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
    /// `compliantNetworkNamedLocation`; a missing input of every request (semantics §5).
    CompliantNetwork {
        /// `isTrusted`
        trusted: bool,
    },
}

/// `conditionalAccessSessionControls`: the enabled controls, as obligations of the gateway.
#[derive(Debug, Clone, Default)]
pub struct SessionControls {
    /// `signInFrequency`, enabled.
    pub sign_in_frequency: Option<SignInFrequency>,
    /// All enabled controls as (name, value), including `signInFrequency`: `("persistentBrowser", "never")`,
    /// `("signInFrequency", "4 hours")`, `("signInFrequency", "everyTime")`.
    pub obligations: Vec<(String, String)>,
}

/// A `channel` with membershipType `shared`.
#[derive(Debug, Clone)]
pub struct SharedChannel {
    /// Its location in the file.
    pub place: SourceLocation,
    /// `id`
    pub id: ChannelId,
    /// `displayName`
    pub display_name: Option<String>,
    /// `members`, as (user, tenant).
    pub members: Vec<(UserId, TenantId)>,
    /// `sharedWithTeams`
    pub teams: Vec<SharedWithTeam>,
}

/// `sharedWithChannelTeamInfo`.
#[derive(Debug, Clone)]
pub struct SharedWithTeam {
    /// `id`; equal to the id of the team's group.
    pub id: TeamId,
    /// `tenantId`
    pub tenant: TenantId,
    /// `allowedMembers`: `None` = no list (group membership applies), empty = no user. Entries of a tenant other
    /// than the team's are guests, and are not included.
    pub allowed_members: Option<Vec<UserId>>,
}

/// An `identityProviderBase` of the tenant.
#[derive(Debug, Clone)]
pub struct ListedProvider {
    /// Its location in the file.
    pub place: SourceLocation,
    /// The provider; `None` = disabled, or not a provider that requests can name.
    pub name: Option<IdentityProviderName>,
    /// `identityProviderType`, as in the file.
    pub kind: String,
}

/// `samlOrWsFedExternalDomainFederation`.
#[derive(Debug, Clone)]
pub struct Federation {
    /// `issuerUri`, case-sensitive.
    pub issuer: Located<String>,
}

/// An entry of `assumed-outbound.json`, which is specific to crosstrust.
#[derive(Debug, Clone)]
pub struct AssumedOutboundEntry {
    /// Its location in the file.
    pub place: SourceLocation,
    /// The home tenant whose policies are not loaded.
    pub tenant: TenantId,
    /// The basis of the assumption.
    pub basis: AssumedBasis,
    /// The access types that it allows.
    pub access_types: Vec<AccessType>,
    /// `comment`.
    pub comment: Option<String>,
    /// The last day on which it applies.
    pub review_by: Day,
}

/// The id of a policy without `id`: a name-based UUID (version 5) of its tenant and `displayName` (semantics §2).
pub fn name_based_policy_id(tenant: TenantId, display_name: &str) -> PolicyId {
    let namespace = Uuid::from_u128(tenant.0);
    PolicyId(Uuid::new_v5(&namespace, display_name.as_bytes()).as_u128())
}
