//! Conditional Access policies, locations, strengths and channels: inconsistencies are reported
//! (semantics §2, §5, §7).

use crosstrust::graph::document::*;
use crosstrust::graph::{Code, Severity};
use crosstrust::id::*;
use crosstrust::request::ChannelId;
use crosstrust::snapshot::bundles;
use crosstrust::vocabulary::*;

use super::documents::*;

const FILE: &str = "contoso/conditional-access.json";

fn error(code: Code, path: &str) -> Vec<(Code, String, String)> {
    vec![(code, String::from(FILE), String::from(path))]
}

fn with_policy(change: impl FnOnce(&mut ConditionalAccessPolicy)) -> [TenantDocuments; 1] {
    [contoso_with(|contoso| {
        contoso.policies = vec![policy_with(1, change)]
    })]
}

#[test]
fn a_policy_for_users_must_include_users_and_applications() {
    for state in [PolicyState::Enabled, PolicyState::ReportOnly] {
        let no_users = with_policy(|policy| {
            policy.state = state;
            policy.conditions.users = None;
        });
        let missing = error(Code::MissingMember, "$[0].conditions");
        assert_eq!(errors(&no_users), missing);
        let no_apps = with_policy(|policy| {
            policy.state = state;
            policy.conditions.applications = None;
        });
        assert_eq!(errors(&no_apps), missing);
    }
}

#[test]
fn a_policy_for_workloads_needs_no_users_and_is_not_in_the_snapshot() {
    let documents = with_policy(|policy| {
        policy.conditions.for_workloads = true;
        policy.conditions.users = None;
    });
    let compiled = compiled(&documents);
    assert_eq!(compiled.warnings, []);
    assert_eq!(compiled.snapshot.counts().policies, 0);
}

#[test]
fn empty_include_lists_are_a_warning() {
    let no_users =
        with_policy(|policy| policy.conditions.users = Some(users(UsersList::default())));
    let users = (Code::NoEffect, String::from("$[0].conditions.users"));
    assert_eq!(warnings(&no_users), [users]);

    let nothing = with_policy(|policy| {
        policy.conditions.applications = Some(applications(ApplicationsList::default()));
    });
    let apps = (Code::NoEffect, String::from("$[0].conditions.applications"));
    assert_eq!(warnings(&nothing), [apps]);
}

#[test]
fn a_list_with_any_entry_is_not_empty() {
    let guests = |types: &[UserType]| GuestsOrExternalUsers {
        types: types.iter().copied().collect(),
        tenants: ExternalTenants::Unspecified,
    };
    for list in [
        UsersList {
            none: true,
            ..Default::default()
        },
        UsersList {
            guests_or_external_users: true,
            ..Default::default()
        },
        UsersList {
            users: vec![UserId(1)],
            ..Default::default()
        },
        UsersList {
            groups: vec![GroupId(1)],
            ..Default::default()
        },
        UsersList {
            roles: vec![RoleId(1)],
            ..Default::default()
        },
        UsersList {
            guests: Some(guests(&[UserType::InternalGuest])),
            ..Default::default()
        },
    ] {
        let documents = with_policy(|policy| policy.conditions.users = Some(users(list)));
        assert_eq!(warnings(&documents), []);
    }
    for change in [
        |apps: &mut ApplicationsCondition| apps.include.none = true,
        |apps: &mut ApplicationsCondition| apps.include.agent_resources = true,
        |apps: &mut ApplicationsCondition| apps.include.admin_portals = true,
        |apps: &mut ApplicationsCondition| apps.include.applications = vec![AppId(1)],
        |apps: &mut ApplicationsCondition| {
            apps.user_actions = [UserAction::RegisterDevice].into_iter().collect();
        },
        |apps: &mut ApplicationsCondition| apps.authentication_contexts = vec![String::from("c1")],
    ] {
        let mut apps = applications(ApplicationsList::default());
        change(&mut apps);
        let documents = with_policy(|policy| policy.conditions.applications = Some(apps));
        assert_eq!(warnings(&documents), []);
    }
}

