//! Operational events and policy changes → Graph's `directoryAudit`.

use std::collections::BTreeSet;

use crosstrust::changes::{Change, ChangedObject, ChannelName, Operation, Property};
use crosstrust::graph::{Code, Finding, SourceLocation};
use crosstrust::log::audit::{Actor, AuditEvent, AuditHeader};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::snapshot::SnapshotId;
use serde_json::{Value, json};

use super::*;

fn body(audit: &AuditEvent<'_>, pseudonyms: &Pseudonyms) -> Value {
    let record = AuditHeader {
        id: some_id(),
        time: NOW,
        actor: Actor::Caller("spiffe://contoso/operator"),
    };
    read(&audit.body(&record, pseudonyms))
}

fn change(object: ChangedObject, operation: Operation, properties: Vec<Property>) -> Change {
    Change {
        tenant: CONTOSO,
        object,
        id: FELIX.to_string(),
        display_name: Some(String::from("Felix")),
        operation,
        properties,
    }
}

fn changed(change: &Change, pseudonyms: &Pseudonyms) -> Value {
    let snapshot = Some(SnapshotId([7; 32]));
    body(&AuditEvent::Changed { change, snapshot }, pseudonyms)
}

fn property(name: &str, old: Option<Value>, new: Option<Value>) -> Property {
    Property {
        name: name.to_owned(),
        old,
        new,
    }
}

fn channel() -> ChannelName {
    ChannelName {
        id: String::from("19:a@thread.tacv2"),
        display_name: Some(String::from("Launch")),
    }
}

