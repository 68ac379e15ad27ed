//! Microsoft's application bundles: the application ids that the reserved words stand for.
//!
//! The product's own data, with source and date; part of the snapshot's digest. A Microsoft application is a
//! member of a bundle, a non-member, or unknown. Microsoft publishes the members of `MicrosoftAdminPortals`
//! with ids, so that table is complete. It publishes those of `Office365` by name only, and those of
//! `AllMicrosoftApps` not at all. A first-party application that is not in these two tables is therefore
//! *unknown*, and rules that name the bundle are evaluated strictly (semantics §3, §5). An application that
//! is not in any list here is not a Microsoft application and not a member.
//!
//! `(c)` marks an id from community lists of the names in Microsoft's directory (read 2026-08), not from a
//! Microsoft page.

mod first_party;

use first_party::FIRST_PARTY_APPS;

use crate::id::AppId;
use crate::vocabulary::Bundle;

/// Whether an application belongs to a bundle, or is an agent resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// A source lists it.
    Member,
    /// A source excludes it, or it is not a Microsoft application.
    NonMember,
    /// No source answers it.
    Unknown,
}

/// The application's membership by the product's own tables.
pub fn membership(app: AppId, bundle: Bundle) -> Membership {
    let is_complete = match bundle {
        Bundle::Office365 | Bundle::AllMicrosoftApps => false,
        Bundle::MicrosoftAdminPortals => true,
    };
    if members(bundle).contains(app) {
        Membership::Member
    } else if !is_complete && is_first_party(app) {
        Membership::Unknown
    } else {
        Membership::NonMember
    }
}

/// The known members of the bundle.
pub fn members(bundle: Bundle) -> &'static AppList {
    match bundle {
        Bundle::Office365 => &OFFICE_365,
        Bundle::AllMicrosoftApps => &ALL_MICROSOFT_APPS,
        Bundle::MicrosoftAdminPortals => &MICROSOFT_ADMIN_PORTALS,
    }
}

/// Whether the application is a known Microsoft application.
fn is_first_party(app: AppId) -> bool {
    ALL_MICROSOFT_APPS.contains(app) || FIRST_PARTY.contains(app)
}

/// A set of applications.
#[derive(Debug)]
pub struct AppList {
    /// Sorted by id, without duplicates.
    apps: &'static [AppId],
}

impl AppList {
    /// Whether the application is in the list.
    pub fn contains(&self, app: AppId) -> bool {
        self.apps.binary_search(&app).is_ok()
    }

    /// The applications, sorted by id.
    pub fn apps(&self) -> &'static [AppId] {
        self.apps
    }
}

/// `Office365`: the names of "Apps included in Conditional Access Office 365 app suite"
/// (learn.microsoft.com/entra/identity/conditional-access/reference-office-365-application-contents, as
/// of 2026-06-05) whose ids are known, 88 of 134. Ids: "Verify first-party Microsoft applications in
/// sign-in reports" (learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in,
/// as of 2024-03-08), and directory exports of Microsoft's own tenant
/// (`appOwnerOrganizationId` f8cdef31-a31e-4b4a-93e4-5f571e91255a). The names without a known id are mostly
/// test, government and background services.
pub static OFFICE_365: AppList = AppList {
    apps: OFFICE_365_APPS,
};

/// `AllMicrosoftApps`: Microsoft publishes no list. This one has the tables of the page "Verify first-party
/// Microsoft applications in sign-in reports", `Office365` and `MicrosoftAdminPortals`.
pub static ALL_MICROSOFT_APPS: AppList = AppList {
    apps: ALL_MICROSOFT_APPS_APPS,
};

/// `MicrosoftAdminPortals`, complete: "The following applications comprise the Microsoft Admin Portals"
/// (learn.microsoft.com/entra/identity/conditional-access/concept-conditional-access-cloud-apps, as of
/// 2026-03-24).
pub static MICROSOFT_ADMIN_PORTALS: AppList = AppList {
    apps: MICROSOFT_ADMIN_PORTALS_APPS,
};

/// Microsoft's own applications that are not in a bundle's table.
pub static FIRST_PARTY: AppList = AppList {
    apps: FIRST_PARTY_APPS,
};

/// Teams and SharePoint Online, for which user types overlap (semantics §5): the services themselves, and the
/// clients and helper services with their names in `Office365`. A superfluous application adds a user type,
/// so that policies include more and exclude less.
pub static TEAMS_AND_SHAREPOINT: AppList = AppList {
    apps: TEAMS_AND_SHAREPOINT_APPS,
};

#[rustfmt::skip]
const MICROSOFT_ADMIN_PORTALS_APPS: &[AppId] = &[
    AppId(0x00000006_0000_0ff1_ce00_000000000000), // Microsoft Office 365 Portal
    AppId(0x497effe9_df71_4043_a8bb_14cf78c4b63b), // Exchange Admin Center
    AppId(0x80ccca67_54bd_44ab_8625_4b79c4dc7775), // Microsoft 365 Security and Compliance Center
    AppId(0xc44b4083_3bb0_49c1_b47d_974e53cbdf3c), // Azure portal, Entra admin center
];

