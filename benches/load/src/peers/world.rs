//! Generated policies in Graph's JSON, and the requests for all peers.
//!
//! Covered of semantics.md: §2 partner settings, defaults and their inheritance (null and missing); §3 all four rows
//! of the table, with single users, groups, applications and the reserved words; §4 stages 1 (expiry alone), 3 and 4
//! for direct connect, a home tenant that is not in the snapshot; §5 included and excluded external users by tenant,
//! named groups of the resource tenant, applications with exclusions, report-only and disabled policies, the grants
//! block, mfa, compliantDevice and domainJoinedDevice with AND and OR, trust bit by bit. Not covered:
//! collaboration, clouds, channels, strengths, risks, locations, filters and tenant restrictions.

mod policies;

use std::fs;
use std::path::Path;

use anyhow::Result;
use crosstrust::id::{AppId, GroupId, TenantId, UserId};
use crosstrust::request::Request;
use crosstrust::time::Timestamp;
use serde_json::{Map, Value, json};

use self::policies::policies;
use super::random::Rng;

/// The policies and the requests.
pub struct World {
    /// One folder per tenant.
    pub folders: Vec<Folder>,
    /// In the order of sending; adjacent requests are rarely of the same user.
    pub requests: Vec<Request>,
}

/// A tenant's folder: documents by their file names.
pub struct Folder {
    pub name: String,
    pub documents: Vec<(&'static str, Value)>,
}

/// A home tenant's directory.
struct Home {
    tenant: TenantId,
    groups: Vec<GroupId>,
    users: Vec<(UserId, Vec<GroupId>)>,
}

/// All tenants, users, groups and applications.
struct Universe {
    resource: TenantId,
    apps: Vec<AppId>,
    homes: Vec<Home>,
    /// A tenant that is not in the snapshot.
    stranger: Home,
}

pub const REQUESTS: usize = 10_000;
pub const GROUPS_OF_A_USER: usize = 50;
const HOMES: usize = 20;
/// The last tenants and the resource tenant have no partner entries for each other.
const WITHOUT_PARTNER: usize = 2;
const USERS: usize = 50;
const GROUPS: usize = 400;
const APPS: usize = 60;

/// Expiry far in the future and far in the past: all peers use the machine's clock.
const VALID_UNTIL: Timestamp = Timestamp::from_seconds(4_000_000_000);
const EXPIRED_AT: Timestamp = Timestamp::from_seconds(1_700_000_000);

impl World {
    /// The world of this seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let universe = Universe {
            resource: TenantId(id(&mut rng)),
            apps: (0..APPS).map(|_| AppId(id(&mut rng))).collect(),
            homes: (0..HOMES).map(|_| home(&mut rng)).collect(),
            stranger: home(&mut rng),
        };
        let mut folders = vec![universe.resource_folder(&mut rng)];
        for number in 0..HOMES {
            folders.push(universe.home_folder(&mut rng, number));
        }
        let requests = (0..REQUESTS).map(|_| universe.request(&mut rng));
        World {
            folders,
            requests: requests.collect(),
        }
    }

    /// The files, as crosstrust reads them from a folder.
    pub fn files(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.folders.iter().flat_map(|folder| {
            folder.documents.iter().map(|(name, document)| {
                let path = format!("{}/{name}.json", folder.name);
                (path, document.to_string().into_bytes())
            })
        })
    }

    /// The same files, on disk.
    pub fn write_to(&self, root: &Path) -> Result<()> {
        for (path, bytes) in self.files() {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap_or(root))?;
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

fn id(rng: &mut Rng) -> u128 {
    const VERSION_AND_VARIANT: u128 = 0xf000_c000_0000_0000_0000;
    let random = u128::from(rng.next()) << 64 | u128::from(rng.next());
    random & !VERSION_AND_VARIANT | 0x4000_8000_0000_0000_0000
}

fn home(rng: &mut Rng) -> Home {
    let groups: Vec<GroupId> = (0..GROUPS).map(|_| GroupId(id(rng))).collect();
    let users = (0..USERS)
        .map(|_| (UserId(id(rng)), sample(rng, &groups, GROUPS_OF_A_USER)))
        .collect();
    Home {
        tenant: TenantId(id(rng)),
        groups,
        users,
    }
}

/// This many items of the list, in random order.
pub fn sample<T: Copy>(rng: &mut Rng, list: &[T], number: usize) -> Vec<T> {
    let mut all = list.to_vec();
    rng.shuffle(&mut all);
    all.truncate(number);
    all
}

/// From `least` to `most`.
pub fn between(rng: &mut Rng, least: usize, most: usize) -> usize {
    least + rng.below(most - least + 1)
}

impl Universe {
    fn tenants(&self) -> Vec<TenantId> {
        self.homes.iter().map(|home| home.tenant).collect()
    }

    fn resource_folder(&self, rng: &mut Rng) -> Folder {
        let some_apps = targets(sample(rng, &self.apps, APPS * 2 / 3), "application");
        let default = json!({
            "b2bDirectConnectInbound": setting("allowed", everybody(), "allowed", some_apps),
            "inboundTrust": {
                "isMfaAccepted": true,
                "isCompliantDeviceAccepted": true,
                "isHybridAzureADJoinedDeviceAccepted": false,
            },
        });
        let partners = self.homes[..HOMES - WITHOUT_PARTNER].iter();
        let partners: Vec<Value> = partners.map(|home| self.partner(rng, home)).collect();
        Folder {
            name: "resource".into(),
            documents: vec![
                ("organization", organization(self.resource, "Resource")),
                ("default", default),
                ("partners", json!({ "value": partners })),
                (
                    "conditional-access",
                    policies(rng, &self.tenants(), &self.apps),
                ),
            ],
        }
    }

    /// The resource tenant's settings for this home tenant.
    fn partner(&self, rng: &mut Rng, home: &Home) -> Value {
        let mut partner = Map::new();
        partner.insert("tenantId".into(), json!(home.tenant.to_string()));
        // One in ten inherits the default.
        if rng.chance(90) {
            let inbound = any_setting(rng, home, &self.apps);
            partner.insert("b2bDirectConnectInbound".into(), inbound);
        }
        if let Some(trust) = trust(rng) {
            partner.insert("inboundTrust".into(), trust);
        }
        Value::Object(partner)
    }

    fn home_folder(&self, rng: &mut Rng, number: usize) -> Folder {
        let home = &self.homes[number];
        let mut others = sample(rng, &self.tenants(), 5);
        others.retain(|other| *other != home.tenant);
        if number < HOMES - WITHOUT_PARTNER {
            others.push(self.resource);
        }
        let partners = others.into_iter().map(|other| {
            json!({
                "tenantId": other.to_string(),
                "b2bDirectConnectOutbound": any_setting(rng, home, &self.apps),
            })
        });
        let partners: Vec<Value> = partners.collect();
        let name = format!("home-{number:02}");
        let mut documents = vec![
            ("organization", organization(home.tenant, &name)),
            ("partners", json!({ "value": partners })),
        ];
        // The others have the service's default: blocked.
        if number.is_multiple_of(2) {
            let open = setting("allowed", everybody(), "allowed", every_application());
            documents.push(("default", json!({ "b2bDirectConnectOutbound": open })));
        }
        Folder { name, documents }
    }

    fn request(&self, rng: &mut Rng) -> Request {
        let home = match rng.chance(2) {
            true => &self.stranger,
            false => rng.pick(&self.homes),
        };
        let (user, groups) = rng.pick(&home.users);
        let expires_at = match rng.chance(2) {
            true => EXPIRED_AT,
            false => VALID_UNTIL,
        };
        let app = rng.one(&self.apps);
        let mut request = Request::new(home.tenant, self.resource, *user, app, expires_at);
        request.groups = groups.clone();
        request.claims.mfa = rng.chance(90);
        request.claims.compliant_device = rng.chance(85);
        request.claims.hybrid_joined_device = rng.chance(50);
        request
    }
}

fn organization(tenant: TenantId, name: &str) -> Value {
    json!({ "id": tenant.to_string(), "displayName": name })
}

/// Null and missing booleans, or objects, are the default's.
fn trust(rng: &mut Rng) -> Option<Value> {
    let any = |rng: &mut Rng| match rng.below(8) {
        0 => Value::Null,
        1 => json!(false),
        _ => json!(true),
    };
    match rng.below(6) {
        0 => None,
        1 => Some(Value::Null),
        _ => Some(json!({
            "isMfaAccepted": any(rng),
            "isCompliantDeviceAccepted": any(rng),
            "isHybridAzureADJoinedDeviceAccepted": any(rng),
        })),
    }
}

/// A setting of one of the kinds that administrators write; every row of the table in semantics.md §3.
fn any_setting(rng: &mut Rng, home: &Home, apps: &[AppId]) -> Value {
    match rng.weighted(&[2, 3, 2, 2, 2]) {
        0 => setting("allowed", everybody(), "allowed", every_application()),
        1 => {
            let users = people(rng, home, 30, 120);
            setting("allowed", users, "allowed", every_application())
        }
        2 => {
            let users = people(rng, home, 20, 80);
            setting("allowed", users, "blocked", applications(rng, apps, 4, 10))
        }
        3 => {
            let users = people(rng, home, 1, 3);
            setting("blocked", users, "allowed", applications(rng, apps, 45, 58))
        }
        _ => {
            let users = people(rng, home, 10, 40);
            setting("blocked", users, "blocked", applications(rng, apps, 6, 20))
        }
    }
}

fn setting(users: &str, people: Vec<Value>, access: &str, applications: Vec<Value>) -> Value {
    json!({
        "usersAndGroups": { "accessType": users, "targets": people },
        "applications": { "accessType": access, "targets": applications },
    })
}

/// This many groups, and up to five single users.
fn people(rng: &mut Rng, home: &Home, least: usize, most: usize) -> Vec<Value> {
    let number = between(rng, least, most);
    let mut people = targets(sample(rng, &home.groups, number), "group");
    let users: Vec<UserId> = home.users.iter().map(|(user, _)| *user).collect();
    let number = rng.below(6);
    people.extend(targets(sample(rng, &users, number), "user"));
    people
}

fn applications(rng: &mut Rng, apps: &[AppId], least: usize, most: usize) -> Vec<Value> {
    let number = between(rng, least, most);
    targets(sample(rng, apps, number), "application")
}

fn everybody() -> Vec<Value> {
    targets(vec!["AllUsers"], "user")
}

fn every_application() -> Vec<Value> {
    targets(vec!["AllApplications"], "application")
}

fn targets<T: ToString>(names: Vec<T>, kind: &str) -> Vec<Value> {
    names
        .into_iter()
        .map(|name| json!({ "target": name.to_string(), "targetType": kind }))
        .collect()
}
