//! A world that uses every feature of the policies.

use super::*;

pub fn world() -> Vec<TenantDocuments> {
    let contoso = contoso_with(|contoso| {
        contoso.allowed_clouds = vec![Cloud::UsGovernment, Cloud::China];
        contoso.default = default_with(|default| {
            default.direct_connect_outbound = Some(allow_all());
            default.inbound_trust = Some(trust(Some(true), Some(false), None));
        });
        contoso.partners = vec![partner_at(WOODGROVE, "$[1]"), fabrikam_partner()];
        contoso.policies = vec![policy(7), rich_policy(3)];
        contoso.locations = vec![
            location(1, ip(&["192.0.2.0/24", "2001:db8::/32", "10.0.0.0/8"])),
            location(2, country(&["DE", "FR"])),
            location(3, LocationKind::CompliantNetwork { trusted: true }),
        ];
        contoso.strengths = vec![strength()];
        contoso.channels = vec![channel("19:b"), channel("19:a")];
    });
    vec![contoso, tenant(FABRIKAM, "fabrikam")]
}

pub fn fabrikam_partner() -> PartnerConfiguration {
    partner_with(FABRIKAM, |fabrikam| {
        let users = [Group(GroupId(2)), User(UserId(1)), Group(GroupId(1))];
        let apps = [
            Office365,
            Application(AppId(9)),
            Application(AppId(8)),
            AllMicrosoftApps,
        ];
        fabrikam.direct_connect_inbound = Some(setting((Allowed, &users), (Allowed, &apps)));
        fabrikam.collaboration_outbound = Some(setting((Blocked, &users), (Blocked, &apps)));
        fabrikam.tenant_restrictions = Some(allow_all());
        fabrikam.inbound_trust = Some(trust(None, Some(true), Some(true)));
    })
}

pub fn trust(mfa: Option<bool>, compliant: Option<bool>, hybrid: Option<bool>) -> InboundTrust {
    InboundTrust {
        place: place("trust.json", "$.inboundTrust"),
        mfa,
        compliant_device: compliant,
        hybrid_joined_device: hybrid,
    }
}

pub fn location(id: u128, kind: LocationKind) -> NamedLocation {
    NamedLocation {
        place: place("contoso/named-locations.json", "$"),
        id: LocationId(id),
        display_name: None,
        kind,
    }
}

pub fn ip(ranges: &[&str]) -> LocationKind {
    LocationKind::Ip {
        ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        trusted: true,
    }
}

pub fn country(codes: &[&str]) -> LocationKind {
    LocationKind::Country {
        countries: codes.iter().map(|code| code.parse().unwrap()).collect(),
        include_unknown: false,
        lookup: CountrySource::ClientIpAddress,
    }
}

pub fn strength() -> AuthenticationStrength {
    use AuthenticationMethod::{Fido2, Password, Sms, X509CertificateMultiFactor as Certificate};
    let set = |methods: &[AuthenticationMethod]| methods.iter().copied().collect();
    AuthenticationStrength {
        place: place("contoso/authentication-strengths.json", "$"),
        id: StrengthId(0x57),
        display_name: Some(String::from("Keys")),
        combinations: vec![set(&[Fido2]), set(&[Password, Sms]), set(&[Certificate])],
        configurations: vec![
            CombinationConfiguration {
                combinations: vec![set(&[Fido2])],
                demand: CombinationDemand::Fido2(vec![Aaguid(2), Aaguid(1)]),
            },
            CombinationConfiguration {
                combinations: vec![set(&[Certificate])],
                demand: CombinationDemand::Certificate {
                    issuer_skis: vec![String::from("bb"), String::from("aa")],
                    policy_oids: vec![String::from("1.2")],
                },
            },
        ],
    }
}

pub fn channel(id: &str) -> SharedChannel {
    let team = |id, allowed_members| SharedWithTeam {
        id: TeamId(id),
        tenant: FABRIKAM,
        allowed_members,
    };
    SharedChannel {
        place: place("contoso/shared-channels.json", id),
        id: ChannelId(String::from(id)),
        display_name: None,
        members: vec![(UserId(2), FABRIKAM), (UserId(1), FABRIKAM)],
        teams: vec![
            team(0x71, Some(vec![UserId(4), UserId(3)])),
            team(0x70, None),
        ],
    }
}

