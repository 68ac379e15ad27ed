//! What is answered: allow, or deny with stage, reason, code and what would cure it.
//!
//! The table of reasons is here, each with its code and the page the code is from. Nothing in this
//! room decides: only `evaluate` calls [`Decision::allow`] (a test holds that).

use std::borrow::Cow;
use std::fmt;

use smallvec::SmallVec;

use crate::id::{StrengthId, TenantId};
use crate::time::Timestamp;
use crate::vocabulary::AssumedBasis;

/// One decision. It holds for every request with the same key under the same snapshot until
/// `expires_at`; policies are named by their index in that snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Allow, or deny and why.
    pub verdict: Verdict,
    /// The instant from which this decision is no longer good.
    pub expires_at: Timestamp,
    /// Whether it may be kept until then (semantics §4, "How long an answer is good").
    pub cacheable: bool,
    /// The Conditional Access policies that applied, in the order of their ids.
    pub applied: SmallVec<[AppliedPolicy; 4]>,
    /// The policies whose session controls the gateway has to uphold.
    pub obligations: SmallVec<[PolicyIndex; 2]>,
    /// The basis of the assumed-outbound entry that let the user through stage 3.
    pub assumed_outbound: Option<AssumedBasis>,
}

/// A Conditional Access policy's place in its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyIndex(pub u32);

/// The two answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every stage passed.
    Allow,
    /// A stage did not pass.
    Deny(Denial),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The stage that did not pass; none where no stage was reached (no snapshot).
    pub stage: Option<Stage>,
    /// Its reason.
    pub reason: Reason,
    /// What one new sign-in could do about it; present if and only if that would help.
    pub challenge: Option<Challenge>,
    /// What the message names, where the reason alone does not say what to do.
    pub subject: Option<Box<DenialSubject>>,
}

/// What a denial is about, beside its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenialSubject {
    /// No policies of the home tenant are loaded, so nothing says that it allows the resource tenant's cloud.
    CloudOfHomeNotLoaded {
        /// The home tenant.
        tenant: TenantId,
    },
    /// No policies of the home tenant are loaded.
    HomeNotLoaded {
        /// The home tenant.
        tenant: TenantId,
        /// Why the resource tenant's assumed-outbound entry for it does not count; `None` = there is none.
        entry: Option<UnusedEntry>,
    },
    /// The home tenant's partner entry keeps service providers from the resource tenant.
    ServiceProviderBlocked,
    /// The resource tenant does not list the identity provider, named for people.
    ProviderNotListed(String),
}

/// Why an assumed-outbound entry does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusedEntry {
    /// Its `reviewBy` is past.
    ReviewPast,
    /// It does not hold the request's access type.
    OtherAccessType,
    /// Its basis is `tokenIssued`, and no token of the home tenant's own issuer was verified here.
    NotTokenIssued,
}

/// What a new sign-in has to bring so that every failing policy is satisfied, in the order of
/// [`Cure`], without repeats, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Each of these is needed.
    pub cures: SmallVec<[Cure; 2]>,
}

/// One thing that a new sign-in has to bring, and where it has to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cure {
    /// Multifactor authentication.
    Mfa(Where),
    /// Methods that reach this authentication strength.
    Strength(StrengthId, Where),
    /// A compliant device, claimed by the home tenant.
    CompliantDevice,
    /// A hybrid joined device, claimed by the home tenant.
    HybridJoinedDevice,
    /// A fresh authentication, at home.
    Reauthenticate,
}

/// Whose sign-in page can help. An internal user's only one counts as home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Where {
    /// The home tenant's.
    Home,
    /// The resource tenant's.
    Resource,
}

/// What became of a Conditional Access policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppliedPolicy {
    /// Which policy.
    pub policy: PolicyIndex,
    /// What became of it.
    pub result: PolicyResult,
}

/// `appliedConditionalAccessPolicyResult`
/// (learn.microsoft.com/graph/api/resources/appliedconditionalaccesspolicy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyResult {
    /// Applied and was satisfied.
    Success,
    /// Applied and was not.
    Failure,
    /// Did not apply (explain only).
    NotApplied,
    /// Report-only: would have been satisfied.
    ReportOnlySuccess,
    /// Report-only: would have denied.
    ReportOnlyFailure,
    /// Report-only: would have denied, and a new sign-in would have helped.
    ReportOnlyInterrupted,
    /// Report-only: did not apply (explain only).
    ReportOnlyNotApplied,
}

