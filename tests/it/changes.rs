//! Differences between two versions of the policies: applied to the old version they give the new one, and documents
//! with the same meaning do not differ.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crosstrust::changes::{
    Change, ChangedObject, Changes, MAX_CHANGES, Operation, Property, compare,
};
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::graph::SourceFile;
use crosstrust::id::{PolicyId, TenantId};
use crosstrust::reload::{ReloadObserver, ReloadOptions, ReloadOutcome, Reloader};
use serde_json::{Map, Value, json};

use crate::reference::World;
use crate::support::generate;
use crate::support::mutate::objects_mut;
use crate::support::product::files;
use crate::support::random::Rng;

const CONTOSO: &str = "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11";
const FABRIKAM: &str = "2a7b6c5d-1111-4222-8333-444455556666";
const USER: &str = "3b8c7d6e-2222-4333-8444-555566667777";
const OTHER: &str = "4c9d8e7f-3333-4444-8555-666677778888";

/// Every object of a world by tenant, kind and id, with its members in canonical form.
type Model = BTreeMap<(TenantId, String, String), BTreeMap<String, Value>>;

fn model(world: &World) -> Model {
    let mut model = Model::new();
    for tenant in &world.tenants {
        let id = tenant.id();
        let mut put = |kind: &str, key: String, object: &Value, without: &[&str]| {
            let mut members = members_of(object);
            members.retain(|name, _| !without.contains(&name.as_str()));
            model.insert((id, kind.to_owned(), key), members);
        };
        for (document, kind) in [
            ("organization", "Organization"),
            ("cross-tenant-access", "CrossTenantAccessPolicy"),
            ("default", "DefaultSetting"),
            ("conditional-access-settings", "ConditionalAccessSettings"),
        ] {
            for object in tenant.objects(document) {
                put(kind, id.to_string(), object, &[]);
            }
        }
        for partner in tenant.objects("partners") {
            let key = guid(&partner["tenantId"]).unwrap();
            put(
                "Partner",
                key.clone(),
                partner,
                &["identitySynchronization"],
            );
            let sync = &partner["identitySynchronization"];
            if !sync.is_null() {
                put("IdentitySync", key, sync, &[]);
            }
        }
        for policy in tenant.objects("conditional-access") {
            let by_name = || {
                let namespace = uuid::Uuid::from_u128(id.0);
                let name = policy["displayName"].as_str().unwrap();
                PolicyId(uuid::Uuid::new_v5(&namespace, name.as_bytes()).as_u128()).to_string()
            };
            let key = guid(&policy["id"]).unwrap_or_else(by_name);
            put("ConditionalAccessPolicy", key, policy, &[]);
        }
        for (document, kind) in [
            ("named-locations", "NamedLocation"),
            ("authentication-strengths", "AuthenticationStrength"),
        ] {
            for object in tenant.objects(document) {
                put(kind, guid(&object["id"]).unwrap(), object, &[]);
            }
        }
        for entry in tenant.objects("assumed-outbound") {
            let key = guid(&entry["tenantId"]).unwrap();
            put("AssumedOutbound", key, entry, &[]);
        }
        for (document, kind, name) in [
            (
                "identity-providers",
                "IdentityProvider",
                "identityProviderType",
            ),
            ("federation-configurations", "Federation", "issuerUri"),
        ] {
            for object in tenant.objects(document) {
                let key = object[name].as_str().unwrap().to_owned();
                put(kind, key, object, &[]);
            }
        }
        for channel in tenant.objects("shared-channels") {
            let name = channel["id"].as_str().unwrap().to_owned();
            put(
                "Channel",
                name.clone(),
                channel,
                &["members", "sharedWithTeams"],
            );
            for member in channel["members"].as_array().into_iter().flatten() {
                let home = guid(&member["tenantId"]).unwrap();
                let user = guid(&member["userId"]).unwrap();
                put(&format!("ChannelMember {name} {home}"), user, member, &[]);
            }
            for team in channel["sharedWithTeams"].as_array().into_iter().flatten() {
                let home = guid(&team["tenantId"]).unwrap();
                let key = guid(&team["id"]).unwrap();
                put(&format!("ChannelTeam {name} {home}"), key, team, &[]);
            }
        }
    }
    model
}

