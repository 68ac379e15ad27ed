//! Microsoft's closed word lists, each a Rust enum: read without case, written as Graph writes them.
//!
//! Policies and requests use the same words, so both borders parse into the same types. A word that
//! is not in a list is an error at the border where it appears; nothing here guesses.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A word that is not in the list it was looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", .expected.join(", "))]
pub struct UnknownWord {
    /// Every word of the list, as Graph writes it.
    pub expected: &'static [&'static str],
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident $(may_omit $prefix:literal)? { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_doc])* #[doc = concat!("`", $text, "`")] $item,)* }

        impl $name {
            /// Every word of the list.
            pub const ALL: &'static [$name] = &[$($name::$item,)*];
            /// Every word of the list, as Graph writes it.
            pub const WORDS: &'static [&'static str] = &[$($text,)*];
            /// What may be left out at the start of a word.
            const OPTIONAL_PREFIX: &'static str = concat!("" $(, $prefix)?);

            /// The word as Graph writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$item => $text,)* }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                $(if text.eq_ignore_ascii_case($text) { return Ok($name::$item); })*
                let without_prefix = |word: &&$name| {
                    let rest = word.as_str().strip_prefix(Self::OPTIONAL_PREFIX);
                    rest.is_some_and(|rest| text.eq_ignore_ascii_case(rest))
                };
                if let Some(word) = Self::ALL.iter().find(without_prefix) {
                    return Ok(*word);
                }
                Err(UnknownWord { expected: Self::WORDS })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }
    )*};
}

words! {
    /// A Microsoft cloud, named by its endpoint (`allowedCloudEndpoints`;
    /// learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy).
    Cloud {
        Commercial = "microsoftonline.com",
        UsGovernment = "microsoftonline.us",
        China = "partner.microsoftonline.cn",
    }

    /// `guestOrExternalUserTypes` of Conditional Access, `none` left out: it names nobody
    /// (learn.microsoft.com/graph/api/resources/conditionalaccessguestsorexternalusers).
    UserType {
        InternalGuest = "internalGuest",
        CollaborationGuest = "b2bCollaborationGuest",
        CollaborationMember = "b2bCollaborationMember",
        DirectConnectUser = "b2bDirectConnectUser",
        OtherExternalUser = "otherExternalUser",
        ServiceProvider = "serviceProvider",
    }

    /// `conditionalAccessDevicePlatform`, `all` left out: no device is on "all".
    Platform {
        Android = "android",
        Ios = "iOS",
        Windows = "windows",
        WindowsPhone = "windowsPhone",
        MacOs = "macOS",
        Linux = "linux",
    }

    /// `conditionalAccessClientApp`, `all` left out: no client is "all".
    ClientAppType {
        Browser = "browser",
        MobileAppsAndDesktopClients = "mobileAppsAndDesktopClients",
        ExchangeActiveSync = "exchangeActiveSync",
        EasSupported = "easSupported",
        Other = "other",
    }

    /// `riskLevel`, of a sign-in or of a user. `none` is a known absence of risk.
    RiskLevel {
        None = "none",
        Low = "low",
        Medium = "medium",
        High = "high",
        Hidden = "hidden",
    }

    /// `conditionalAccessInsiderRiskLevels`; `none` is ours, for a gateway that knows of no risk.
    InsiderRiskLevel {
        None = "none",
        Minor = "minor",
        Moderate = "moderate",
        Elevated = "elevated",
    }

    /// `conditionalAccessTransferMethods`; `none`: the sign-in used neither flow.
    AuthenticationFlow {
        None = "none",
        DeviceCodeFlow = "deviceCodeFlow",
        AuthenticationTransfer = "authenticationTransfer",
    }

    /// Microsoft's bundles of applications, by the reserved words of cross-tenant settings and of Conditional
    /// Access.
    Bundle {
        Office365 = "Office365",
        AllMicrosoftApps = "AllMicrosoftApps",
        MicrosoftAdminPortals = "MicrosoftAdminPortals",
    }

    /// `countryLookupMethodType`: how a country was found
    /// (learn.microsoft.com/graph/api/resources/countrynamedlocation).
    CountrySource {
        ClientIpAddress = "clientIpAddress",
        AuthenticatorAppGps = "authenticatorAppGps",
    }

    /// Identity providers that are no Entra tenant, SAML and WS-Fed left out: those are known by their issuer
    /// (learn.microsoft.com/entra/external-id/identity-providers). The words are ours.
    IdentityProviderName {
        Google = "google",
        Facebook = "facebook",
        Apple = "apple",
        MicrosoftAccount = "microsoftAccount",
        EmailOneTimePasscode = "emailOneTimePasscode",
    }

    /// On what an entry of `assumed-outbound.json` rests. The words are ours.
    AssumedBasis {
        Agreement = "agreement",
        TokenIssued = "tokenIssued",
    }

    /// The user actions of `includeUserActions` and of conditional-access-settings, which writes them without
    /// the prefix (learn.microsoft.com/graph/api/resources/useractionexclusion, beta).
    UserAction may_omit "urn:user:" {
        RegisterSecurityInfo = "urn:user:registersecurityinfo",
        RegisterDevice = "urn:user:registerdevice",
        AccountRecovery = "urn:user:accountrecovery",
    }

    /// `accessType` of a rule.
    Access {
        Allowed = "allowed",
        Blocked = "blocked",
    }

    /// `conditionalAccessPolicyState`.
    PolicyState {
        Enabled = "enabled",
        ReportOnly = "enabledForReportingButNotEnforced",
        Disabled = "disabled",
    }

    /// `operator` of the grant controls.
    Operator {
        And = "AND",
        Or = "OR",
    }

    /// `conditionalAccessGrantControl`.
    BuiltInControl {
        Block = "block",
        Mfa = "mfa",
        CompliantDevice = "compliantDevice",
        DomainJoinedDevice = "domainJoinedDevice",
        ApprovedApplication = "approvedApplication",
        CompliantApplication = "compliantApplication",
        PasswordChange = "passwordChange",
        RiskRemediation = "riskRemediation",
    }

    /// `filterMode` of a device or application filter.
    FilterMode {
        Include = "include",
        Exclude = "exclude",
    }

    /// The states of the deprecated device conditions: the device's `isCompliant`, and its `trustType`
    /// `ServerAD`.
    DeviceState {
        All = "All",
        Compliant = "Compliant",
        DomainJoined = "DomainJoined",
    }

    /// `authenticationMethodModes`
    /// (learn.microsoft.com/graph/api/resources/authenticationstrengthpolicy).
    AuthenticationMethod {
        Password = "password",
        Voice = "voice",
        HardwareOath = "hardwareOath",
        SoftwareOath = "softwareOath",
        Sms = "sms",
        Fido2 = "fido2",
        WindowsHelloForBusiness = "windowsHelloForBusiness",
        MicrosoftAuthenticatorPush = "microsoftAuthenticatorPush",
        DeviceBasedPush = "deviceBasedPush",
        TemporaryAccessPassOneTime = "temporaryAccessPassOneTime",
        TemporaryAccessPassMultiUse = "temporaryAccessPassMultiUse",
        Email = "email",
        X509CertificateSingleFactor = "x509CertificateSingleFactor",
        X509CertificateMultiFactor = "x509CertificateMultiFactor",
        FederatedSingleFactor = "federatedSingleFactor",
        FederatedMultiFactor = "federatedMultiFactor",
        QrCodePin = "qrCodePin",
    }
}

