//! Files → tenants: assigns files to tenants, and detects the kind of a file by its name (semantics §2).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::document::TenantDocuments;
use super::documents::{DefinitionPool, DocumentKey, Documents};
use super::file::{self, Contents, KindDetection};
use super::finding::{Code, Finding, SourceLocation};
use super::kind::DocumentKind;
use super::unread::{self, IGNORE_FILE, IgnorePatterns, UnreadFile};
use super::{DocumentCount, ParsedPolicies, PolicyFiles, SourceFile};
use crate::policy_settings::PolicySettings;

/// Parses a policies folder as `serve` does: one folder for each tenant, with a file or folder for each kind of document.
/// Other names are errors, because the policies in a misspelt file would not be enforced.
pub fn read_policies_folder(
    found: impl Into<PolicyFiles>,
    settings: &PolicySettings,
) -> ParsedPolicies {
    let found = found.into();
    let mut reader = LayoutReader::of(&found, settings);
    let mut tenants: BTreeMap<String, Vec<(SourceFile, DocumentKind)>> = BTreeMap::new();
    let mut folders: BTreeMap<String, BTreeSet<DocumentKind>> = BTreeMap::new();
    for file in found.files {
        let names = names(&file.path);
        if names.iter().any(|name| is_hidden(name)) {
            continue;
        }
        match names.split_first() {
            Some((tenant, rest)) if !rest.is_empty() => {
                let files = tenants.entry((*tenant).to_owned()).or_default();
                let folder = folders.entry((*tenant).to_owned()).or_default();
                folder.extend(folder_of(rest));
                match kind_of_name(rest) {
                    Some(kind) => files.push((reader.shown_file(file), kind)),
                    None => reader.unknown_name(&file.path, "expected a file or folder named"),
                }
            }
            Some(_) | None => reader.unknown_name(
                &file.path,
                "expected a folder for each tenant, with files named",
            ),
        }
    }
    if tenants.is_empty() {
        let message =
            "found no tenant, expected a folder for each tenant, with an organization.json";
        reader.error(reader.place("."), Code::NoTenant, message);
    }
    reader.unread(&found.unread, |names| match names {
        [tenant, rest @ ..] => {
            let present = PresentDocuments {
                kinds: kinds_of(tenants.get(*tenant)),
                folders: folders.get(*tenant).cloned().unwrap_or_default(),
            };
            Some((rest.to_vec(), present))
        }
        [] => None,
    });
    for (tenant, files) in tenants {
        reader.served_tenant(&tenant, files);
    }
    reader.finish()
}

fn kinds_of(files: Option<&Vec<(SourceFile, DocumentKind)>>) -> BTreeSet<DocumentKind> {
    let files = files.into_iter().flatten();
    files.map(|(_, kind)| *kind).collect()
}

/// The tenant's folder of a file in a policies folder, and the kind according to the file's name.
pub(super) fn tenant_folder_and_kind(path: &str) -> Option<(&str, DocumentKind)> {
    let names = names(path);
    let (tenant, rest) = names.split_first()?;
    match names.iter().any(|name| is_hidden(name)) {
        true => None,
        false => Some((tenant, kind_of_name(rest)?)),
    }
}

