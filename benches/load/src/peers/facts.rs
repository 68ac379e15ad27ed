//! The facts for the peers, read only from the Graph JSON of the policies.
//!
//! Inheritance is resolved here (semantics.md §2), and what can never apply to a direct connect user (named groups of
//! the resource tenant, disabled and report-only policies) is left out, so that no peer evaluates it. The agreement
//! check proves that this reading equals crosstrust's.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::world::{Folder, World};

pub struct Facts {
    pub resource: String,
    /// By home tenant. A missing tenant has the service's default, which blocks.
    pub crossings: BTreeMap<String, Crossing>,
    pub policies: Vec<Policy>,
}

/// The settings between one home tenant and the resource tenant.
pub struct Crossing {
    pub outbound: Setting,
    pub inbound: Setting,
    pub trust: Trust,
}

#[derive(Clone)]
pub struct Setting {
    pub users: Rule,
    pub applications: Rule,
}

#[derive(Clone)]
pub struct Rule {
    /// Otherwise blocked.
    pub allowed: bool,
    /// AllUsers, or AllApplications.
    pub all: bool,
    /// Users or applications.
    pub ids: BTreeSet<String>,
    pub groups: BTreeSet<String>,
}

#[derive(Clone, Copy)]
pub struct Trust {
    pub mfa: bool,
    pub compliant_device: bool,
    pub hybrid_joined_device: bool,
}

/// A Conditional Access policy that is enforced on direct connect users.
pub struct Policy {
    pub id: String,
    /// Home tenants; none = of every tenant.
    pub include_homes: Option<BTreeSet<String>>,
    pub exclude_homes: BTreeSet<String>,
    /// None = every application.
    pub include_applications: Option<BTreeSet<String>>,
    pub exclude_applications: BTreeSet<String>,
    /// Whether all controls are required; otherwise one.
    pub every: bool,
    pub controls: Vec<Control>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Block,
    Mfa,
    CompliantDevice,
    HybridJoinedDevice,
}

impl Facts {
    pub fn of(world: &World) -> Result<Self> {
        let (resource, homes) = world.folders.split_first().context("no resource tenant")?;
        let id = tenant_id(resource)?;
        let crossings = homes.iter().map(|home| {
            let home_id = tenant_id(home)?;
            Ok((home_id.clone(), crossing(resource, &id, home, &home_id)?))
        });
        let crossings = crossings.collect::<Result<_>>()?;
        let enforced = list(document(resource, "conditional-access"))
            .iter()
            .filter(|policy| policy["state"] == "enabled");
        let policies = enforced.filter_map(|policy| self::policy(policy).transpose());
        let policies = policies.collect::<Result<_>>()?;
        Ok(Facts {
            resource: id,
            crossings,
            policies,
        })
    }
}

impl Policy {
    pub fn applies_to_home(&self, home: &str) -> bool {
        let included = self.include_homes.as_ref();
        included.is_none_or(|homes| homes.contains(home)) && !self.exclude_homes.contains(home)
    }

    pub fn applies_to_application(&self, app: &str) -> bool {
        let included = self.include_applications.as_ref();
        included.is_none_or(|apps| apps.contains(app)) && !self.exclude_applications.contains(app)
    }
}

fn document<'w>(folder: &'w Folder, name: &str) -> &'w Value {
    let mut documents = folder.documents.iter();
    let found = documents.find(|(its_name, _)| *its_name == name);
    found.map_or(&Value::Null, |(_, document)| document)
}

fn list(page: &Value) -> &[Value] {
    page["value"].as_array().map_or(&[], Vec::as_slice)
}

fn tenant_id(folder: &Folder) -> Result<String> {
    text(&document(folder, "organization")["id"])
}

fn text(value: &Value) -> Result<String> {
    let text = value
        .as_str()
        .with_context(|| format!("no text: {value}"))?;
    Ok(text.to_owned())
}

fn partner<'w>(folder: &'w Folder, tenant: &str) -> &'w Value {
    let partners = list(document(folder, "partners"));
    let found = partners
        .iter()
        .find(|partner| partner["tenantId"] == tenant);
    found.unwrap_or(&Value::Null)
}

