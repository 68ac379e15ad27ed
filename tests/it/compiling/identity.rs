//! Two snapshots of the same policies have the same id, whatever the order of their parts; any change that an
//! answer can show gives another id.

mod world;

use std::time::Duration;

use crosstrust::compile::compile;
use crosstrust::graph::document::ApplicationTarget::{AllMicrosoftApps, Application, Office365};
use crosstrust::graph::document::UserTarget::{Group, User};
use crosstrust::graph::document::*;
use crosstrust::id::*;
use crosstrust::policy_settings::{ApplicationFacts, PolicySettings};
use crosstrust::request::ChannelId;
use crosstrust::snapshot::SnapshotId;
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::Access::{Allowed, Blocked};
use crosstrust::vocabulary::*;

use super::documents::*;
use world::*;

fn id_of(world: &[TenantDocuments]) -> SnapshotId {
    compiled(world).snapshot.id()
}

#[test]
fn the_order_of_sets_documents_and_files_does_not_change_the_id() {
    let expected = id_of(&world());
    let mut turned = world();
    turned.reverse();
    let contoso = &mut turned[1];
    contoso.allowed_clouds.reverse();
    contoso.partners.reverse();
    contoso.policies.reverse();
    contoso.locations.reverse();
    contoso.channels.reverse();
    contoso.strengths[0].combinations.reverse();
    contoso.strengths[0].configurations.reverse();
    for channel in &mut contoso.channels {
        channel.members.reverse();
        channel.teams.reverse();
        for team in &mut channel.teams {
            team.allowed_members
                .iter_mut()
                .for_each(|list| list.reverse());
        }
    }
    for partner in &mut contoso.partners {
        for setting in [
            &mut partner.configuration.direct_connect_inbound,
            &mut partner.configuration.collaboration_outbound,
        ] {
            let Some(setting) = setting else { continue };
            setting
                .users
                .iter_mut()
                .for_each(|rule| rule.targets.reverse());
            setting
                .applications
                .iter_mut()
                .for_each(|rule| rule.targets.reverse());
        }
    }
    for policy in &mut contoso.policies {
        reverse_lists(policy);
    }
    assert_eq!(id_of(&turned), expected);
}

fn reverse_lists(policy: &mut ConditionalAccessPolicy) {
    let Conditions {
        users: Some(users),
        applications: Some(apps),
        ..
    } = &mut policy.conditions
    else {
        panic!("no users or applications");
    };
    for list in [&mut users.include, &mut users.exclude] {
        list.users.reverse();
        list.groups.reverse();
        list.roles.reverse();
        if let Some(guests) = &mut list.guests
            && let ExternalTenants::These(tenants) = &mut guests.tenants
        {
            tenants.reverse();
        }
    }
    apps.include.applications.reverse();
    apps.exclude.applications.reverse();
    apps.authentication_contexts.reverse();
    if let Some(lists) = &mut policy.conditions.locations {
        lists.include.reverse();
    }
    if let Some(lists) = &mut policy.conditions.platforms {
        lists.include.reverse();
    }
    if let Some(lists) = &mut policy.conditions.device_states {
        lists.exclude.reverse();
    }
    if let Some(grant) = &mut policy.grant {
        grant.built_in.reverse();
        grant.terms_of_use.reverse();
        grant.custom.reverse();
    }
    policy.session.obligations.reverse();
}

#[test]
fn repeated_set_members_do_not_change_the_id() {
    let mut repeated = world();
    let contoso = &mut repeated[0];
    contoso.allowed_clouds.push(Cloud::China);
    contoso.policies[1]
        .session
        .obligations
        .push((String::from("persistentBrowser"), String::from("never")));
    let users = contoso.policies[1].conditions.users.as_mut().unwrap();
    users.include.groups.push(GroupId(3));
    let setting = contoso.partners[1]
        .configuration
        .direct_connect_inbound
        .as_mut();
    let rule = setting.unwrap().users.as_mut().unwrap();
    rule.targets.push(rule.targets[0].clone());
    assert_eq!(id_of(&repeated), id_of(&world()));
}

#[test]
fn positions_and_members_that_decide_nothing_do_not_change_the_id() {
    let mut moved = world();
    moved[0].place = place("elsewhere", "$");
    moved[0].policies[0].place = place("elsewhere/conditional-access/7.json", "$");
    moved[0].partners[0].is_service_provider = true;
    moved[0].partners[0].is_in_multi_tenant_organization = true;
    moved[0].locations[0].display_name = Some(String::from("Office"));
    // A disabled policy decides nothing.
    moved[0].policies.push(policy_with(99, |policy| {
        policy.state = PolicyState::Disabled;
    }));
    assert_eq!(id_of(&moved), id_of(&world()));
}