#[rustfmt::skip]
const TEAMS_AND_SHAREPOINT_APPS: &[AppId] = &[
    AppId(0x00000003_0000_0ff1_ce00_000000000000), // Office 365 SharePoint Online
    AppId(0x08e18876_6177_487e_b8b5_cf950c1e598c), // SharePoint Online Web Client Extensibility
    AppId(0x1996141e_2b07_4491_927a_5a024b335c78), // Microsoft Teams UIS
    AppId(0x1fec8e78_bce4_4aaf_ab1b_5451cc387264), // Microsoft Teams
    AppId(0x3bc2296e_aa22_4ed2_9e1e_946d05afa6a2), // SharePoint Online Web Client Extensibility Isolated
    AppId(0x48ac35b8_9aa8_4d74_927d_1f4a14a0b239), // Skype and Teams Tenant Admin API
    AppId(0x51133ff5_8e0d_4078_bcca_84fb7f905b64), // Microsoft Teams Mailhook
    AppId(0x5e3ce6c0_2b1f_4285_8d4b_75ee78787346), // Microsoft Teams Web Client
    AppId(0x6bc3b958_689b_49f5_9006_36d165f30e00), // Teams CMD Services Artifacts
    AppId(0x75efb5bc_18a1_4e7b_8a66_2ad2503d79c6), // Microsoft Teams Retail Service
    AppId(0x8e14e873_35ba_4720_b787_0bed94370b17), // Microsoft Teams Targeting Application
    AppId(0xab3be6b7_f5df_413d_ac2d_abf1e3fd9c0b), // Microsoft Teams Graph Service
    AppId(0xb1379a75_ce5e_4fa3_80c6_89bb39bf646c), // Microsoft Teams Chat Aggregator
    AppId(0xb55b276d_2b09_4ad2_8de5_f09cf24ffba9), // Microsoft Teams - Teams And Channels Service
    AppId(0xcc15fd57_2c6c_4117_a88c_83b1d56b4bbe), // Microsoft Teams Services
    AppId(0xdcad865d_9257_4521_ad4d_bae3e137b345), // Microsoft SharePoint Online - SharePoint Home
    AppId(0xe1829006_9cf1_4d05_8b48_2e665cb48e6a), // Microsoft Teams Web Client
    AppId(0xf229df84_05da_4ca8_a893_6e514fca6157), // Teams Walkie Talkie Service (c)
];

