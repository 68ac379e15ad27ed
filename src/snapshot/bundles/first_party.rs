//! Microsoft's own applications whose bundles no source lists.
//!
//! Source: applications whose `appOwnerOrganizationId` is one of Microsoft's own tenants
//! (f8cdef31-a31e-4b4a-93e4-5f571e91255a, 72f988bf-86f1-41af-91ab-2d7cd011db47,
//! cdc5aeea-15c5-4db6-b079-fcadd2505dc2) in directory exports; collected by the community list
//! github.com/merill/microsoft-info as of 2026-08-20. Applications of the tables in `bundles` are omitted.

use crate::id::AppId;

/// Sorted by id, without duplicates.
#[rustfmt::skip]
pub(super) const FIRST_PARTY_APPS: &[AppId] = &[
    AppId(0x00000001_0000_0000_c000_000000000000), // Azure ESTS Service
    AppId(0x00000005_0000_0000_c000_000000000000), // Microsoft Azure Workflow
    AppId(0x00000008_0000_0000_c000_000000000000), // Microsoft.Azure.DataMarket
    AppId(0x0000000a_0000_0000_c000_000000000000), // Microsoft Intune
    AppId(0x0000000b_0000_0000_c000_000000000000), // Microsoft Seller Dashboard
    AppId(0x00000012_0000_0000_c000_000000000000), // Microsoft Rights Management Services
    AppId(0x00000014_0000_0000_c000_000000000000), // Microsoft.Azure.SyncFabric
    AppId(0x0000001b_0000_0000_c000_000000000000), // Microsoft Power BI Information Service
    AppId(0x00edd498_7c0c_4e68_859c_5a55d518c9c0), // Teams Biometric Service
    AppId(0x00f82732_f451_4a01_918c_0e9896e784f9), // Skype for Business Application Configuration Service
    AppId(0x0130cc9f_7ac5_4026_bd5f_80a08a54e6d9), // Azure Data Warehouse Polybase
    AppId(0x01cb2876_7ebd_4aa4_9cc9_d28bd4d359a9), // Device Registration Service
    AppId(0x01fc33a7_78ba_4d2f_a4b7_768e336e890e), // MS-PIM
    AppId(0x02d2a314_8dbb_47d3_8a77_1677403097de), // Microsoft SaaS Hub Resource Provider
    AppId(0x035f9e1d_4f00_4419_bf50_bf2d87eb4878), // Azure Monitor Restricted
    AppId(0x038187f5_ca69_4382_8c0b_8d87708d099f), // MSAI Substrate Meeting Intelligence
    AppId(0x04687a56_4fc2_4e36_b274_b862fb649733), // MDATPNetworkScanAgent
    AppId(0x0469d4cd_df37_4d93_8a61_f8c75b809164), // Policy Administration Service
    AppId(0x04f0c124_f2bc_4f59_8241_bf6df9866bbd), // Visual Studio
    AppId(0x0517ffae_825d_4aff_999e_3f2336b8a20a), // M365 App Management Service
    AppId(0x05a65629_4c1b_48c1_a78b_804c4abdd4af), // Microsoft Cloud App Security
    AppId(0x05d97c70_cb7c_4e66_8138_d5ca7c59d206), // Azure Edge Zones storage backend
    AppId(0x06dd8193_75af_46d0_84bb_9b9bcaa89e8b), // SubstrateActionsService
    AppId(0x080765e3_9336_4461_b934_310acccb907d), // Defender for Storage Advanced Threat Protection Resource Provider
    AppId(0x0858ddce_8fca_4479_929b_4504feeed95e), // Microsoft Defender for Cloud Apps MIP Server
    AppId(0x0a0a29f9_0a25_49c7_94bf_c53c3f8fa69d), // Cortana Experience with O365
    AppId(0x0a5f63c0_b750_4f38_a71c_4fc0d58b89e2), // Microsoft Mobile Application Management
    AppId(0x0bf30f3b_4a52_48df_9a82_234910c4a086), // Microsoft Graph Change Tracking
    AppId(0x0c708d37_30b2_4f22_8168_5d0cba6f37be), // Microsoft Teams Partner Tenant Administration
    AppId(0x0c7668b5_3260_4ad0_9f53_34ed54fa19b2), // Microsoft Defender for Cloud Servers Scanner Resource Provider
    AppId(0x0d38933a_0bbd_41ca_9ebd_28c4b5ba7cb7), // M365PurvieweDiscoveryService
    AppId(0x0e282aa8_2770_4b6c_8cf8_fac26e9ebe1f), // Sherlock
    AppId(0x0eb4bf93_cb63_4fe1_9d7d_70632ccf3082), // Microsoft Teams Intelligent Workspaces Interactions Service
    AppId(0x0ec2d138_5a70_4a33_b2c7_7d296c996ace), // 
    AppId(0x0eda3b13_ddc9_4c25_b7dd_2f6ea073d6b7), // Microsoft Flow CDS Integration Service
    AppId(0x0f54b75d_4d29_4a92_80ae_106a60cd8f5d), // Teams User Engagement Profile Service
    AppId(0x0f6edad5_48f2_4585_a609_d252b1c52770), // AIGraphClient
    AppId(0x0fa37baf_7afc_4baf_ab2d_d5bb891d53ef), // Microsoft Teams ATP Service
    AppId(0x0fc12b9a_5463_4b87_8f10_765fecb39990), // SQL Copilot PPE
    AppId(0x11413461_f071_4513_802f_acbb00576ed3), // Azure Security Insights Content As Code
    AppId(0x11c174dc_1945_4a9a_a36b_c79a0f246b9b), // Azure Monitor System
    AppId(0x11cd3e2e_fccb_42ad_ad00_878b93575e07), // Automated Call Distribution
    AppId(0x12743ff8_d3de_49d0_a4ce_6c91a4245ea0), // Metrics Monitor API
    AppId(0x12ff570a_8284_47ed_adb3_fcc72b594c36), // Consumption Billing
    AppId(0x1341df96_0b28_43da_ba24_7a6ce39be816), // Azure Managed HSM RP
    AppId(0x14452459_6fa6_4ec0_bc50_1528a1a06bf0), // Intune CMDeviceService
    AppId(0x1459b1f6_7a5b_4300_93a2_44b4a651759f), // Azure Container Apps Arc - Control Plane
    AppId(0x147dc821_b413_44c0_8009_1a3098378012), // Work IQ User MCP
    AppId(0x15689b28_1333_4213_bb64_38407dde8a5e), // Microsoft Azure
    AppId(0x1609d3a1_0db2_4818_b854_fe1614f0718a), // Azure Edge Zones storage
    AppId(0x161a339d_b9f5_41c5_8856_6a6669acac64), // Microsoft Azure Alerts Management
    AppId(0x167e2ded_f32d_49f5_8a10_308b921bc7ee), // OCaaS Worker Services
    AppId(0x1690c5aa_925a_4d0e_836b_722c795bd0d0), // Group Configuration Processor
    AppId(0x16b1878d_62c7_4009_aa25_68989d63bbad), // Work IQ Mail MCP
    AppId(0x184909ca_69f1_4368_a6a7_c558ee6eb0bd), // Marketplace Caps API
    AppId(0x189cf920_d3d8_4133_9145_23adcc6824fa), // IpLicensingService
    AppId(0x18a4ad1e_427c_4cad_8416_ef674e801d32), // Intune DeviceActionService
    AppId(0x18af356b_c4fd_4f52_9899_d09d21397ab7), // Office365DirectorySynchronizationService
    AppId(0x18ed3507_a475_4ccb_b669_d66bc9f2a36e), // Microsoft_AAD_RegisteredApps
    AppId(0x19947cfd_0303_466c_ac3c_fcc19a7a1570), // Azure DNS
    AppId(0x19b21e10_1304_498b_92d4_4290e94999fa), // Deprecated - CAS API Security RP Staging
    AppId(0x1a14be2a_e903_4cec_99cf_b2e209259a0f), // Azure Lab Services
    AppId(0x1a4b5304_a0fd_4017_8a3d_466fc083b73e), // MSATenantRestrictions
    AppId(0x1b730954_1685_4b74_9bfd_dac224a7b894), // Azure Active Directory PowerShell
    AppId(0x1b912ec3_a9dd_4c4d_a53e_76aa7adb28d7), // AADReporting
    AppId(0x1c0ae35a_e2ec_4592_8e08_c40884656fa5), // Skype Team Substrate connector
    AppId(0x1c2909a7_6432_4263_a70d_929a3c1f9ee5), // Common Data Service License Management
    AppId(0x1cda9b54_9852_4a5a_96d4_c2ab174f9edf), // O365Account
    AppId(0x1d78a85d_813d_46f0_b496_dd72f50a3ec0), // Microsoft Azure Policy Insights
    AppId(0x1dcb1bc7_c721_498e_b2fa_bcddcea44171), // Microsoft Azure Authorization Resource Provider
    AppId(0x1e2ca66a_c176_45ea_a877_e87f7231e0ee), // Microsoft B2B Admin Worker
    AppId(0x1e3e4475_288f_4018_a376_df66fd7fac5f), // NetworkTrafficAnalyticsService
    AppId(0x1efb1569_5fd6_4938_8b8d_9f3aa07c658d), // Microsoft Defender for Cloud for AI
    AppId(0x1f5530b3_261a_47a9_b357_ded261e17918), // Azure Multi-Factor Auth Connector
    AppId(0x1fd5118e_2576_4263_8130_9503064c837a), // Azure Communication Services
    AppId(0x1fe0d6b3_81f0_4cf5_9dfd_fbb297d7848c), // Microsoft Insider Risk Management
    AppId(0x207a6836_d031_4764_a9d8_c1193f455f21), // Conference Auto Attendant
    AppId(0x2087bd82_7206_4c0a_b305_1321a39e5926), // Microsoft To-Do
    AppId(0x21a8a852_89f4_4947_a374_b26b2db3d365), // IC3 Long Running Operations Service
    AppId(0x2220bbc4_4518_4fef_aac6_c6f32e9f9fd1), // Customer Experience Platform PROD
    AppId(0x2233b157_f44d_4812_b777_036cdaf9a96e), // Azure Cloud Shell
    AppId(0x224a7b82_46c9_4d6b_8db0_7360fb444681), // Microsoft Modern Contact Master
    AppId(0x22d7579f_06c2_4baa_89d2_e844486adb9d), // Cortana at Work Bing Services
    AppId(0x257601fd_462f_4a21_b623_7f719f0f90f4), // Centralized Deployment
    AppId(0x262044b1_e2ce_469f_a196_69ab7ada62d3), // Backup Management Service
    AppId(0x26a18ebc_cdf7_4a6a_91cb_beb352805e81), // Skype Teams Calling API Service
    AppId(0x26a4ae64_5862_427f_a9b0_044e62572a4f), // Microsoft Intune Checkin
    AppId(0x273404b8_7ebc_4360_9f90_b40417f77b53), // Microsoft Exact Data Match Service
    AppId(0x2793995e_0a7d_40d7_bd35_6968ba142197), // My Apps
    AppId(0x27b24f1f_688b_4661_9594_0fdfde972edc), // Skype Business Voice Directory
    AppId(0x292cff14_c0e8_4116_9e3b_99934ae05766), // Work IQ SharePoint MCP
    AppId(0x2a486b53_dbd2_49c0_a2bc_278bdfc30833), // Cortana at Work Service
    AppId(0x2bb78a2a_f8f1_4bc3_8ecf_c1e15a0726e6), // MicrosoftTeamsCortanaSkills
    AppId(0x2c7dd73f_7a21_485b_b97d_a2508fa152c3), // Azure ContainerApps Sessions
    AppId(0x2c9e12e5_a56c_4ba1_b768_7a141586c6fe), // Viva Learning
    AppId(0x2ca80e7c_4ad1_444f_88f5_58f92b71b7b0), // Euclid
    AppId(0x2cf9eb86_36b5_49dc_86ae_9a63135dfa8c), // Azure Traffic Manager and DNS
    AppId(0x2cfc91a4_7baa_4a8f_a6c9_5f3d279060b8), // Azure Application Change Service
    AppId(0x2d215f00_80d1_4f4b_a6c8_28080dfafc81), // Microsoft Authorization System Policy
    AppId(0x2d4e7d66_4baf_4714_bf99_7e03dc377fdb), // Workload Identity Control Plane
    AppId(0x2db8cb1d_fb6c_450b_ab09_49b6ae35186b), // Microsoft Dynamics CRM Learning Path
    AppId(0x2dbeefeb_6462_48a4_abe6_1c4989699319), // Microsoft 365 Admin Center MCP
    AppId(0x2ddfbe71_ed12_4123_b99b_d5fc8a062a79), // Microsoft Teams Admin Portal Service
    AppId(0x2e49aa60_1bd3_43b6_8ab6_03ada3d9f08b), // Dynamics Data Integration
    AppId(0x2eba9957_8c82_4bfd_8025_e4a4a97a9110), // GSA-Purview
    AppId(0x2f3f02c9_5679_4a5c_a605_0de55b07d135), // Office 365 Information Protection
    AppId(0x2f6713e6_1e21_4a83_91b4_5bf9a2378f81), // Dynamics 365 Resource Scheduling Optimization
    AppId(0x30e31aeb_977f_4f4f_a483_b61e8377b302), // Microsoft Teams ADL
    AppId(0x30e5659d_7a97_4c66_8863_497f329ac280), // DataAssessments
    AppId(0x3138fe80_4087_4b04_80a6_8866c738028a), // SharePoint Notification Service
    AppId(0x3184af01_7a88_49e0_8b55_8ecdce0aa950), // Azure Cost Management XCloud
    AppId(0x328fd23b_de6e_462c_9433_e207470a5727), // NFV Resource Provider
    AppId(0x32b6d34b_c894_4971_8223_e17b86e9ad26), // Signal B2 Service
    AppId(0x331cc017_5973_4173_b270_f0042fddfd75), // Power Apps API
    AppId(0x3340b944_b12e_47d0_b46b_35f08ec1d8ee), // SPAuthEvent
    AppId(0x33be1cef_03fb_444b_8fd3_08ca1b4d803f), // OneDrive Web
    AppId(0x341b7f3d_69b3_47f9_9ce7_5b7f4945fdbd), // Azure Support - Network Watcher
    AppId(0x342f61e2_a864_4c50_87de_86abc6790d49), // Power Platform Policy Services CM - PROD
    AppId(0x3471ca03_f150_4759_88e6_0bfc97daf723), // OneCert-AzureDns-Prod
    AppId(0x354b5b6d_abd6_4736_9f51_1be80049b91f), // Microsoft Mobile Application Management Backend
    AppId(0x3570e63c_5acf_4f3f_9f15_a49faa5120d3), // Power Apps Service Customer Management Plane Backend
    AppId(0x35e5e31d_b3e8_442b_9a8d_2f81f46938cf), // Entra App Platform System Application
    AppId(0x3603eff4_9141_41d5_ba8f_02fb3a439cd6), // Diagnostic Services Data Access
    AppId(0x372140e0_b3b7_4226_8ef9_d57986796201), // Azure Windows VM Sign-In
    AppId(0x3734c1a4_2bed_4998_a37a_ff1a9e7bf019), // Microsoft Azure Container Apps - Data Plane
    AppId(0x38808189_fa7a_4d8a_807f_eba01edacca6), // AzNet Security Guard
    AppId(0x3957683c_3a48_4a6c_8706_a6e2d6883b02), // Omnichannel for CS Provisioning App Primary
    AppId(0x39624784_6cbe_4a60_afbe_9f46d10fdb27), // Teams and Skype for Business Administration
    AppId(0x396e7f4b_41ea_4851_b04d_65de6cf1b4a3), // Azure AD Identity Governance - SPO Management
    AppId(0x39e6ea5b_4aa4_4df2_808b_b6b5fb8ada6f), // Dynamics Provision
    AppId(0x3a3b6b87_84e2_4ad2_aa37_d76c339371a4), // Storage Data Management RP Prod FPA
    AppId(0x3aa5c166_136f_40eb_9066_33ac63099211), // O365 Customer Monitoring
    AppId(0x3af5a1e8_2459_45cb_8683_bcd6cccbcc13), // Azure Smart Alerts
    AppId(0x3af5adde_460d_4bc1_ada0_fc648af8fefb), // ChatMigrationService1P
    AppId(0x3b2fa68d_a091_48c9_95be_88d572e08fb7), // AzureBackupReporting
    AppId(0x3b80cd3f_61ca_49b0_8d0f_7b6760e08705), // ZTNA Policy Service Graph Client
    AppId(0x3c31d730_a768_4286_a972_43e9b83601cd), // Demeter.WorkerRole
    AppId(0x3cf468b4_12a0_43cd_aa3f_3f39210d14cf), // Quota Service Core - ARM Client
    AppId(0x3cf6df92_2745_4f6f_bbcf_19b59bcdb62a), // Office 365 Client Admin
    AppId(0x3db474b9_6a0c_4840_96ac_1fceb342124f), // Verifiable Credentials Service Request
    AppId(0x3e050dd7_7815_46a0_8263_b73168a42c10), // Teams Approvals
    AppId(0x3eb95cef_b10f_46fe_94e0_969a3d4c9292), // Office 365 Import Service
    AppId(0x3edcf11f_df80_41b2_a5e4_7e213cca30d1), // Azure Application Change Service
    AppId(0x3f6aecb4_6dbf_4e45_9141_440abdced562), // PROD Microsoft Defender For Cloud XDR
    AppId(0x409eb69a_5e20_4e1e_a8bf_c23300057950), // Azure Container Apps Arc - Data Plane
    AppId(0x40c49ff3_c6ae_436d_b28e_b8e268841980), // Microsoft Azure Network Copilot
    AppId(0x441509e5_a165_4363_8ee7_bcf0b7d26739), // DWEngineV2
    AppId(0x44a02aaa_7145_4925_9dcd_79e6e1b94eff), // Microsoft Dynamics 365 Apps Integration
    AppId(0x45164d96_544d_4a64_a1ca_3fb4bbb6eb18), // ScheduledActions
    AppId(0x461e8683_5575_4561_ac7f_899cc907d62a), // Azns AAD Webhook
    AppId(0x4660504c_45b3_4674_a709_71951a6b0763), // Microsoft Invitation Acceptance Portal
    AppId(0x4747d38e_36c5_4bc3_979b_b0ef74df54d1), // PushChannel
    AppId(0x4787c7ff_7cea_43db_8d0d_919f15c6354b), // Dynamics 365 Viva Sales
    AppId(0x47ee738b_3f1a_4fc7_ab11_37e4822b007e), // Azure AD Application Proxy
    AppId(0x486c78bf_a0f7_45f1_92fd_37215929e116), // GatewayRP
    AppId(0x4990cffe_04e8_4e8b_808a_1175604b879f), // Microsoft Partner
    AppId(0x499b84ac_1321_427f_aa17_267ca6975798), // Azure DevOps
    AppId(0x4ac7d521_0382_477b_b0f8_7e1d95f85ca2), // Azure Analysis Services
    AppId(0x4bfd5d66_9285_44a1_bb14_14953e8cdf5e), // Audit GraphAPI Application
    AppId(0x4c8f074c_e32b_4ba7_b072_0f39d71daf51), // IPSubstrate
    AppId(0x4e445925_163e_42ca_b801_9073bfa46d17), // SharePoint Home Notifier
    AppId(0x4eaceb75_fe6c_4953_b873_0fd565ecd334), // Request Approvals Write Platform
    AppId(0x507bc9da_c4e2_40cb_96a7_ac90df92685c), // Office 365 Reports
    AppId(0x509e4652_da8d_478d_a730_e9d4a1996ca4), // Azure Resource Graph
    AppId(0x50d8616b_fd4f_4fac_a1c9_a6a9440d7fe0), // OMSAuthorizationServicePROD
    AppId(0x51b5e278_ed7e_42c6_8787_7ff93e92f577), // Narada Notification Service
    AppId(0x51b6191a_b045_44cf_8277_ee37c9fb5a06), // Compute Image Registry
    AppId(0x546068c3_99b1_4890_8e93_c8aeadcfe56a), // Common Data Service - Azure Data Lake Storage
    AppId(0x55441455_2f54_42b5_bc99_93e21cd4ae28), // Office Enterprise Protection Service
    AppId(0x557c67cf_c916_4293_8373_d584996f60ae), // Configuration Manager Microservice
    AppId(0x55bdc56c_2b15_4538_aa37_d0c008c8c430), // IC3 Gateway TestClone
    AppId(0x55ebbb62_3b9c_49fd_9b87_9595226dd4ac), // Microsoft Azure Legion
    AppId(0x562db366_1b96_45d2_aa4a_f2148cef2240), // Diagnostic Services Trusted Storage Access
    AppId(0x56823b05_67d8_413a_b6ab_ad19d7710cf2), // Microsoft Defender for APIs Resource Provider
    AppId(0x56841561_dc28_442b_94a8_f8e4fd8b6fa4), // CapacityPolicyAssignmentApp
    AppId(0x56a02f66_b2ce_4568_954b_907d5476c479), // Production-DPS-1P-SQLIaaS
    AppId(0x56c1da01_2129_48f7_9355_af6d59d42766), // Graph Connector Service
    AppId(0x57084ef3_d413_4087_a28f_f6f3b1ad7786), // Branch Connect Web Service
    AppId(0x579d9c9d_4c83_4efc_8124_7eba65ed3356), // Azure Compute
    AppId(0x57fb890c_0dab_4253_a5e0_7188c88b2bb4), // SharePoint Online Client
    AppId(0x5861f7fb_5582_4c1a_83c0_fc5ffdb531a6), // Azure RBAC Data Plane
    AppId(0x589d5083_6f11_4d30_a62a_a4b316a14abf), // Azure Key Vault Managed HSM
    AppId(0x58c746b0_a0b0_4647_a8f6_12dde5981638), // Azure AD Identity Governance Insights
    AppId(0x58ea322b_940c_4d98_affb_345ec4cccb92), // M365 Pillar Diagnostics Service
    AppId(0x58ef1dbd_684c_47d6_8ffc_61ea7a197b95), // AzNS EventHub Action
    AppId(0x59534ab2_0027_4a45_b9ec_61d1b6b871c9), // Power Platform Connector Management Service - PROD
    AppId(0x59eca866_2f46_40b8_96ff_63f663121ef9), // Agent 365
    AppId(0x59f0a04a_b322_4310_adc9_39ac41e9631e), // Azure SRE Agent
    AppId(0x5a807f24_c9de_44ee_a3a7_329e88a00ffc), // Messaging Bot API Application
    AppId(0x5b20c633_9a48_4a5f_95f6_dae91879051f), // Azure Information Protection
    AppId(0x5b3b270a_b9ad_46e7_9bbb_a866897c4dc7), // Azure Portal RP
    AppId(0x5da7367f_09c8_493e_8fd4_638089cddec3), // CABProvisioning
    AppId(0x5dc48733_b5df_475c_a49b_fa307ef00853), // Internet resources with Global Secure Access
    AppId(0x5e5e43d4_54da_4211_86a4_c6e7f3715801), // Azure Regional Service Manager
    AppId(0x5f6aefe1_a8d4_4a7d_a461_6c70cb361014), // Azure Security Insights Management
    AppId(0x601d4e27_7bb3_4dee_8199_90d47d527e1c), // Office Change Management
    AppId(0x603b8c59_ba28_40ff_83d1_408eee9a93e5), // Verifiable Credentials Issuer Service
    AppId(0x607e1f95_b519_4bac_8a15_6196f40e8977), // StreamToSubstrateRepl
    AppId(0x60b2e7d5_a27f_426d_a6b1_acced0846fdf), // Microsoft Azure IPAM
    AppId(0x60e6cd67_9c8c_4951_9b3c_23c25a2169af), // Managed Disks Resource Provider
    AppId(0x6104ad52_755e_428b_9fb5_5fdf4d2c4d53), // Azure ContainerApps Auth
    AppId(0x618dd325_23f6_4b6f_8380_4df78026e39b), // Microsoft 365 Admin portal
    AppId(0x61a63147_3824_45f5_a186_ace3f4c9daeb), // MsgDataMgmt
    AppId(0x61f9e166_f678_4342_bfd3_b49781ce7a0a), // Teams Policy Notification Processor Service
    AppId(0x6208afad_753e_4995_bbe1_1dfd204b3030), // Teams ACL management service
    AppId(0x62b732f7_fc71_40bc_b27d_35efcb0509de), // Microsoft Teams AadSync
    AppId(0x62e61498_0c88_438b_a45c_2da0517bebe6), // VS with MSAL
    AppId(0x62f85080_9912_4a16_b0be_aff63ee2eeea), // 
    AppId(0x637fcc9f_4a9b_4aaa_8713_a2a3cfda1505), // Dynamics CRM Online Administration
    AppId(0x63e61dc2_f593_4a6f_92b9_92e4d2c03d4f), // Microsoft Intune SCCM Connector
    AppId(0x644c1b11_f63f_45fa_826b_a9d2801db711), // CompliancePolicy
    AppId(0x64f79cb9_9c82_4199_b85b_77e35b7dcbcb), // Microsoft Teams Bots
    AppId(0x65c8bd9e_caac_4816_be98_0692f41191bc), // People Profile Event Proxy
    AppId(0x660d4be7_2665_497f_9611_a42c2668dbce), // Microsoft Fluid Framework Preview
    AppId(0x66244124_575c_4284_92bc_fdd00e669cea), // IAMTenantCrawler
    AppId(0x6872b314_67ab_4a16_98e7_a663b0f772c3), // Office365 Shell SS-Server Default
    AppId(0x688413c8_5319_43e1_9a0e_42f49da53686), // Verified ID STS Controller
    AppId(0x68bc31c0_f891_4f4c_9309_c6104f7be41b), // 
    AppId(0x69dda2a9_33ca_4ed0_83fb_a9b7b8973ff4), // Azure Files
    AppId(0x6a0a243c_0886_468a_a4c2_eff52c7445da), // Application Insights Configuration Service
    AppId(0x6a8b4b39_c021_437c_b060_5a14a3fd65f3), // Verifiable Credentials Service Admin
    AppId(0x6b11041d_54a2_4c4f_96a2_6053efe46d8b), // HoloLens Camera Roll Upload
    AppId(0x6b3368c6_61d2_4a72_854c_42d1c4e71fed), // Azure Cost Management Scheduled Actions
    AppId(0x6b5b3617_ba00_46f6_8770_1849282a189a), // Microsoft Defender For Cloud
    AppId(0x6bccf540_eb86_4037_af03_7fa058c2db75), // Geneva Alert RP
    AppId(0x6d057c82_a784_47ae_8d12_ca7b38cf06b4), // AzureVirtualNetworkManager
    AppId(0x6d32b7f8_782e_43e0_ac47_aaad9f4eb839), // Permission Service O365
    AppId(0x6d81daa3_fdfe_4d42_a619_5b89358c3838), // Defender for Cloud Apps - Microsoft Copilot Collector
    AppId(0x6da466b6_1d13_4a2c_97bd_51a99e8d4d74), // Exchange Office Graph Client for AAD - Interactive
    AppId(0x6e02f8e9_db9b_4eb5_aa5a_7c8968375f68), // Microsoft Azure Vnet Verifier
    AppId(0x6e2cffc9_52e7_4bfa_8155_be5c1dacd81c), // Microsoft Defender for Cloud Defender Kubernetes Agent
    AppId(0x6e99704e_62d5_40f6_b2fe_90aafbe3a710), // OCaaS Experience Management Service
    AppId(0x6ea8091b_151d_447a_9013_6845b83ba57b), // AD Hybrid Health
    AppId(0x6f0478d5_61a3_4897_a2f2_de09a5a90c7f), // WindowsUpdate-Service
    AppId(0x6f7d0213_62b1_43a8_b7f4_ff2bb8b7b452), // Dual-write
    AppId(0x707be275_6b9d_4ee7_88f9_c0c2bd646e0f), // Dynamic Alerts
    AppId(0x709110f7_976e_4284_8851_b537e9bcb187), // Microsoft Device Management Enrollment
    AppId(0x71234da4_b92f_429d_b8ec_6e62652e50d7), // Microsoft Customer Engagement Portal
    AppId(0x73c2949e_da2d_457a_9607_fcc665198967), // Azure Purview
    AppId(0x75513c96_801d_4559_830a_6754de13dd19), // M365 Label Analytics
    AppId(0x7598ef18_a171_4c40_b5b2_9b6df5d67a21), // Defender for Cloud Apps - Power Platform Solution Deployer
    AppId(0x75d4238e_b142_4d2d_aed9_232b830b8706), // Viva Skills
    AppId(0x765fe668_04e7_42ba_aec0_2c96f1d8b652), // Exchange Office Graph Client for AAD - Noninteractive
    AppId(0x76c7f279_7959_468f_8943_3954880e0d8c), // Azure SQL Managed Instance to Microsoft.Network
    AppId(0x76cd24bf_a9fc_4344_b1dc_908275de6d6d), // Azure SQL Virtual Network to Network Resource Provider
    AppId(0x789e8929_0390_42a2_8934_0f9dafb8ec89), // Exchange Rbac
    AppId(0x78e7bc61_0fab_4d35_8387_09a8d2f5a59d), // Yggdrasil
    AppId(0x794ded15_70c6_4bcd_a0bb_9b7ad530a01a), // Microsoft Intune Advanced Threat Protection Integration
    AppId(0x79d7fb34_4bef_4417_8184_ff713af7a679), // Azure Bastion
    AppId(0x7ae5462d_d9d1_42f6_93ca_198d7b0ca997), // Microsoft Security Data Connectors
    AppId(0x7b58f833_4438_494c_a724_234928795a67), // Directory and Policy Cache
    AppId(0x7bf610f7_ecaf_43a2_9dbc_33b14314d6fe), // Microsoft.SecurityDevOps Resource Provider
    AppId(0x7c33bfcb_8d33_48d6_8e60_dc6404003489), // Network Watcher
    AppId(0x7c99d979_3b9c_4342_97dd_3239678fb300), // Data Classification Service
    AppId(0x7cb67f16_9174_4dfc_989a_0d02aed8d3c3), // MDA LCNC Power Platform Security Webhooks
    AppId(0x7cd684f4_8a78_49b0_91ec_6a35d38739ba), // Azure Logic Apps
    AppId(0x7d3471e1_ec8b_4655_92f3_bb331362b5ae), // Azure Storage Actions Resource Provider Service
    AppId(0x7dcff627_a295_4553_9229_b1f3513f82a8), // Power Platform Data Analytics
    AppId(0x7df0a125_d3be_4c96_aa54_591f83ff541c), // Microsoft Flow Service
    AppId(0x7e313d81_57dd_4bdd_906e_337963583de3), // Intune DeviceDirectory ConfidentialClient
    AppId(0x7e3bc4fd_85a3_4192_b177_5b8bfc87f42c), // Microsoft Azure Container Apps - Control Plane
    AppId(0x7e468355_e4db_46a9_8289_8d414c89c43c), // Federated Profile Service
    AppId(0x7f0d9978_eb2a_4974_88bd_f22a3006fe17), // Intune DiagnosticService
    AppId(0x7f15f9d9_cad0_44f1_bbba_d36650e07765), // Azure Synapse Link for Dataverse
    AppId(0x7fe3d988_4f3b_4f33_83bd_1fb921a35ed2), // PurviewRoleAssignmentMigrator
    AppId(0x80dbdb39_4f33_4799_8b6f_711b5e3e61b6), // Billing RP
    AppId(0x810dcf14_1858_4bf2_8134_4c369fa3235b), // Azure AD Identity Governance - Entitlement Management
    AppId(0x81172f0f_5d81_47c7_96f6_49c58b60d192), // Microsoft Defender for Cloud MultiCloud Onboarding
    AppId(0x81473081_50b9_469a_b9d8_303109583ecb), // Cortana Runtime Service
    AppId(0x81ca2f57_06b8_4597_9eee_ad8f700c5106), // MicrosoftEntraIDReputationManagementServices
    AppId(0x823dfde0_1b9a_415a_a35a_1ad34e16dd44), // Microsoft Teams Wiki Images Migration
    AppId(0x844cca35_0656_46ce_b636_13f48b0eecbd), // Microsoft Stream Mobile Native
    AppId(0x84a0e9dd_6e58_4aad_82af_ebe485acd09d), // Hubble Media Service
    AppId(0x85eced78_2127_4b24_9418_95f0bbe3d145), // Safelinks
    AppId(0x86b4b4b4_db10_481c_876b_07447e7f204f), // Groups Service
    AppId(0x870c4f2e_85b6_4d43_bdda_6ed9a579b725), // Microsoft Information Protection Sync Service
    AppId(0x87251ad4_d513_4246_8138_b40d418b9005), // CommComplianceApp
    AppId(0x87749df4_7ccf_48f8_aa87_704bad0e0e16), // Microsoft Teams - Device Admin Agent
    AppId(0x87e86b91_9ae3_4679_b68a_471fe50be746), // Microsoft Managed Policy Manager
    AppId(0x886b3ae5_8ee1_4bb4_a312_b35341a95909), // Syntex Resource Provider
    AppId(0x88884730_8181_4d82_9ce2_7d5a7cc7b81e), // SharePoint Notification Service
    AppId(0x8909aac3_be91_470c_8a0b_ff09d669af91), // Microsoft Parature Dynamics CRM
    AppId(0x89b757f8_1e01_4f41_8c72_75e191b11b8c), // Azure Context Cache RP Prod Identity
    AppId(0x89e7f920_bdc3_4e71_99e5_30d84827b610), // Dunloe Dataplane Service
    AppId(0x8a753eec_59bc_4c6a_be91_6bf7bfe0bcdf), // Teams Application Gateway
    AppId(0x8ad61c39_5b6e_447c_b26a_a64eee436502), // M365AdminAgent
    AppId(0x8ae6a0b1_a07f_4ec9_927a_afb8d39da81c), // Microsoft Device Management EMM API
    AppId(0x8b3391f4_af01_4ee8_b4ea_9871b2499735), // O365 Secure Score
    AppId(0x8b62382d_110e_4db8_83a6_c7e8ee84296a), // PowerAI
    AppId(0x8bbf8725_b3ca_4468_a217_7c8da873186e), // DeploymentScheduler
    AppId(0x8bdebf23_c0fe_4187_a378_717ad86f6a53), // ResourceHealthRP
    AppId(0x8bea2130_23a1_4c09_acfb_637a9fb7c157), // M365 Pillar Diagnostics Service API
    AppId(0x8c59ead7_d703_4a27_9e55_c96a0054c8d2), // My Profile
    AppId(0x8c8fbf21_0ef3_4f60_81cf_0df811ff5d16), // Power Query Online GCC-L5
    AppId(0x8cae6e77_e04e_42ce_b5cb_50d82bce26b1), // Microsoft Policy Insights Provider Data Plane
    AppId(0x8d3a7d3c_c034_4f19_a2ef_8412952a9671), // Microsoft Office Licensing Service
    AppId(0x8d605dfc_1a04_4da6_9be2_8426724af3f3), // Power Platform Authorization Service PROD
    AppId(0x8e0e8db5_b713_4e91_98e6_470fed0aa4c2), // Microsoft Azure Signup Portal
    AppId(0x8ee8fdad_f234_4243_8f3b_15c294843740), // Microsoft Threat Protection
    AppId(0x8f41dc7c_542c_4bdd_8eb3_e60543f607ca), // Microsoft Device Directory Service
    AppId(0x8fca0a66_c008_4564_a876_ab3ae0fd5cff), // Microsoft.SMIT
    AppId(0x910333d2_47e9_43ca_981f_6df2f4531ef4), // Work IQ Calendar MCP
    AppId(0x913c6de4_2a4a_4a61_a9ce_945d2b2ce2e0), // Dynamics Lifecycle services
    AppId(0x914fed76_dc75_4540_bf23_57624291b0ec), // M365AdminSettingsService
    AppId(0x91ad134d_5284_4adc_a896_d7fd24e9fa15), // Microsoft Alchemy Service
    AppId(0x925eb0d0_da50_4604_a19f_bd8de9147958), // Groupies Web Service
    AppId(0x92876b03_76a3_4da8_ad6a_0511ffdf8647), // M365PurvieweDiscoveryInfra
    AppId(0x934d626a_1ead_4a36_a77d_12ec63b87a0d), // Microsoft Rights Management Services Default
    AppId(0x939fe80f_2eef_464f_b0cf_705d254a2cf2), // Power Query Online GCC-L2
    AppId(0x93bd1aa4_c66b_4587_838c_ffc3174b5f13), // Power Platform Global Discovery Service
    AppId(0x949eebbd_6fe4_4eb5_a25e_a9bf12d6b96e), // Microsoft Sentinel Situational Awareness Workspace Access
    AppId(0x959678cf_d004_4c22_82a6_d2ce549a58b8), // Microsoft_Azure_Support
    AppId(0x96ff4394_9197_43aa_b393_6a41652e21f8), // Power Virtual Agents
    AppId(0x972bb84a_1d27_4bd3_8306_6b8e57679e8c), // Microsoft Defender for Cloud Apps - APIs
    AppId(0x978877ea_b2d6_458b_80c7_05df932f3723), // Microsoft Teams AuditService
    AppId(0x981f26a1_7f43_403b_a875_f8b09b8cd720), // Azure Multi-Factor Auth Client
    AppId(0x982bda36_4632_4165_a46a_9863b1bbcf7d), // O365 Demeter
    AppId(0x98785600_1bb7_4fb9_b9fa_19afe2c8a360), // Azure Security Insights
    AppId(0x98c8388a_4e86_424f_a176_d1288462816f), // Recommended
    AppId(0x992136bc_5b57_425f_8d95_ac65975722cd), // Microsoft Defender Hunting
    AppId(0x99335b6b_7d9d_4216_8dee_883b26e0ccf7), // Power Platform Dataflows Common Data Service Client
    AppId(0x996def3d_b36c_4153_8607_a6fd3c01b89f), // Dynamics 365 Business Central
    AppId(0x997dc448_eeab_4c93_8811_6b2c80196a16), // CCM TAGS
    AppId(0x9abd8443_d92a_40e6_a9ec_e5b6d29bc724), // MTP Unified RBAC
    AppId(0x9b06ebd4_9068_486b_bdd2_dac26b8a5a7a), // Microsoft.DynamicsMarketing
    AppId(0x9bb724a5_4639_438c_969b_e184b2b1e264), // KaizalaActionsPlatform
    AppId(0x9bdab391_7bbe_42e8_8132_e4491dc29cc0), // Azure Backup NRP Application
    AppId(0x9c60a40b_b5c5_4d01_8588_776209c80db3), // Search Federation Connector - Dataverse
    AppId(0x9c8b80bc_6887_42d0_b1af_d0c40f9bf1fa), // Azure SQL Managed Instance to Azure AD Resource Provider
    AppId(0x9cb77803_d937_493e_9a3b_4b49de3f5a74), // Microsoft Intune Service Discovery
    AppId(0x9cd0f7df_8b1a_4e54_8c0c_0ef3a51116f6), // DirectoryLookupService
    AppId(0x9d06afd9_66c9_49a6_b385_ea7509332b0b), // O365SBRM Service
    AppId(0x9d4afbbc_06a4_49e0_8005_4e5afd1d4fec), // ZTNA Network Access Control Plane
    AppId(0x9e133cac_5238_4d1e_aaa0_d8ff4ca23f4e), // Conferencing Virtual Assistant
    AppId(0x9e5d84af_8971_422f_968a_354cd675ae5b), // ComplianceAuthServer
    AppId(0x9ec59623_ce40_4dc8_a635_ed0275b5d58a), // Purview Ecosystem
    AppId(0x9ee7b58d_f9db_45bc_ad7b_c2b97bbc3337), // Defender Experts for XDR
    AppId(0xa0551534_cfc9_4e1f_9a7a_65093b32bb38), // AzureLockbox
    AppId(0xa0be0c72_870e_46f0_9c49_c98333a996f7), // AzureDnsFrontendApp
    AppId(0xa150d169_7d37_47dd_9b20_156207b7b02f), // MIP Exchange Solutions
    AppId(0xa164aee5_7d0a_46bb_9404_37421d58bdf7), // Microsoft Teams AuthSvc
    AppId(0xa1b76039_a76c_499f_a2dd_846b4cc32627), // Azure Key Vault Managed HSM Key Governance Service
    AppId(0xa1bfe852_bf44_4da0_a9c1_37af2d5e6df9), // Microsoft Graph Bicep Extension
    AppId(0xa1cffbc6_1cb3_44e4_a1d2_cee9cce700f1), // 
    AppId(0xa25dbca8_4e60_48e5_80a2_0664fdb5c9b6), // Microsoft.MileIQ
    AppId(0xa303894e_f1d8_4a37_bf10_67aa654a0596), // Compute Usage Provider
    AppId(0xa3dfc3c6_2c7d_4f42_aeec_b2877f9bce97), // Microsoft Azure AD Identity Protection
    AppId(0xa47591ab_e23e_4ffa_9e1b_809b9067e726), // Microsoft Teams User Profile Search Service
    AppId(0xa4a365df_50f1_4397_bc59_1a1564b8bb9c), // Microsoft Remote Desktop
    AppId(0xa4c1cdb3_88ab_4d13_bc99_1c46106f0727), // Marketplace Reviews
    AppId(0xa68e1e61_ad4f_45b6_897d_0a1ea8786345), // Office365 Shell WCSS-Server Default
    AppId(0xa6aa9161_5291_40bb_8c5c_923b567bee3b), // Storage Resource Provider
    AppId(0xa70c8393_7c0c_4c1e_916a_811bd476ee11), // Microsoft Defender for Cloud CIEM
    AppId(0xa7d8f84e_510b_46d6_8f59_77e581db63bc), // Azure Static Web Apps
    AppId(0xa855a166_fd92_4c76_b60d_a791e0762432), // Microsoft Teams VSTS
    AppId(0xa882f5bd_2492_44fe_bb55_a811aab59451), // Intune Compliance Client Prod
    AppId(0xa8b6bf88_1d1a_4626_b040_9a729ea93c65), // Compute Artifacts Publishing Service
    AppId(0xaa580612_c342_4ace_9055_8edee43ccb89), // Microsoft Teams Shifts
    AppId(0xaa813f0e_407a_459d_93af_805f2bf10f33), // Substrate Conversation Intelligence Service
    AppId(0xaa9ecb1e_fd53_4aaa_a8fe_7a54de2c1334), // Office 365 Configure
    AppId(0xaad3e70f_aa64_4fde_82aa_c9d97a4501dc), // RPA - Machine Management Relay Service
    AppId(0xab158d9a_0b5c_4cc3_bb2b_f6646581e4e4), // CAP Neptune Prod CM Prod
    AppId(0xab27a73e_a3ba_4e43_8360_8bcc717114d8), // Microsoft.OfficeModernCalendar
    AppId(0xab7c82de_7946_4454_ac28_70249d17c95e), // Work IQ Copilot MCP
    AppId(0xabc63b55_0325_4305_9e1e_3463b182a6dc), // TenantSearchProcessors
    AppId(0xabfa0a7c_a6b6_4736_8310_5855508787cd), // Microsoft Azure App Service
    AppId(0xac6dbf5e_1087_4434_beb2_0ebf7bd1b883), // Microsoft Defender for Cloud Apps - Customer Experience
    AppId(0xad40333e_9910_4b61_b281_e3aeeb8c3ef3), // AI Builder Authorization Service
    AppId(0xaeb86249_8ea3_49e2_900b_54cc8e308f85), // M365 License Manager
    AppId(0xaebc6443_996d_45c2_90f0_388ff96faa56), // Visual Studio Code
    AppId(0xb0b2a2bb_6361_4549_a00c_a018417eb8e2), // Work IQ OneDrive MCP
    AppId(0xb15f3d14_f6d1_4c0d_93da_d4136c97f006), // Azure Storage Discovery Resource Provider
    AppId(0xb20d0d3a_dc90_485b_ad11_6031e769e221), // SalesInsightsWebApp
    AppId(0xb2cc270f_563e_4d8a_af47_f00963a71dcd), // OneProfile Service
    AppId(0xb46c3ac5_9da6_418f_a849_0a07a10b3c6c), // Cloud Infrastructure Entitlement Management
    AppId(0xb4ca0290_4e73_4e31_ade0_c82ecfaabf6a), // Azure DNS Managed Resolver
    AppId(0xb503eb83_1222_4dcc_b116_b98ed5216e05), // Azure Notification Service
    AppId(0xb51a99a9_ccaa_4687_aa2c_44d1558295f4), // Microsoft Exact Data Match Upload Agent
    AppId(0xb5a60e17_278b_4c92_a4e2_b9262e66bb28), // Azure MFA StrongAuthenticationService
    AppId(0xb692184e_b47f_4706_b352_84b288d2d9ee), // Microsoft.MileIQ.RESTService
    AppId(0xb6a1fec6_8029_456b_81ed_de7754615362), // TI-1P-APP
    AppId(0xb6b84568_6c01_4981_a80f_09da9a20bbed), // Microsoft Invoicing
    AppId(0xb6fb6bd6_f0fb_4a60_beb1_4e50afd0eaa9), // Power Apps Service Data Plane Backend
    AppId(0xb7912db9_aa33_4820_9d4f_709830fdd78f), // ConnectionsService
    AppId(0xb8066b99_6e67_41be_abfa_75db1a2c8809), // Microsoft Intune IW Service
    AppId(0xb8340c3b_9267_498f_b21a_15d5547fd85e), // Hyper-V Recovery Manager
    AppId(0xb861dbcc_a7ef_4219_a005_0e4de4ea7dcf), // Data Export Service for Microsoft Dynamics 365
    AppId(0xb8d56525_1fd0_4121_a640_e0ede64f74b5), // M365CommunicationCompliance
    AppId(0xb9a92e36_2cf8_4f4e_bcb3_9d99e00e14ab), // Compute Recommendation Service
    AppId(0xba081686_5d24_4bc6_a0d6_d034ecffed87), // Work IQ CLI
    AppId(0xba23cd2a_306c_48f2_9d62_d3ecd372dfe4), // DecomOfficeGraph
    AppId(0xba9ff945_a723_4ab5_a977_bd8c9044fe61), // My Staff
    AppId(0xbb2a64ee_5d29_4b07_a491_25806dc854d3), // Verifiable Credentials Service
    AppId(0xbb8f18b0_9c38_48c9_a847_e1ef3af0602d), // Microsoft.Azure.ActiveDirectoryIUX
    AppId(0xbc59ab01_8403_45c6_8796_ac3ef710b3e3), // Outlook Online Add-in App
    AppId(0xbceea168_88ac_4736_95dc_4ce488ffe324), // Microsoft Defender for Cloud
    AppId(0xbd11ca0f_4fd6_4bb7_a259_4a36693b6e13), // MCAPI AAD Bridge Service
    AppId(0xbd6d9218_235b_4abd_b3be_9ff157dcf36c), // MDC Data Sensitivity
    AppId(0xbd93b475_f9e2_476e_963d_b2daf143ffb9), // SQLVMResourceProviderAuth
    AppId(0xbe58d912_b9d5_41a0_8b56_779409e017b8), // 
    AppId(0xbf26f092_3426_4a99_abfb_97dad74e661a), // Azure AD Identity Governance
    AppId(0xbf4fa6bf_d24c_4d1c_8cfd_12063dd646b2), // AADPremiumService
    AppId(0xbf9fc203_c1ff_4fd4_878b_323642e462ec), // Microsoft Commerce Accounts Service
    AppId(0xc066d759_24ae_40e7_a56f_027002b5d3e4), // M365DataAtRestEncryption
    AppId(0xc08f52c9_8f03_4558_a0ea_9a4c878cf343), // Microsoft apps with Global Secure Access
    AppId(0xc09dc6d6_3bff_482b_8e40_68b3ad65f3fa), // ProductsLifecycleApp
    AppId(0xc161e42e_d4df_4a3d_9b42_e7a3c31f59d4), // Microsoft Intune API
    AppId(0xc2ada927_a9e2_4564_aae2_70775a2fa0af), // OCaaS Client Interaction Service
    AppId(0xc2d0c2b6_8013_4346_9f8b_b81d3b754a29), // Work IQ Word MCP
    AppId(0xc39c9bac_9d1f_4dfb_aa29_27f6365e5cb7), // Azure Advisor
    AppId(0xc4288165_6698_45ba_98a5_48ea7791fed3), // Azure Service Connector Resource Provider
    AppId(0xc476eb34_4c94_43bc_97fc_94ede0534615), // Azure Update Manager
    AppId(0xc495cfdc_814f_46a1_89f0_657921c9fbe0), // Azure AD Identity Governance - Dynamics 365 Management
    AppId(0xc4b110d7_6f1d_473d_aa9e_6e74b8b8bd4b), // 
    AppId(0xc4bd54e4_c607_435b_8a5a_0d61edff7554), // Intune Mobile Application Management Client
    AppId(0xc505e273_0ba0_47e7_a0bd_f48042b4524d), // AzureBackup_WBCM_Service
    AppId(0xc5393580_f805_4401_95e8_94b7a6ef2fc2), // Office 365 Management APIs
    AppId(0xc58637bb_e2e1_4312_8a00_04b5ffcd3403), // SharePoint Online Client Extensibility
    AppId(0xc5b17a4f_cc6f_4649_9480_684280a2af3a), // aciapi
    AppId(0xc606301c_f764_4e6b_aa45_7caaaea93c9a), // Office Store
    AppId(0xc61d67cf_295a_462c_972f_33af37008751), // Call Quality Dashboard
    AppId(0xc6871074_3ded_4935_a5dc_b8f8d91d7d06), // ISV Portal
    AppId(0xc728155f_7b2a_4502_a08b_b8af9b269319), // AAD Request Verification Service - PROD
    AppId(0xc830ddb0_63e6_4f22_bd71_2ad47198a23e), // Microsoft To-Do
    AppId(0xc89c853c_c6cc_4c84_bfd9_fcd7e1c50793), // Entra Identity Protection
    AppId(0xc92229fa_e4e7_47fc_81a8_01386459c021), // Common Data Service User Management
    AppId(0xc9224372_5534_42cb_a48b_8db4f4a3892e), // MS Teams Griffin Assistant
    AppId(0xc9299480_c13a_49db_a7ae_cdfe54fe0313), // PowerApps-Advisor
    AppId(0xc98e5057_edde_4666_b301_186a01b4dc58), // MicrosoftEndpointDLP
    AppId(0xca0a114d_6fbc_46b3_90fa_2ec954794ddb), // Microsoft Device Management Checkin
    AppId(0xca7f3f0b_7d91_482c_8e09_c5d840d0eac5), // Log Analytics API
    AppId(0xcb1bda4c_1213_4e8b_911a_0a8c83c5d3b7), // o365.servicecommunications.microsoft.com
    AppId(0xcb250467_fc8f_4c42_8349_9ff9e9a17b02), // Deprecated - CAS API Security RP Dev
    AppId(0xcb4dc29f_0bf4_402a_8b30_7511498ed654), // Power BI Premium
    AppId(0xcbfda01c_c883_45aa_aedc_e7a484615620), // Microsoft Windows AutoPilot Service API
    AppId(0xcbff9545_769a_4b41_b76e_fbb069e8727e), // Microsoft Defender for Cloud Pricing Resource Provider
    AppId(0xcc7b0696_1956_408b_876a_ad6bf2b9890b), // 
    AppId(0xccf4d8df_75ce_4107_8ea5_7afd618d4d8a), // Microsoft Intune AAD BitLocker Recovery Key Integration
    AppId(0xcdccd920_384b_4a25_897d_75161a4b74c1), // Skype Teams Firehose
    AppId(0xce5029ee_c1d3_45c0_bdcc_efb5a4245687), // Work IQ Teams MCP
    AppId(0xce6ff14a_7fdc_4685_bbe0_f6afdfcfa8e0), // Azure Linux VM Sign-In
    AppId(0xce79fdc4_cd1d_4ea5_8139_e74d7dbe0bb7), // Lifecycle Workflows
    AppId(0xcedebc57_38a2_4f0a_8472_dfcbba5b04c6), // M365 Compliance Drive
    AppId(0xceecbdd6_288c_4be9_8445_74f139e5db19), // SQLDBControlPlaneFirstPartyApp
    AppId(0xcf6c77f8_914f_4078_baef_e39a5181158b), // Microsoft Teams Settings Store
    AppId(0xcfa8b339_82a2_471a_a3c9_0fc0be7a4093), // Azure Key Vault
    AppId(0xcfbd4387_1a16_4945_83c0_ec10e46cd4da), // Azure Security for IoT
    AppId(0xd0597157_f0ae_4e23_b06c_9e65de434c4f), // Microsoft Teams Task Service
    AppId(0xd05a94d3_4ebf_4d16_a4b5_c5157fe79490), // Prod-AzureSustainability
    AppId(0xd0ef82bb_244a_4458_9eb4_24a9f093f2c4), // Defender for Cloud - Private Link Resource Provider
    AppId(0xd29a4c00_4966_492a_84dd_47e779578fb7), // Discovery Service
    AppId(0xd2a0a418_0aac_4541_82b2_b3142c89da77), // Microsoft Operations Management Suite
    AppId(0xd48cb907_3a0f_481e_a0d1_41097337a938), // EAPortals-AAD-PROD-PME
    AppId(0xd4ebce55_015a_49b5_a083_c84d1797ae8c), // Microsoft Intune Enrollment
    AppId(0xd52792f4_ba38_424d_8140_ada5b883f293), // AAD Terms Of Use
    AppId(0xd62121f3_e023_4972_b6b0_794190c0fd98), // Office 365 Mover
    AppId(0xd66e9e8e_53a4_420c_866d_5bb39aaea675), // networkcopilotRP
    AppId(0xd6fdaa33_e821_4211_83d0_cf74736489e1), // Microsoft Service Trust
    AppId(0xd7097cd1_c779_44d0_8c71_ab1f8386a97e), // Microsoft Office Licensing Service Agents
    AppId(0xd8877f27_09c0_43aa_8113_40151dae8b14), // Microsoft Intune AndroidSync
    AppId(0xd88a361a_d488_4271_a13f_a83df7dd99c2), // IDML Graph Resolver Service and CAD
    AppId(0xd8c767ef_3e9a_48c4_aef9_562696539b39), // Request Approvals Read Platform
    AppId(0xd9ce8cfa_8bd8_4ff1_b39b_5e5dd5742935), // Omnichannel for CS CRM ClientApp Primary
    AppId(0xdb040338_7cb4_44df_a22b_785bde7ce0e2), // RPA - Machine Management Relay Service - Application
    AppId(0xdb44d869_9bce_4198_809b_a806756b0d31), // ExchangeRevocationSync
    AppId(0xdb55028d_e5ba_420f_816a_d18c861aefdf), // Microsoft Office Licensing Service vNext
    AppId(0xdbc36ae1_c097_4df9_8d94_343c3d091a76), // Service Encryption
    AppId(0xdbcbd02a_d7c4_42fb_8c27_b07e5118b848), // Azure Graph
    AppId(0xdc457883_bafe_4f8b_a333_29685e7eaa9e), // DataResidencyServiceApp
    AppId(0xde096ee1_dae7_4ee1_8dd5_d88ccc473815), // MileIQ Admin Center
    AppId(0xde17788e_c765_4d31_aba4_fb837cfff174), // Skype for Business Management Reporting and Analytics - Legacy
    AppId(0xde247707_4e4a_47d6_89fd_3c632f870b34), // CloudLicensingSystem
    AppId(0xde926fbf_e23b_41f9_ae15_c943a9cfa630), // Microsoft Azure Authorization Private Link Provider
    AppId(0xdee7ba80_6a55_4f3b_a86c_746a9231ae49), // Microsoft AppPlat EMA
    AppId(0xdf09ff61_2178_45d8_888c_4210c1c7b0b2), // O365 UAP Processor
    AppId(0xdf2798fc_2aed_4c3a_98ae_1776949480c4), // 
    AppId(0xe03a13ee_9730_4cae_8525_47559c8cf18a), // Office Online Service
    AppId(0xe08ab642_962a_4175_913c_165f557d799a), // teams contacts griffin processor
    AppId(0xe0ccf59d_5a20_4a87_a122_f42842cdb86a), // Microsoft Defender for Cloud Scanner Resource Provider
    AppId(0xe1335bb1_2aec_4f92_8140_0e6e61ae77e5), // CIWebService
    AppId(0xe29b5c86_b9ab_4a86_9a20_d10842007599), // SharePoint Framework Azure AD Helper
    AppId(0xe3335adb_5ca0_40dc_b8d3_bedc094e523b), // SubscriptionRP
    AppId(0xe3583ad2_c781_4224_9b91_ad15a8179ba0), // Microsoft.ExtensibleRealUserMonitoring
    AppId(0xe3a3c6d7_bd80_4be5_88da_c2226a5d9328), // Microsoft Defender For Cloud Billing
    AppId(0xe406a681_f3d4_42a8_90b6_c2b029497af1), // Azure Storage
    AppId(0xe4ab13ed_33cb_41b4_9140_6e264582cf85), // Azure SQL Database Backup To Azure Backup Vault
    AppId(0xe807d0e2_91da_40d6_8cee_e33c91a0b051), // PROD Microsoft Defender For Cloud Athena
    AppId(0xe81c7467_0fc3_4866_b814_c973488361cd), // AzureBackup_Fabric_Service
    AppId(0xe8ab36af_d4be_4833_a38b_4d6cf1cfd525), // Microsoft Social Engagement
    AppId(0xe8bdeda8_b4a3_4eed_b307_5e2456238a77), // Office365 Shell SS-Server
    AppId(0xe8be65d6_d430_4289_a665_51bf2a194bda), // Microsoft 365 App Catalog Services
    AppId(0xe8c77dc2_69b3_43f4_bc51_3213c9d915b4), // Microsoft MCP Server for Enterprise
    AppId(0xe92b9b37_1b47_4c01_9fbc_91d84450870e), // All private resources with Global Secure Access
    AppId(0xe933bd07_d2ee_4f1d_933c_3752b819567b), // Azure Monitor Control Service
    AppId(0xe935b4a5_8968_416d_8414_caed51c782a9), // MicrosoftGuestConfiguration
    AppId(0xe95d8bee_4725_4f59_910d_94d415da51b9), // Skype for Business Name Dictionary Service
    AppId(0xe97edbaf_39b2_4546_ba61_0a24e1bef890), // Teams EHR Connector
    AppId(0xea890292_c8c8_4433_b5ea_b09d0668e1a6), // Azure Credential Configuration Endpoint Service
    AppId(0xea9ffc3e_8a23_4a7d_836d_234d7c7565c1), // Agent Tools
    AppId(0xeacba838_453c_4d3e_8c6a_eb815d3469a3), // Microsoft Flow CDS Integration Service TIP1
    AppId(0xeace8149_b661_472f_b40d_939f89085bd4), // Substrate Instant Revocation Pipeline
    AppId(0xebe0c285_db95_403f_a1a3_a793bd6d7767), // Office MRO Device Manager Service
    AppId(0xec245c98_4a90_40c2_955a_88b727d97151), // Azure AD Identity Governance - Directory Management
    AppId(0xee45196f_bd15_4010_9a66_c8497a97a873), // Microsoft Defender For Cloud Discovery
    AppId(0xef5d5c69_a5df_46bb_acaf_426f161a21a2), // Managed Service Identity
    AppId(0xef947699_9b52_4b31_9a37_ef325c6ffc47), // Power Query Online GCC-L4
    AppId(0xf09d1391_098c_47d7_ac7e_6ed2afc5016b), // MicrosoftAzureADFulfillment
    AppId(0xf0ae4899_d877_4d3c_ae25_679e38eea492), // AAD App Management
    AppId(0xf18474f2_a66a_4bb0_a3c9_9b8d892092fa), // MaintenanceResourceProvider
    AppId(0xf2537abf_644e_4a0d_9f7b_c91c45c643db), // Teams Admin Monitoring Alerting Platform
    AppId(0xf25a7567_8ec5_4582_8a65_bfd66b0530cc), // ReportReplica
    AppId(0xf2c304cf_8e7e_4c3f_8164_16299ad9d272), // Azure Management Groups
    AppId(0xf36c30df_d241_4c14_a0ee_752c71e4d3da), // IDS-PROD
    AppId(0xf3a218b7_5c8f_460b_93af_56b072788c15), // Microsoft Workplace Search Service
    AppId(0xf3b07414_6bf4_46e6_b63f_56941f3f4128), // Microsoft Power Query
    AppId(0xf416c5fc_9ac4_4f66_a8e5_cb203139cbe4), // OCPS Admin Service
    AppId(0xf448d7e5_e313_4f90_a3eb_5dbb3277e4b3), // Media Recording for Dynamics 365 Sales
    AppId(0xf53895d3_095d_408f_8e93_8f94b391404e), // Portfolios
    AppId(0xf5aeb603_2a64_4f37_b9a8_b544f3542865), // Microsoft Teams RetentionHook Service
    AppId(0xf5c26e74_f226_4ae8_85f0_b4af0080ac9e), // Application Insights API
    AppId(0xf6b60513_f290_450e_a2f3_9930de61c5e7), // Microsoft Azure Log Search Alerts
    AppId(0xf7069a8d_9edc_4300_b365_ae53c9627fc4), // Microsoft.MileIQ.Dashboard
    AppId(0xf8f7a2aa_e116_4ba6_8aea_ca162cfa310d), // Microsoft Graph Connectors Core
    AppId(0xf9d02341_e7aa_456d_926d_4a0ca599fbee), // Office 365 Enterprise Insights
    AppId(0xfbb0ac1a_82dd_478b_a0e5_0b2b98ef38fe), // Substrate-FileWatcher
    AppId(0xfbb123dc_fe45_41fe_ad9f_e42ab0769328), // policy enforcer
    AppId(0xfc03f97a_9db0_4627_a216_ec98ce54e018), // Azure AD Notification
    AppId(0xfc68d9e5_1f76_45ef_99aa_214805418498), // Azure AD Identity Protection
    AppId(0xfc75330b_179d_49af_87dd_3b1acf6827fa), // AzureAutomation
    AppId(0xfc780465_2017_40d4_a0c5_307022471b92), // WindowsDefenderATP
    AppId(0xfd14a986_6fe4_409a_883e_cdec1009cd54), // Intune Grouping and Targeting Client Prod
    AppId(0xfd225045_a727_45dc_8caa_77c8eb1b9521), // Azure Help Resource Provider
    AppId(0xfd642066_7bfc_4b65_9463_6a08841c12f0), // Microsoft Purview Platform
    AppId(0xfeff8b5b_97f3_4374_a16a_1911ae9e15e9), // Cloud Hybrid Search
    AppId(0xff846ae4_7ec9_42f4_8576_eb14198ad5e1), // Microsoft Edge management service
];