#[test]
fn inherited_settings_equal_the_same_settings_written_out() {
    // semantics §2: the service's defaults, the tenant's default, the partner.
    let written = contoso_with(|contoso| {
        contoso.default = default_with(|default| {
            default.direct_connect_inbound = Some(block_all());
            default.direct_connect_outbound = Some(allow_all());
            default.collaboration_inbound = Some(allow_all());
            default.collaboration_outbound = Some(allow_all());
            default.tenant_restrictions = Some(block_all());
            default.inbound_trust = Some(trust(Some(true), Some(false), Some(false)));
        });
        contoso.partners = vec![partner_with(FABRIKAM, |fabrikam| {
            fabrikam.direct_connect_inbound = Some(block_all());
            fabrikam.direct_connect_outbound = Some(block_all());
            fabrikam.collaboration_inbound = Some(allow_all());
            fabrikam.collaboration_outbound = Some(allow_all());
            fabrikam.tenant_restrictions = Some(block_all());
            fabrikam.inbound_trust = Some(trust(Some(true), Some(false), Some(true)));
        })];
    });
    let inherited = contoso_with(|contoso| {
        contoso.default = default_with(|default| {
            default.direct_connect_outbound = Some(allow_all());
            default.inbound_trust = Some(trust(Some(true), None, None));
        });
        contoso.partners = vec![partner_with(FABRIKAM, |fabrikam| {
            fabrikam.direct_connect_outbound = Some(block_all());
            fabrikam.inbound_trust = Some(trust(None, None, Some(true)));
        })];
    });
    assert_eq!(id_of(&[written]), id_of(&[inherited]));
}

#[test]
fn an_empty_partner_entry_is_still_a_partner_entry() {
    // It allows users of the other cloud (semantics §3, Clouds).
    let with = contoso_with(|contoso| contoso.partners = vec![partner(FABRIKAM)]);
    assert_ne!(id_of(&[with]), id_of(&[contoso()]));
}

#[test]
fn stated_application_facts_are_part_of_the_id() {
    let id_with = |bundles: Option<&[Bundle]>, agent| {
        let facts = ApplicationFacts {
            bundles: bundles.map(|bundles| bundles.iter().copied().collect()),
            agent,
        };
        let settings = PolicySettings {
            applications: [(AppId(9), facts)].into(),
            ..PolicySettings::NONE
        };
        let compiled = compile(&world(), &settings, Timestamp::MIN).expect("it compiles");
        compiled.snapshot.id()
    };
    let ids = [
        id_of(&world()),
        id_with(Some(&[]), None),
        id_with(Some(&[Bundle::Office365]), None),
        id_with(Some(&[Bundle::AllMicrosoftApps]), None),
        id_with(None, Some(true)),
        id_with(None, Some(false)),
        id_with(Some(&[]), Some(false)),
    ];
    for (position, id) in ids.iter().enumerate() {
        assert!(!ids[..position].contains(id), "{position}");
    }
}

type Change = fn(&mut TenantDocuments);