fn members_of(object: &Value) -> BTreeMap<String, Value> {
    let members = object.as_object().unwrap();
    let set_members = members.iter().filter(|(name, value)| {
        !value.is_null() && (!name.contains('@') || *name == "@odata.type")
    });
    set_members
        .map(|(name, value)| (name.clone(), canonical(value)))
        .collect()
}

/// The canonical form of a value.
fn canonical(value: &Value) -> Value {
    match value {
        Value::String(_) => guid(value).map_or(value.clone(), Value::String),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        Value::Object(_) => Value::Object(members_of(value).into_iter().collect()),
        other => other.clone(),
    }
}

fn guid(value: &Value) -> Option<String> {
    let id: TenantId = value.as_str()?.parse().ok()?;
    Some(id.to_string())
}

fn key(change: &Change) -> (TenantId, String, String) {
    let kind = match &change.object {
        ChangedObject::ChannelMember { channel, home } => {
            format!("ChannelMember {} {home}", channel.id)
        }
        ChangedObject::ChannelTeam { channel, home } => {
            format!("ChannelTeam {} {home}", channel.id)
        }
        other => format!("{other:?}"),
    };
    (change.tenant, kind, change.id.clone())
}

/// Applies one change and asserts that its old values match the model.
fn apply(model: &mut Model, change: &Change) {
    let key = key(change);
    let is_settled = matches!(
        change.object,
        ChangedObject::DefaultSetting
            | ChangedObject::CrossTenantAccessPolicy
            | ChangedObject::ConditionalAccessSettings
    );
    match change.operation {
        Operation::Created | Operation::Added => {
            let before = model.insert(key, BTreeMap::new());
            assert_eq!(before, None, "{change:?}");
        }
        _ if is_settled => {
            model.entry(key).or_default();
        }
        _ => assert!(model.contains_key(&key), "{change:?}"),
    }
    let members = model.get_mut(&self::key(change)).unwrap();
    for Property { name, old, new } in &change.properties {
        assert_ne!(old.as_ref().map(canonical), new.as_ref().map(canonical));
        assert_eq!(
            members.get(name),
            old.as_ref().map(canonical).as_ref(),
            "{change:?}"
        );
        match new {
            Some(new) => members.insert(name.clone(), canonical(new)),
            None => members.remove(name),
        };
    }
    if matches!(change.operation, Operation::Deleted | Operation::Removed) {
        assert_eq!(members.len(), 0, "{change:?}");
        model.remove(&self::key(change));
    }
}

fn assert_transforms(old: &World, new: &World, old_files: &[SourceFile], new_files: &[SourceFile]) {
    let changes = compare(old_files, new_files);
    let (mut reached, expected) = (model(old), model(new));
    for change in &changes.list {
        apply(&mut reached, change);
    }
    assert_eq!(reached, expected, "{changes:#?}");
    assert_eq!(changes.omitted, 0);
}

/// Selects each object with this probability.
fn chosen<'o>(objects: &'o mut [Value], rng: &mut Rng, percent: usize) -> Vec<&'o mut Value> {
    let mut chosen: Vec<&mut Value> = objects.iter_mut().collect();
    chosen.retain(|_| rng.chance(percent));
    chosen
}