#[test]
fn a_rule_on_an_incomplete_bundle_reports_the_number_of_known_applications() {
    let office = with_policy(|policy| {
        policy.conditions.applications = Some(applications(ApplicationsList {
            office365: true,
            ..ApplicationsList::default()
        }));
    });
    let setting = contoso_with(|contoso| {
        contoso.default = default_with(|default| {
            default.collaboration_outbound = Some(setting(
                (Access::Allowed, &[UserTarget::AllUsers]),
                (Access::Blocked, &[ApplicationTarget::AllMicrosoftApps]),
            ));
        });
    });
    let known = |bundle| bundles::members(bundle).apps().len();
    for (documents, bundle) in [
        (&office[0], Bundle::Office365),
        (&setting, Bundle::AllMicrosoftApps),
    ] {
        let found = compiled(std::slice::from_ref(documents)).warnings;
        let [finding] = found.as_slice() else {
            panic!("expected one finding: {found:?}");
        };
        assert_eq!(
            (finding.severity, finding.code),
            (Severity::Info, Code::IncompleteBundle)
        );
        let expected = format!(
            "found {bundle}: the ids of {} of its applications are known",
            known(bundle)
        );
        assert!(finding.message.starts_with(&expected), "{finding}");
    }
    // The bundle is complete, and excluding a bundle allows no additional access.
    let portals = with_policy(|policy| {
        let mut apps = applications(ApplicationsList {
            admin_portals: true,
            ..ApplicationsList::default()
        });
        apps.exclude.office365 = true;
        policy.conditions.applications = Some(apps);
    });
    assert_eq!(warnings(&portals), []);
}

#[test]
fn a_policy_without_controls_is_a_warning() {
    let none = with_policy(|policy| policy.grant = None);
    let expected = (Code::NoEffect, String::from("$[0]"));
    assert_eq!(warnings(&none), std::slice::from_ref(&expected));
    let empty = with_policy(|policy| policy.grant = Some(grant(&[])));
    assert_eq!(warnings(&empty), [expected]);
    let session = with_policy(|policy| {
        policy.grant = None;
        let control = (String::from("persistentBrowser"), String::from("never"));
        policy.session.obligations = vec![control];
    });
    assert_eq!(warnings(&session), []);
}

#[test]
fn exclusions_of_everyone_or_of_no_one_are_a_warning() {
    let everyone = with_policy(|policy| {
        if let Some(users) = &mut policy.conditions.users {
            users.exclude.all = true;
        }
        if let Some(apps) = &mut policy.conditions.applications {
            apps.exclude.all = true;
        }
    });
    let users = (Code::NoEffect, String::from("$[0].conditions.users"));
    let apps = (Code::NoEffect, String::from("$[0].conditions.applications"));
    assert_eq!(warnings(&everyone), [users.clone(), apps]);

    let excluding_no_one = with_policy(|policy| {
        if let Some(users) = &mut policy.conditions.users {
            users.exclude.guests = Some(GuestsOrExternalUsers {
                types: [UserType::ServiceProvider].into_iter().collect(),
                tenants: ExternalTenants::Unspecified,
            });
        }
    });
    assert_eq!(warnings(&excluding_no_one), [users]);
}

fn locations(
    include: &[LocationEntry],
    exclude: &[LocationEntry],
) -> IncludeExclude<Located<LocationEntry>> {
    let list = |name: &str, entries: &[LocationEntry]| {
        let entry = |(index, value): (usize, &LocationEntry)| Located {
            value: *value,
            place: place(FILE, &format!("$.{name}[{index}]")),
        };
        entries.iter().enumerate().map(entry).collect()
    };
    IncludeExclude {
        include: list("includeLocations", include),
        exclude: list("excludeLocations", exclude),
    }
}

fn ip_location(id: u128) -> NamedLocation {
    NamedLocation {
        place: place("contoso/named-locations.json", &format!("$[{id}]")),
        id: LocationId(id),
        display_name: None,
        kind: LocationKind::Ip {
            ranges: vec!["192.0.2.0/24".parse().unwrap()],
            trusted: true,
        },
    }
}

#[test]
fn a_location_must_exist_in_the_tenant() {
    use LocationEntry::{All, AllTrusted, Location};
    let contoso = contoso_with(|contoso| {
        contoso.locations = vec![ip_location(1)];
        contoso.policies = vec![policy_with(1, |policy| {
            let include = [All, AllTrusted, Location(LocationId(1))];
            let exclude = [Location(LocationId(1)), Location(LocationId(2))];
            policy.conditions.locations = Some(locations(&include, &exclude));
        })];
    });
    let expected = error(Code::UnknownLocation, "$.excludeLocations[1]");
    assert_eq!(errors(std::slice::from_ref(&contoso)), expected);

    // A location of another tenant does not count.
    let mut fabrikam = tenant(FABRIKAM, "fabrikam");
    fabrikam.locations = vec![ip_location(2)];
    assert_eq!(errors(&[contoso, fabrikam]), expected);
}

