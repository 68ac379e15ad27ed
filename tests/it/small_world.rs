//! Two tenants in files: Fabrikam allows all outbound access, and Contoso allows or denies all inbound access.

use std::fs;
use std::path::Path;

use crosstrust::compile::compile;
use crosstrust::graph::{SourceFile, read_policies_folder};
use crosstrust::id::{AppId, TenantId, UserId};
use crosstrust::policy_settings::PolicySettings;
use crosstrust::request::Request;
use crosstrust::snapshot::Snapshot;
use crosstrust::time::Timestamp;

pub const CONTOSO: TenantId = TenantId(0xc0);
pub const FABRIKAM: TenantId = TenantId(0xfa);
pub const WOODGROVE: TenantId = TenantId(0x30);

pub fn organization(tenant: TenantId, name: &str) -> String {
    format!(r#"{{"id": "{tenant}", "displayName": "{name}"}}"#)
}

/// `default.json` with this access type for all users and applications, in both directions.
pub fn default_settings(access: &str) -> String {
    let setting = format!(
        r#"{{"usersAndGroups": {{"accessType": "{access}", "targets": [{{"target": "AllUsers", "targetType": "user"}}]}},
             "applications": {{"accessType": "{access}", "targets": [{{"target": "AllApplications", "targetType": "application"}}]}}}}"#
    );
    format!(r#"{{"b2bDirectConnectInbound": {setting}, "b2bDirectConnectOutbound": {setting}}}"#)
}

/// The files of the world: path and text.
pub fn files(contosos_access: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "contoso/organization.json",
            organization(CONTOSO, "Contoso"),
        ),
        ("contoso/default.json", default_settings(contosos_access)),
        (
            "fabrikam/organization.json",
            organization(FABRIKAM, "Fabrikam"),
        ),
        ("fabrikam/default.json", default_settings("allowed")),
    ]
}

pub fn write(root: &Path, contosos_access: &str) {
    for (path, text) in files(contosos_access) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

pub fn snapshot_of(files: &[(&str, String)]) -> Snapshot {
    let files = files.iter().map(|(path, text)| SourceFile {
        path: (*path).to_owned(),
        bytes: text.clone().into_bytes().into(),
    });
    let reading = read_policies_folder(files.collect::<Vec<_>>(), &PolicySettings::NONE);
    assert!(reading.findings.is_empty(), "{:?}", reading.findings);
    compile(&reading.tenants, &PolicySettings::NONE, Timestamp::MIN)
        .unwrap()
        .snapshot
}

/// A Fabrikam user requests a Contoso application: allowed if and only if Contoso allows inbound access.
pub fn request(expires_at: Timestamp) -> Request {
    Request::new(FABRIKAM, CONTOSO, UserId(1), AppId(2), expires_at)
}