/// Parses any layout for `check`: a policies folder, the folder of one tenant, or any exports. The kind of a file is
/// detected by its content, else by its name. Files without an organization become a tenant without one.
pub fn read_anything(found: impl Into<PolicyFiles>, settings: &PolicySettings) -> ParsedPolicies {
    let found = found.into();
    let shape = found.is_folder.then(|| FolderShape::of(&found.files));
    if shape == Some(FolderShape::Policies) {
        return read_policies_folder(found, settings);
    }
    let mut reader = LayoutReader::of(&found, settings);
    let roots = TenantRoots::of(&found.files);
    let mut named: BTreeMap<Vec<String>, Vec<Contents>> = BTreeMap::new();
    let mut nameless: BTreeMap<Vec<String>, Vec<Contents>> = BTreeMap::new();
    let mut folders: BTreeMap<Vec<String>, BTreeSet<DocumentKind>> = BTreeMap::new();
    for file in found.files {
        let names = owned_names(&file.path);
        let file = reader.shown_file(file);
        match roots.root_of(&names) {
            Some(root) => {
                let contents = reader.rooted_file(file, &names, root, &roots);
                let folder = folders.entry(root.to_vec()).or_default();
                folder.extend(names.get(root.len()..).and_then(folder_of));
                let units = match roots.of_organizations.contains(root) {
                    true => &mut named,
                    false => &mut nameless,
                };
                units.entry(root.to_vec()).or_default().push(contents);
            }
            None => {
                let kind = names.last().and_then(|name| kind_nearly_named(name));
                let contents = file::read(file, KindDetection::ByContent(kind), settings);
                nameless.entry(names).or_default().push(contents);
            }
        }
    }
    // A layout whose organization is detected by its content is a separate tenant.
    let (by_contents, nameless): (BTreeMap<_, _>, BTreeMap<_, _>) =
        nameless.into_iter().partition(|(unit, contents)| {
            roots.of_layouts.contains(unit) && contents.iter().any(holds_organization)
        });
    named.extend(by_contents);
    reader.unread(&found.unread, |names| {
        let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let root = roots.root_of(&owned)?;
        let unit = named.get(root).or_else(|| nameless.get(root));
        let kinds = unit.into_iter().flatten().filter_map(|c| c.count.kind);
        let present = PresentDocuments {
            kinds: kinds.collect(),
            folders: folders.get(root).cloned().unwrap_or_default(),
        };
        Some((names.get(root.len()..)?.to_vec(), present))
    });
    if let Some(shape) = shape {
        reader.report_not_served(shape, &named, &nameless);
    }
    for (root, contents) in named {
        let mut organizations = contents.iter().filter(|file| holds_organization(file));
        if organizations.all(|file| file.count.objects == 0 && !file.count.unread) {
            let place = reader.place(&root.join("/"));
            reader.error(
                place,
                Code::NoTenant,
                "found no organization in organization.json, expected one",
            );
        }
        reader.tenant_of(reader.place(&root.join("/")), contents);
    }
    reader.nameless_tenants(nameless);
    reader.finish()
}

/// Collects the tenants and findings of all files.
#[derive(Debug)]
struct LayoutReader<'s> {
    settings: &'s PolicySettings,
    shown_root: String,
    ignored: IgnorePatterns,
    tenants: Vec<TenantDocuments>,
    findings: Vec<Finding>,
    documents: Vec<DocumentCount>,
    unread: usize,
}

impl<'s> LayoutReader<'s> {
    fn of(found: &PolicyFiles, settings: &'s PolicySettings) -> Self {
        let mut findings = Vec::new();
        let shown = shown(&found.shown_root, IGNORE_FILE);
        LayoutReader {
            settings,
            shown_root: found.shown_root.clone(),
            ignored: IgnorePatterns::of(found.ignore.as_ref(), &shown, &mut findings),
            tenants: Vec::new(),
            findings,
            documents: Vec::new(),
            unread: found.unread.len(),
        }
    }

    fn error(&mut self, place: SourceLocation, code: Code, message: impl Into<String>) {
        self.findings.push(Finding::error(place, code, message));
    }

    /// The location of a path relative to the root. Empty and `.` are the root.
    fn place(&self, path: &str) -> SourceLocation {
        SourceLocation::of_file(shown(&self.shown_root, path))
    }

    fn shown_file(&self, file: SourceFile) -> SourceFile {
        SourceFile {
            path: shown(&self.shown_root, &file.path),
            ..file
        }
    }

    /// Reports a file whose name does not state a kind of document.
    fn unknown_name(&mut self, path: &str, expected: &str) {
        let message = format!(
            "found a name that is not a kind of document, {expected} one of {}",
            DocumentKind::names()
        );
        self.error(self.place(path), Code::UnknownDocument, message);
        self.documents.push(DocumentCount {
            file: shown(&self.shown_root, path),
            kind: None,
            objects: 0,
            refused: 0,
            unread: true,
        });
    }

    /// Reports the files that are not read. `tenant_of` returns the path relative to the tenant's folder, and the
    /// documents in that folder; `None` for a file outside of a tenant's folder.
    fn unread<'n>(
        &mut self,
        paths: &'n [String],
        tenant_of: impl Fn(&[&'n str]) -> Option<(Vec<&'n str>, PresentDocuments)>,
    ) {
        for path in paths {
            let within = tenant_of(&names(path));
            let what = within.map_or(UnreadFile::Other, |(rest, present)| unread(&rest, &present));
            let place = self.place(path);
            let is_ignored = self.ignored.covers(path);
            self.findings.extend(what.finding(place, is_ignored));
        }
    }

