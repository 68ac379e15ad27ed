//! Inheritance: what a partner sets, what it inherits, and the origin of each value.

use std::sync::Arc;

use super::*;
use crate::compile::findings::Findings;
use crate::graph::SourceLocation;
use crate::graph::document::{AccessRule, ApplicationTarget, B2bSetting, Located, UserTarget};
use crate::snapshot::AppDirectory;
use crate::time::Timestamp;

fn place(line: u32, path: &str) -> SourceLocation {
    SourceLocation {
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

fn allow_all(line: u32) -> B2bSetting {
    let place = place(line, "$.b2bDirectConnectInbound");
    fn rule<T>(place: &SourceLocation, target: T) -> AccessRule<T> {
        let (place, access) = (place.clone(), Access::Allowed);
        let targets = vec![Located {
            value: target,
            place: place.clone(),
        }];
        AccessRule {
            place,
            access,
            targets,
        }
    }
    B2bSetting {
        users: Some(rule(&place, UserTarget::AllUsers)),
        applications: Some(rule(&place, ApplicationTarget::AllApplications)),
        names_devices: None,
        place,
    }
}

fn inbound_trust(mfa: Option<bool>, hybrid: Option<bool>) -> Option<InboundTrust> {
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

fn bits(trust: &TrustedClaims) -> [bool; 3] {
    [
        trust.mfa,
        trust.compliant_device,
        trust.hybrid_joined_device,
    ]
}

#[test]
fn the_service_blocks_direct_connect_and_restrictions_allows_collaboration_and_trusts_nothing() {
    let mut builder = SnapshotBuilder::new(
        &[],
        AppDirectory::default(),
        Findings::default(),
        Timestamp::MIN,
    );
    let service = service_default(&mut builder);
    let access = positions(&service).map(|position| {
        let setting = &builder.settings[position as usize];
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
fn a_member_is_inherited_as_one_value_with_its_position_and_origin() {
    let mut builder = SnapshotBuilder::new(
        &[],
        AppDirectory::default(),
        Findings::default(),
        Timestamp::MIN,
    );
    let service = service_default(&mut builder);
    let configured = Configuration {
        direct_connect_inbound: Some(allow_all(12)),
        ..configuration()
    };
    let default = default_of(&mut builder, Some(&configured), &service);
    let partner = inherit(
        &mut builder,
        &configuration(),
        &default,
        AllowedTargets::Any,
    );
    assert_eq!(positions(&partner), positions(&default));

    let [inbound, outbound, ..] = positions(&partner);
    let origin = |position: u32| builder.settings[position as usize].origin.to_string();
    let expected = "contoso/default.json:12 $.b2bDirectConnectInbound";
    assert_eq!(origin(inbound), expected);
    assert_eq!(origin(outbound), SERVICE_DEFAULT);
    assert_eq!(positions(&default)[1..], positions(&service)[1..]);
}

#[test]
fn trust_is_inherited_one_by_one_and_null_is_never_false() {
    let mut builder = SnapshotBuilder::new(
        &[],
        AppDirectory::default(),
        Findings::default(),
        Timestamp::MIN,
    );
    let service = service_default(&mut builder);
    let configuring = |trust| Configuration {
        inbound_trust: trust,
        ..configuration()
    };
    let default = configuring(inbound_trust(Some(true), None));
    let default = default_of(&mut builder, Some(&default), &service);
    assert_eq!(bits(&default.trust), [true, false, false]);
    let expected = format!("contoso/default.json:7 $.inboundTrust, else {SERVICE_DEFAULT}");
    assert_eq!(&*default.trust.origin, expected);

    let inherited = inherit(
        &mut builder,
        &configuring(None),
        &default,
        AllowedTargets::Any,
    );
    assert_eq!(bits(&inherited.trust), [true, false, false]);
    assert_eq!(inherited.trust.origin, default.trust.origin);

    let partial = inherit(
        &mut builder,
        &configuring(inbound_trust(None, Some(true))),
        &default,
        AllowedTargets::Any,
    );
    assert_eq!(bits(&partial.trust), [true, false, true]);

    let complete = configuring(inbound_trust(Some(false), Some(true)));
    let complete = inherit(&mut builder, &complete, &default, AllowedTargets::Any);
    assert_eq!(bits(&complete.trust), [false, false, true]);
    assert_eq!(
        &*complete.trust.origin,
        "contoso/default.json:7 $.inboundTrust"
    );
}
