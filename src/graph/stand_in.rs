//! Stand-in until the reader lands.
#![allow(missing_docs, clippy::all, clippy::pedantic)]

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::*;
use super::{Code, Finding, Place};
use crate::vocabulary::Access;

#[derive(Debug, Clone)]
pub struct SourceFile {
    pub path: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
pub struct Reading {
    pub tenants: Vec<TenantDocuments>,
    pub findings: Vec<Finding>,
}

pub fn read_policies_folder(files: Vec<SourceFile>) -> Reading {
    let mut tenants: BTreeMap<String, TenantDocuments> = BTreeMap::new();
    let mut findings = Vec::new();
    for file in files {
        let place = Place::of_file(file.path.as_str());
        let mut parts = file.path.split('/');
        let tenant = parts.next().unwrap_or_default().to_owned();
        let kind = parts.next().unwrap_or_default().to_owned();
        let value: Value = match serde_json::from_slice(&file.bytes) {
            Ok(value) => value,
            Err(error) => {
                findings.push(Finding::error(place, Code::Syntax, error.to_string()));
                continue;
            }
        };
        let documents = tenants
            .entry(tenant.clone())
            .or_insert_with(|| TenantDocuments {
                place: Place::of_file(tenant.as_str()),
                organization: None,
                allowed_clouds: Vec::new(),
                default: None,
                partners: Vec::new(),
                policies: Vec::new(),
                locations: Vec::new(),
                strengths: Vec::new(),
                channels: Vec::new(),
            });
        match kind.as_str() {
            "organization.json" => {
                if let Some(id) = value["id"].as_str().and_then(|id| id.parse().ok()) {
                    documents.organization = Some(Organization {
                        place,
                        id,
                        display_name: value["displayName"].as_str().map(str::to_owned),
                        cloud: None,
                    });
                }
            }
            "default.json" => {
                documents.default = Some(Configuration {
                    direct_connect_inbound: setting(&place, &value["b2bDirectConnectInbound"]),
                    direct_connect_outbound: setting(&place, &value["b2bDirectConnectOutbound"]),
                    collaboration_inbound: None,
                    collaboration_outbound: None,
                    tenant_restrictions: None,
                    inbound_trust: None,
                    automatic_user_consent: None,
                    place,
                });
            }
            _ => {}
        }
    }
    for tenant in tenants.values() {
        if tenant.organization.is_none() {
            findings.push(Finding::error(
                tenant.place.clone(),
                Code::NoTenant,
                "no organization",
            ));
        }
    }
    Reading {
        tenants: tenants.into_values().collect(),
        findings,
    }
}

fn setting(place: &Place, value: &Value) -> Option<Setting> {
    let access: Access = value["usersAndGroups"]["accessType"]
        .as_str()?
        .parse()
        .ok()?;
    Some(Setting {
        place: place.clone(),
        users: Some(Rule {
            place: place.clone(),
            access,
            targets: vec![At {
                value: UserTarget::AllUsers,
                place: place.clone(),
            }],
        }),
        applications: None,
        names_devices: None,
    })
}