    /// Reports layouts that `serve` would refuse.
    fn report_not_served(
        &mut self,
        shape: FolderShape,
        named: &BTreeMap<Vec<String>, Vec<Contents>>,
        nameless: &BTreeMap<Vec<String>, Vec<Contents>>,
    ) {
        match shape {
            FolderShape::Policies => {}
            FolderShape::Tenant if nameless.is_empty() => {}
            FolderShape::Tenant => self.error(self.place("."), Code::NoTenant, NO_ORGANIZATION),
            FolderShape::NamelessTenants => {
                let tenants: BTreeSet<&String> =
                    nameless.keys().filter_map(|u| u.first()).collect();
                for tenant in tenants {
                    self.error(self.place(tenant), Code::NoTenant, NO_ORGANIZATION);
                }
            }
            FolderShape::Exports => {
                let mut contents = nameless.values().flatten();
                let is_nameless = contents.any(|contents| !contents.documents.is_empty());
                // A tenant's folder below the first level.
                let is_deep = named.keys().any(|root| root.len() > 1);
                if is_nameless || is_deep {
                    let message = "found exports outside a policies folder: `check` reads them, but `serve` \
                                   would refuse them; expected a folder for each tenant with an \
                                   organization.json";
                    let finding = Finding::warning(self.place("."), Code::NotServed, message);
                    self.findings.push(finding);
                }
            }
        }
    }

    fn served_tenant(&mut self, tenant: &str, files: Vec<(SourceFile, DocumentKind)>) {
        let place = self.place(tenant);
        if !files
            .iter()
            .any(|(_, kind)| *kind == DocumentKind::Organization)
        {
            self.error(place.clone(), Code::NoTenant, NO_ORGANIZATION);
        }
        let mut documents = Documents::default();
        for (file, kind) in files {
            let path = file.path.clone();
            let contents = file::read(file, KindDetection::ByName(kind), self.settings);
            let is_empty = contents.count.objects == 0 && !contents.count.unread;
            if kind == DocumentKind::Organization && is_empty {
                let message = "found no organization in the file, expected one";
                self.error(SourceLocation::of_file(path), Code::NoTenant, message);
            }
            documents.append(self.take(contents));
        }
        self.tenant(place, documents);
    }

    fn rooted_file(
        &mut self,
        file: SourceFile,
        names: &[String],
        root: &[String],
        roots: &TenantRoots,
    ) -> Contents {
        let rest: Vec<&str> = names.iter().skip(root.len()).map(String::as_str).collect();
        let named = kind_of_name(&rest);
        if named.is_none() && roots.of_organizations.contains(root) {
            let message = format!(
                "found a name that is not allowed in a tenant's folder: `serve` would refuse the file, and `check` \
                 detects its kind by its content; expected one of {}",
                DocumentKind::names()
            );
            let place = SourceLocation::of_file(file.path.as_str());
            // The root itself is a tenant's folder, so the same rules as for `serve` apply.
            self.findings.push(match root.is_empty() {
                true => Finding::error(place, Code::UnknownDocument, message),
                false => Finding::warning(place, Code::UnknownDocument, message),
            });
        }
        let is_tenant_folder = root.is_empty() && roots.of_organizations.contains(root);
        let detection = match named {
            // As `serve` does.
            Some(kind) if is_tenant_folder => KindDetection::ByName(kind),
            named => KindDetection::ByContent(named),
        };
        file::read(file, detection, self.settings)
    }

    fn tenant_of(&mut self, place: SourceLocation, contents: Vec<Contents>) {
        let mut documents = Documents::default();
        for contents in contents {
            documents.append(self.take(contents));
        }
        self.tenant(place, documents);
    }