#[rustfmt::skip]
const OFFICE_365_APPS: &[AppId] = &[
    AppId(0x00000002_0000_0ff1_ce00_000000000000), // Office 365 Exchange Online
    AppId(0x00000003_0000_0ff1_ce00_000000000000), // Office 365 SharePoint Online
    AppId(0x00000004_0000_0ff1_ce00_000000000000), // Skype for Business Online
    AppId(0x00000005_0000_0ff1_ce00_000000000000), // Viva Engage
    AppId(0x00000006_0000_0ff1_ce00_000000000000), // Microsoft Office 365 Portal
    AppId(0x00000007_0000_0ff1_ce00_000000000000), // Microsoft Exchange Online Protection
    AppId(0x00695ed2_3202_4156_8da1_69f60065e255), // Microsoft Visio Data Visualizer
    AppId(0x08e18876_6177_487e_b8b5_cf950c1e598c), // SharePoint Online Web Client Extensibility
    AppId(0x0922ef46_e1b9_4f7e_9134_9ad00547eb41), // Loop (c)
    AppId(0x09abbdfd_ed23_44ee_a2d9_a627aa1c90f3), // ProjectWorkManagement
    AppId(0x0cd196ee_71bf_4fd6_a57c_b491ffd4fb1e), // Media Analysis and Transformation Service
    AppId(0x0e90d0b8_039a_4936_a6f4_d25dd510be5d), // Message Recall (c)
    AppId(0x0f698dd4_f011_4d23_a33e_b36416dcb1e6), // OfficeClientService
    AppId(0x166f1b03_5b19_416f_a94b_1d7aa2d247dc), // Office Hive
    AppId(0x17d5e35f_655b_4fb0_8ae6_86356e9a49f5), // Office Online Maker SSO
    AppId(0x18f36947_75b0_49fb_8d1c_29584a55cac5), // Reply-At-Mention
    AppId(0x1996141e_2b07_4491_927a_5a024b335c78), // Microsoft Teams UIS
    AppId(0x1e70cd27_4707_4589_8ec5_9bd20c472a46), // Skype Presence Service
    AppId(0x1fec8e78_bce4_4aaf_ab1b_5451cc387264), // Microsoft Teams
    AppId(0x23c898c1_f7e8_41da_9501_f16571f8d097), // OCPS Checkin Service
    AppId(0x243c63a3_247d_41c5_9d83_7788c43f1c43), // Office Online Core SSO
    AppId(0x2634dd23_5e5a_431c_81ca_11710d9079f4), // Microsoft Stream Service
    AppId(0x2abdc806_e091_4495_9b10_b04d93c3f040), // Office Online Augmentation Loop SSO
    AppId(0x2d4d3d8e_2be3_4bef_9f87_7875a61c29de), // OneNote
    AppId(0x38a893b6_d74c_4786_8fe7_bc3b4318e881), // Microsoft Flow Portal GCC (c)
    AppId(0x392c0cd5_b73d_42f5_9e94_49904793f11c), // Microsoft Virtual Events Portal (c)
    AppId(0x394866fc_eedb_4f01_8536_3ff84b16be2a), // Microsoft People Cards Service
    AppId(0x39aaf054_81a5_48c7_a4f8_0293012095b9), // IC3 Gateway
    AppId(0x3bc2296e_aa22_4ed2_9e1e_946d05afa6a2), // SharePoint Online Web Client Extensibility Isolated
    AppId(0x3ce44149_e365_40e4_9bb4_8c0ecb710fe6), // Office Online Print SSO (c)
    AppId(0x3ff8e6ba_7dc3_4e9e_ba40_ee12b60d6d48), // Microsoft Todo web app (c)
    AppId(0x40775b29_2688_46b6_a3b5_b256bd04df9f), // Microsoft Information Protection API
    AppId(0x4345a7b9_9a63_4910_a426_35363201d503), // O365 Suite UX
    AppId(0x4354e225_50c9_4423_9ece_2d5afd904870), // Augmentation Loop (c)
    AppId(0x4580fd1d_e5a3_4f56_9ad1_aab0e3bf8f76), // Call Recorder
    AppId(0x475226c6_020e_4fb2_8a90_7a972cbfc1d4), // PowerApps Service
    AppId(0x4765445b_32c6_49b0_83e6_1d93765276ca), // OfficeHome
    AppId(0x48ac35b8_9aa8_4d74_927d_1f4a14a0b239), // Skype and Teams Tenant Admin API
    AppId(0x48af08dc_f6d2_435f_b2a7_069abd99c086), // Connectors
    AppId(0x4b233688_031c_404b_9a80_a4f3f2351f90), // Office.com
    AppId(0x4c4f550b_42b2_4a16_93f9_fdb9e01bb6ed), // Targeted Messaging Service
    AppId(0x51133ff5_8e0d_4078_bcca_84fb7f905b64), // Microsoft Teams Mailhook
    AppId(0x57da3f69_2d82_4c17_9e57_2e6d78b2dc60), // O365 Diagnostic Service (c)
    AppId(0x5a4eed13_c4c4_4b4c_9506_334ab200bf31), // Office Online Search SSO (c)
    AppId(0x5e3ce6c0_2b1f_4285_8d4b_75ee78787346), // Microsoft Teams Web Client
    AppId(0x5f00fd34_f302_417f_81ef_1adda179d8fd), // Microsoft Forms Web (c)
    AppId(0x6204c1d1_4712_4c46_a7d9_3ed63d992682), // Microsoft Flow Portal
    AppId(0x62fd1447_0ef3_4ab7_a956_7dd05232ecc1), // Office Scripts Service
    AppId(0x66375f6b_983f_4c2c_9701_d680650f588f), // Microsoft Planner (c)
    AppId(0x66a88757_258c_4c72_893c_3e8bed4d6899), // Office 365 Search Service
    AppId(0x67e3df25_268a_4324_a550_0de1c7f97287), // Office Online Service
    AppId(0x6b91db1b_f05b_405a_a0b2_e3f60b28d645), // M365 Admin Services
    AppId(0x6bc3b958_689b_49f5_9006_36d165f30e00), // Teams CMD Services Artifacts
    AppId(0x6f82282e_0070_4e78_bc23_e6320c5fa7de), // Microsoft Discovery Service
    AppId(0x72782ba9_4490_4f03_8d82_562370ea3566), // Office 365 (c)
    AppId(0x7557eb47_c689_4224_abcf_aef9bd7573df), // Skype for Business
    AppId(0x75efb5bc_18a1_4e7b_8a66_2ad2503d79c6), // Microsoft Teams Retail Service
    AppId(0x75f31797_37c9_498e_8dc9_53c16a36afca), // Microsoft Planner Client (c)
    AppId(0x7fc21101_d09b_4343_8eb3_21187e0431a4), // Microsoft Virtual Events Services (c)
    AppId(0x80ccca67_54bd_44ab_8625_4b79c4dc7775), // Protection Center
    AppId(0x89bee1f7_5e6e_4d8a_9f3d_ecd601259da7), // Office365 Shell WCSS-Client
    AppId(0x8e14e873_35ba_4720_b787_0bed94370b17), // Microsoft Teams Targeting Application
    AppId(0x8f348934_64be_4bb2_bc16_c54c96789f43), // EDU Assignments
    AppId(0x905fcf26_4eb7_48a0_9ff0_8dcc7194b5ba), // Sway
    AppId(0x9199bf20_a13f_4107_85dc_02114787ef48), // One Outlook Web
    AppId(0x93d53678_613d_4013_afc1_62e9e444a0a5), // Office Online Add-in SSO
    AppId(0x944f0bd1_117b_4b1c_af26_804ed95e767e), // Media Analysis and Transformation Service
    AppId(0x94c63fef_13a3_47bc_8074_75af8c65887a), // Office Delve
    AppId(0x95de633a_083e_42f5_b444_a4295d8e9314), // Microsoft Whiteboard Services
    AppId(0x9e4a5442_a5c9_4f6f_b03f_5b9fcaaf24b1), // OfficeServicesManager
    AppId(0xa8f7a65c_f5ba_4859_b2d6_df772c264e9d), // make.powerapps.com (c)
    AppId(0xa9b49b65_0a12_430b_9540_c80b3332c127), // Office Online Search SSO
    AppId(0xab3be6b7_f5df_413d_ac2d_abf1e3fd9c0b), // Microsoft Teams Graph Service
    AppId(0xab9b8c07_8f02_4f72_87fa_80105867a763), // OneDrive SyncEngine
    AppId(0xb1379a75_ce5e_4fa3_80c6_89bb39bf646c), // Microsoft Teams Chat Aggregator
    AppId(0xb23dd4db_9142_4734_867f_3577f640ad0c), // Office Online Loki SSO
    AppId(0xb26aadf8_566f_4478_926f_589f601d9c74), // OneDrive (c)
    AppId(0xb55b276d_2b09_4ad2_8de5_f09cf24ffba9), // Microsoft Teams - Teams And Channels Service
    AppId(0xb97b6bd4_a49f_4a0c_af18_af507d1da76c), // Office Shredding Service
    AppId(0xbb893c22_978d_4cd4_a6f7_bb6cc0d6e6ce), // Olympus (c)
    AppId(0xc0ab8ce9_e9a0_42e7_b064_33d422df41f1), // M365ChatClient (c)
    AppId(0xc9a559d2_7aab_4f13_a6ed_e7e9c52aec87), // Microsoft Forms
    AppId(0xcc15fd57_2c6c_4117_a88c_83b1d56b4bbe), // Microsoft Teams Services
    AppId(0xcf53fce8_def6_4aeb_8d30_b158e7b1cf83), // Microsoft Stream Portal
    AppId(0xd3590ed6_52b3_4102_aeff_aad2292ab01c), // Microsoft Office
    AppId(0xdcad865d_9257_4521_ad4d_bae3e137b345), // Microsoft SharePoint Online - SharePoint Home
    AppId(0xe1829006_9cf1_4d05_8b48_2e665cb48e6a), // Microsoft Teams Web Client
    AppId(0xe1979c22_8b73_4aed_a4da_572cc4d0b832), // App Studio for Microsoft Teams
    AppId(0xf229df84_05da_4ca8_a893_6e514fca6157), // Teams Walkie Talkie Service (c)
    AppId(0xfb8d773d_7ef8_4ec0_a117_179f88add510), // Enterprise Copilot Platform (c)
    AppId(0xfeb2c8aa_4f70_4881_abec_521141627b04), // make.gov.powerapps.us (c)
];

