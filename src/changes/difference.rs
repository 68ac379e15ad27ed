//! Finds the objects whose text differs between two states of the policies folder.
//!
//! Files with the same path and content are skipped, and objects with the same text are not parsed, so the
//! cost is proportional to the size of the changed files.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::value::{guid, member, text};
use crate::graph::{
    DocumentKind, RawFile, SourceFile, name_based_policy_id, tenant_folder_and_kind,
};
use crate::id::TenantId;

/// Identifies an object, independent of its file and position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ObjectKey {
    pub(super) tenant: TenantId,
    pub(super) kind: DocumentKind,
    /// The tenant's id for an object that exists once per tenant.
    pub(super) id: String,
}

/// The objects of one state.
pub(super) type Objects = BTreeMap<ObjectKey, Value>;

/// The objects of each state that the other state does not contain with the same text.
pub(super) fn between(old: &[SourceFile], new: &[SourceFile]) -> (Objects, Objects) {
    let (old, new) = (FolderState::of(old), FolderState::of(new));
    let (old_files, new_files) = (old.files_not_in(&new), new.files_not_in(&old));
    let (old_texts, new_texts) = (old.objects(&old_files), new.objects(&new_files));
    (
        objects_not_in(&old_texts, &new_texts),
        objects_not_in(&new_texts, &old_texts),
    )
}

/// One state of a policies folder.
struct FolderState<'f> {
    files: HashMap<&'f str, &'f SourceFile>,
    /// By folder.
    tenants: HashMap<&'f str, TenantId>,
}

/// The tenant, kind and JSON text of an object.
type ObjectText<'t> = (TenantId, DocumentKind, &'t str);

impl<'f> FolderState<'f> {
    fn of(files: &'f [SourceFile]) -> Self {
        let organizations = files.iter().filter(|file| {
            tenant_folder_and_kind(file).is_some_and(|(_, kind)| kind == DocumentKind::Organization)
        });
        let tenants = organizations.filter_map(|file| {
            let raw = RawFile::of(file)?;
            let organization: Value = serde_json::from_str(raw.objects().next()?.1).ok()?;
            let id = text(&organization, "id")?.parse().ok()?;
            Some((raw.folder, id))
        });
        FolderState {
            tenants: tenants.collect(),
            files: files
                .iter()
                .map(|file| (file.path.as_str(), file))
                .collect(),
        }
    }

    /// The files that `other` does not contain with the same content and tenant.
    fn files_not_in(&self, other: &FolderState<'_>) -> Vec<RawFile<'f>> {
        let files = self.files.values().filter(|file| {
            let same = other.files.get(file.path.as_str());
            let is_same = same.is_some_and(|same| same.bytes == file.bytes);
            !is_same || self.tenant_of(file) != other.tenant_of(file)
        });
        files.filter_map(|file| RawFile::of(file)).collect()
    }

    fn tenant_of(&self, file: &SourceFile) -> Option<TenantId> {
        let (folder, _) = tenant_folder_and_kind(file)?;
        self.tenants.get(folder).copied()
    }

    fn objects<'t>(&self, files: &'t [RawFile<'f>]) -> Vec<ObjectText<'t>> {
        let owned = files
            .iter()
            .filter_map(|file| Some((*self.tenants.get(file.folder)?, file)));
        let objects = owned.flat_map(|(tenant, file)| {
            file.objects().map(move |(kind, text)| (tenant, kind, text))
        });
        objects.collect()
    }
}

fn objects_not_in(these: &[ObjectText<'_>], others: &[ObjectText<'_>]) -> Objects {
    let others: std::collections::HashSet<&ObjectText<'_>> = others.iter().collect();
    let different = these.iter().filter(|object| !others.contains(object));
    let parsed = different.filter_map(|(tenant, kind, text)| {
        let object: Value = serde_json::from_str(text).ok()?;
        let id = id_of(*tenant, *kind, &object)?;
        let (tenant, kind) = (*tenant, *kind);
        Some((ObjectKey { tenant, kind, id }, object))
    });
    parsed.collect()
}

/// The id that is unique among the objects of one kind in a tenant.
fn id_of(tenant: TenantId, kind: DocumentKind, object: &Value) -> Option<String> {
    match kind {
        DocumentKind::Organization
        | DocumentKind::CrossTenantAccess
        | DocumentKind::Default
        | DocumentKind::ConditionalAccessSettings => Some(tenant.to_string()),
        DocumentKind::Partners
        | DocumentKind::IdentitySynchronization
        | DocumentKind::AssumedOutbound => guid(object, "tenantId"),
        DocumentKind::NamedLocations | DocumentKind::AuthenticationStrengths => guid(object, "id"),
        DocumentKind::ConditionalAccess => {
            let by_name = || {
                let name = text(object, "displayName")?;
                Some(name_based_policy_id(tenant, name).to_string())
            };
            guid(object, "id").or_else(by_name)
        }
        // Case-sensitive.
        DocumentKind::SharedChannels => member(object, "id")?.as_str().map(str::to_owned),
        DocumentKind::IdentityProviders => {
            let kind = || text(object, "identityProviderType");
            text(object, "id").or_else(kind).map(str::to_owned)
        }
        DocumentKind::FederationConfigurations => text(object, "issuerUri").map(str::to_owned),
    }
}
