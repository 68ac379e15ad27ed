//! A compiled Conditional Access policy. `None` and empty = the condition is not set and always matches.

use super::PolicyOrigin;
use super::app_directory::AppDirectory;
use super::bundles::Membership;
use super::filter::FilterRule;
use super::groups::GroupSet;
use crate::id::{AppId, CustomControlId, PolicyId, RoleId, TenantId, TermsOfUseId, UserId};
use crate::vocabulary::{
    AuthenticationFlow, Bundle, ClientAppType, DeviceState, FilterMode, IncludeExclude,
    InsiderRiskLevel, Operator, Platform, RiskLevel, SignInFrequency, UserAction, UserType,
    WordSet,
};

/// An enabled or report-only policy for users.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) id: PolicyId,
    pub(crate) display_name: String,
    pub(crate) report_only: bool,
    pub(crate) include_users: UsersClause,
    pub(crate) exclude_users: UsersClause,
    pub(crate) apps: AppsCondition,
    pub(crate) client_app_types: Option<WordSet<ClientAppType>>,
    /// In the lists `None` is `all`.
    pub(crate) platforms: Option<IncludeExclude<Option<Platform>>>,
    pub(crate) locations: Option<IncludeExclude<LocationTest>>,
    pub(crate) sign_in_risk: WordSet<RiskLevel>,
    pub(crate) user_risk: WordSet<RiskLevel>,
    pub(crate) insider_risk: WordSet<InsiderRiskLevel>,
    pub(crate) authentication_flows: WordSet<AuthenticationFlow>,
    pub(crate) device_filter: Option<PolicyFilter>,
    pub(crate) device_states: Option<IncludeExclude<DeviceState>>,
    pub(crate) grant: Grant,
    pub(crate) sign_in_frequency: Option<SignInFrequency>,
    /// Session controls as (name, value).
    pub(crate) obligations: Vec<(String, String)>,
    pub(crate) origin: PolicyOrigin,
}

impl Policy {
    /// The policy's id.
    pub fn id(&self) -> PolicyId {
        self.id
    }

    /// The policy's display name.
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// Whether the policy is report-only: evaluated, but not enforced.
    pub fn is_report_only(&self) -> bool {
        self.report_only
    }

    /// The session controls, as (name, value).
    pub fn obligations(&self) -> &[(String, String)] {
        &self.obligations
    }

    /// The file, line and JSON path of the policy.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

/// The include or the exclude lists of `users`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsersClause {
    pub(crate) all: bool,
    /// Of the resource tenant's directory; sorted.
    pub(crate) users: Box<[UserId]>,
    /// Of the resource tenant.
    pub(crate) groups: GroupSet,
    /// Directory role templates; sorted.
    pub(crate) roles: Box<[RoleId]>,
    /// From the word `GuestsOrExternalUsers` (all types, all tenants) and from the object of external users.
    pub(crate) guests: Vec<GuestClause>,
}

impl Default for GroupSet {
    fn default() -> Self {
        GroupSet::of(Vec::new())
    }
}

/// External users of these types, of these tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestClause {
    pub(crate) types: WordSet<UserType>,
    /// `None` = all tenants; sorted.
    pub(crate) tenants: Option<Box<[TenantId]>>,
}

/// `applications`, compiled.
#[derive(Debug, Clone)]
pub struct AppsCondition {
    pub(crate) include: AppSet,
    pub(crate) exclude: AppSet,
    pub(crate) filter: Option<PolicyFilter>,
    pub(crate) user_actions: WordSet<UserAction>,
    /// Lower case, sorted.
    pub(crate) authentication_contexts: Vec<String>,
}

/// A set of applications: ids, and Microsoft's bundles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppSet {
    pub(crate) all: bool,
    pub(crate) bundles: WordSet<Bundle>,
    /// `AllAgentIdResources`
    pub(crate) agent_resources: bool,
    /// Sorted.
    pub(crate) ids: Box<[AppId]>,
}

impl AppSet {
    /// Whether the set contains this application.
    pub fn membership(&self, app: AppId, applications: &AppDirectory) -> Membership {
        if self.all || self.ids.binary_search(&app).is_ok() {
            return Membership::Member;
        }
        let by_bundle = self.bundles.iter();
        let by_bundle = by_bundle.map(|bundle| applications.membership(app, bundle));
        let by_agent = self.agent_resources.then(|| applications.is_agent(app));
        let mut answer = Membership::NonMember;
        for one in by_bundle.chain(by_agent) {
            match one {
                Membership::Member => return Membership::Member,
                Membership::Unknown => answer = Membership::Unknown,
                Membership::NonMember => {}
            }
        }
        answer
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        let AppSet {
            all,
            bundles,
            agent_resources,
            ids,
        } = self;
        !all && !agent_resources && bundles.is_empty() && ids.is_empty()
    }
}

/// A filter condition.
#[derive(Debug, Clone)]
pub struct PolicyFilter {
    pub(crate) mode: FilterMode,
    pub(crate) rule: FilterRule,
}

/// An entry of a location list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LocationTest {
    /// Anywhere.
    All,
    /// A trusted location of the tenant.
    AllTrusted,
    /// The location at this position of the snapshot's list.
    Named(u32),
    /// The trusted IPs of the MFA service settings, which no export contains: always unknown.
    MfaTrustedIps,
}

/// Compiled `grantControls`.
#[derive(Debug, Clone)]
pub struct Grant {
    /// `block` is among the controls: the grant is never satisfied.
    pub(crate) blocks: bool,
    pub(crate) operator: Operator,
    /// In the documented order, without `block`; empty = satisfied.
    pub(crate) controls: Box<[Control]>,
}

/// A grant control. The variants are in the order in which the controls are requested (semantics §5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are Microsoft's")]
pub enum Control {
    Mfa,
    /// The strength at this position of the snapshot's list.
    Strength(u32),
    CompliantDevice,
    DomainJoinedDevice,
    ApprovedApplication,
    CompliantApplication,
    PasswordChange,
    RiskRemediation,
    /// All of these; sorted.
    TermsOfUse(Box<[TermsOfUseId]>),
    /// All of these; sorted.
    Custom(Box<[CustomControlId]>),
}