/// Removes some objects, changes some members, and makes some members owners.
fn edit(world: &World, rng: &mut Rng) -> World {
    const LISTS: [&str; 5] = [
        "partners",
        "conditional-access",
        "named-locations",
        "authentication-strengths",
        "shared-channels",
    ];
    let mut other = world.clone();
    for tenant in &mut other.tenants {
        for list in LISTS {
            let objects = objects_mut(tenant, list);
            objects.retain(|_| !rng.chance(15));
            for object in chosen(objects, rng, 30) {
                object["description"] = json!(format!("edit {}", rng.below(1000)));
            }
            if list == "partners" {
                for partner in chosen(objects, rng, 30) {
                    let allowed = rng.chance(50);
                    partner["identitySynchronization"] =
                        json!({"userSyncInbound": {"isSyncAllowed": allowed}});
                }
            }
            for channel in objects.iter_mut().filter(|_| list == "shared-channels") {
                let Some(members) = channel.get_mut("members").and_then(Value::as_array_mut) else {
                    continue;
                };
                for member in chosen(members, rng, 40) {
                    member["roles"] = json!(if rng.chance(50) {
                        vec!["owner"]
                    } else {
                        vec![]
                    });
                }
            }
        }
    }
    other
}

#[test]
fn changes_transform_one_version_into_the_other_and_back() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let old = generate::world(seed);
        let new = match rng.chance(60) {
            true => edit(&old, &mut rng),
            false => generate::world(seed + 10_000),
        };
        let (old_files, new_files) = (files(&old), rearranged(&new, &mut rng));
        assert_transforms(&old, &new, &old_files, &new_files);
        assert_transforms(&new, &old, &new_files, &old_files);
    }
}

/// The same documents in other files and folders, in another order and form.
fn rearranged(world: &World, rng: &mut Rng) -> Vec<SourceFile> {
    let mut files = Vec::new();
    for (number, tenant) in world.tenants.iter().enumerate() {
        let folder = format!("folder-{}", number + 7);
        for document in tenant.documents.keys() {
            let mut objects: Vec<Value> = tenant.objects(document).into_iter().cloned().collect();
            rng.shuffle(&mut objects);
            let is_folder = rng.chance(50);
            if !is_folder {
                let page = match rng.below(2) {
                    0 => {
                        json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata", "value": objects})
                    }
                    _ => Value::Array(objects.clone()),
                };
                let text = serde_json::to_string_pretty(&page).unwrap();
                files.push(file(&format!("{folder}/{document}.json"), &text));
                continue;
            }
            for (at, object) in objects.into_iter().enumerate() {
                let object = reformatted(&object, rng);
                let text = match rng.below(2) {
                    0 => serde_json::to_string_pretty(&object).unwrap(),
                    _ => format!("\u{feff}{object}"),
                };
                files.push(file(&format!("{folder}/{document}/{at}.json"), &text));
            }
        }
    }
    files
}

/// Lists in another order, ids in another case, and extra annotations.
fn reformatted(value: &Value, rng: &mut Rng) -> Value {
    match value {
        Value::String(text) => match guid(value) {
            Some(_) => json!(text.to_uppercase()),
            None => value.clone(),
        },
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| reformatted(item, rng)).collect();
            rng.shuffle(&mut items);
            Value::Array(items)
        }
        Value::Object(members) => {
            let mut other: Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), reformatted(value, rng)))
                .collect();
            other.insert("@odata.etag".to_owned(), json!("W/1"));
            other.insert("description@odata.context".to_owned(), json!("…"));
            Value::Object(other)
        }
        other => other.clone(),
    }
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        bytes: text.to_owned().into_bytes().into(),
    }
}

#[test]
fn moved_reordered_or_reformatted_documents_are_unchanged() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let world = generate::world(seed);
        let (one, other) = (files(&world), rearranged(&world, &mut rng));
        assert_eq!(compare(&one, &other), Changes::default(), "{seed}");
        assert_eq!(compare(&other, &one), Changes::default(), "{seed}");
    }
}

