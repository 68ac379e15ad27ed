//! Names instead of ids: of tenants, from the policies, and of Microsoft applications.
//!
//! Names are compared in full and ignoring case. An unknown or ambiguous name is an error that lists candidates.

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use super::flags::camel_case;
use crate::id::parse_guid;
use crate::snapshot::{Snapshot, app_names};

const TENANTS: [&str; 3] = ["home_tenant", "resource_tenant", "restricting_tenant"];
const APPS: [&str; 2] = ["app", "client_app"];

/// How many names an error lists.
const MAX_LISTED: usize = 10;

/// Replaces names by ids. Without a snapshot, tenants can only be given by id.
pub(super) fn resolve(request: &mut Map<String, Value>, snapshot: Option<&Snapshot>) -> Result<()> {
    for field in TENANTS {
        replace_name(request, field, |name| tenant(field, name, snapshot))?;
    }
    for field in APPS {
        replace_name(request, field, |name| app(field, name))?;
    }
    Ok(())
}

fn replace_name(
    request: &mut Map<String, Value>,
    field: &str,
    id_of: impl Fn(&str) -> Result<String>,
) -> Result<()> {
    for name in [field.to_owned(), camel_case(field)] {
        if let Some(Value::String(text)) = request.get_mut(&name) {
            let is_name = !text.is_empty() && parse_guid(text).is_err();
            if is_name {
                *text = id_of(text)?;
            }
        }
    }
    Ok(())
}

pub(in crate::cli) fn tenant(
    field: &str,
    name: &str,
    snapshot: Option<&Snapshot>,
) -> Result<String> {
    let Some(snapshot) = snapshot else {
        bail!(
            "{field}: found `{name}`, expected a tenant id; a display name or a verified domain needs \
             --policies DIR"
        );
    };
    let found: Vec<(String, &str)> = snapshot
        .tenants_named(name)
        .map(|(id, name)| (id.to_string(), name))
        .collect();
    match found.as_slice() {
        [(id, _)] => Ok(id.clone()),
        [] => {
            let known = snapshot.tenants().map(|(_, name)| name.to_owned());
            bail!(
                "{field}: found `{name}`, expected an id, a display name or a verified domain of a tenant in the \
                 policies: {}",
                listed(known)
            )
        }
        several => {
            let several = several.iter().map(|(id, name)| format!("{name} ({id})"));
            bail!(
                "{field}: `{name}` is the name of several tenants, expected one of these ids: {}",
                listed(several)
            )
        }
    }
}

pub(in crate::cli) fn app(field: &str, name: &str) -> Result<String> {
    match app_names::named(name).as_slice() {
        [id] => Ok(id.to_string()),
        [] => bail!(
            "{field}: found `{name}`, expected an application id, or the name of a Microsoft application such as \
             `Office 365 SharePoint Online`; Graph exports contain no other application names"
        ),
        several => bail!(
            "{field}: `{name}` is the name of several applications, expected one of these ids: {}",
            listed(several.iter().map(ToString::to_string))
        ),
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.take(MAX_LISTED + 1).collect();
    if names.len() > MAX_LISTED {
        names.truncate(MAX_LISTED);
        names.push("…".to_owned());
    }
    names.join(", ")
}