#[test]
fn a_changed_policy_is_recorded_with_old_and_new_values_as_written() {
    let old = json!({"includeUsers": ["All"], "note": HOSTILE});
    let properties = vec![
        property(
            "conditions",
            Some(old.clone()),
            Some(json!({"includeUsers": []})),
        ),
        property("state", None, Some(json!("enabled"))),
    ];
    let change = change(
        ChangedObject::ConditionalAccessPolicy,
        Operation::Updated,
        properties,
    );
    let record = changed(&change, &Pseudonyms::OFF);
    let recorded = record["targetResources"][0]["modifiedProperties"][0]["oldValue"]
        .as_str()
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(recorded).unwrap(), old);
    assert!(!recorded.contains(is_terminal_control), "{recorded}");
    let expected = json!({
        "id": some_id().to_string(), "activityDateTime": NOW.to_string(),
        "activityDisplayName": "Update Conditional Access policy", "category": "Policy",
        "correlationId": some_id().to_string(), "operationType": "Update", "loggedByService": "crosstrust",
        "result": "success", "resultReason": null,
        "initiatedBy": {"app": {"appId": null, "displayName": "spiffe://contoso/operator"}, "user": null},
        "crosstrust": {"tenantId": CONTOSO.to_string()},
        "additionalDetails": [{"key": "snapshotId", "value": "07".repeat(32)}],
        "targetResources": [{
            "id": FELIX.to_string(), "displayName": "Felix", "type": "Policy",
            "modifiedProperties": [
                {"displayName": "conditions", "oldValue": recorded, "newValue": r#"{"includeUsers":[]}"#},
                {"displayName": "state", "oldValue": null, "newValue": r#""enabled""#},
            ],
        }],
    });
    assert_eq!(record, expected);
}

#[test]
fn activities_have_microsofts_names() {
    use Operation::{Added, Created, Deleted, Demoted, Promoted, Removed, Updated};
    let member = || ChangedObject::ChannelMember {
        channel: channel(),
        home: FABRIKAM,
    };
    let team = || ChangedObject::ChannelTeam {
        channel: channel(),
        home: FABRIKAM,
    };
    let cross = "CrossTenantAccessSettings";
    let channels = "SharedChannelManagement";
    let table = [
        (
            ChangedObject::Partner,
            Created,
            cross,
            "Add a partner to cross-tenant access setting",
        ),
        (
            ChangedObject::Partner,
            Updated,
            cross,
            "Update a partner cross-tenant access setting",
        ),
        (
            ChangedObject::Partner,
            Deleted,
            cross,
            "Delete partner specific cross-tenant access setting",
        ),
        (
            ChangedObject::DefaultSetting,
            Updated,
            cross,
            "Update the company default cross-tenant access setting",
        ),
        (
            ChangedObject::DefaultSetting,
            Deleted,
            cross,
            "Reset the cross-tenant access default setting",
        ),
        (
            ChangedObject::IdentitySync,
            Created,
            cross,
            "Create a partner cross-tenant identity sync setting",
        ),
        (
            ChangedObject::IdentitySync,
            Updated,
            cross,
            "Update a partner cross-tenant identity sync setting",
        ),
        (
            ChangedObject::IdentitySync,
            Deleted,
            cross,
            "Delete a partner cross-tenant identity sync setting",
        ),
        (
            ChangedObject::ConditionalAccessPolicy,
            Created,
            "Policy",
            "Add Conditional Access policy",
        ),
        (
            ChangedObject::ConditionalAccessPolicy,
            Updated,
            "Policy",
            "Update Conditional Access policy",
        ),
        (
            ChangedObject::ConditionalAccessPolicy,
            Deleted,
            "Policy",
            "Delete Conditional Access policy",
        ),
        (
            ChangedObject::ConditionalAccessSettings,
            Updated,
            "Policy",
            "Update Conditional Access settings",
        ),
        (
            ChangedObject::ConditionalAccessSettings,
            Deleted,
            "Policy",
            "Reset Conditional Access settings",
        ),
        (
            ChangedObject::NamedLocation,
            Created,
            "Policy",
            "Add named location",
        ),
        (
            ChangedObject::NamedLocation,
            Updated,
            "Policy",
            "Update named location",
        ),
        (
            ChangedObject::NamedLocation,
            Deleted,
            "Policy",
            "Delete named location",
        ),
        (
            ChangedObject::AuthenticationStrength,
            Created,
            "ApplicationManagement",
            "Authentication Strength Policy Create",
        ),
        (
            ChangedObject::AuthenticationStrength,
            Updated,
            "ApplicationManagement",
            "Authentication Strength Policy Update",
        ),
        (
            ChangedObject::AuthenticationStrength,
            Deleted,
            "ApplicationManagement",
            "Authentication Strength Policy Delete",
        ),
        (
            ChangedObject::IdentityProvider,
            Created,
            "DirectoryManagement",
            "Add identity provider",
        ),
        (
            ChangedObject::Federation,
            Deleted,
            "DirectoryManagement",
            "Delete federation with external domain",
        ),
        (
            ChangedObject::AssumedOutbound,
            Updated,
            "CrossTenantAccessSettings",
            "Update assumed outbound access of a partner",
        ),
        (
            ChangedObject::Channel,
            Created,
            channels,
            "Add shared channel",
        ),
        (member(), Added, channels, "Add member to shared channel"),
        (
            member(),
            Removed,
            channels,
            "Remove member from shared channel",
        ),
        (
            member(),
            Promoted,
            channels,
            "Promote member of shared channel to owner",
        ),
        (
            member(),
            Demoted,
            channels,
            "Demote owner of shared channel to member",
        ),
        (team(), Added, channels, "Add team to shared channel"),
        (team(), Removed, channels, "Remove team from shared channel"),
    ];
    for (object, operation, category, name) in table {
        let record = changed(&change(object, operation, Vec::new()), &Pseudonyms::OFF);
        assert_eq!(
            (&record["category"], &record["activityDisplayName"]),
            (&json!(category), &json!(name))
        );
    }
}

#[test]
fn a_channel_member_is_recorded_with_its_channel_and_as_in_tenant_or_cross_tenant() {
    for (home, word) in [(FABRIKAM, "cross-tenant"), (CONTOSO, "in-tenant")] {
        let object = ChangedObject::ChannelMember {
            channel: channel(),
            home,
        };
        let record = changed(
            &change(object, Operation::Added, Vec::new()),
            &Pseudonyms::OFF,
        );
        assert_eq!(
            record["crosstrust"]["tenantId"],
            CONTOSO.to_string(),
            "the host tenant, never the home tenant"
        );
        let details = record["additionalDetails"].as_array().unwrap();
        assert!(details.contains(&json!({"key": "membership", "value": word})));
        assert!(details.contains(&json!({"key": "homeTenantId", "value": home.to_string()})));
        let targets = record["targetResources"].as_array().unwrap();
        let recorded: Vec<(&Value, &Value)> = targets
            .iter()
            .map(|one| (&one["type"], &one["id"]))
            .collect();
        let channel = (&json!("Channel"), &json!("19:a@thread.tacv2"));
        assert_eq!(
            recorded,
            [channel, (&json!("User"), &json!(FELIX.to_string()))]
        );
    }
}

#[test]
fn a_change_of_one_in_ten_thousand_targets_records_only_that_one() {
    let target = |number: usize| json!({"target": format!("00000000-0000-0000-0000-{number:012}"), "targetType": "group"});
    let setting = |targets: Vec<Value>| {
        json!({"usersAndGroups": {"accessType": "allowed", "targets": targets},
        "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications"}]}})
    };
    let old: Vec<Value> = (0..10_000).map(target).collect();
    let mut new = old.clone();
    new.remove(5_000);
    new.push(target(20_000));
    let properties = vec![property(
        "b2bDirectConnectInbound",
        Some(setting(old)),
        Some(setting(new)),
    )];
    let record = changed(
        &change(ChangedObject::Partner, Operation::Updated, properties),
        &Pseudonyms::OFF,
    );
    assert_eq!(record["truncated"], true);
    let property = &record["targetResources"][0]["modifiedProperties"][0];
    let value =
        |name: &str| serde_json::from_str::<Value>(property[name].as_str().unwrap()).unwrap();
    assert_eq!(
        value("oldValue"),
        json!({"usersAndGroups": {"targets": [target(5_000)]}})
    );
    assert_eq!(
        value("newValue"),
        json!({"usersAndGroups": {"targets": [target(20_000)]}})
    );
}