pub fn users_list(guests: &[TenantId]) -> UsersList {
    UsersList {
        users: vec![UserId(2), UserId(1)],
        groups: vec![GroupId(4), GroupId(3)],
        roles: vec![RoleId(2), RoleId(1)],
        guests: Some(GuestsOrExternalUsers {
            types: [UserType::CollaborationGuest, UserType::DirectConnectUser]
                .into_iter()
                .collect(),
            tenants: ExternalTenants::These(guests.to_vec()),
        }),
        ..UsersList::default()
    }
}

pub fn at(entry: LocationEntry) -> Located<LocationEntry> {
    Located {
        value: entry,
        place: place("contoso/conditional-access.json", "$.location"),
    }
}

pub fn filter(rule: &str) -> Option<FilterCondition> {
    Some(FilterCondition {
        place: place("contoso/conditional-access.json", "$.rule"),
        mode: FilterMode::Include,
        rule: String::from(rule),
    })
}

pub fn rich_conditions() -> Conditions {
    let mut users = users(users_list(&[WOODGROVE, FABRIKAM]));
    users.exclude = users_list(&[FABRIKAM, WOODGROVE]);
    let mut apps = applications(ApplicationsList {
        office365: true,
        applications: vec![AppId(6), AppId(5)],
        ..ApplicationsList::default()
    });
    apps.exclude.applications = vec![AppId(4), AppId(3)];
    apps.authentication_contexts = vec![String::from("c2"), String::from("c1")];
    apps.user_actions = [UserAction::RegisterDevice].into_iter().collect();
    apps.filter = filter("CustomSecurityAttribute.A_B -in [\"b\", \"a\"]");
    Conditions {
        users: Some(users),
        applications: Some(apps),
        client_app_types: ClientAppTypes::These([ClientAppType::Browser].into_iter().collect()),
        platforms: Some(IncludeExclude {
            include: vec![Some(Platform::Ios), Some(Platform::Android)],
            exclude: vec![],
        }),
        locations: Some(IncludeExclude {
            include: vec![
                at(LocationEntry::Location(LocationId(2))),
                at(LocationEntry::Location(LocationId(1))),
            ],
            exclude: vec![at(LocationEntry::AllTrusted)],
        }),
        sign_in_risk: [RiskLevel::High].into_iter().collect(),
        user_risk: [RiskLevel::Low].into_iter().collect(),
        insider_risk: [InsiderRiskLevel::Minor].into_iter().collect(),
        authentication_flows: [AuthenticationFlow::DeviceCodeFlow].into_iter().collect(),
        device_filter: filter("device.model -eq \"x\" -or -not (device.displayName -eq null)"),
        device_states: Some(IncludeExclude {
            include: vec![DeviceState::All],
            exclude: vec![DeviceState::DomainJoined, DeviceState::Compliant],
        }),
        ..conditions()
    }
}

pub fn rich_policy(id: u128) -> ConditionalAccessPolicy {
    policy_with(id, |policy| {
        policy.conditions = rich_conditions();
        let mut grant = grant(&[BuiltInControl::CompliantDevice, BuiltInControl::Mfa]);
        grant.strength = Some(StrengthReference {
            place: place("contoso/conditional-access.json", "$.strength"),
            id: StrengthId(0x57),
            copy: None,
        });
        grant.terms_of_use = vec![TermsOfUseId(2), TermsOfUseId(1)];
        grant.custom = vec![CustomControlId(2), CustomControlId(1)];
        policy.grant = Some(grant);
        policy.session.sign_in_frequency =
            Some(SignInFrequency::Every(Duration::from_secs(4 * 3600)));
        policy.session.obligations = vec![
            (String::from("signInFrequency"), String::from("4 hours")),
            (String::from("persistentBrowser"), String::from("never")),
        ];
    })
}