/// A set of words of one list, as bits in the order of the list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WordSet<W> {
    bits: u32,
    list: std::marker::PhantomData<W>,
}

impl<W: Word> Default for WordSet<W> {
    fn default() -> Self {
        WordSet::EMPTY
    }
}

impl<W: Word> WordSet<W> {
    /// The set of no word.
    pub const EMPTY: WordSet<W> = WordSet {
        bits: 0,
        list: std::marker::PhantomData,
    };

    /// The set with this word too.
    #[must_use]
    pub fn with(self, word: W) -> Self {
        WordSet {
            bits: self.bits | 1 << word.position(),
            ..self
        }
    }

    /// The words that are in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        WordSet {
            bits: self.bits & other.bits,
            ..self
        }
    }

    /// The words of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        WordSet {
            bits: self.bits | other.bits,
            ..self
        }
    }

    /// Whether the word is in the set.
    pub fn contains(self, word: W) -> bool {
        self.bits & 1 << word.position() != 0
    }

    /// Whether every word of `other` is in this set; true where `other` is empty.
    pub fn contains_all(self, other: Self) -> bool {
        self.bits & other.bits == other.bits
    }

    /// Whether some word is in both sets.
    pub fn intersects(self, other: Self) -> bool {
        self.bits & other.bits != 0
    }

    /// Whether the set has no word.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The bits, one a word in the order of the list: for digests and keys.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// The words, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = W> {
        W::list()
            .iter()
            .copied()
            .filter(move |word| self.contains(*word))
    }
}

impl<W: Word> FromIterator<W> for WordSet<W> {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        words.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl<W: Word + fmt::Display> fmt::Debug for WordSet<W> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set()
            .entries(self.iter().map(|word| word.to_string()))
            .finish()
    }
}

/// A word list of at most 32 words, so that a set of it is one integer.
pub trait Word: Copy + 'static {
    /// Every word, in order.
    fn list() -> &'static [Self];
    /// Where the word stands in the list.
    fn position(self) -> u32;
}

macro_rules! sets {
    ($($name:ident)*) => {$(
        impl Word for $name {
            fn list() -> &'static [Self] {
                Self::ALL
            }
            fn position(self) -> u32 {
                self as u32
            }
        }
    )*};
}

sets! { UserType Platform ClientAppType RiskLevel InsiderRiskLevel AuthenticationFlow UserAction AuthenticationMethod Bundle }

/// How often a user has to sign in anew (`signInFrequencySessionControl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInFrequency {
    /// `timeBased`: this long, in hours or days.
    Every(Duration),
    /// `everyTime`
    EveryTime,
}

/// An include and an exclude list of one condition. In lists of platforms `None` is `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncludeExclude<T> {
    /// Include list.
    pub include: Vec<T>,
    /// Exclude list.
    pub exclude: Vec<T>,
}

/// A country or region: two letters of ISO 3166-1, in upper case. `ZZ` is a place known to be
/// unknown (semantics §5), which `includeUnknownCountriesAndRegions` answers to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// A text that is not two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected two letters of ISO 3166-1 such as DE, or ZZ for a place known to be unknown")]
pub struct NotACountry;

impl Country {
    /// A place known to be unknown.
    pub const UNKNOWN: Country = Country(*b"ZZ");

    /// The two letters.
    pub fn as_bytes(&self) -> &[u8; 2] {
        &self.0
    }
}

impl FromStr for Country {
    type Err = NotACountry;
    fn from_str(text: &str) -> Result<Self, NotACountry> {
        match text.as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Ok(Country([
                    first.to_ascii_uppercase(),
                    second.to_ascii_uppercase(),
                ]))
            }
            _ => Err(NotACountry),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0;
        write!(out, "{}{}", char::from(first), char::from(second))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}
