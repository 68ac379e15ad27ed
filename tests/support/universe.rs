//! The few ids of all generated worlds and requests, so that requests match policies.
//!
//! Applications in bundles are Microsoft's real ones. All tenants share one list of users and one of groups, so that a
//! look-up in the wrong directory finds a match.

use std::time::Duration;

use crosstrust::id::{
    Aaguid, AppId, CustomControlId, GroupId, LocationId, PolicyId, RoleId, StrengthId, TenantId,
    TermsOfUseId, UserId,
};
use crosstrust::time::Timestamp;

use crate::reference::Bundles;

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub const HOUR: u64 = 3600;

/// The day before [`NOW`], the day of [`NOW`], and the time from then until midnight (UTC).
pub const YESTERDAY: &str = "2027-01-14";
pub const TODAY: &str = "2027-01-15";
pub const UNTIL_MIDNIGHT: Duration = Duration::from_secs(16 * HOUR);

/// Issuers that differ only in case are different.
pub const SAML_ISSUERS: [&str; 3] = [
    "https://idp.adatum.example/saml",
    "https://idp.adatum.example/SAML",
    "urn:litware:idp",
];

pub const CONTOSO: TenantId = TenantId(guid(0x7e, 1));
pub const FABRIKAM: TenantId = TenantId(guid(0x7e, 2));
pub const WOODGROVE: TenantId = TenantId(guid(0x7e, 3));
/// Often outside the snapshot.
pub const NORTHWIND: TenantId = TenantId(guid(0x7e, 4));
pub const TENANTS: [TenantId; 4] = [CONTOSO, FABRIKAM, WOODGROVE, NORTHWIND];

pub const ALICE: UserId = UserId(guid(0x05, 1));
pub const BOB: UserId = UserId(guid(0x05, 2));
pub const CAROL: UserId = UserId(guid(0x05, 3));
pub const USERS: [UserId; 3] = [ALICE, BOB, CAROL];

pub const MARKETING: GroupId = GroupId(guid(0x60, 1));
pub const SALES: GroupId = GroupId(guid(0x60, 2));
pub const RESEARCH: GroupId = GroupId(guid(0x60, 3));
pub const FINANCE: GroupId = GroupId(guid(0x60, 4));
pub const GROUPS: [GroupId; 4] = [MARKETING, SALES, RESEARCH, FINANCE];

/// An application of the tenant itself.
pub const PAYROLL: AppId = AppId(guid(0xa9, 1));
/// SharePoint Online.
pub const SHAREPOINT: AppId = AppId(0x00000003_0000_0ff1_ce00_000000000000);
/// Exchange Online.
pub const EXCHANGE: AppId = AppId(0x00000002_0000_0ff1_ce00_000000000000);
/// The Azure portal.
pub const PORTAL: AppId = AppId(0xc44b4083_3bb0_49c1_b47d_974e53cbdf3c);
/// Microsoft Graph: not known to be in Office365.
pub const GRAPH: AppId = AppId(0x00000003_0000_0000_c000_000000000000);
/// Azure Purview: not known to be in any bundle.
pub const PURVIEW: AppId = AppId(0x73c2949e_da2d_457a_9607_fcc665198967);
pub const APPS: [AppId; 6] = [PAYROLL, SHAREPOINT, EXCHANGE, PORTAL, GRAPH, PURVIEW];

/// Global Administrator and Security Reader.
pub const ROLES: [RoleId; 2] = [
    RoleId(0x62e90394_69f5_4237_9190_012177145e10),
    RoleId(0x5d6b6bb7_de71_4623_b4af_96380a352509),
];
pub const TERMS: [TermsOfUseId; 2] = [TermsOfUseId(guid(0x70, 1)), TermsOfUseId(guid(0x70, 2))];
pub const CUSTOM_CONTROLS: [CustomControlId; 2] = [
    CustomControlId(guid(0xcc, 1)),
    CustomControlId(guid(0xcc, 2)),
];
pub const AAGUIDS: [Aaguid; 2] = [Aaguid(guid(0xaa, 1)), Aaguid(guid(0xaa, 2))];
pub const ISSUER_SKIS: [&str; 2] = ["9a4248c6ac8c2931ab2a86537818e92e7b6c97b6", "00ff"];
pub const POLICY_OIDS: [&str; 2] = ["1.2.3.4.6.11.131", "1.2.3.4.6.21.9"];

pub const HEADQUARTERS: LocationId = LocationId(guid(0x10, 1));
pub const BRANCH: LocationId = LocationId(guid(0x10, 2));
pub const EUROPE: LocationId = LocationId(guid(0x10, 3));
pub const SECURE_EDGE: LocationId = LocationId(guid(0x10, 4));
pub const MFA_TRUSTED_IPS: LocationId = LocationId(0);

pub const BUILT_IN_MFA: StrengthId = StrengthId(2);
pub const BUILT_IN_PASSWORDLESS: StrengthId = StrengthId(3);
pub const BUILT_IN_PHISHING_RESISTANT: StrengthId = StrengthId(4);
pub const PASSWORD_AND_SMS: StrengthId = StrengthId(guid(0x5e, 1));
pub const CORPORATE_KEYS: StrengthId = StrengthId(guid(0x5e, 2));
pub const INLINE_STRENGTH: StrengthId = StrengthId(guid(0x5e, 3));

/// Ids that differ only in case are different channels.
pub const CHANNELS: [&str; 3] = [
    "19:launch@thread.tacv2",
    "19:LAUNCH@thread.tacv2",
    "19:audit@thread.tacv2",
];
pub const UNKNOWN_CHANNEL: &str = "19:nowhere@thread.tacv2";
pub const SESSIONS: [&str; 2] = ["session-1", "Session-1"];
pub const CONTEXTS: [&str; 2] = ["c1", "c2"];

/// The n-th id of a kind.
pub const fn guid(kind: u8, n: u64) -> u128 {
    (kind as u128) << 120 | 0x0000_4000_8000_0000_0000_0000u128 | n as u128
}

pub const fn policy_id(n: u64) -> PolicyId {
    PolicyId(guid(0xca, n))
}

/// The bundles, restricted to this universe's applications.
pub fn bundles() -> Bundles {
    Bundles {
        office365: vec![SHAREPOINT, EXCHANGE],
        all_microsoft: vec![SHAREPOINT, EXCHANGE, PORTAL, GRAPH],
        admin_portals: vec![PORTAL],
        first_party: vec![PURVIEW],
        teams_and_sharepoint: vec![SHAREPOINT],
    }
}
