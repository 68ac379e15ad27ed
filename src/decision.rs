//! The decision: allow, or deny with stage, reason, AADSTS code and step-up challenge.
//!
//! Contains the table of reasons, with their codes and the pages that document them. Only `evaluate` calls
//! [`Decision::allow`], which a test enforces.

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use crate::id::{StrengthId, TenantId};
use crate::time::Timestamp;
use crate::vocabulary::AssumedBasis;

/// A decision. It applies to every request with the same cache key and snapshot until `expires_at`. Policies are
/// identified by their index in that snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Allow, or deny with a reason.
    pub verdict: Verdict,
    /// When the decision expires.
    pub expires_at: Timestamp,
    /// Whether it may be cached until then (semantics §4, "How long an answer is good").
    pub cacheable: bool,
    /// The Conditional Access policies that applied, in the order of their ids.
    pub applied: SmallVec<[AppliedPolicy; 4]>,
    /// The policies whose session controls the gateway must enforce.
    pub obligations: SmallVec<[PolicyIndex; 2]>,
    /// The basis of the assumed-outbound entry with which the request passed stage 3.
    pub assumed_outbound: Option<AssumedBasis>,
}

/// The index of a Conditional Access policy in its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyIndex(pub u32);

/// Allow or deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every stage passed.
    Allow,
    /// The request did not pass a stage, or was not evaluated.
    Deny(Denial),
}

/// Why a request is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The stage that the request did not pass; `None` if it was not evaluated.
    pub stage: Option<Stage>,
    /// The reason.
    pub reason: Reason,
    /// The step-ups that a new sign-in must perform; `Some` if and only if that resolves the denial.
    pub challenge: Option<Challenge>,
    /// Details for the message, if the reason alone does not explain what to do.
    pub subject: Option<Box<DenialSubject>>,
}

/// Details of a denial, in addition to its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenialSubject {
    /// No policies of the home tenant are loaded, so it is not known whether it allows the resource tenant's cloud.
    CloudOfHomeNotLoaded {
        /// The home tenant.
        tenant: TenantId,
    },
    /// No policies of the home tenant are loaded.
    HomeNotLoaded {
        /// The home tenant.
        tenant: TenantId,
        /// Why the resource tenant's assumed-outbound entry for it does not apply; `None` = there is none.
        entry: Option<UnusedEntryReason>,
    },
    /// The home tenant's partner entry blocks service providers from accessing the resource tenant.
    ServiceProviderBlocked,
    /// The resource tenant does not list the identity provider with this name.
    ProviderNotListed(String),
}

/// Why an assumed-outbound entry does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusedEntryReason {
    /// Its `reviewBy` date has passed.
    ReviewPast,
    /// It does not contain the request's access type.
    OtherAccessType,
    /// Its basis is `tokenIssued`, and crosstrust verified no token from the home tenant's own issuer.
    NotTokenIssued,
}

/// A step-up challenge (RFC 9470): what a new sign-in must provide to satisfy every failed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// All of these are required. Sorted, without duplicates, never empty.
    pub step_ups: SmallVec<[StepUp; 2]>,
}

/// One requirement on a new sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepUp {
    /// Multifactor authentication.
    Mfa(SignInTenant),
    /// Methods that satisfy this authentication strength.
    Strength(StrengthId, SignInTenant),
    /// A compliant device, according to the home tenant.
    CompliantDevice,
    /// A hybrid joined device, according to the home tenant.
    HybridJoinedDevice,
    /// A fresh authentication in the home tenant.
    Reauthenticate,
}

/// The tenant in which the user must sign in. For an internal user this is `Home`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignInTenant {
    /// The home tenant.
    Home,
    /// The resource tenant.
    Resource,
}

/// The result of a Conditional Access policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppliedPolicy {
    /// The policy.
    pub policy: PolicyIndex,
    /// Its result.
    pub result: PolicyResult,
}

