//! Large tenants compile in time linear in their size.

use crosstrust::graph::document::ApplicationTarget::{AllApplications, Application};
use crosstrust::graph::document::UserTarget::{Group, User};
use crosstrust::graph::document::*;
use crosstrust::id::*;
use crosstrust::vocabulary::Access::{Allowed, Blocked};

use super::documents::*;

const MANY: u128 = 10_000;

#[test]
fn ten_thousand_partners_with_own_settings_compile() {
    let contoso = contoso_with(|contoso| {
        contoso.default = default_with(|default| {
            let groups: Vec<_> = (0..MANY).map(|id| Group(GroupId(id << 64))).collect();
            let outbound = setting((Allowed, &groups), (Allowed, &[AllApplications]));
            default.collaboration_outbound = Some(outbound);
        });
        contoso.partners = (0..MANY)
            .map(|id| {
                let users = [Group(GroupId(id)), User(UserId(id))];
                let apps = [Application(AppId(id))];
                let setting = setting((Blocked, &users), (Blocked, &apps));
                let mut partner = partner_at(TenantId(0x1000 + id), &format!("$[{id}]"));
                partner.configuration.direct_connect_inbound = Some(setting.clone());
                partner.configuration.direct_connect_outbound = Some(setting.clone());
                partner.configuration.collaboration_inbound = Some(setting.clone());
                partner.configuration.tenant_restrictions = Some(setting);
                partner
            })
            .collect();
    });
    let snapshot = compiled(&[contoso]).snapshot;
    assert_eq!(snapshot.counts().partners, 10_000);
    assert_eq!(snapshot.groups().ids().len(), 19_999);
}

#[test]
fn ten_thousand_targets_in_one_rule_compile() {
    let contoso = contoso_with(|contoso| {
        let users: Vec<_> = (0..MANY)
            .flat_map(|id| [User(UserId(id)), Group(GroupId(id))])
            .collect();
        let apps: Vec<_> = (0..MANY).map(|id| Application(AppId(id))).collect();
        contoso.partners = vec![partner_with(FABRIKAM, |fabrikam| {
            let setting = setting((Allowed, &users), (Allowed, &apps));
            fabrikam.collaboration_inbound = Some(setting);
        })];
    });
    assert_eq!(compiled(&[contoso]).snapshot.groups().ids().len(), 10_000);
}

#[test]
fn ten_thousand_policies_that_each_name_an_application_compile() {
    let contoso = contoso_with(|contoso| {
        contoso.policies = (0..MANY)
            .map(|id| {
                policy_with(id, |policy| {
                    let mut apps = applications(ApplicationsList::default());
                    // Every tenth policy includes all applications and excludes its own.
                    match id % 10 {
                        0 => {
                            apps.include.all = true;
                            apps.exclude.applications = vec![AppId(id)];
                        }
                        _ => apps.include.applications = vec![AppId(id)],
                    }
                    policy.conditions.applications = Some(apps);
                })
            })
            .collect();
    });
    assert_eq!(compiled(&[contoso]).snapshot.counts().policies, 10_000);
}

#[test]
fn ten_thousand_tenants_compile() {
    let tenants: Vec<_> = (0..MANY)
        .map(|id| tenant(TenantId(id), &format!("tenant-{id}")))
        .collect();
    assert_eq!(compiled(&tenants).snapshot.counts().tenants, 10_000);
}