#[test]
fn an_oversized_object_is_truncated_and_still_json() {
    let long: Vec<Value> = (0..20_000)
        .map(|number| json!(format!("{HOSTILE}{number}")))
        .collect();
    let properties = (0..50).map(|number| property(&format!("p{number}"), Some(json!(long)), None));
    let change = change(
        ChangedObject::Partner,
        Operation::Deleted,
        properties.collect(),
    );
    let record = changed(&change, &Pseudonyms::OFF);
    assert_eq!(record["truncated"], true);
    let properties = record["targetResources"][0]["modifiedProperties"]
        .as_array()
        .unwrap();
    assert!(!properties.is_empty());
    for property in properties {
        let old: Value = serde_json::from_str(property["oldValue"].as_str().unwrap()).unwrap();
        assert_eq!(old[0], long[0]);
    }
}

#[test]
fn with_a_key_users_are_hashes_inside_values_too_and_their_names_are_omitted() {
    let keyed = Pseudonyms::keyed(&[7; 32]).unwrap();
    let felix = FELIX.to_string().to_uppercase();
    let entry = json!({"userId": felix, "email": "felix@fabrikam.com", "displayName": "Felix F.", "roles": []});
    let object = ChangedObject::ChannelMember {
        channel: channel(),
        home: FABRIKAM,
    };
    let names = ["userId", "email", "displayName", "roles"];
    let properties = names.map(|name| property(name, None, entry.get(name).cloned()));
    let member = changed(
        &change(object, Operation::Added, properties.to_vec()),
        &keyed,
    );

    let users = json!({"includeUsers": [felix, "All"], "excludeUsers": [felix], "includeGroups": [GUEST.to_string()]});
    let targets = json!({"targets": [
        {"target": felix, "targetType": "user"}, {"target": GUEST.to_string(), "targetType": "group"}]});
    let properties = vec![
        property("users", Some(users), None),
        property("setting", None, Some(targets)),
        property("allowedMembers", None, Some(json!([entry]))),
    ];
    let policy = changed(
        &change(
            ChangedObject::ConditionalAccessPolicy,
            Operation::Updated,
            properties,
        ),
        &keyed,
    );

    for record in [&member, &policy] {
        let text = record.to_string().to_lowercase();
        let readable: BTreeSet<&str> = ["felix f.", "felix@", "21022c4a"]
            .into_iter()
            .filter(|word| text.contains(word))
            .collect();
        let is_policy = record == &policy;
        // The policy's own id and name are those of this test's change.
        let expected: BTreeSet<&str> = if is_policy {
            BTreeSet::from(["21022c4a"])
        } else {
            BTreeSet::new()
        };
        assert_eq!(readable, expected, "{text}");
        assert!(text.contains(&keyed.user(FELIX)));
    }
    assert_eq!(member["targetResources"][1]["id"], keyed.user(FELIX));
    assert_eq!(member["targetResources"][1]["displayName"], Value::Null);
    let properties = &policy["targetResources"][0]["modifiedProperties"];
    let users: Value = serde_json::from_str(properties[0]["oldValue"].as_str().unwrap()).unwrap();
    assert_eq!(users["includeUsers"], json!([keyed.user(FELIX), "All"]));
    assert_eq!(
        users["includeGroups"],
        json!([GUEST.to_string()]),
        "groups are not users"
    );
}

