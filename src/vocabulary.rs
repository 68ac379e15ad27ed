//! The enumerations of Microsoft Graph: parsed without regard to case, written as Graph writes them.
//!
//! Policies and requests use the same types. An unknown value is an error.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The error for a string that is not a value of the enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", .expected.join(", "))]
pub struct UnknownWord {
    /// All values, as Graph writes them.
    pub expected: &'static [&'static str],
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident $(may_omit $prefix:literal)? { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item_doc])* #[doc = concat!("`", $text, "`")] $item,)* }

        impl $name {
            /// All values.
            pub const ALL: &'static [$name] = &[$($name::$item,)*];
            /// All values, as Graph writes them.
            pub const WORDS: &'static [&'static str] = &[$($text,)*];
            /// A prefix that may be omitted.
            const OPTIONAL_PREFIX: &'static str = concat!("" $(, $prefix)?);

            /// The value as Graph writes it.
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
    /// A Microsoft cloud, by its endpoint (`allowedCloudEndpoints`;
    /// learn.microsoft.com/graph/api/resources/crosstenantaccesspolicy).
    Cloud {
        Commercial = "microsoftonline.com",
        UsGovernment = "microsoftonline.us",
        China = "partner.microsoftonline.cn",
    }

    /// `guestOrExternalUserTypes` of Conditional Access, without `none`, which matches no user
    /// (learn.microsoft.com/graph/api/resources/conditionalaccessguestsorexternalusers).
    UserType {
        InternalGuest = "internalGuest",
        CollaborationGuest = "b2bCollaborationGuest",
        CollaborationMember = "b2bCollaborationMember",
        DirectConnectUser = "b2bDirectConnectUser",
        OtherExternalUser = "otherExternalUser",
        ServiceProvider = "serviceProvider",
    }

    /// `conditionalAccessDevicePlatform`, without `all`, which is not the platform of a device.
    Platform {
        Android = "android",
        Ios = "iOS",
        Windows = "windows",
        WindowsPhone = "windowsPhone",
        MacOs = "macOS",
        Linux = "linux",
    }

    /// `conditionalAccessClientApp`, without `all`, which is not the type of a client.
    ClientAppType {
        Browser = "browser",
        MobileAppsAndDesktopClients = "mobileAppsAndDesktopClients",
        ExchangeActiveSync = "exchangeActiveSync",
        EasSupported = "easSupported",
        Other = "other",
    }

    /// `riskLevel` of a sign-in or of a user. `none`: it is known that there is no risk.
    RiskLevel {
        None = "none",
        Low = "low",
        Medium = "medium",
        High = "high",
        Hidden = "hidden",
    }

    /// `conditionalAccessInsiderRiskLevels`. `none` is an addition for requests: it is known that there is no risk.
    InsiderRiskLevel {
        None = "none",
        Minor = "minor",
        Moderate = "moderate",
        Elevated = "elevated",
    }

    /// `conditionalAccessTransferMethods`. `none`: the sign-in used neither flow.
    AuthenticationFlow {
        None = "none",
        DeviceCodeFlow = "deviceCodeFlow",
        AuthenticationTransfer = "authenticationTransfer",
    }

    /// Microsoft's application bundles, by their names in cross-tenant access settings and Conditional Access.
    Bundle {
        Office365 = "Office365",
        AllMicrosoftApps = "AllMicrosoftApps",
        MicrosoftAdminPortals = "MicrosoftAdminPortals",
    }

    /// `countryLookupMethodType`: how the country was determined
    /// (learn.microsoft.com/graph/api/resources/countrynamedlocation).
    CountrySource {
        ClientIpAddress = "clientIpAddress",
        AuthenticatorAppGps = "authenticatorAppGps",
    }

    /// Identity providers other than Entra tenants, without SAML and WS-Fed providers, which are identified by their
    /// issuer (learn.microsoft.com/entra/external-id/identity-providers). The names are crosstrust's.
    IdentityProviderName {
        Google = "google",
        Facebook = "facebook",
        Apple = "apple",
        MicrosoftAccount = "microsoftAccount",
        EmailOneTimePasscode = "emailOneTimePasscode",
    }

    /// `basis` of an entry in `assumed-outbound.json`. The values are crosstrust's.
    AssumedBasis {
        Agreement = "agreement",
        TokenIssued = "tokenIssued",
    }

    /// The user actions of `includeUserActions`. `conditionalAccessSettings` writes them without the prefix
    /// (learn.microsoft.com/graph/api/resources/useractionexclusion, beta).
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

    /// The values of the deprecated device conditions. They test the device's `isCompliant`, and its `trustType`
    /// for `ServerAD`.
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

/// A set of values of one enumeration, as a bit set.
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
    /// The empty set.
    pub const EMPTY: WordSet<W> = WordSet {
        bits: 0,
        list: std::marker::PhantomData,
    };

    /// Adds a value.
    #[must_use]
    pub fn with(self, word: W) -> Self {
        WordSet {
            bits: self.bits | 1 << word.position(),
            ..self
        }
    }

    /// The values in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        WordSet {
            bits: self.bits & other.bits,
            ..self
        }
    }

    /// The values in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        WordSet {
            bits: self.bits | other.bits,
            ..self
        }
    }

    /// Whether the set contains the value.
    pub fn contains(self, word: W) -> bool {
        self.bits & 1 << word.position() != 0
    }

    /// Whether the set contains every value of `other`; true if `other` is empty.
    pub fn contains_all(self, other: Self) -> bool {
        self.bits & other.bits == other.bits
    }

    /// Whether the sets have a value in common.
    pub fn intersects(self, other: Self) -> bool {
        self.bits & other.bits != 0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The bits, one for each value in the order of declaration, for digests and cache keys.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// The values, in the order of declaration.
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

/// An enumeration of at most 32 values, so that a set fits into a `u32`.
pub trait Word: Copy + 'static {
    /// All values, in order.
    fn list() -> &'static [Self];
    /// The index in [`Word::list`].
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

/// How often a user must sign in again (`signInFrequencySessionControl`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInFrequency {
    /// `timeBased`: after this duration, which policies state in hours or days.
    Every(Duration),
    /// `everyTime`
    EveryTime,
}

/// The include and exclude lists of a condition. In lists of platforms, `None` is `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncludeExclude<T> {
    /// The include list.
    pub include: Vec<T>,
    /// The exclude list.
    pub exclude: Vec<T>,
}

/// A country or region: an ISO 3166-1 alpha-2 code in upper case. `ZZ`: the country cannot be determined (semantics
/// §5); it matches `includeUnknownCountriesAndRegions`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// The error for a string that is not two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a country code of two letters (ISO 3166-1) such as DE, or ZZ if the country cannot be determined"
)]
pub struct NotACountry;

impl Country {
    /// The country cannot be determined.
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