#[test]
fn the_mfa_trusted_ips_are_a_finding_unless_the_folder_defines_them() {
    for state in [PolicyState::Enabled, PolicyState::Disabled] {
        let mut contoso = contoso_with(|contoso| {
            contoso.policies = vec![policy_with(1, |policy| {
                policy.state = state;
                let trusted_ips = [LocationEntry::Location(LocationId(0))];
                policy.conditions.locations = Some(locations(&[LocationEntry::All], &trusted_ips));
            })];
        });
        let found = compiled(std::slice::from_ref(&contoso)).warnings;
        let [finding] = found.as_slice() else {
            panic!("expected one finding: {found:?}");
        };
        assert_eq!(finding.code, Code::UnknownLocation);
        assert_eq!(finding.place.path, "$.excludeLocations[0]");
        assert!(
            finding.message.contains("named-locations.json"),
            "{finding}"
        );
        contoso.locations = vec![ip_location(0)];
        assert_eq!(warnings(&[contoso]), []);
    }
}

#[test]
fn a_policy_that_includes_only_agent_accounts_is_a_warning() {
    let place = (Code::NoEffect, String::from("$[0].conditions.users"));
    for none in [false, true] {
        let documents = with_policy(|policy| {
            policy.conditions.users = Some(users(UsersList {
                agent_users: true,
                none,
                ..UsersList::default()
            }));
        });
        assert_eq!(warnings(&documents), std::slice::from_ref(&place));
    }
    let beside_others = with_policy(|policy| {
        policy.conditions.users = Some(users(UsersList {
            agent_users: true,
            all: true,
            ..UsersList::default()
        }));
    });
    assert_eq!(warnings(&beside_others), []);
}

fn strength(id: u128, combinations: &[&[AuthenticationMethod]]) -> AuthenticationStrength {
    let set = |methods: &&[AuthenticationMethod]| methods.iter().copied().collect();
    AuthenticationStrength {
        place: place("contoso/authentication-strengths.json", &format!("$[{id}]")),
        id: StrengthId(id),
        display_name: None,
        combinations: combinations.iter().map(set).collect(),
        configurations: Vec::new(),
    }
}

fn requires_strength(
    id: u128,
    copy: Option<AuthenticationStrength>,
) -> impl FnOnce(&mut ConditionalAccessPolicy) {
    move |policy| {
        let mut grant = grant(&[]);
        grant.strength = Some(StrengthReference {
            place: place(FILE, "$[0].grantControls.authenticationStrength"),
            id: StrengthId(id),
            copy,
        });
        policy.grant = Some(grant);
    }
}

#[test]
fn a_strength_must_exist_in_the_export_the_policy_or_the_product() {
    use AuthenticationMethod::Fido2;
    let unknown = with_policy(requires_strength(0x99, None));
    let path = "$[0].grantControls.authenticationStrength";
    assert_eq!(errors(&unknown), error(Code::UnknownStrength, path));

    for id in 2..=4 {
        assert_eq!(warnings(&with_policy(requires_strength(id, None))), []);
    }
    let copied = with_policy(requires_strength(0x99, Some(strength(0x99, &[&[Fido2]]))));
    assert_eq!(warnings(&copied), []);
    let mut exported = with_policy(requires_strength(0x99, None));
    exported[0].strengths = vec![strength(0x99, &[&[Fido2]])];
    assert_eq!(warnings(&exported), []);
}

#[test]
fn a_combination_must_have_methods_and_a_configuration_a_combination() {
    use AuthenticationMethod::{Fido2, Password};
    let empty = contoso_with(|contoso| contoso.strengths = vec![strength(9, &[&[Fido2], &[]])]);
    let file = String::from("contoso/authentication-strengths.json");
    let expected = (Code::NotUnderstood, file, String::from("$[9]"));
    assert_eq!(errors(&[empty]), [expected]);

    let idle = contoso_with(|contoso| {
        let mut strength = strength(9, &[&[Fido2]]);
        strength.configurations = vec![CombinationConfiguration {
            combinations: vec![[Password].into_iter().collect()],
            demand: CombinationDemand::Fido2(vec![Aaguid(1)]),
        }];
        contoso.strengths = vec![strength];
    });
    let expected = (Code::NoEffect, String::from("$[9]"));
    assert_eq!(warnings(&[idle]), [expected]);
}

fn device_filter(rule: &str) -> FilterCondition {
    FilterCondition {
        place: place(FILE, "$[0].conditions.devices.deviceFilter.rule"),
        mode: FilterMode::Exclude,
        rule: String::from(rule),
    }
}