    /// Adds exports without an organization, each a file or a folder with a tenant's layout. They become one tenant,
    /// unless an object occurs in two of them. Then they become several tenants that share their named locations and
    /// authentication strengths.
    fn nameless_tenants(&mut self, units: BTreeMap<Vec<String>, Vec<Contents>>) {
        let mut times: HashMap<DocumentKey, usize> = HashMap::new();
        let mut layers: Vec<(SourceLocation, Documents)> = Vec::new();
        let mut repeated = Vec::new();
        for (unit, contents) in units {
            let mut documents = Documents::default();
            for contents in contents {
                documents.append(self.take(contents));
            }
            let keys: BTreeSet<DocumentKey> = documents.keys().collect();
            let layer = keys.iter().filter_map(|key| times.get(key)).max();
            let layer = layer.copied().unwrap_or(0);
            let place = self.place(&unit.join("/"));
            let repeats = keys.iter().filter(|key| times.contains_key(key));
            repeated.extend(repeats.map(|key| (key.to_string(), place.clone())));
            times.extend(keys.into_iter().map(|key| (key, layer + 1)));
            match layers.get_mut(layer) {
                Some((_, known)) => known.append(documents),
                None => layers.push((place, documents)),
            }
        }
        self.report_separate(&repeated);
        let pool = DefinitionPool::of(layers.iter().map(|(_, documents)| documents));
        for (place, mut documents) in layers {
            documents.add_referenced(&pool);
            documents.refused = pool.refused.clone();
            if !documents.is_empty() {
                self.tenant(place, documents);
            }
        }
    }

    /// Reports exports that cannot belong to the same tenant and are checked separately.
    fn report_separate(&mut self, repeated: &[(String, SourceLocation)]) {
        let Some((first, place)) = repeated.first() else {
            return;
        };
        let more = match repeated.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let message = format!(
            "found {first} a second time{more}: the exports are checked as those of several tenants; in one \
             tenant's folder this is an error"
        );
        let finding = Finding::warning(place.clone(), Code::NotServed, message);
        self.findings.push(finding);
    }

    /// Adds the findings and counts of a file, and returns its documents.
    fn take(&mut self, contents: Contents) -> Documents {
        self.findings.extend(contents.findings);
        self.documents.push(contents.count);
        contents.documents
    }

    fn tenant(&mut self, place: SourceLocation, documents: Documents) {
        let tenant = documents.into_tenant(place, &mut self.findings);
        self.tenants.push(tenant);
    }

    fn finish(mut self) -> ParsedPolicies {
        self.findings.sort();
        self.findings.dedup();
        self.documents
            .sort_by(|left, right| left.file.cmp(&right.file));
        ParsedPolicies {
            tenants: self.tenants,
            findings: self.findings,
            documents: self.documents,
            unread: self.unread,
        }
    }
}

fn holds_organization(contents: &Contents) -> bool {
    contents.count.kind == Some(DocumentKind::Organization)
}

/// A path as findings show it.
fn shown(root: &str, path: &str) -> String {
    match (root, path) {
        ("", "") => String::from("."),
        ("", path) => path.to_owned(),
        (root, "" | ".") => root.to_owned(),
        ("/", path) => format!("/{path}"),
        (root, path) => format!("{root}/{path}"),
    }
}

/// Classifies a file that is not read, by its path relative to the tenant's folder and the documents in that folder.
fn unread(rest: &[&str], present: &PresentDocuments) -> UnreadFile {
    match rest {
        [name] => match unread::document_named(name) {
            Some(kind) if present.kinds.contains(&kind) => UnreadFile::NextToDocument(kind),
            Some(kind) => UnreadFile::ReplacesDocument(kind),
            None => UnreadFile::Other,
        },
        // If the folder of a document has no `.json` file, the document is not read.
        [folder, ..] => match DocumentKind::named(folder) {
            Some(kind) if !present.folders.contains(&kind) => UnreadFile::NoJsonInFolder(kind),
            Some(_) | None => UnreadFile::Other,
        },
        [] => UnreadFile::Other,
    }
}

/// The documents that are read from a tenant's folder.
#[derive(Debug)]
struct PresentDocuments {
    kinds: BTreeSet<DocumentKind>,
    /// The documents that are folders with `.json` files.
    folders: BTreeSet<DocumentKind>,
}

/// The document in whose folder a file is, by its path relative to the tenant's folder.
fn folder_of(rest: &[impl AsRef<str>]) -> Option<DocumentKind> {
    let (folder, below) = rest.split_first()?;
    DocumentKind::named(folder.as_ref()).filter(|_| !below.is_empty())
}

/// The root folders of tenants.
#[derive(Debug, Default)]
struct TenantRoots {
    /// Folders with an `organization.json`.
    of_organizations: BTreeSet<Vec<String>>,
    /// Folders with files or folders named as in a tenant's folder.
    of_layouts: BTreeSet<Vec<String>>,
}

