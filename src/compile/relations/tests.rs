//! Inheritance, row by row: what a partner says, what it leaves out, and where each value comes from.

use std::sync::Arc;

use super::*;
use crate::compile::findings::Findings;
use crate::graph::Place;
use crate::graph::document::{ApplicationTarget, At, Rule, Setting, UserTarget};
use crate::snapshot::AppDirectory;
use crate::time::Timestamp;

fn place(line: u32, path: &str) -> Place {
    Place {
        file: Arc::from("contoso/default.json"),
        line,
        column: 1,
        path: path.to_owned(),
    }
}

fn configuration() -> Configuration {
    Configuration {
        place: place(1, "$"),
        direct_connect_inbound: None,
        direct_connect_outbound: None,
        collaboration_inbound: None,
        collaboration_outbound: None,
        tenant_restrictions: None,
        inbound_trust: None,
        automatic_user_consent: None,
    }
}

fn allow_all(line: u32) -> Setting {
    let place = place(line, "$.b2bDirectConnectInbound");
    fn rule<T>(place: &Place, target: T) -> Rule<T> {
        let (place, access) = (place.clone(), Access::Allowed);
        let targets = vec![At {
            value: target,
            place: place.clone(),
        }];
        Rule {
            place,
            access,
            targets,
        }
    }
    Setting {
        users: Some(rule(&place, UserTarget::AllUsers)),
        applications: Some(rule(&place, ApplicationTarget::AllApplications)),
        names_devices: None,
        place,
    }
}

fn said(mfa: Option<bool>, hybrid: Option<bool>) -> Option<InboundTrust> {
    Some(InboundTrust {
        place: place(7, "$.inboundTrust"),
        mfa,
        compliant_device: Some(false),
        hybrid_joined_device: hybrid,
    })
}

fn positions(relation: &Relation) -> [u32; 5] {
    [
        relation.direct_connect_inbound,
        relation.direct_connect_outbound,
        relation.collaboration_inbound,
        relation.collaboration_outbound,
        relation.tenant_restrictions,
    ]
}

fn bits(trust: &Trust) -> [bool; 3] {
    [
        trust.mfa,
        trust.compliant_device,
        trust.hybrid_joined_device,
    ]
}

#[test]
fn the_service_blocks_direct_connect_and_restrictions_allows_collaboration_and_trusts_nothing() {
    let mut draft = Draft::new(
        &[],
        AppDirectory::default(),
        Findings::default(),
        Timestamp::MIN,
    );
    let service = service_default(&mut draft);
    let access = positions(&service).map(|position| {
        let setting = &draft.settings[position as usize];
        assert!(setting.users.all && setting.apps.apps.all);
        assert_eq!(setting.users.access, setting.apps.access);
        setting.users.access
    });
    use Access::{Allowed, Blocked};
    assert_eq!(access, [Blocked, Blocked, Allowed, Allowed, Blocked]);
    assert_eq!(bits(&service.trust), [false; 3]);
    assert!(!service.is_partner);
}

#[test]
fn a_member_is_inherited_as_a_whole_and_keeps_its_position_and_origin() {
    let mut draft = Draft::new(
        &[],
        AppDirectory::default(),
        Findings::default(),
        Timestamp::MIN,
    );
    let service = service_default(&mut draft);
    let said = Configuration {
        direct_connect_inbound: Some(allow_all(12)),
        ..configuration()
    };
    let default = default_of(&mut draft, Some(&said), &service);
    let partner = inherit(&mut draft, &configuration(), &default, Reach::Anyone);
    assert_eq!(positions(&partner), positions(&default));

    let [inbound, outbound, ..] = positions(&partner);
    let origin = |position: u32| draft.settings[position as usize].origin.to_string();
    let wanted = "contoso/default.json:12 $.b2bDirectConnectInbound";
    assert_eq!(origin(inbound), wanted);
    assert_eq!(origin(outbound), SERVICE_DEFAULT);
    assert_eq!(positions(&default)[1..], positions(&service)[1..]);
}

#[test]
fn trust_is_inherited_one_by_one_and_null_is_never_false() {
    let mut draft = Draft::new(
        &[],
        AppDirectory::default(),
        Findings::default(),
        Timestamp::MIN,
    );
    let service = service_default(&mut draft);
    let says = |trust| Configuration {
        inbound_trust: trust,
        ..configuration()
    };
    let default = says(said(Some(true), None));
    let default = default_of(&mut draft, Some(&default), &service);
    assert_eq!(bits(&default.trust), [true, false, false]);
    let wanted = format!("contoso/default.json:7 $.inboundTrust, else {SERVICE_DEFAULT}");
    assert_eq!(&*default.trust.origin, wanted);

    let silent = inherit(&mut draft, &says(None), &default, Reach::Anyone);
    assert_eq!(bits(&silent.trust), [true, false, false]);
    assert_eq!(silent.trust.origin, default.trust.origin);

    let partial = inherit(
        &mut draft,
        &says(said(None, Some(true))),
        &default,
        Reach::Anyone,
    );
    assert_eq!(bits(&partial.trust), [true, false, true]);

    let complete = says(said(Some(false), Some(true)));
    let complete = inherit(&mut draft, &complete, &default, Reach::Anyone);
    assert_eq!(bits(&complete.trust), [false, false, true]);
    assert_eq!(
        &*complete.trust.origin,
        "contoso/default.json:7 $.inboundTrust"
    );
}
