//! Settings, partners and defaults: contradictory settings do not compile (semantics §2).

use crosstrust::graph::Code;
use crosstrust::graph::document::ApplicationTarget::{
    AllApplications, AllMicrosoftApps, Application, Office365,
};
use crosstrust::graph::document::UserTarget::{AllUsers, Group, User};
use crosstrust::graph::document::{B2bSetting, Configuration};
use crosstrust::id::{AppId, GroupId, UserId};
use crosstrust::vocabulary::Access::{Allowed, Blocked};

use super::documents::*;

type Put = fn(&mut Configuration, B2bSetting);

/// Every member that can hold a setting.
const MEMBERS: [(&str, Put); 5] = [
    ("direct connect inbound", |to, setting| {
        to.direct_connect_inbound = Some(setting)
    }),
    ("direct connect outbound", |to, setting| {
        to.direct_connect_outbound = Some(setting)
    }),
    ("collaboration inbound", |to, setting| {
        to.collaboration_inbound = Some(setting)
    }),
    ("collaboration outbound", |to, setting| {
        to.collaboration_outbound = Some(setting)
    }),
    ("tenant restrictions", |to, setting| {
        to.tenant_restrictions = Some(setting)
    }),
];

/// Asserts the errors of the setting in each member that can hold it.
fn expect_everywhere(setting: &B2bSetting, expected: &[(Code, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(code, path)| (*code, String::from("settings.json"), (*path).to_owned()))
        .collect();
    for (member, put) in MEMBERS {
        let default = contoso_with(|contoso| {
            contoso.default = default_with(|default| put(default, setting.clone()));
        });
        assert_eq!(errors(&[default]), expected, "default, {member}");
        let partner = contoso_with(|contoso| {
            let fabrikam = partner_with(FABRIKAM, |fabrikam| put(fabrikam, setting.clone()));
            contoso.partners = vec![fabrikam];
        });
        assert_eq!(errors(&[partner]), expected, "partner, {member}");
    }
}

#[test]
fn blocking_all_users_but_not_all_applications_is_a_conflict() {
    for apps in [
        (Blocked, &[Application(AppId(1))][..]),
        (Blocked, &[Office365][..]),
        (Allowed, &[AllApplications][..]),
        (Allowed, &[Application(AppId(1))][..]),
    ] {
        let setting = setting((Blocked, &[AllUsers]), apps);
        expect_everywhere(&setting, &[(Code::ConflictingSetting, "$.setting")]);
    }
}

#[test]
fn allowing_users_while_all_applications_are_blocked_is_a_conflict() {
    let setting = setting((Allowed, &[AllUsers]), (Blocked, &[AllApplications]));
    expect_everywhere(&setting, &[(Code::ConflictingSetting, "$.setting")]);

    let single = super::documents::setting(
        (Allowed, &[Group(GroupId(1))]),
        (Blocked, &[AllApplications]),
    );
    let documents = contoso_with(|contoso| {
        let put = |fabrikam: &mut Configuration| fabrikam.collaboration_inbound = Some(single);
        contoso.partners = vec![partner_with(FABRIKAM, put)];
    });
    let place = (
        Code::ConflictingSetting,
        String::from("settings.json"),
        String::from("$.setting"),
    );
    assert_eq!(errors(&[documents]), [place]);
}

#[test]
fn every_other_pair_of_rules_compiles() {
    let app = [Application(AppId(1)), AllMicrosoftApps];
    let group = [Group(GroupId(1)), User(UserId(2))];
    for setting in [
        allow_all(),
        block_all(),
        setting((Allowed, &[AllUsers]), (Allowed, &app)),
        setting((Allowed, &[AllUsers]), (Blocked, &app)),
        setting((Allowed, &group), (Allowed, &[AllApplications])),
        setting((Allowed, &group), (Blocked, &app)),
        setting((Blocked, &group), (Allowed, &app)),
        setting((Blocked, &group), (Allowed, &[AllApplications])),
        setting((Blocked, &group), (Blocked, &app)),
        setting((Blocked, &group), (Blocked, &[AllApplications])),
    ] {
        let documents = contoso_with(|contoso| {
            let fill = |fabrikam: &mut Configuration| {
                for (_, put) in MEMBERS {
                    put(fabrikam, setting.clone());
                }
            };
            contoso.partners = vec![partner_with(FABRIKAM, fill)];
        });
        assert_eq!(warnings(&[documents]), []);
    }
}

#[test]
fn a_rule_must_have_targets() {
    let no_users = setting((Allowed, &[]), (Allowed, &[AllApplications]));
    let users = [(Code::Targets, "$.setting.usersAndGroups")];
    expect_everywhere(&no_users, &users);
    let no_apps = setting((Allowed, &[AllUsers]), (Allowed, &[]));
    let apps = [(Code::Targets, "$.setting.applications")];
    expect_everywhere(&no_apps, &apps);
}

#[test]
fn the_keywords_for_all_must_be_the_only_target() {
    let apps = [Application(AppId(1)), AllApplications];
    let apps_beside = setting((Allowed, &[AllUsers]), (Allowed, &apps));
    let expected = [(Code::Targets, "$.setting.applications.targets[1]")];
    expect_everywhere(&apps_beside, &expected);

    let users = [AllUsers, User(UserId(1))];
    let users_beside = setting((Allowed, &users), (Allowed, &[AllApplications]));
    let documents = contoso_with(|contoso| {
        let put = |fabrikam: &mut Configuration| fabrikam.tenant_restrictions = Some(users_beside);
        contoso.partners = vec![partner_with(FABRIKAM, put)];
    });
    let place = (
        Code::Targets,
        String::from("settings.json"),
        String::from("$.setting.usersAndGroups.targets[0]"),
    );
    assert_eq!(errors(&[documents]), [place]);
}

#[test]
fn a_setting_must_have_both_rules() {
    for (users, applications) in [(false, true), (true, false), (false, false)] {
        let mut setting = allow_all();
        if !users {
            setting.users = None;
        }
        if !applications {
            setting.applications = None;
        }
        expect_everywhere(&setting, &[(Code::MissingMember, "$.setting")]);
    }
}

#[test]
fn tenant_restrictions_do_not_support_device_filters() {
    let mut setting = block_all();
    setting.names_devices = Some(place("settings.json", "$.setting.devices"));
    let expected = [(Code::DevicesNotEvaluated, "$.setting.devices")];
    expect_everywhere(&setting, &expected);
}

#[test]
fn default_inbound_settings_and_restrictions_target_only_all_users() {
    let targets = [User(UserId(1)), Group(GroupId(2))];
    let setting = setting((Allowed, &targets), (Allowed, &[AllApplications]));
    for (member, put) in MEMBERS {
        let documents = contoso_with(|contoso| {
            contoso.default = default_with(|default| put(default, setting.clone()));
        });
        let expected: Vec<_> = match member.contains("outbound") {
            true => Vec::new(),
            false => [0, 1]
                .map(|index| {
                    let path = format!("$.setting.usersAndGroups.targets[{index}]");
                    (Code::TargetNotAllowed, String::from("settings.json"), path)
                })
                .to_vec(),
        };
        assert_eq!(errors(&[documents]), expected, "{member}");
    }
}

#[test]
fn a_partner_is_listed_once_and_is_another_tenant() {
    let partners = || String::from("contoso/partners.json");
    let twice = contoso_with(|contoso| {
        contoso.partners = vec![partner_at(FABRIKAM, "$[0]"), partner_at(FABRIKAM, "$[10]")];
    });
    let expected = (Code::Duplicate, partners(), String::from("$[10]"));
    assert_eq!(errors(&[twice]), [expected]);

    let own = contoso_with(|contoso| contoso.partners = vec![partner(CONTOSO)]);
    let expected = (Code::OwnPartner, partners(), String::from("$[0]"));
    assert_eq!(errors(&[own]), [expected]);
}

#[test]
fn a_tenant_has_one_folder() {
    let documents = [contoso(), tenant(CONTOSO, "contoso-copy")];
    let file = String::from("contoso-copy/organization.json");
    let expected = (Code::Duplicate, file, String::from("$"));
    assert_eq!(errors(&documents), [expected]);
}

#[test]
fn folders_without_a_tenant_can_be_checked_side_by_side() {
    let nameless = |name| {
        let mut documents = tenant(CONTOSO, name);
        documents.organization = None;
        documents.partners = vec![partner(CONTOSO), partner(FABRIKAM)];
        documents
    };
    assert_eq!(warnings(&[nameless("left"), nameless("right")]), []);
}

#[test]
fn every_finding_is_reported_not_only_the_first() {
    let contoso = contoso_with(|contoso| {
        contoso.default = default_with(|default| {
            let apps = [AllApplications, Office365];
            let setting = setting((Allowed, &[Group(GroupId(1))]), (Allowed, &apps));
            default.collaboration_inbound = Some(setting);
        });
        contoso.partners = vec![partner(CONTOSO)];
    });
    let codes: Vec<Code> = errors(&[contoso])
        .into_iter()
        .map(|(code, ..)| code)
        .collect();
    assert_eq!(
        codes,
        [Code::OwnPartner, Code::Targets, Code::TargetNotAllowed]
    );
}