impl TenantRoots {
    fn of(files: &[SourceFile]) -> Self {
        let mut roots = TenantRoots::default();
        for file in files {
            let names = owned_names(&file.path);
            let Some((last, folder)) = names.split_last() else {
                continue;
            };
            if kind_of_name(&[last]) == Some(DocumentKind::Organization) {
                let tenant = match folder.split_last() {
                    Some((last, tenant))
                        if DocumentKind::named(last) == Some(DocumentKind::Organization) =>
                    {
                        tenant
                    }
                    Some(_) | None => folder,
                };
                roots.of_organizations.insert(tenant.to_vec());
            }
            let is_kind = |name: &String| is_distinctive_folder(name);
            let at = folder.iter().position(is_kind);
            let root = match at {
                Some(at) => names.get(..at),
                None => kind_of_name(&[last]).map(|_| folder),
            };
            roots.of_layouts.extend(root.map(<[String]>::to_vec));
        }
        roots
    }

    /// The innermost root of a file: one with an organization, else one with a tenant's layout.
    fn root_of<'n>(&self, names: &'n [String]) -> Option<&'n [String]> {
        let within = |roots: &BTreeSet<Vec<String>>| {
            let lengths = (0..names.len()).rev();
            let mut above = lengths.filter_map(|length| names.get(..length));
            above.find(|root| roots.contains(*root))
        };
        let organization = within(&self.of_organizations);
        organization.or_else(|| within(&self.of_layouts))
    }
}

/// Whether a folder name is certainly a kind of document. `default`, `organization` and `partners` are too common.
fn is_distinctive_folder(name: &str) -> bool {
    DocumentKind::named(name).is_some() && name.contains('-')
}

/// The layout of a folder, by the names in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FolderShape {
    /// A policies folder: one folder for each tenant.
    Policies,
    /// A policies folder in which no tenant has an `organization.json`.
    NamelessTenants,
    /// The folder of one tenant.
    Tenant,
    /// Another layout.
    Exports,
}

impl FolderShape {
    fn of(files: &[SourceFile]) -> Self {
        let all = |is_named: fn(&[&str]) -> bool| {
            !files.is_empty() && files.iter().all(|file| is_named(&names(&file.path)))
        };
        let as_tenant = |names: &[&str]| kind_of_name(names).is_some();
        let as_policies = |names: &[&str]| match names {
            [_, rest @ ..] => kind_of_name(rest).is_some(),
            [] => false,
        };
        if holds_tenants(files) {
            FolderShape::Policies
        } else if all(as_tenant) {
            FolderShape::Tenant
        } else if all(as_policies) {
            FolderShape::NamelessTenants
        } else {
            FolderShape::Exports
        }
    }
}

/// Whether one of the subfolders has an `organization.json`.
fn holds_tenants(files: &[SourceFile]) -> bool {
    files.iter().any(|file| match names(&file.path).as_slice() {
        [folder, rest @ ..] => {
            // `organization/organization.json` is itself in a tenant's folder.
            DocumentKind::named(folder).is_none()
                && kind_of_name(rest) == Some(DocumentKind::Organization)
        }
        [] => false,
    })
}

const NO_ORGANIZATION: &str =
    "found no organization.json, expected one that contains the tenant's id";

/// The kind of a path relative to a tenant's folder: `partners.json`, or any file in `partners/`.
fn kind_of_name(rest: &[impl AsRef<str>]) -> Option<DocumentKind> {
    let (first, below) = rest.split_first()?;
    match below.is_empty() {
        true => stem(first.as_ref()).and_then(DocumentKind::named),
        false => DocumentKind::named(first.as_ref()),
    }
}

/// Like [`kind_of_name`], also for names such as `namedLocations.json` or `Named Locations.json`.
fn kind_nearly_named(name: &str) -> Option<DocumentKind> {
    DocumentKind::nearly_named(stem(name)?)
}

/// A file's name without `.json`.
fn stem(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    extension.eq_ignore_ascii_case("json").then_some(stem)
}

fn names(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .collect()
}

fn owned_names(path: &str) -> Vec<String> {
    names(path).into_iter().map(str::to_owned).collect()
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != ".."
}