/// Contoso with its organization and these documents.
fn contoso(documents: &[(&str, Value)]) -> Vec<SourceFile> {
    let organization = json!({"id": CONTOSO, "displayName": "Contoso"});
    let mut files = vec![file("contoso/organization.json", &organization.to_string())];
    let others = documents
        .iter()
        .map(|(name, document)| file(&format!("contoso/{name}.json"), &document.to_string()));
    files.extend(others);
    files
}

fn summary(changes: &Changes) -> Vec<(String, Operation, &str, Vec<&str>)> {
    let changes_with_names = changes.list.iter().map(|change| {
        let names = change.properties.iter().map(|one| one.name.as_str());
        (
            key(change).1,
            change.operation,
            change.id.as_str(),
            names.collect(),
        )
    });
    changes_with_names.collect()
}

#[test]
fn changes_to_channel_members_and_teams_are_listed_one_by_one() {
    let channel = |members: Value, teams: Value| {
        let channel = json!({"id": "19:a@thread.tacv2", "displayName": "Launch", "membershipType": "shared",
            "members": members, "sharedWithTeams": teams});
        contoso(&[("shared-channels", channel)])
    };
    let member = |user: &str, tenant: &str, roles: &[&str]| json!({"userId": user, "tenantId": tenant, "roles": roles});
    let before = channel(
        json!([
            member(USER, CONTOSO, &["owner"]),
            member(OTHER, FABRIKAM, &[])
        ]),
        json!([]),
    );
    let after = channel(
        json!([
            member(OTHER, FABRIKAM, &["Owner"]),
            member(USER, CONTOSO, &[])
        ]),
        json!([{"id": OTHER, "tenantId": FABRIKAM, "displayName": "Team"}]),
    );
    let changes = compare(&before, &after);
    let name = "19:a@thread.tacv2";
    let expected = vec![
        (
            format!("ChannelMember {name} {CONTOSO}"),
            Operation::Demoted,
            USER,
            vec!["roles"],
        ),
        (
            format!("ChannelMember {name} {FABRIKAM}"),
            Operation::Promoted,
            OTHER,
            vec!["roles"],
        ),
        (
            format!("ChannelTeam {name} {FABRIKAM}"),
            Operation::Added,
            OTHER,
            vec!["displayName", "id", "tenantId"],
        ),
    ];
    assert_eq!(summary(&changes), expected);
    assert!(
        changes
            .list
            .iter()
            .all(|change| change.tenant.to_string() == CONTOSO)
    );
    let ChangedObject::ChannelTeam { channel, .. } = &changes.list[2].object else {
        panic!("{changes:?}");
    };
    assert_eq!(channel.display_name.as_deref(), Some("Launch"));

    let removed = compare(&after, &contoso(&[("shared-channels", json!([]))]));
    let operations: Vec<Operation> = removed.list.iter().map(|change| change.operation).collect();
    use Operation::{Deleted, Removed};
    assert_eq!(operations, [Deleted, Removed, Removed, Removed]);
}

#[test]
fn the_default_setting_is_updated_or_reset_and_never_created() {
    let with = contoso(&[("default", json!({"inboundTrust": {"isMfaAccepted": true}}))]);
    let without = contoso(&[("default", json!({}))]);
    let one = |old: &[SourceFile], new: &[SourceFile]| compare(old, new).list.remove(0);
    assert_eq!(one(&without, &with).operation, Operation::Updated);
    let reset = one(&with, &without);
    assert_eq!(
        (reset.operation, reset.object),
        (Operation::Deleted, ChangedObject::DefaultSetting)
    );
    let old = reset.properties[0].old.clone();
    assert_eq!(old, Some(json!({"isMfaAccepted": true})));
}