/// One change for each fact that an answer can show.
const CHANGES: &[(&str, Change)] = &[
    ("name", |t| name(t, "Contoso Ltd")),
    ("cloud", |t| {
        t.organization.as_mut().unwrap().cloud = Some(Cloud::China)
    }),
    ("tenant id", |t| {
        t.organization.as_mut().unwrap().id = TenantId(0xc1)
    }),
    ("allowed clouds", |t| t.allowed_clouds = vec![Cloud::China]),
    ("excluded action", |t| {
        t.conditional_access_settings = Some(ConditionalAccessSettings {
            place: place("contoso/conditional-access-settings.json", "$"),
            excluded_actions: [UserAction::AccountRecovery].into_iter().collect(),
        });
    }),
    ("default setting", |t| {
        default(t).direct_connect_outbound = Some(block_all())
    }),
    ("default trust", |t| {
        default(t).inbound_trust = Some(trust(None, Some(false), None))
    }),
    ("partner's tenant", |t| {
        t.partners[0].tenant = TenantId(0x31)
    }),
    ("partner gone", |t| t.partners.truncate(1)),
    ("partner's setting", |t| {
        fabrikam(t).tenant_restrictions = None
    }),
    ("target", |t| {
        let users = [Group(GroupId(2)), User(UserId(1))];
        let apps = [
            Office365,
            Application(AppId(9)),
            Application(AppId(8)),
            AllMicrosoftApps,
        ];
        fabrikam(t).direct_connect_inbound = Some(setting((Allowed, &users), (Allowed, &apps)));
    }),
    ("target's kind", |t| {
        let users = [Group(GroupId(2)), Group(GroupId(1)), User(UserId(2))];
        let apps = [
            Office365,
            Application(AppId(9)),
            Application(AppId(8)),
            AllMicrosoftApps,
        ];
        fabrikam(t).direct_connect_inbound = Some(setting((Allowed, &users), (Allowed, &apps)));
    }),
    ("bundle", |t| {
        let users = [Group(GroupId(2)), User(UserId(1)), Group(GroupId(1))];
        let apps = [
            Application(AppId(9)),
            Application(AppId(8)),
            AllMicrosoftApps,
        ];
        fabrikam(t).direct_connect_inbound = Some(setting((Allowed, &users), (Allowed, &apps)));
    }),
    ("partner's trust", |t| {
        fabrikam(t).inbound_trust = Some(trust(None, Some(true), None))
    }),
    ("policy gone", |t| t.policies.truncate(1)),
    ("policy id", |t| rich(t).id = Some(PolicyId(4))),
    ("policy name", |t| {
        rich(t).display_name = String::from("other")
    }),
    ("policy state", |t| rich(t).state = PolicyState::ReportOnly),
    ("included user", |t| users_of(t).include.users.truncate(1)),
    ("excluded group", |t| users_of(t).exclude.groups.truncate(1)),
    ("included role", |t| users_of(t).include.roles.truncate(1)),
    ("all users", |t| users_of(t).include.all = true),
    ("guests", |t| {
        users_of(t).include.guests_or_external_users = true
    }),
    ("guest tenants", |t| {
        users_of(t).include.guests.as_mut().unwrap().tenants = ExternalTenants::All;
    }),
    ("guest types", |t| {
        users_of(t).exclude.guests.as_mut().unwrap().types =
            UserType::ALL.iter().copied().collect();
    }),
    ("included app", |t| {
        apps_of(t).include.applications.truncate(1)
    }),
    ("excluded app", |t| {
        apps_of(t).exclude.applications.truncate(1)
    }),
    ("included bundle", |t| {
        apps_of(t).include.admin_portals = true
    }),
    ("agents' resources", |t| {
        apps_of(t).include.agent_resources = true
    }),
    ("excluded bundle", |t| apps_of(t).exclude.office365 = true),
    ("user action", |t| apps_of(t).user_actions = WordSet::EMPTY),
    ("context", |t| {
        apps_of(t).authentication_contexts.truncate(1)
    }),
    ("app filter", |t| {
        apps_of(t).filter = filter("CustomSecurityAttribute.A_B -in [\"a\"]")
    }),
    ("filter mode", |t| {
        apps_of(t).filter.as_mut().unwrap().mode = FilterMode::Exclude
    }),
    ("client app types", |t| {
        conditions_of(t).client_app_types = ClientAppTypes::All
    }),
    ("platforms", |t| {
        conditions_of(t)
            .platforms
            .as_mut()
            .unwrap()
            .include
            .truncate(1)
    }),
    ("excluded platform", |t| {
        conditions_of(t)
            .platforms
            .as_mut()
            .unwrap()
            .exclude
            .push(Some(Platform::Linux));
    }),
    ("locations", |t| {
        conditions_of(t)
            .locations
            .as_mut()
            .unwrap()
            .include
            .truncate(1)
    }),
    ("excluded locations", |t| {
        conditions_of(t).locations.as_mut().unwrap().exclude.clear()
    }),
    ("sign-in risk", |t| {
        conditions_of(t).sign_in_risk = WordSet::EMPTY
    }),
    ("user risk", |t| conditions_of(t).user_risk = WordSet::EMPTY),
    ("insider risk", |t| {
        conditions_of(t).insider_risk = WordSet::EMPTY
    }),
    ("flows", |t| {
        conditions_of(t).authentication_flows = WordSet::EMPTY
    }),
    ("device filter", |t| {
        conditions_of(t).device_filter =
            filter("device.model -eq \"x\" -or device.displayName -eq null");
    }),
    ("filter property", |t| {
        conditions_of(t).device_filter =
            filter("device.model -eq \"x\" -or -not (device.mdmAppId -eq null)");
    }),
    ("filter join", |t| {
        conditions_of(t).device_filter =
            filter("device.model -eq \"x\" -and -not (device.displayName -eq null)");
    }),
    ("device states", |t| conditions_of(t).device_states = None),
    ("operator", |t| grant_of(t).operator = Operator::And),
    ("control", |t| grant_of(t).built_in.truncate(1)),
    ("block", |t| {
        grant_of(t).built_in.push(BuiltInControl::Block)
    }),
    ("terms of use", |t| grant_of(t).terms_of_use.truncate(1)),
    ("custom control", |t| grant_of(t).custom.truncate(1)),
    ("which strength", |t| {
        grant_of(t).strength.as_mut().unwrap().id = StrengthId(4)
    }),
    ("frequency", |t| {
        rich(t).session.sign_in_frequency = Some(SignInFrequency::EveryTime)
    }),
    ("frequency's length", |t| {
        rich(t).session.sign_in_frequency = Some(SignInFrequency::Every(Duration::from_secs(3600)));
    }),
    ("obligation", |t| {
        rich(t).session.obligations[1].1 = String::from("always")
    }),
    ("address range", |t| {
        t.locations[0].kind = ip(&["192.0.2.0/25", "2001:db8::/32", "10.0.0.0/8"])
    }),
    ("countries", |t| t.locations[1].kind = country(&["DE"])),
    ("unknown country", |t| {
        let countries = vec!["DE".parse().unwrap(), "FR".parse().unwrap()];
        t.locations[1].kind = LocationKind::Country {
            countries,
            include_unknown: true,
            lookup: CountrySource::ClientIpAddress,
        };
    }),
    ("country lookup", |t| {
        let countries = vec!["DE".parse().unwrap(), "FR".parse().unwrap()];
        t.locations[1].kind = LocationKind::Country {
            countries,
            include_unknown: false,
            lookup: CountrySource::AuthenticatorAppGps,
        };
    }),
    ("trusted location", |t| {
        t.locations[2].kind = LocationKind::CompliantNetwork { trusted: false };
    }),
    ("strength's name", |t| t.strengths[0].display_name = None),
    ("combination", |t| {
        t.strengths[0].combinations[1] = [AuthenticationMethod::Sms].into_iter().collect();
    }),
    ("configuration", |t| {
        t.strengths[0].configurations.truncate(1)
    }),
    ("configured model", |t| {
        t.strengths[0].configurations[0].demand = CombinationDemand::Fido2(vec![Aaguid(1)]);
    }),
    ("channel id", |t| {
        t.channels[0].id = ChannelId(String::from("19:c"))
    }),
    ("channel member", |t| t.channels[0].members.truncate(1)),
    ("channel team", |t| t.channels[0].teams[1].id = TeamId(0x72)),
    ("team's tenant", |t| {
        t.channels[0].teams[1].tenant = WOODGROVE
    }),
    ("empty list instead of no list", |t| {
        t.channels[0].teams[1].allowed_members = Some(Vec::new())
    }),
    ("allowed member", |t| {
        t.channels[0].teams[0].allowed_members = Some(vec![UserId(3)])
    }),
];