#[test]
fn an_invalid_filter_rule_is_an_error_at_the_rule() {
    let device = with_policy(|policy| {
        policy.conditions.device_filter = Some(device_filter("device.model -like \"x\""));
    });
    let path = "$[0].conditions.devices.deviceFilter.rule";
    assert_eq!(errors(&device), error(Code::FilterRule, path));

    let app = with_policy(|policy| {
        let mut filter = device_filter("device.model -eq \"x\"");
        filter.place = place(FILE, "$[0].conditions.applications.applicationFilter.rule");
        if let Some(apps) = &mut policy.conditions.applications {
            apps.filter = Some(filter);
        }
    });
    let path = "$[0].conditions.applications.applicationFilter.rule";
    assert_eq!(errors(&app), error(Code::FilterRule, path));
}

#[test]
fn a_dangling_reference_of_a_disabled_policy_is_a_warning() {
    let documents = with_policy(|policy| {
        requires_strength(0x99, None)(policy);
        policy.state = PolicyState::Disabled;
        policy.conditions.users = None;
        let unknown = [LocationEntry::Location(LocationId(7))];
        policy.conditions.locations = Some(locations(&unknown, &[]));
        policy.conditions.device_filter = Some(device_filter("nonsense"));
    });
    let codes: Vec<Code> = warnings(&documents)
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    // Ordered by line.
    let expected = [
        Code::UnknownLocation,
        Code::FilterRule,
        Code::UnknownStrength,
    ];
    assert_eq!(codes.len(), expected.len());
    assert!(
        expected.iter().all(|code| codes.contains(code)),
        "{codes:?}"
    );
    assert_eq!(compiled(&documents).snapshot.counts().policies, 0);
}

#[test]
fn an_id_is_unique_in_a_tenant() {
    let duplicate = |documents: TenantDocuments, file: &str, path: &str| {
        let expected = (Code::Duplicate, String::from(file), String::from(path));
        assert_eq!(errors(&[documents]), [expected]);
    };
    let second = |path: &str| place("second.json", path);
    let policies = contoso_with(|contoso| {
        contoso.policies = vec![
            policy(1),
            policy_with(1, |policy| {
                policy.place = second("$");
                policy.state = PolicyState::Disabled;
            }),
        ];
    });
    duplicate(policies, "second.json", "$");
    let locations = contoso_with(|contoso| {
        contoso.locations = vec![ip_location(1), ip_location(1)];
        contoso.locations[1].place = second("$.location");
    });
    duplicate(locations, "second.json", "$.location");
    let strengths = contoso_with(|contoso| {
        let strength = strength(9, &[&[AuthenticationMethod::Fido2]]);
        contoso.strengths = vec![strength.clone(), strength];
        contoso.strengths[1].place = second("$.strength");
    });
    duplicate(strengths, "second.json", "$.strength");
    let channels = contoso_with(|contoso| {
        contoso.channels = vec![channel("19:a"), channel("19:a")];
        contoso.channels[1].place = second("$.channel");
    });
    duplicate(channels, "second.json", "$.channel");
}

fn channel(id: &str) -> SharedChannel {
    SharedChannel {
        place: place("contoso/shared-channels.json", "$[0]"),
        id: ChannelId(String::from(id)),
        display_name: None,
        members: vec![(UserId(1), FABRIKAM)],
        teams: Vec::new(),
    }
}

#[test]
fn channel_ids_are_case_sensitive() {
    let contoso = contoso_with(|contoso| contoso.channels = vec![channel("19:a"), channel("19:A")]);
    assert_eq!(warnings(&[contoso]), []);
}

#[test]
fn the_id_of_a_policy_without_id_derives_from_its_tenant_and_name() {
    let nameless = |tenant: TenantId, name: &str| {
        let mut documents = super::documents::tenant(tenant, "t");
        documents.policies = vec![policy_with(1, |policy| {
            policy.id = None;
            policy.display_name = String::from(name);
        })];
        let compiled = compiled(&[documents]);
        let policy = compiled
            .snapshot
            .policy(crosstrust::decision::PolicyIndex(0));
        policy.unwrap().id().to_string()
    };
    // uuid.uuid5(uuid.UUID("00000000-0000-0000-0000-0000000000c0"), "Require MFA")
    let expected = "25efbdbd-109c-5d5c-9eea-0025fcb67b24";
    assert_eq!(nameless(CONTOSO, "Require MFA"), expected);
    assert_ne!(nameless(FABRIKAM, "Require MFA"), expected);
    assert_ne!(nameless(CONTOSO, "require MFA"), expected);

    let twice = contoso_with(|contoso| {
        contoso.policies = vec![
            policy_with(1, |policy| policy.id = None),
            policy_with(1, |policy| {
                policy.id = None;
                policy.place = place("second.json", "$");
            }),
        ];
    });
    let expected = (
        Code::Duplicate,
        String::from("second.json"),
        String::from("$"),
    );
    assert_eq!(errors(&[twice]), [expected]);
}