/// `appliedConditionalAccessPolicyResult`
/// (learn.microsoft.com/graph/api/resources/appliedconditionalaccesspolicy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyResult {
    /// Applied, and was satisfied.
    Success,
    /// Applied, and was not satisfied.
    Failure,
    /// Did not apply (explain only).
    NotApplied,
    /// Report-only: would have been satisfied.
    ReportOnlySuccess,
    /// Report-only: would have denied.
    ReportOnlyFailure,
    /// Report-only: would have denied with a challenge.
    ReportOnlyInterrupted,
    /// Report-only: did not apply (explain only).
    ReportOnlyNotApplied,
}

impl Decision {
    /// The decision for a request that passed every stage. INVARIANT(allow): only `evaluate` calls this.
    pub(crate) fn allow(expires_at: Timestamp) -> Self {
        Self::of(Verdict::Allow, expires_at)
    }

    /// The decision for a request that did not pass a stage.
    pub(crate) fn deny(denial: Denial, expires_at: Timestamp) -> Self {
        Self::of(Verdict::Deny(denial), expires_at)
    }

    fn of(verdict: Verdict, expires_at: Timestamp) -> Self {
        Decision {
            verdict,
            expires_at,
            cacheable: true,
            applied: SmallVec::new(),
            obligations: SmallVec::new(),
            assumed_outbound: None,
        }
    }

    /// The denial if no policies are loaded (semantics §7). Not cacheable.
    pub fn no_snapshot(now: Timestamp) -> Self {
        Self::refused(Denial::of(None, Reason::NoSnapshot), now)
    }

    /// A denial without evaluation. Not cacheable.
    pub fn refused(denial: Denial, now: Timestamp) -> Self {
        Decision {
            cacheable: false,
            ..Self::deny(denial, now)
        }
    }

    /// The denial, unless the decision is an allow.
    pub fn denial(&self) -> Option<&Denial> {
        match &self.verdict {
            Verdict::Allow => None,
            Verdict::Deny(denial) => Some(denial),
        }
    }

    /// Whether the decision is an allow.
    pub fn is_allow(&self) -> bool {
        self.verdict == Verdict::Allow
    }
}

impl Denial {
    /// A denial without a challenge.
    pub fn of(stage: Option<Stage>, reason: Reason) -> Self {
        Denial {
            stage,
            reason,
            challenge: None,
            subject: None,
        }
    }

    /// The reason as text for users and administrators, with its details.
    pub fn message(&self) -> Cow<'static, str> {
        match self.subject.as_deref() {
            None => Cow::Borrowed(self.reason.message()),
            Some(DenialSubject::ServiceProviderBlocked) => Cow::Borrowed(
                "The home tenant's partner entry for the resource tenant blocks service providers \
                 (blockServiceProviderOutboundAccess).",
            ),
            Some(DenialSubject::ProviderNotListed(provider)) => Cow::Owned(format!(
                "The resource tenant does not list the identity provider {provider} (identity-providers.json, \
                 federation-configurations.json), so its accounts have no access."
            )),
            Some(DenialSubject::CloudOfHomeNotLoaded { tenant }) => Cow::Owned(format!(
                "No policies of the home tenant {tenant} are loaded, so it is not known whether it allows the \
                 resource tenant's cloud. Load its export."
            )),
            Some(DenialSubject::HomeNotLoaded { tenant, entry }) => {
                Cow::Owned(home_not_loaded(*tenant, *entry))
            }
        }
    }

    /// The `AADSTS` error code, if Microsoft documents one.
    pub fn code(&self) -> Option<u32> {
        self.reason.code(self.stage)
    }
}

/// semantics §3, "A home tenant whose policies are not loaded".
fn home_not_loaded(tenant: TenantId, entry: Option<UnusedEntryReason>) -> String {
    let entry = match entry {
        None => "or add an entry for it to the resource tenant's assumed-outbound.json.",
        Some(UnusedEntryReason::ReviewPast) => {
            "or review its entry in the resource tenant's assumed-outbound.json, whose reviewBy date has passed."
        }
        Some(UnusedEntryReason::OtherAccessType) => {
            "or add this access type to its entry in the resource tenant's assumed-outbound.json."
        }
        Some(UnusedEntryReason::NotTokenIssued) => {
            "or send a token of its own issuer, which its entry in the resource tenant's \
             assumed-outbound.json requires."
        }
    };
    format!(
        "No policies of the home tenant {tenant} are loaded, so it is not known whether it allows this user \
         outbound access. Load its export, {entry}"
    )
}