fn name(tenant: &mut TenantDocuments, name: &str) {
    tenant.organization.as_mut().unwrap().display_name = Some(String::from(name));
}

fn default(tenant: &mut TenantDocuments) -> &mut Configuration {
    tenant.default.as_mut().unwrap()
}

fn fabrikam(tenant: &mut TenantDocuments) -> &mut Configuration {
    &mut tenant.partners[1].configuration
}

fn rich(tenant: &mut TenantDocuments) -> &mut ConditionalAccessPolicy {
    &mut tenant.policies[1]
}

fn conditions_of(tenant: &mut TenantDocuments) -> &mut Conditions {
    &mut rich(tenant).conditions
}

fn users_of(tenant: &mut TenantDocuments) -> &mut UsersCondition {
    conditions_of(tenant).users.as_mut().unwrap()
}

fn apps_of(tenant: &mut TenantDocuments) -> &mut ApplicationsCondition {
    conditions_of(tenant).applications.as_mut().unwrap()
}

fn grant_of(tenant: &mut TenantDocuments) -> &mut GrantControls {
    rich(tenant).grant.as_mut().unwrap()
}

#[test]
fn every_change_that_an_answer_can_show_gives_another_id() {
    let mut ids = vec![("nothing", id_of(&world()))];
    for (what, change) in CHANGES {
        let mut world = world();
        change(&mut world[0]);
        let id = id_of(&world);
        for (other, other_id) in &ids {
            assert_ne!(id, *other_id, "{what} and {other}");
        }
        ids.push((what, id));
    }
}

#[test]
fn a_policy_that_moves_to_another_tenant_gives_another_id() {
    let policy = || policy_with(1, |_| {});
    let mut here = vec![contoso(), tenant(FABRIKAM, "fabrikam")];
    here[0].policies = vec![policy()];
    let mut there = vec![contoso(), tenant(FABRIKAM, "fabrikam")];
    there[1].policies = vec![policy()];
    assert_ne!(id_of(&here), id_of(&there));
}