impl Decision {
    /// The answer of a request that passed every stage. INVARIANT(allow): only `evaluate` calls this.
    pub(crate) fn allow(expires_at: Timestamp) -> Self {
        Self::of(Verdict::Allow, expires_at)
    }

    /// The answer of a request that did not pass.
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

    /// The answer where there are no policies at all (semantics §7): nothing was decided, so nothing
    /// is kept.
    pub fn no_snapshot(now: Timestamp) -> Self {
        Self::refused(Denial::of(None, Reason::NoSnapshot), now)
    }

    /// The answer to what is refused without an evaluation: nothing is kept.
    pub fn refused(denial: Denial, now: Timestamp) -> Self {
        Decision {
            cacheable: false,
            ..Self::deny(denial, now)
        }
    }

    /// The denial, if it is one.
    pub fn denial(&self) -> Option<&Denial> {
        match &self.verdict {
            Verdict::Allow => None,
            Verdict::Deny(denial) => Some(denial),
        }
    }

    /// Whether it is an allow.
    pub fn is_allow(&self) -> bool {
        self.verdict == Verdict::Allow
    }
}

impl Denial {
    /// A denial that no new sign-in would cure.
    pub fn of(stage: Option<Stage>, reason: Reason) -> Self {
        Denial {
            stage,
            reason,
            challenge: None,
            subject: None,
        }
    }

    /// The reason in sentences for people, with what it is about.
    pub fn message(&self) -> Cow<'static, str> {
        match self.subject.as_deref() {
            None => Cow::Borrowed(self.reason.message()),
            Some(DenialSubject::ServiceProviderBlocked) => Cow::Borrowed(
                "The home tenant's partner entry for the resource tenant keeps service providers from it \
                 (blockServiceProviderOutboundAccess).",
            ),
            Some(DenialSubject::ProviderNotListed(provider)) => Cow::Owned(format!(
                "The resource tenant does not list the identity provider {provider} (identity-providers.json, \
                 federation-configurations.json), so its accounts are not let in."
            )),
            Some(DenialSubject::CloudOfHomeNotLoaded { tenant }) => Cow::Owned(format!(
                "No policies of the home tenant {tenant} are loaded, so nothing says that it allows the \
                 resource tenant's cloud. Load its export."
            )),
            Some(DenialSubject::HomeNotLoaded { tenant, entry }) => {
                Cow::Owned(home_not_loaded(*tenant, *entry))
            }
        }
    }

    /// The `AADSTS` number, where the documentation names one.
    pub fn code(&self) -> Option<u32> {
        self.reason.code(self.stage)
    }
}

/// semantics §3, "A home tenant whose policies are not loaded".
fn home_not_loaded(tenant: TenantId, entry: Option<UnusedEntry>) -> String {
    let entry = match entry {
        None => "or state its consent in the resource tenant's assumed-outbound.json.",
        Some(UnusedEntry::ReviewPast) => {
            "or review its entry in the resource tenant's assumed-outbound.json, whose reviewBy is past."
        }
        Some(UnusedEntry::OtherAccessType) => {
            "or add this access type to its entry in the resource tenant's assumed-outbound.json."
        }
        Some(UnusedEntry::NotTokenIssued) => {
            "or send a token of its own issuer, which its entry in the resource tenant's \
             assumed-outbound.json demands."
        }
    };
    format!(
        "No policies of the home tenant {tenant} are loaded, so nothing says that it lets this user out. \
         Load its export, {entry}"
    )
}