#[test]
fn a_tenant_that_replaces_another_is_all_new_even_with_the_same_files() {
    let partners = json!([{"tenantId": FABRIKAM, "isServiceProvider": true}]);
    let before = contoso(&[("partners", partners.clone())]);
    let mut after = before.clone();
    after[0] = file(
        "contoso/organization.json",
        &json!({"id": OTHER}).to_string(),
    );
    let changes = compare(&before, &after);
    let whose: Vec<(String, Operation)> = changes
        .list
        .iter()
        .map(|change| (change.tenant.to_string(), change.operation))
        .collect();
    use Operation::{Created, Deleted};
    let (old, new) = (CONTOSO.to_owned(), OTHER.to_owned());
    assert_eq!(
        whose,
        [
            (old.clone(), Deleted),
            (old, Deleted),
            (new.clone(), Created),
            (new, Created)
        ]
    );
}

#[test]
fn pascal_case_names_and_lists_in_a_page_are_unchanged() {
    let graph = contoso(&[(
        "partners",
        json!([{"tenantId": FABRIKAM, "isServiceProvider": true}]),
    )]);
    let powershell = json!({"value": [{"TenantId": FABRIKAM, "IsServiceProvider": true, "InboundTrust": null}], "Count": 1});
    let powershell = contoso(&[("partners", powershell)]);
    assert_eq!(compare(&graph, &powershell), Changes::default());
}

#[test]
fn changes_beyond_the_limit_are_counted() {
    let partners: Vec<Value> = (0..MAX_CHANGES + 5)
        .map(|number| json!({"tenantId": format!("00000000-0000-0000-0000-{number:012}")}))
        .collect();
    let before = contoso(&[("partners", json!([]))]);
    let changes = compare(&before, &contoso(&[("partners", json!(partners))]));
    assert_eq!((changes.list.len(), changes.omitted), (MAX_CHANGES, 5));
    assert_eq!(changes.len(), MAX_CHANGES + 5);
}

#[test]
fn a_reload_reports_changes_to_its_observer_even_if_no_decision_changes() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let write = |name: &str, document: Value| {
        let path = root.join("contoso").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, document.to_string()).unwrap();
    };
    let policy = |name: &str, state: &str| {
        json!([{"id": USER, "displayName": name, "state": state,
            "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
            "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}}])
    };
    write("organization.json", json!({"id": CONTOSO}));
    write("conditional-access.json", policy("One", "disabled"));
    let reported: Arc<Mutex<Vec<(bool, Changes)>>> = Arc::default();
    let reporting = Arc::clone(&reported);
    let options = ReloadOptions {
        observer: ReloadObserver::new(move |outcome, changes| {
            let is_new = matches!(outcome, ReloadOutcome::Activated(_));
            reporting.lock().unwrap().push((is_new, changes.clone()));
        }),
        rescan: std::time::Duration::from_secs(600),
        ..ReloadOptions::of(root)
    };
    let clock = crosstrust::clock::Clock::System;
    let engine = Arc::new(Engine::new(EngineOptions { cache: None, clock }));
    let started = Reloader::start(engine, options).unwrap();
    let reload = || {
        started.handle.reload_blocking(false);
        reported.lock().unwrap().last().unwrap().clone()
    };
    assert_eq!(
        reported.lock().unwrap()[0],
        (true, Changes::default()),
        "there are no earlier policies"
    );

    write("conditional-access.json", policy("Two", "disabled"));
    let (is_new, changes) = reload();
    assert!(!is_new, "a disabled policy is in no snapshot");
    assert_eq!(changes.list[0].properties[0].new, Some(json!("Two")));

    write("conditional-access.json", policy("Two", "enabled"));
    let (is_new, changes) = reload();
    assert!(is_new);
    let state = &changes.list[0].properties[0];
    assert_eq!(
        (state.old.clone(), state.new.clone()),
        (Some(json!("disabled")), Some(json!("enabled")))
    );

    write("conditional-access.json", json!("not a policy"));
    let (is_new, changes) = reload();
    assert!(!is_new && changes.is_empty());

    // Rejected policies were never in force: the next version is compared with the active one.
    write("conditional-access.json", json!([]));
    let (_, changes) = reload();
    assert_eq!(summary(&changes)[0].1, Operation::Deleted);
    started.handle.stop();
}
