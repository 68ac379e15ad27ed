//! Look-ups in the documents, by scanning.
//!
//! Nothing here decides. Missing and null are `None` or an empty list.

use crosstrust::id::{AppId, PolicyId, TenantId};
use crosstrust::vocabulary::Cloud;
use serde_json::Value;
use uuid::Uuid;

use super::{Bundles, Fact, StatedApplication, TenantDocuments, World};

impl World {
    /// The tenant of the snapshot with this id.
    pub fn tenant(&self, id: TenantId) -> Option<&TenantDocuments> {
        self.tenants.iter().find(|tenant| tenant.id() == id)
    }

    /// Whether the application is in the bundle of this name. Microsoft publishes only the members of the portals, so any
    /// other Microsoft application may be in one of the other two.
    pub fn in_bundle(&self, app: AppId, bundle: &str) -> Fact {
        let Bundles {
            office365,
            all_microsoft,
            admin_portals,
            first_party,
            teams_and_sharepoint: _,
        } = &self.bundles;
        let (members, is_complete) = match bundle {
            "Office365" => (office365, false),
            "AllMicrosoftApps" => (all_microsoft, false),
            "MicrosoftAdminPortals" => (admin_portals, true),
            other => panic!("unknown bundle {other}"),
        };
        if members.contains(&app) {
            return Fact::Yes;
        }
        let stated = self.stated(app).and_then(|stated| stated.bundles.as_ref());
        if let Some(stated) = stated {
            // An application in a narrower bundle is Microsoft's.
            let is_any = bundle == "AllMicrosoftApps" && !stated.is_empty();
            return Fact::from_bool(is_any || stated.contains(&bundle));
        }
        let is_microsofts = all_microsoft.contains(&app) || first_party.contains(&app);
        match is_microsofts && !is_complete {
            true => Fact::Unknown,
            false => Fact::No,
        }
    }

    /// Whether the application is a resource of agents, which only the operator can state.
    pub fn is_agent(&self, app: AppId) -> Fact {
        match self.stated(app).and_then(|stated| stated.agent) {
            Some(agent) => Fact::from_bool(agent),
            None => Fact::Unknown,
        }
    }

    fn stated(&self, app: AppId) -> Option<&StatedApplication> {
        self.applications.iter().find(|stated| stated.app == app)
    }
}

impl TenantDocuments {
    pub fn id(&self) -> TenantId {
        let organization = self.objects("organization");
        text(organization[0], "id")
            .and_then(|id| id.parse().ok())
            .expect("an organization has an id")
    }

    /// semantics §3, Clouds.
    pub fn cloud(&self) -> Cloud {
        match text(self.objects("organization")[0], "cloudEndpoint") {
            Some(endpoint) => endpoint.parse().expect("a cloud endpoint"),
            None => Cloud::Commercial,
        }
    }

    /// Whether `crossTenantAccessPolicy` names the cloud.
    pub fn allows_cloud(&self, cloud: Cloud) -> bool {
        self.objects("cross-tenant-access")
            .into_iter()
            .flat_map(|policy| texts(policy, "allowedCloudEndpoints"))
            .any(|endpoint| endpoint.parse() == Ok(cloud))
    }

    /// The partner entry for the other tenant; a synchronisation policy among partners is not one (semantics §2,
    /// "Recognised documents").
    pub fn partner(&self, other: TenantId) -> Option<&Value> {
        self.objects("partners")
            .into_iter()
            .filter(|partner| !is_synchronization(partner))
            .find(|partner| text(partner, "tenantId").is_some_and(|id| id.parse() == Ok(other)))
    }

    /// The objects of a document: one object, a bare array or a Graph page.
    pub fn objects(&self, document: &str) -> Vec<&Value> {
        match self.documents.get(document) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(objects)) => objects.iter().collect(),
            Some(object) => match object.get("value") {
                Some(Value::Array(objects)) => objects.iter().collect(),
                _ if object.as_object().is_some_and(|members| members.is_empty()) => Vec::new(),
                _ => vec![object],
            },
        }
    }

    /// A policy without id gets the name-based one (semantics §2).
    pub fn policy_id(&self, policy: &Value) -> PolicyId {
        match text(policy, "id") {
            Some(id) => id.parse().expect("a policy id is a GUID"),
            None => {
                let name = text(policy, "displayName").expect("a policy has an id or a name");
                let tenant = Uuid::from_u128(self.id().0);
                PolicyId(Uuid::new_v5(&tenant, name.as_bytes()).as_u128())
            }
        }
    }
}

/// Whether an object is a cross-tenant synchronisation policy: it has one of its members, even if null.
pub fn is_synchronization(object: &Value) -> bool {
    [
        "userSyncInbound",
        "userSyncOutbound",
        "groupSyncInbound",
        "groupSyncOutbound",
    ]
    .iter()
    .any(|name| object.get(name).is_some())
}

/// A member that is present and not null.
pub fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

pub fn text<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    member(object, name).map(|value| value.as_str().expect("a string"))
}

pub fn flag(object: &Value, name: &str) -> Option<bool> {
    member(object, name).map(|value| value.as_bool().expect("a boolean"))
}

/// The strings of a list; none if it is missing or null.
pub fn texts<'v>(object: &'v Value, name: &str) -> Vec<&'v str> {
    list(object, name)
        .into_iter()
        .map(|value| value.as_str().expect("a string"))
        .collect()
}

pub fn list<'v>(object: &'v Value, name: &str) -> Vec<&'v Value> {
    match member(object, name) {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(other) => panic!("expected a list, found {other}"),
        None => Vec::new(),
    }
}

/// The words of a string like `a,b`.
pub fn comma_separated<'v>(object: &'v Value, name: &str) -> Vec<&'v str> {
    text(object, name)
        .unwrap_or("")
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect()
}

/// Reserved words and enum values compare without case (semantics §1).
pub fn is_word(found: &str, word: &str) -> bool {
    found.eq_ignore_ascii_case(word)
}

pub fn has_word(found: &[&str], word: &str) -> bool {
    found.iter().any(|found| is_word(found, word))
}