/// The stages, in their order (semantics §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "semantics §4 says what each is")]
pub enum Stage {
    Token,
    TenantRestriction,
    Outbound,
    Inbound,
    ConditionalAccess,
    SharedChannel,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 6] = [
        Stage::Token,
        Stage::TenantRestriction,
        Stage::Outbound,
        Stage::Inbound,
        Stage::ConditionalAccess,
        Stage::SharedChannel,
    ];

    /// The name on the wire, without its prefix.
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
        /// Why a request is denied, one for each row of the stages table. Where the documentation
        /// has two codes for one reason, the reason is two variants with one name on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* #[doc = $message] $reason,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Reason] = &[$(Reason::$reason,)*];

            /// The name on the wire, without its prefix.
            pub const fn name(self) -> &'static str {
                match self { $(Reason::$reason => $name,)* }
            }

            /// One sentence for people.
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
    TenantRestricted = "TENANT_RESTRICTED", "The network's or device's tenant does not let this foreign account reach this application.";
    OutboundUser = "OUTBOUND_USER", "The home tenant's outbound settings do not let this user go out to the resource tenant.";
    OutboundApplication = "OUTBOUND_APPLICATION", "The home tenant's outbound settings do not let its users reach this application.";
    InboundUser = "INBOUND_USER", "The resource tenant's inbound settings do not let this user in.";
    InboundApplication = "INBOUND_APPLICATION", "The resource tenant's inbound settings do not open this application.";
    GroupsUnknown = "GROUPS_UNKNOWN", "A setting names groups, and the request does not tell all of the user's groups.";
    CloudNotAllowed = "CLOUD_NOT_ALLOWED", "The tenants are in different clouds and do not allow this between them.";
    ResourceTenantUnknown = "RESOURCE_TENANT_UNKNOWN", "No policies are loaded for the resource tenant.";
    CaBlocked = "CA_BLOCKED", "A Conditional Access policy blocks this.";
    MfaRequired = "MFA_REQUIRED", "A Conditional Access policy requires multifactor authentication.";
    MfaNotTrusted = "MFA_NOT_TRUSTED", "A Conditional Access policy requires multifactor authentication, and the resource tenant does not accept it from the home tenant.";
    CompliantDeviceRequired = "COMPLIANT_DEVICE_REQUIRED", "A Conditional Access policy requires a compliant device.";
    CompliantDeviceNotTrusted = "COMPLIANT_DEVICE_NOT_TRUSTED", "A Conditional Access policy requires a compliant device, and the resource tenant does not accept that claim from the home tenant.";
    HybridJoinedDeviceRequired = "HYBRID_JOINED_DEVICE_REQUIRED", "A Conditional Access policy requires a hybrid joined device.";
    HybridJoinedDeviceNotTrusted = "HYBRID_JOINED_DEVICE_NOT_TRUSTED", "A Conditional Access policy requires a hybrid joined device, and the resource tenant does not accept that claim from the home tenant.";
    AuthenticationStrengthRequired = "AUTHENTICATION_STRENGTH_REQUIRED", "A Conditional Access policy requires a stronger combination of authentication methods.";
    /// `approvedApplication`.
    ApprovedAppRequired = "APP_REQUIRED", "A Conditional Access policy requires an approved client app.";
    /// `compliantApplication`.
    AppProtectionRequired = "APP_REQUIRED", "A Conditional Access policy requires an app protection policy.";
    PasswordChangeRequired = "PASSWORD_CHANGE_REQUIRED", "A Conditional Access policy requires a password change or the remediation of a risk.";
    TermsOfUseRequired = "TERMS_OF_USE_REQUIRED", "A Conditional Access policy requires the acceptance of terms of use.";
    SignInFrequencyExceeded = "SIGN_IN_FREQUENCY_EXCEEDED", "A Conditional Access policy requires a more recent sign-in.";
    ControlNotSupported = "CONTROL_NOT_SUPPORTED", "A Conditional Access policy requires a control that this kind of user can never satisfy.";
    ChannelUnknown = "CHANNEL_UNKNOWN", "The resource tenant has no such shared channel.";
    ChannelNotMember = "CHANNEL_NOT_MEMBER", "The user is not a member of the shared channel.";
    NoSnapshot = "NO_SNAPSHOT", "No policies are loaded.";
    RouteUnknown = "ROUTE_UNKNOWN", "It is not known which application this request is for.";
    IdentityMissing = "IDENTITY_MISSING", "The request does not say in a way that counts whose it is.";
    IdentityAmbiguous = "IDENTITY_AMBIGUOUS", "What the request says of its user's identity or home tenant does not agree, or cannot be told.";
    AuditUnavailable = "AUDIT_UNAVAILABLE", "The decision could not be recorded, so it does not count.";
}

impl Reason {
    /// Those that are given where no evaluation takes place.
    pub const OUTSIDE_THE_STAGES: &'static [Reason] = &[
        Reason::NoSnapshot,
        Reason::RouteUnknown,
        Reason::IdentityMissing,
        Reason::IdentityAmbiguous,
        Reason::AuditUnavailable,
    ];

    /// The `AADSTS` number: from learn.microsoft.com/entra/identity-platform/reference-error-codes
    /// unless said. Where that page names none, there is none.
    pub const fn code(self, stage: Option<Stage>) -> Option<u32> {
        match self {
            // The nearest documented: an assertion outside its validity.
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
