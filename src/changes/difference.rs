//! The objects that are not the same, character by character, in both readings.
//!
//! A file with the same path and content is not looked into, and an object with the same text is not read: what is
//! left costs in proportion to what was changed, but for one look through the files that were.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::value::{guid, member, text};
use crate::graph::{Kind, RawFile, SourceFile, name_based_policy_id, owner_of};
use crate::id::TenantId;

/// What an object is known by, wherever it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) tenant: TenantId,
    pub(super) kind: Kind,
    /// The tenant's own for what there is only one of.
    pub(super) id: String,
}

/// The objects of one reading.
pub(super) type Objects = BTreeMap<Key, Value>;

/// The objects of each reading that are not written in the same way in the other.
pub(super) fn between(old: &[SourceFile], new: &[SourceFile]) -> (Objects, Objects) {
    let (old, new) = (Reading::of(old), Reading::of(new));
    let (old_files, new_files) = (old.files_not_in(&new), new.files_not_in(&old));
    let (old_texts, new_texts) = (old.objects(&old_files), new.objects(&new_files));
    (
        objects_not_in(&old_texts, &new_texts),
        objects_not_in(&new_texts, &old_texts),
    )
}

/// One state of a policies folder.
struct Reading<'f> {
    files: HashMap<&'f str, &'f SourceFile>,
    /// By folder.
    tenants: HashMap<&'f str, TenantId>,
}

/// An object as it is written, and whose it is.
type Written<'t> = (TenantId, Kind, &'t str);

impl<'f> Reading<'f> {
    fn of(files: &'f [SourceFile]) -> Self {
        let organizations = files
            .iter()
            .filter(|file| owner_of(file).is_some_and(|(_, kind)| kind == Kind::Organization));
        let tenants = organizations.filter_map(|file| {
            let raw = RawFile::of(file)?;
            let organization: Value = serde_json::from_str(raw.objects().next()?.1).ok()?;
            let id = text(&organization, "id")?.parse().ok()?;
            Some((raw.folder, id))
        });
        Reading {
            tenants: tenants.collect(),
            files: files
                .iter()
                .map(|file| (file.path.as_str(), file))
                .collect(),
        }
    }

    /// The files that the other has not, not with the same content or not of the same tenant.
    fn files_not_in(&self, other: &Reading<'_>) -> Vec<RawFile<'f>> {
        let files = self.files.values().filter(|file| {
            let same = other.files.get(file.path.as_str());
            let is_same = same.is_some_and(|same| same.bytes == file.bytes);
            !is_same || self.tenant_of(file) != other.tenant_of(file)
        });
        files.filter_map(|file| RawFile::of(file)).collect()
    }

    fn tenant_of(&self, file: &SourceFile) -> Option<TenantId> {
        let (folder, _) = owner_of(file)?;
        self.tenants.get(folder).copied()
    }

    fn objects<'t>(&self, files: &'t [RawFile<'f>]) -> Vec<Written<'t>> {
        let owned = files
            .iter()
            .filter_map(|file| Some((*self.tenants.get(file.folder)?, file)));
        let objects = owned.flat_map(|(tenant, file)| {
            file.objects().map(move |(kind, text)| (tenant, kind, text))
        });
        objects.collect()
    }
}

fn objects_not_in(these: &[Written<'_>], others: &[Written<'_>]) -> Objects {
    let others: std::collections::HashSet<&Written<'_>> = others.iter().collect();
    let different = these.iter().filter(|written| !others.contains(written));
    let read = different.filter_map(|(tenant, kind, text)| {
        let object: Value = serde_json::from_str(text).ok()?;
        let id = id_of(*tenant, *kind, &object)?;
        let (tenant, kind) = (*tenant, *kind);
        Some((Key { tenant, kind, id }, object))
    });
    read.collect()
}

/// What tells an object from others of its kind in its tenant.
fn id_of(tenant: TenantId, kind: Kind, object: &Value) -> Option<String> {
    match kind {
        Kind::Organization
        | Kind::CrossTenantAccess
        | Kind::Default
        | Kind::ConditionalAccessSettings => Some(tenant.to_string()),
        Kind::Partners | Kind::IdentitySynchronization | Kind::AssumedOutbound => {
            guid(object, "tenantId")
        }
        Kind::NamedLocations | Kind::AuthenticationStrengths => guid(object, "id"),
        Kind::ConditionalAccess => {
            let by_name = || {
                let name = text(object, "displayName")?;
                Some(name_based_policy_id(tenant, name).to_string())
            };
            guid(object, "id").or_else(by_name)
        }
        // Compared with case.
        Kind::SharedChannels => member(object, "id")?.as_str().map(str::to_owned),
        Kind::IdentityProviders => {
            let kind = || text(object, "identityProviderType");
            text(object, "id").or_else(kind).map(str::to_owned)
        }
        Kind::FederationConfigurations => text(object, "issuerUri").map(str::to_owned),
    }
}