/// The evaluation stages, in order (semantics §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "semantics §4 describes them")]
pub enum Stage {
    Token,
    TenantRestriction,
    Outbound,
    Inbound,
    ConditionalAccess,
    SharedChannel,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Stage; 6] = [
        Stage::Token,
        Stage::TenantRestriction,
        Stage::Outbound,
        Stage::Inbound,
        Stage::ConditionalAccess,
        Stage::SharedChannel,
    ];

    /// The name of the protobuf value, without `STAGE_`.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Token => "TOKEN",
            Stage::TenantRestriction => "TENANT_RESTRICTION",
            Stage::Outbound => "OUTBOUND",
            Stage::Inbound => "INBOUND",
            Stage::ConditionalAccess => "CONDITIONAL_ACCESS",
            Stage::SharedChannel => "SHARED_CHANNEL",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident = $name:literal, $message:literal;)*) => {
        /// The reason of a denial, one for each row of the table of stages. If Microsoft documents two error codes
        /// for a reason, there are two variants with the same protobuf name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* #[doc = $message] $reason,)* }

        impl Reason {
            /// All reasons.
            pub const ALL: &'static [Reason] = &[$(Reason::$reason,)*];

            /// The name of the protobuf value, without `REASON_`.
            pub const fn name(self) -> &'static str {
                match self { $(Reason::$reason => $name,)* }
            }

            /// One sentence for users and administrators.
            pub const fn message(self) -> &'static str {
                match self { $(Reason::$reason => $message,)* }
            }
        }
    };
}

reasons! {
    TokenExpired = "TOKEN_EXPIRED", "The token has expired.";
    TokenNotYetValid = "TOKEN_NOT_YET_VALID", "The token was issued more than five minutes in the future.";
    SessionRevoked = "SESSION_REVOKED", "The session or the user's tokens were revoked.";
    TenantRestricted = "TENANT_RESTRICTED", "The tenant restrictions of the network's or device's tenant do not allow this external account to reach this application.";
    OutboundUser = "OUTBOUND_USER", "The home tenant's outbound settings do not allow this user to access the resource tenant.";
    OutboundApplication = "OUTBOUND_APPLICATION", "The home tenant's outbound settings do not allow its users to reach this application.";
    InboundUser = "INBOUND_USER", "The resource tenant's inbound settings do not allow this user.";
    InboundApplication = "INBOUND_APPLICATION", "The resource tenant's inbound settings do not allow this application.";
    GroupsUnknown = "GROUPS_UNKNOWN", "A setting names groups, and the request does not contain all of the user's groups.";
    CloudNotAllowed = "CLOUD_NOT_ALLOWED", "The tenants are in different clouds and do not allow this between them.";
    ResourceTenantUnknown = "RESOURCE_TENANT_UNKNOWN", "No policies are loaded for the resource tenant.";
    CaBlocked = "CA_BLOCKED", "A Conditional Access policy blocks access.";
    MfaRequired = "MFA_REQUIRED", "A Conditional Access policy requires multifactor authentication.";
    MfaNotTrusted = "MFA_NOT_TRUSTED", "A Conditional Access policy requires multifactor authentication, and the resource tenant does not trust it from the home tenant.";
    CompliantDeviceRequired = "COMPLIANT_DEVICE_REQUIRED", "A Conditional Access policy requires a compliant device.";
    CompliantDeviceNotTrusted = "COMPLIANT_DEVICE_NOT_TRUSTED", "A Conditional Access policy requires a compliant device, and the resource tenant does not trust that claim from the home tenant.";
    HybridJoinedDeviceRequired = "HYBRID_JOINED_DEVICE_REQUIRED", "A Conditional Access policy requires a hybrid joined device.";
    HybridJoinedDeviceNotTrusted = "HYBRID_JOINED_DEVICE_NOT_TRUSTED", "A Conditional Access policy requires a hybrid joined device, and the resource tenant does not trust that claim from the home tenant.";
    AuthenticationStrengthRequired = "AUTHENTICATION_STRENGTH_REQUIRED", "A Conditional Access policy requires a stronger combination of authentication methods.";
    /// `approvedApplication`.
    ApprovedAppRequired = "APP_REQUIRED", "A Conditional Access policy requires an approved client app.";
    /// `compliantApplication`.
    AppProtectionRequired = "APP_REQUIRED", "A Conditional Access policy requires an app protection policy.";
    PasswordChangeRequired = "PASSWORD_CHANGE_REQUIRED", "A Conditional Access policy requires a password change or the remediation of a risk.";
    TermsOfUseRequired = "TERMS_OF_USE_REQUIRED", "A Conditional Access policy requires the acceptance of terms of use.";
    SignInFrequencyExceeded = "SIGN_IN_FREQUENCY_EXCEEDED", "A Conditional Access policy requires a more recent sign-in.";
    ControlNotSupported = "CONTROL_NOT_SUPPORTED", "A Conditional Access policy requires a control that this type of user can never satisfy.";
    ChannelUnknown = "CHANNEL_UNKNOWN", "The resource tenant has no shared channel with this id.";
    ChannelNotMember = "CHANNEL_NOT_MEMBER", "The user is not a member of the shared channel.";
    NoSnapshot = "NO_SNAPSHOT", "No policies are loaded.";
    RouteUnknown = "ROUTE_UNKNOWN", "The application of this request cannot be determined.";
    IdentityMissing = "IDENTITY_MISSING", "The request carries no accepted identity.";
    IdentityAmbiguous = "IDENTITY_AMBIGUOUS", "The identity or home tenant of the user is contradictory or cannot be determined.";
    AuditUnavailable = "AUDIT_UNAVAILABLE", "The decision could not be recorded, so it is not valid.";
}