#[rustfmt::skip]
const ALL_MICROSOFT_APPS_APPS: &[AppId] = &[
    AppId(0x00000002_0000_0000_c000_000000000000), // Windows Azure Active Directory
    AppId(0x00000002_0000_0ff1_ce00_000000000000), // Office 365 Exchange Online
    AppId(0x00000003_0000_0000_c000_000000000000), // Microsoft Graph
    AppId(0x00000003_0000_0ff1_ce00_000000000000), // Office 365 SharePoint Online
    AppId(0x00000004_0000_0ff1_ce00_000000000000), // Skype for Business Online
    AppId(0x00000005_0000_0ff1_ce00_000000000000), // Viva Engage
    AppId(0x00000006_0000_0ff1_ce00_000000000000), // Microsoft Office 365 Portal
    AppId(0x00000007_0000_0000_c000_000000000000), // Dataverse
    AppId(0x00000007_0000_0ff1_ce00_000000000000), // Microsoft Exchange Online Protection
    AppId(0x00000009_0000_0000_c000_000000000000), // Power BI Service
    AppId(0x0000000c_0000_0000_c000_000000000000), // Microsoft App Access Panel
    AppId(0x00000015_0000_0000_c000_000000000000), // Microsoft Dynamics ERP
    AppId(0x0000001a_0000_0000_c000_000000000000), // MicrosoftAzureActiveAuthn
    AppId(0x00695ed2_3202_4156_8da1_69f60065e255), // Microsoft Visio Data Visualizer
    AppId(0x00b41c95_dab0_4487_9791_b9d2c32c80f2), // Office 365 Management
    AppId(0x022907d3_0f1b_48f7_badc_1ba6abab6d66), // Azure SQL Database
    AppId(0x04b07795_8ddb_461a_bbee_02f9e1bf7b46), // Microsoft Azure CLI
    AppId(0x08e18876_6177_487e_b8b5_cf950c1e598c), // SharePoint Online Web Client Extensibility
    AppId(0x0922ef46_e1b9_4f7e_9134_9ad00547eb41), // Loop (c)
    AppId(0x09abbdfd_ed23_44ee_a2d9_a627aa1c90f3), // ProjectWorkManagement
    AppId(0x0cb7b9ec_5336_483b_bc31_b15b5788de71), // ASM Campaign Servicing
    AppId(0x0cd196ee_71bf_4fd6_a57c_b491ffd4fb1e), // Media Analysis and Transformation Service
    AppId(0x0e90d0b8_039a_4936_a6f4_d25dd510be5d), // Message Recall (c)
    AppId(0x0f698dd4_f011_4d23_a33e_b36416dcb1e6), // OfficeClientService
    AppId(0x13937bba_652e_4c46_b222_3003f4d1ff97), // Substrate Context Service
    AppId(0x14d82eec_204b_4c2f_b7e8_296a70dab67e), // Microsoft Graph Command Line Tools
    AppId(0x166f1b03_5b19_416f_a94b_1d7aa2d247dc), // Office Hive
    AppId(0x16aeb910_ce68_41d1_9ac3_9e1673ac9575), // IrisSelectionFrontDoor
    AppId(0x1786c5ed_9644_47b2_8aa0_7201292175b6), // Microsoft Bing Default Search Engine
    AppId(0x17d5e35f_655b_4fb0_8ae6_86356e9a49f5), // Office Online Maker SSO
    AppId(0x18f36947_75b0_49fb_8d1c_29584a55cac5), // Reply-At-Mention
    AppId(0x18fbca16_2224_45f6_85b0_f7bf2b39b3f3), // Microsoft Docs
    AppId(0x1950a258_227b_4e31_a9cf_717495945fc2), // Microsoft Azure PowerShell
    AppId(0x1996141e_2b07_4491_927a_5a024b335c78), // Microsoft Teams UIS
    AppId(0x1b3c667f_cde3_4090_b60b_3d2abd0117f0), // Windows Spotlight
    AppId(0x1e70cd27_4707_4589_8ec5_9bd20c472a46), // Skype Presence Service
    AppId(0x1fec8e78_bce4_4aaf_ab1b_5451cc387264), // Microsoft Teams
    AppId(0x20a11fe0_faa8_4df5_baf2_f965f8f9972e), // ContactsInferencingEmailProcessor
    AppId(0x23523755_3a2b_41ca_9315_f81f3f566a95), // ACOM Azure Website
    AppId(0x23c898c1_f7e8_41da_9501_f16571f8d097), // OCPS Checkin Service
    AppId(0x243c63a3_247d_41c5_9d83_7788c43f1c43), // Office Online Core SSO
    AppId(0x2634dd23_5e5a_431c_81ca_11710d9079f4), // Microsoft Stream Service
    AppId(0x268761a2_03f3_40df_8a8b_c3db24145b6b), // Universal Store Native Client
    AppId(0x26a7ee05_5602_4d76_a7ba_eae8b7b67941), // Windows Search
    AppId(0x26abc9a8_24f0_4b11_8234_e86ede698878), // SubstrateDirectoryEventProcessor
    AppId(0x27922004_5251_4030_b22d_91ecd9a37ea4), // Outlook Mobile
    AppId(0x28b567f6_162c_4f54_99a0_6887f387bbcc), // Microsoft Storefronts
    AppId(0x29d9ed98_a469_4536_ade2_f981bc1d605e), // Microsoft Authentication Broker
    AppId(0x2abdc806_e091_4495_9b10_b04d93c3f040), // Office Online Augmentation Loop SSO
    AppId(0x2d4d3d8e_2be3_4bef_9f87_7875a61c29de), // OneNote
    AppId(0x2d7f3606_b07d_41d1_b9d2_0d0c9296a6e8), // Microsoft Bing Search for Microsoft Edge
    AppId(0x3090ab82_f1c1_4cdf_af2c_5d7a6f3e2cc7), // Microsoft Defender for Cloud Apps
    AppId(0x35d54a08_36c9_4847_9018_93934c62740c), // PeoplePredictions
    AppId(0x37182072_3c9c_4f6a_a4b3_b3f91cacffce), // AzureSupportCenter
    AppId(0x38049638_cc2c_4cde_abe4_4479d721ed44), // Microsoft Approval Management
    AppId(0x38a893b6_d74c_4786_8fe7_bc3b4318e881), // Microsoft Flow Portal GCC (c)
    AppId(0x392c0cd5_b73d_42f5_9e94_49904793f11c), // Microsoft Virtual Events Portal (c)
    AppId(0x394866fc_eedb_4f01_8536_3ff84b16be2a), // Microsoft People Cards Service
    AppId(0x39aaf054_81a5_48c7_a4f8_0293012095b9), // IC3 Gateway
    AppId(0x3bc2296e_aa22_4ed2_9e1e_946d05afa6a2), // SharePoint Online Web Client Extensibility Isolated
    AppId(0x3c896ded_22c5_450f_91f6_3d1ef0848f6e), // WeveEngine
    AppId(0x3ce44149_e365_40e4_9bb4_8c0ecb710fe6), // Office Online Print SSO (c)
    AppId(0x3ff8e6ba_7dc3_4e9e_ba40_ee12b60d6d48), // Microsoft Todo web app (c)
    AppId(0x40775b29_2688_46b6_a3b5_b256bd04df9f), // Microsoft Information Protection API
    AppId(0x4345a7b9_9a63_4910_a426_35363201d503), // O365 Suite UX
    AppId(0x4354e225_50c9_4423_9ece_2d5afd904870), // Augmentation Loop (c)
    AppId(0x4580fd1d_e5a3_4f56_9ad1_aab0e3bf8f76), // Call Recorder
    AppId(0x45a330b1_b1ec_4cc1_9161_9f03992aa49f), // Windows Store for Business
    AppId(0x475226c6_020e_4fb2_8a90_7a972cbfc1d4), // PowerApps Service
    AppId(0x47629505_c2b6_4a80_adb1_9b3a3d233b7b), // Microsoft Exchange Web Services
    AppId(0x4765445b_32c6_49b0_83e6_1d93765276ca), // OfficeHome
    AppId(0x48ac35b8_9aa8_4d74_927d_1f4a14a0b239), // Skype and Teams Tenant Admin API
    AppId(0x48af08dc_f6d2_435f_b2a7_069abd99c086), // Connectors
    AppId(0x497effe9_df71_4043_a8bb_14cf78c4b63b), // Exchange Admin Center
    AppId(0x4b233688_031c_404b_9a80_a4f3f2351f90), // Office.com
    AppId(0x4c4f550b_42b2_4a16_93f9_fdb9e01bb6ed), // Targeted Messaging Service
    AppId(0x4d5c2d63_cf83_4365_853c_925fd1a64357), // OfficeShredderWacClient
    AppId(0x51133ff5_8e0d_4078_bcca_84fb7f905b64), // Microsoft Teams Mailhook
    AppId(0x51be292c_a17e_4f17_9a7e_4b661fb16dd2), // Microsoft Exchange ProtectedServiceHost
    AppId(0x5572c4c0_d078_44ce_b81c_6cbf8d3ed39e), // Vortex [wsfed enabled]
    AppId(0x57da3f69_2d82_4c17_9e57_2e6d78b2dc60), // O365 Diagnostic Service (c)
    AppId(0x5a4eed13_c4c4_4b4c_9506_334ab200bf31), // Office Online Search SSO (c)
    AppId(0x5d661950_3475_41cd_a2c3_d671a3162bc1), // Microsoft Outlook
    AppId(0x5e3ce6c0_2b1f_4285_8d4b_75ee78787346), // Microsoft Teams Web Client
    AppId(0x5f00fd34_f302_417f_81ef_1adda179d8fd), // Microsoft Forms Web (c)
    AppId(0x60c8bde5_3167_4f92_8fdb_059f6176dc0f), // Enterprise Roaming and Backup
    AppId(0x60ca1954_583c_4d1f_86de_39d835f3e452), // Microsoft Defender for Identity
    AppId(0x61109738_7d2b_4a0b_9fe3_660b1ff83505), // SpoolsProvisioning
    AppId(0x6204c1d1_4712_4c46_a7d9_3ed63d992682), // Microsoft Flow Portal
    AppId(0x62256cef_54c0_4cb4_bcac_4c67989bdc40), // OMSOctopiPROD
    AppId(0x6253bca8_faf2_4587_8f2f_b056d80998a7), // Microsoft Edge Insider Addons Prod
    AppId(0x62fd1447_0ef3_4ab7_a956_7dd05232ecc1), // Office Scripts Service
    AppId(0x6326e366_9d6d_4c70_b22a_34c7ea72d73d), // Microsoft Exchange Message Tracking Service
    AppId(0x65d91a3d_ab74_42e6_8a2f_0add61688c74), // Microsoft Approval Management
    AppId(0x66375f6b_983f_4c2c_9701_d680650f588f), // Microsoft Planner (c)
    AppId(0x66a88757_258c_4c72_893c_3e8bed4d6899), // Office 365 Search Service
    AppId(0x67e3df25_268a_4324_a550_0de1c7f97287), // Microsoft Office Web Apps Service
    AppId(0x69893ee3_dd10_4b1c_832d_4870354be3d8), // AEM-DualAuth
    AppId(0x6b91db1b_f05b_405a_a0b2_e3f60b28d645), // M365 Admin Services
    AppId(0x6bc3b958_689b_49f5_9006_36d165f30e00), // Teams CMD Services Artifacts
    AppId(0x6f82282e_0070_4e78_bc23_e6320c5fa7de), // Microsoft Discovery Service
    AppId(0x72782ba9_4490_4f03_8d82_562370ea3566), // Office 365 (c)
    AppId(0x74658136_14ec_4630_ad9b_26e160ff0fc6), // ADIbizaUX
    AppId(0x74bcdadc_2fdc_4bb3_8459_76d06952a0e9), // Microsoft Intune Web Company Portal
    AppId(0x7557eb47_c689_4224_abcf_aef9bd7573df), // Skype for Business
    AppId(0x75efb5bc_18a1_4e7b_8a66_2ad2503d79c6), // Microsoft Teams Retail Service
    AppId(0x75f31797_37c9_498e_8dc9_53c16a36afca), // Microsoft Planner Client (c)
    AppId(0x797f4846_ba00_4fd7_ba43_dac1f8f63013), // Windows Azure Service Management API
    AppId(0x7ab7862c_4c57_491e_8a45_d52a7e023983), // App Service
    AppId(0x7ae974c5_1af7_4923_af3a_fb1fd14dcb7e), // OutlookUserSettingsConsumer
    AppId(0x7b7531ad_5926_4f2d_8a1d_38495ad33e17), // Azure Advanced Threat Protection
    AppId(0x7fc21101_d09b_4343_8eb3_21187e0431a4), // Microsoft Virtual Events Services (c)
    AppId(0x80ccca67_54bd_44ab_8625_4b79c4dc7775), // Microsoft 365 Security and Compliance Center
    AppId(0x835b2a73_6e10_4aa5_a979_21dfda45231c), // Azure Lab Services Portal
    AppId(0x871c010f_5e61_4fb1_83ac_98610a7e9110), // Microsoft Power BI
    AppId(0x89bee1f7_5e6e_4d8a_9f3d_ecd601259da7), // Office365 Shell WCSS-Client
    AppId(0x8e14e873_35ba_4720_b787_0bed94370b17), // Microsoft Teams Targeting Application
    AppId(0x8edd93e1_2103_40b4_bd70_6e34e586362d), // Windows Azure Security Resource Provider
    AppId(0x8f348934_64be_4bb2_bc16_c54c96789f43), // EDU Assignments
    AppId(0x905fcf26_4eb7_48a0_9ff0_8dcc7194b5ba), // Sway
    AppId(0x9199bf20_a13f_4107_85dc_02114787ef48), // One Outlook Web
    AppId(0x91ca2ca5_3b3e_41dd_ab65_809fa3dffffa), // Sticky Notes API
    AppId(0x93625bc8_bfe2_437a_97e0_3d0060024faa), // Microsoft password reset service
    AppId(0x93d53678_613d_4013_afc1_62e9e444a0a5), // Office Online Add-in SSO
    AppId(0x944f0bd1_117b_4b1c_af26_804ed95e767e), // Media Analysis and Transformation Service
    AppId(0x94c63fef_13a3_47bc_8074_75af8c65887a), // Office Delve
    AppId(0x95de633a_083e_42f5_b444_a4295d8e9314), // Microsoft Whiteboard Services
    AppId(0x97cb1f73_50df_47d1_8fb0_0271f2728514), // Transcript Ingestion
    AppId(0x98db8bd6_0cc0_4e67_9de5_f187f1cd1b41), // Microsoft Substrate Management
    AppId(0x99b904fd_a1fe_455c_b86c_2f9fb1da7687), // Microsoft Exchange ForwardSync
    AppId(0x9e4a5442_a5c9_4f6f_b03f_5b9fcaaf24b1), // OfficeServicesManager
    AppId(0x9ea1ad79_fdb6_4f9a_8bc3_2b70f96e34c7), // Bing
    AppId(0xa3475900_ccec_4a69_98f5_a65cd5dc5306), // Partner Customer Delegated Admin Offline Processor
    AppId(0xa3b79187_70b2_4139_83f9_6016c58cd27b), // WindowsDefenderATP Portal
    AppId(0xa57aca87_cbc0_4f3c_8b9e_dc095fdc8978), // IAM Supportability
    AppId(0xa8f7a65c_f5ba_4859_b2d6_df772c264e9d), // make.powerapps.com (c)
    AppId(0xa970bac6_63fe_4ec5_8884_8536862c42d4), // Substrate Search Settings Management Service
    AppId(0xa9b49b65_0a12_430b_9540_c80b3332c127), // Office Online Search
    AppId(0xab3be6b7_f5df_413d_ac2d_abf1e3fd9c0b), // Microsoft Teams Graph Service
    AppId(0xab9b8c07_8f02_4f72_87fa_80105867a763), // OneDrive SyncEngine
    AppId(0xae8e128e_080f_4086_b0e3_4c19301ada69), // Scheduling
    AppId(0xb1379a75_ce5e_4fa3_80c6_89bb39bf646c), // Microsoft Teams Chat Aggregator
    AppId(0xb23dd4db_9142_4734_867f_3577f640ad0c), // Office Online Loki SSO
    AppId(0xb26aadf8_566f_4478_926f_589f601d9c74), // OneDrive (c)
    AppId(0xb4bddae8_ab25_483e_8670_df09b9f1d0ea), // Signup
    AppId(0xb55b276d_2b09_4ad2_8de5_f09cf24ffba9), // Microsoft Teams - Teams And Channels Service
    AppId(0xb669c6ea_1adf_453f_b8bc_6d526592b419), // Focused Inbox
    AppId(0xb6e69c34_5f1f_4c34_8cdf_7fea120b8670), // Office Online Client MSA- Loki
    AppId(0xb97b6bd4_a49f_4a0c_af18_af507d1da76c), // Office Shredding Service
    AppId(0xbb2a2e3a_c5e7_4f0a_88e0_8e01fd3fc1f4), // CPIM Service
    AppId(0xbb893c22_978d_4cd4_a6f7_bb6cc0d6e6ce), // Olympus (c)
    AppId(0xbdd48c81_3a58_4ea9_849c_ebea7f6b6360), // Password Breach Authenticator
    AppId(0xc0ab8ce9_e9a0_42e7_b064_33d422df41f1), // M365ChatClient (c)
    AppId(0xc1c74fed_04c9_4704_80dc_9f79a2e515cb), // Yammer Web
    AppId(0xc35cb2ba_f88b_4d15_aa9d_37bd443522e1), // GroupsRemoteApiRestClient
    AppId(0xc44b4083_3bb0_49c1_b47d_974e53cbdf3c), // Azure Portal
    AppId(0xc9a559d2_7aab_4f13_a6ed_e7e9c52aec87), // Microsoft Forms
    AppId(0xcc15fd57_2c6c_4117_a88c_83b1d56b4bbe), // Microsoft Teams Services
    AppId(0xcf36b471_5b44_428c_9ce7_313bf84528de), // Microsoft Bing Search
    AppId(0xcf53fce8_def6_4aeb_8d30_b158e7b1cf83), // Microsoft Stream Portal
    AppId(0xd176f6e7_38e5_40c9_8a78_3998aab820e7), // Microsoft Online Syndication Partner Portal
    AppId(0xd3590ed6_52b3_4102_aeff_aad2292ab01c), // Microsoft Office
    AppId(0xd73f4b35_55c9_48c7_8b10_651f6f2acb2e), // MCAPI Authorization Prod
    AppId(0xd9b8ec3a_1e4e_4e08_b3c2_5baf00c0fcb0), // HxService
    AppId(0xdcad865d_9257_4521_ad4d_bae3e137b345), // Microsoft SharePoint Online - SharePoint Home
    AppId(0xde8bc8b5_d9f9_48b1_a8ad_b748da725064), // Graph Explorer
    AppId(0xdfe74da8_9279_44ec_8fb2_2aed9e1c73d0), // O365 SkypeSpaces Ingestion Service
    AppId(0xe1829006_9cf1_4d05_8b48_2e665cb48e6a), // Microsoft Teams Web Client
    AppId(0xe1979c22_8b73_4aed_a4da_572cc4d0b832), // App Studio for Microsoft Teams
    AppId(0xe1ef36fd_b883_4dbf_97f0_9ece4b576fc6), // Yammer Web Embed
    AppId(0xe64aa8bc_8eb4_40e2_898b_cf261a25954f), // CRM Power BI Integration
    AppId(0xe9f49c6b_5ce5_44c8_925d_015017e9f7ad), // Azure Data Lake
    AppId(0xee272b19_4411_433f_8f28_5c13cb6fd407), // Microsoft 365 Support Service
    AppId(0xf229df84_05da_4ca8_a893_6e514fca6157), // Teams Walkie Talkie Service (c)
    AppId(0xf5eaa862_7f08_448c_9c4e_f4047d4d4521), // FindTime
    AppId(0xfb78d390_0c51_40cd_8e17_fdbfab77341b), // Microsoft Exchange REST API Based Powershell
    AppId(0xfb8d773d_7ef8_4ec0_a117_179f88add510), // Enterprise Copilot Platform (c)
    AppId(0xfc0f3af4_6835_4174_b806_f7db311fd2f3), // Microsoft Intune Windows Agent
    AppId(0xfdf9885b_dd37_42bf_82e5_c3129ef5a302), // Microsoft Support
    AppId(0xfe93bfe1_7947_460a_a5e0_7a5906b51360), // Viva Insights
    AppId(0xfeb2c8aa_4f70_4881_abec_521141627b04), // make.gov.powerapps.us (c)
    AppId(0xffcb16e8_f789_467c_8ce9_f826a080d987), // SharedWithMe
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_without_duplicates() {
        for bundle in [
            &OFFICE_365,
            &ALL_MICROSOFT_APPS,
            &MICROSOFT_ADMIN_PORTALS,
            &TEAMS_AND_SHAREPOINT,
            &FIRST_PARTY,
        ] {
            assert!(!bundle.apps().is_empty());
            assert!(bundle.apps().is_sorted_by(|left, right| left < right));
        }
    }

    #[test]
    fn all_microsoft_apps_contains_the_other_bundles() {
        for bundle in [&OFFICE_365, &MICROSOFT_ADMIN_PORTALS] {
            assert!(
                bundle
                    .apps()
                    .iter()
                    .all(|app| ALL_MICROSOFT_APPS.contains(*app))
            );
        }
        let overlap = TEAMS_AND_SHAREPOINT.apps();
        assert!(overlap.iter().all(|app| OFFICE_365.contains(*app)));
    }

    #[test]
    fn membership_is_known_only_if_a_source_lists_it() {
        use Membership::{Member, NonMember, Unknown};
        let of = |id: &str| {
            let app = id.parse().unwrap();
            [
                Bundle::Office365,
                Bundle::AllMicrosoftApps,
                Bundle::MicrosoftAdminPortals,
            ]
            .map(|bundle| membership(app, bundle))
        };
        let exchange_online = "00000002-0000-0ff1-ce00-000000000000";
        assert_eq!(of(exchange_online), [Member, Member, NonMember]);
        let azure_portal = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c";
        assert_eq!(of(azure_portal), [Unknown, Member, Member]);
        let microsoft_graph = "00000003-0000-0000-c000-000000000000";
        assert_eq!(of(microsoft_graph), [Unknown, Member, NonMember]);
        let azure_purview = "73c2949e-da2d-457a-9607-fcc665198967";
        assert_eq!(of(azure_purview), [Unknown, Unknown, NonMember]);
        let of_a_tenant = "1a01899f-ffd3-4659-9c8b-641314fe61f2";
        assert_eq!(of(of_a_tenant), [NonMember; 3]);
        let repeated = FIRST_PARTY
            .apps()
            .iter()
            .find(|app| ALL_MICROSOFT_APPS.contains(**app));
        assert_eq!(repeated, None);
    }

    #[test]
    fn user_types_overlap_for_teams_and_sharepoint_online() {
        for id in [
            "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe",
            "00000003-0000-0ff1-ce00-000000000000",
        ] {
            assert!(TEAMS_AND_SHAREPOINT.contains(id.parse().unwrap()), "{id}");
        }
        let graph = "00000003-0000-0000-c000-000000000000".parse().unwrap();
        assert!(!TEAMS_AND_SHAREPOINT.contains(graph));
    }
}