#[test]
fn every_event_has_a_record_and_only_changes_belong_to_an_organisation() {
    let keys = [String::from("k1"), String::from("k2")];
    let findings: Vec<Finding> = (0..200)
        .map(|_| Finding::error(SourceLocation::of_file(HOSTILE), Code::Syntax, HOSTILE))
        .collect();
    let id = SnapshotId([1; 32]);
    let all = [
        AuditEvent::Started {
            version: "1",
            policies: "policies",
            addresses: &keys,
            snapshot: Some(id),
        },
        AuditEvent::Stopped { cause: "SIGTERM" },
        AuditEvent::SnapshotActivated {
            id,
            version: 2,
            source: "policies",
            previous: None,
            changes: 3,
            omitted: 0,
        },
        AuditEvent::SnapshotRejected {
            message: HOSTILE,
            findings: &findings,
            in_force: Some(id),
        },
        AuditEvent::Explained {
            home: Some(FABRIKAM),
            resource: Some(CONTOSO),
            user: Some(FELIX),
            app: Some(PAYROLL),
            outcome: "ALLOWED",
        },
        AuditEvent::Reloaded {
            allow_removals: true,
            outcome: "rejected",
        },
        AuditEvent::KeysChanged {
            issuer: "https://issuer",
            source: "keys.json",
            added: &keys,
            removed: &[],
        },
        AuditEvent::KeysWithdrawn {
            issuer: "https://issuer",
            source: "keys.json",
            cause: "out of reach",
        },
    ];
    let mut names = BTreeSet::new();
    let mut failures = 0;
    for audit in &all {
        let record = body(audit, &Pseudonyms::OFF);
        assert_eq!(record["crosstrust"]["tenantId"], Value::Null);
        names.insert(record["activityDisplayName"].as_str().unwrap().to_owned());
        failures += usize::from(record["result"] == "failure");
    }
    assert_eq!((names.len(), failures), (all.len(), 3));

    let rejected = body(&all[3], &Pseudonyms::OFF);
    assert_eq!(rejected["resultReason"], HOSTILE);
    assert_eq!(rejected["truncated"], true);
    assert!(rejected["crosstrust"]["findings"].as_array().unwrap().len() >= 20);
    let keys = body(&all[6], &Pseudonyms::OFF);
    let property = &keys["targetResources"][0]["modifiedProperties"][0];
    assert_eq!(property["newValue"], r#"["k1","k2"]"#);
    let keyed = Pseudonyms::keyed(&[7; 32]).unwrap();
    let explained = body(&all[4], &keyed);
    assert_eq!(explained["targetResources"][0]["id"], keyed.user(FELIX));
}