impl Reason {
    /// The reasons of denials without evaluation.
    pub const WITHOUT_EVALUATION: &'static [Reason] = &[
        Reason::NoSnapshot,
        Reason::RouteUnknown,
        Reason::IdentityMissing,
        Reason::IdentityAmbiguous,
        Reason::AuditUnavailable,
    ];

    /// The `AADSTS` error code, if Microsoft documents one. Source, unless stated otherwise:
    /// learn.microsoft.com/entra/identity-platform/reference-error-codes.
    pub const fn code(self, stage: Option<Stage>) -> Option<u32> {
        match self {
            // The closest documented code: an assertion outside its validity period.
            Reason::TokenExpired | Reason::TokenNotYetValid => Some(500133),
            Reason::SessionRevoked => Some(50173),
            // learn.microsoft.com/entra/external-id/tenant-restrictions-v2
            Reason::TenantRestricted => Some(5000211),
            Reason::OutboundUser | Reason::OutboundApplication => Some(500212),
            Reason::InboundUser | Reason::InboundApplication => Some(500213),
            Reason::GroupsUnknown => match stage {
                Some(Stage::Outbound) => Some(500212),
                _ => Some(500213),
            },
            Reason::CloudNotAllowed => match stage {
                Some(Stage::Outbound) => Some(1000104),
                _ => Some(500213),
            },
            Reason::CaBlocked => Some(53003),
            Reason::MfaRequired => Some(50076),
            // learn.microsoft.com/entra/external-id/troubleshoot
            Reason::MfaNotTrusted => Some(90071),
            Reason::CompliantDeviceRequired | Reason::CompliantDeviceNotTrusted => Some(53000),
            Reason::HybridJoinedDeviceRequired | Reason::HybridJoinedDeviceNotTrusted => {
                Some(53001)
            }
            Reason::ApprovedAppRequired => Some(53002),
            // learn.microsoft.com/entra/identity/conditional-access/troubleshoot-conditional-access
            Reason::AppProtectionRequired => Some(53009),
            Reason::SignInFrequencyExceeded => Some(70043),
            Reason::ResourceTenantUnknown
            | Reason::AuthenticationStrengthRequired
            | Reason::PasswordChangeRequired
            | Reason::TermsOfUseRequired
            | Reason::ControlNotSupported
            | Reason::ChannelUnknown
            | Reason::ChannelNotMember
            | Reason::NoSnapshot
            | Reason::RouteUnknown
            | Reason::IdentityMissing
            | Reason::IdentityAmbiguous
            | Reason::AuditUnavailable => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