fn crossing(
    resource: &Folder,
    resource_id: &str,
    home: &Folder,
    home_id: &str,
) -> Result<Crossing> {
    let inbound = "b2bDirectConnectInbound";
    let outbound = "b2bDirectConnectOutbound";
    let theirs = partner(home, resource_id);
    let ours = partner(resource, home_id);
    let default = document(resource, "default");
    let trusted = |name: &str| {
        let stated = ours["inboundTrust"][name].as_bool();
        let stated = stated.or(default["inboundTrust"][name].as_bool());
        stated.unwrap_or(false)
    };
    Ok(Crossing {
        outbound: setting(&theirs[outbound], &document(home, "default")[outbound])?,
        inbound: setting(&ours[inbound], &default[inbound])?,
        trust: Trust {
            mfa: trusted("isMfaAccepted"),
            compliant_device: trusted("isCompliantDeviceAccepted"),
            hybrid_joined_device: trusted("isHybridAzureADJoinedDeviceAccepted"),
        },
    })
}

fn setting(partner: &Value, default: &Value) -> Result<Setting> {
    let stated = match (partner, default) {
        (Value::Null, Value::Null) => return Ok(Setting::service_default()),
        (Value::Null, default) => default,
        (partner, _) => partner,
    };
    Ok(Setting {
        users: rule(&stated["usersAndGroups"])?,
        applications: rule(&stated["applications"])?,
    })
}

impl Setting {
    /// The service's default: direct connect is blocked.
    fn service_default() -> Self {
        let blocked = Rule {
            allowed: false,
            all: true,
            ids: BTreeSet::new(),
            groups: BTreeSet::new(),
        };
        Setting {
            users: blocked.clone(),
            applications: blocked,
        }
    }
}

fn rule(rule: &Value) -> Result<Rule> {
    let mut read = Rule {
        allowed: rule["accessType"] == "allowed",
        all: false,
        ids: BTreeSet::new(),
        groups: BTreeSet::new(),
    };
    for target in rule["targets"].as_array().context("no targets")? {
        let name = text(&target["target"])?;
        match (name.as_str(), target["targetType"].as_str()) {
            ("AllUsers" | "AllApplications", _) => read.all = true,
            (_, Some("group")) => drop(read.groups.insert(name)),
            _ => drop(read.ids.insert(name)),
        }
    }
    Ok(read)
}

/// None: it never applies to a direct connect user.
fn policy(policy: &Value) -> Result<Option<Policy>> {
    let users = &policy["conditions"]["users"];
    let include_homes = match (
        &users["includeUsers"],
        &users["includeGuestsOrExternalUsers"],
    ) {
        (Value::Array(_), _) => None,
        (_, Value::Null) => return Ok(None),
        (_, external) => homes(external)?,
    };
    let exclude_homes = match &users["excludeGuestsOrExternalUsers"] {
        Value::Null => BTreeSet::new(),
        external => homes(external)?.context("no user is left")?,
    };
    let applications = &policy["conditions"]["applications"];
    let include = set(&applications["includeApplications"])?;
    let controls = policy["grantControls"]["builtInControls"].as_array();
    let controls = controls.context("no controls")?.iter().map(control);
    Ok(Some(Policy {
        id: text(&policy["id"])?,
        include_homes,
        exclude_homes,
        include_applications: (!include.contains("All")).then_some(include),
        exclude_applications: set(&applications["excludeApplications"])?,
        every: policy["grantControls"]["operator"] == "AND",
        controls: controls.collect::<Result<_>>()?,
    }))
}

/// None: all tenants.
fn homes(external: &Value) -> Result<Option<BTreeSet<String>>> {
    let tenants = &external["externalTenants"];
    match tenants["membershipKind"].as_str() {
        Some("all") => Ok(None),
        _ => set(&tenants["members"]).map(Some),
    }
}

fn set(list: &Value) -> Result<BTreeSet<String>> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter().map(text).collect()
}

fn control(control: &Value) -> Result<Control> {
    Ok(match control.as_str() {
        Some("block") => Control::Block,
        Some("mfa") => Control::Mfa,
        Some("compliantDevice") => Control::CompliantDevice,
        Some("domainJoinedDevice") => Control::HybridJoinedDevice,
        _ => bail!("an unknown control: {control}"),
    })
}
