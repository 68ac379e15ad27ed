//! Files → tenants: which file belongs to whom, and what its name says it holds (semantics §2).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::document::TenantDocuments;
use super::documents::{Documents, Key, Pool};
use super::file::{self, Contents, Told};
use super::finding::{Code, Finding, Place};
use super::kind::Kind;
use super::unread::{self, IGNORE_FILE, Ignored, Unread};
use super::{DocumentCount, PolicyFiles, Reading, SourceFile};
use crate::policy_settings::PolicySettings;

/// Reads a policies folder as it is served: a folder a tenant, in it a file or a folder a kind. A name that
/// is none of these is an error: a misspelt file would take its protection away.
pub fn read_policies_folder(found: impl Into<PolicyFiles>, settings: &PolicySettings) -> Reading {
    let found = found.into();
    let mut run = Run::of(&found, settings);
    let mut tenants: BTreeMap<String, Vec<(SourceFile, Kind)>> = BTreeMap::new();
    let mut folders: BTreeMap<String, BTreeSet<Kind>> = BTreeMap::new();
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
                    Some(kind) => files.push((run.shown_file(file), kind)),
                    None => run.unnamed(&file.path, "expected a file or folder named"),
                }
            }
            Some(_) | None => run.unnamed(
                &file.path,
                "expected a folder for each tenant, with files named",
            ),
        }
    }
    if tenants.is_empty() {
        let message = "found no tenant, expected a folder for each, with an organization.json";
        run.error(run.place("."), Code::NoTenant, message);
    }
    run.unread(&found.unread, |names| match names {
        [tenant, rest @ ..] => {
            let present = Present {
                kinds: kinds_of(tenants.get(*tenant)),
                folders: folders.get(*tenant).cloned().unwrap_or_default(),
            };
            Some((rest.to_vec(), present))
        }
        [] => None,
    });
    for (tenant, files) in tenants {
        run.served_tenant(&tenant, files);
    }
    run.finish()
}

fn kinds_of(files: Option<&Vec<(SourceFile, Kind)>>) -> BTreeSet<Kind> {
    let files = files.into_iter().flatten();
    files.map(|(_, kind)| *kind).collect()
}

/// The tenant's folder that a file of a policies folder is in, and the kind that its name says.
pub(super) fn owner_of(path: &str) -> Option<(&str, Kind)> {
    let names = names(path);
    let (tenant, rest) = names.split_first()?;
    match names.iter().any(|name| is_hidden(name)) {
        true => None,
        false => Some((tenant, kind_of_name(rest)?)),
    }
}

/// Reads whatever is there, to be checked: a policies folder, the folder of one tenant, or any export. What
/// a file holds is recognised by its contents, else by its name; what belongs to no organization is a tenant
/// without one.
pub fn read_anything(found: impl Into<PolicyFiles>, settings: &PolicySettings) -> Reading {
    let found = found.into();
    let looks = found.is_folder.then(|| Looks::of(&found.files));
    if looks == Some(Looks::Policies) {
        return read_policies_folder(found, settings);
    }
    let mut run = Run::of(&found, settings);
    let roots = Roots::of(&found.files);
    let mut named: BTreeMap<Vec<String>, Vec<Contents>> = BTreeMap::new();
    let mut nameless: BTreeMap<Vec<String>, Vec<Contents>> = BTreeMap::new();
    let mut folders: BTreeMap<Vec<String>, BTreeSet<Kind>> = BTreeMap::new();
    for file in found.files {
        let names = owned_names(&file.path);
        let file = run.shown_file(file);
        match roots.root_of(&names) {
            Some(root) => {
                let contents = run.rooted_file(file, &names, root, &roots);
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
                let contents = file::read(file, Told::ByContent(kind), settings);
                nameless.entry(names).or_default().push(contents);
            }
        }
    }
    // A layout whose organization is recognised by its contents is a tenant of its own.
    let (by_contents, nameless): (BTreeMap<_, _>, BTreeMap<_, _>) =
        nameless.into_iter().partition(|(unit, contents)| {
            roots.of_layouts.contains(unit) && contents.iter().any(holds_organization)
        });
    named.extend(by_contents);
    run.unread(&found.unread, |names| {
        let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let root = roots.root_of(&owned)?;
        let unit = named.get(root).or_else(|| nameless.get(root));
        let kinds = unit.into_iter().flatten().filter_map(|c| c.count.kind);
        let present = Present {
            kinds: kinds.collect(),
            folders: folders.get(root).cloned().unwrap_or_default(),
        };
        Some((names.get(root.len()..)?.to_vec(), present))
    });
    if let Some(looks) = looks {
        run.report_not_served(looks, &named, &nameless);
    }
    for (root, contents) in named {
        let mut organizations = contents.iter().filter(|file| holds_organization(file));
        if organizations.all(|file| file.count.objects == 0 && !file.count.unread) {
            let place = run.place(&root.join("/"));
            run.error(
                place,
                Code::NoTenant,
                "found no organization in organization.json, expected one",
            );
        }
        run.tenant_of(run.place(&root.join("/")), contents);
    }
    run.nameless_tenants(nameless);
    run.finish()
}

/// What a run over files collects.
#[derive(Debug)]
struct Run<'s> {
    settings: &'s PolicySettings,
    shown_root: String,
    ignored: Ignored,
    tenants: Vec<TenantDocuments>,
    findings: Vec<Finding>,
    documents: Vec<DocumentCount>,
    unread: usize,
}

impl<'s> Run<'s> {
    fn of(found: &PolicyFiles, settings: &'s PolicySettings) -> Self {
        let mut findings = Vec::new();
        let shown = shown(&found.shown_root, IGNORE_FILE);
        Run {
            settings,
            shown_root: found.shown_root.clone(),
            ignored: Ignored::of(found.ignore.as_ref(), &shown, &mut findings),
            tenants: Vec::new(),
            findings,
            documents: Vec::new(),
            unread: found.unread.len(),
        }
    }

    fn error(&mut self, place: Place, code: Code, message: impl Into<String>) {
        self.findings.push(Finding::error(place, code, message));
    }

    /// A place by its path relative to the root; the root itself where that is empty or `.`.
    fn place(&self, path: &str) -> Place {
        Place::of_file(shown(&self.shown_root, path))
    }

    fn shown_file(&self, file: SourceFile) -> SourceFile {
        SourceFile {
            path: shown(&self.shown_root, &file.path),
            ..file
        }
    }

    /// A file whose name says nothing, where names have to.
    fn unnamed(&mut self, path: &str, expected: &str) {
        let message = format!(
            "found a name that says no kind of document, {expected} one of {}",
            Kind::names()
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

    /// Reports the files that are not read. `tenant_of` gives a path within its tenant's folder, and the
    /// documents that are there; none where it is in no tenant's folder.
    fn unread<'n>(
        &mut self,
        paths: &'n [String],
        tenant_of: impl Fn(&[&'n str]) -> Option<(Vec<&'n str>, Present)>,
    ) {
        for path in paths {
            let within = tenant_of(&names(path));
            let what = within.map_or(Unread::Other, |(rest, present)| unread(&rest, &present));
            let place = self.place(path);
            let is_ignored = self.ignored.covers(path);
            self.findings.extend(what.finding(place, is_ignored));
        }
    }

    /// What `serve` would refuse is not checked without a word.
    fn report_not_served(
        &mut self,
        looks: Looks,
        named: &BTreeMap<Vec<String>, Vec<Contents>>,
        nameless: &BTreeMap<Vec<String>, Vec<Contents>>,
    ) {
        match looks {
            Looks::Policies => {}
            Looks::Tenant if nameless.is_empty() => {}
            Looks::Tenant => self.error(self.place("."), Code::NoTenant, NO_ORGANIZATION),
            Looks::NamelessTenants => {
                let tenants: BTreeSet<&String> =
                    nameless.keys().filter_map(|u| u.first()).collect();
                for tenant in tenants {
                    self.error(self.place(tenant), Code::NoTenant, NO_ORGANIZATION);
                }
            }
            Looks::Exports => {
                let mut contents = nameless.values().flatten();
                let is_nameless = contents.any(|contents| !contents.documents.is_empty());
                // A tenant's folder that is neither the folder itself nor directly in it.
                let is_deep = named.keys().any(|root| root.len() > 1);
                if is_nameless || is_deep {
                    let message = "found exports that are no policies folder: they are checked, and refused \
                                   where they are served; expected a folder for each tenant with an \
                                   organization.json";
                    let finding = Finding::warning(self.place("."), Code::NotServed, message);
                    self.findings.push(finding);
                }
            }
        }
    }

    fn served_tenant(&mut self, tenant: &str, files: Vec<(SourceFile, Kind)>) {
        let place = self.place(tenant);
        if !files.iter().any(|(_, kind)| *kind == Kind::Organization) {
            self.error(place.clone(), Code::NoTenant, NO_ORGANIZATION);
        }
        let mut documents = Documents::default();
        for (file, kind) in files {
            let path = file.path.clone();
            let contents = file::read(file, Told::ByName(kind), self.settings);
            let is_empty = contents.count.objects == 0 && !contents.count.unread;
            if kind == Kind::Organization && is_empty {
                let message = "found no organization in it, expected one";
                self.error(Place::of_file(path), Code::NoTenant, message);
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
        roots: &Roots,
    ) -> Contents {
        let rest: Vec<&str> = names.iter().skip(root.len()).map(String::as_str).collect();
        let named = kind_of_name(&rest);
        if named.is_none() && roots.of_organizations.contains(root) {
            let message = format!(
                "found a name that a tenant's folder may not have: refused where it is served, and checked \
                 here by its contents; expected one of {}",
                Kind::names()
            );
            let place = Place::of_file(file.path.as_str());
            // The folder that is checked is a tenant's: as good as served.
            self.findings.push(match root.is_empty() {
                true => Finding::error(place, Code::UnknownDocument, message),
                false => Finding::warning(place, Code::UnknownDocument, message),
            });
        }
        let is_tenants_own = root.is_empty() && roots.of_organizations.contains(root);
        let told = match named {
            // Read as it is served.
            Some(kind) if is_tenants_own => Told::ByName(kind),
            named => Told::ByContent(named),
        };
        file::read(file, told, self.settings)
    }

    fn tenant_of(&mut self, place: Place, contents: Vec<Contents>) {
        let mut documents = Documents::default();
        for contents in contents {
            documents.append(self.take(contents));
        }
        self.tenant(place, documents);
    }

    /// Exports that no organization tells apart, each a file or a folder with a tenant's layout: one tenant
    /// without a name, as long as nothing stands in two of them. Then they are exports of their own, which may
    /// name each other's locations and strengths.
    fn nameless_tenants(&mut self, units: BTreeMap<Vec<String>, Vec<Contents>>) {
        let mut times: HashMap<Key, usize> = HashMap::new();
        let mut layers: Vec<(Place, Documents)> = Vec::new();
        let mut repeated = Vec::new();
        for (unit, contents) in units {
            let mut documents = Documents::default();
            for contents in contents {
                documents.append(self.take(contents));
            }
            let keys: BTreeSet<Key> = documents.keys().collect();
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
        let pool = Pool::of(layers.iter().map(|(_, documents)| documents));
        for (place, mut documents) in layers {
            documents.borrow(&pool);
            documents.refused = pool.refused.clone();
            if !documents.is_empty() {
                self.tenant(place, documents);
            }
        }
    }

    /// Exports that cannot be of one tenant: checked, each by itself.
    fn report_separate(&mut self, repeated: &[(String, Place)]) {
        let Some((first, place)) = repeated.first() else {
            return;
        };
        let more = match repeated.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let message = format!(
            "found {first} a second time{more}: checked as exports of several tenants, and an error within one \
             tenant's folder"
        );
        let finding = Finding::warning(place.clone(), Code::NotServed, message);
        self.findings.push(finding);
    }

    /// Keeps the findings and counts of a file, and returns what was read.
    fn take(&mut self, contents: Contents) -> Documents {
        self.findings.extend(contents.findings);
        self.documents.push(contents.count);
        contents.documents
    }

    fn tenant(&mut self, place: Place, documents: Documents) {
        let tenant = documents.into_tenant(place, &mut self.findings);
        self.tenants.push(tenant);
    }

    fn finish(mut self) -> Reading {
        self.findings.sort();
        self.findings.dedup();
        self.documents
            .sort_by(|left, right| left.file.cmp(&right.file));
        Reading {
            tenants: self.tenants,
            findings: self.findings,
            documents: self.documents,
            unread: self.unread,
        }
    }
}

fn holds_organization(contents: &Contents) -> bool {
    contents.count.kind == Some(Kind::Organization)
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

/// What a file is, that is not read, by its path within a tenant's folder and the documents that are there.
fn unread(rest: &[&str], present: &Present) -> Unread {
    match rest {
        [name] => match unread::document_named(name) {
            Some(kind) if present.kinds.contains(&kind) => Unread::Beside(kind),
            Some(kind) => Unread::InPlaceOf(kind),
            None => Unread::Other,
        },
        // A folder that holds nothing else is a document that is not read.
        [folder, ..] => match Kind::named(folder) {
            Some(kind) if !present.folders.contains(&kind) => Unread::AloneInFolder(kind),
            Some(_) | None => Unread::Other,
        },
        [] => Unread::Other,
    }
}

/// What is read in a tenant's folder.
#[derive(Debug)]
struct Present {
    kinds: BTreeSet<Kind>,
    /// The documents that are folders with files in them.
    folders: BTreeSet<Kind>,
}

/// The document whose folder a file is in, by its path within the tenant's.
fn folder_of(rest: &[impl AsRef<str>]) -> Option<Kind> {
    let (folder, below) = rest.split_first()?;
    Kind::named(folder.as_ref()).filter(|_| !below.is_empty())
}

/// Folders that are one tenant each.
#[derive(Debug, Default)]
struct Roots {
    /// Those that hold an `organization.json`.
    of_organizations: BTreeSet<Vec<String>>,
    /// Those that hold files or folders named as in a tenant's folder.
    of_layouts: BTreeSet<Vec<String>>,
}

impl Roots {
    fn of(files: &[SourceFile]) -> Self {
        let mut roots = Roots::default();
        for file in files {
            let names = owned_names(&file.path);
            let Some((last, folder)) = names.split_last() else {
                continue;
            };
            if kind_of_name(&[last]) == Some(Kind::Organization) {
                let tenant = match folder.split_last() {
                    Some((last, tenant)) if Kind::named(last) == Some(Kind::Organization) => tenant,
                    Some(_) | None => folder,
                };
                roots.of_organizations.insert(tenant.to_vec());
            }
            let is_kind = |name: &String| is_telling_folder(name);
            let at = folder.iter().position(is_kind);
            let root = match at {
                Some(at) => names.get(..at),
                None => kind_of_name(&[last]).map(|_| folder),
            };
            roots.of_layouts.extend(root.map(<[String]>::to_vec));
        }
        roots
    }

    /// The innermost root above a file: of an organization, else of a layout.
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

/// Names that are nobody's folder by chance; `default`, `organization` and `partners` may be.
fn is_telling_folder(name: &str) -> bool {
    Kind::named(name).is_some() && name.contains('-')
}

/// What a folder looks like, by the names in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// A folder that can be served: a folder for each tenant.
    Policies,
    /// The same, but no tenant has an `organization.json`.
    NamelessTenants,
    /// The folder of one tenant.
    Tenant,
    /// None of these.
    Exports,
}

impl Looks {
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
            Looks::Policies
        } else if all(as_tenant) {
            Looks::Tenant
        } else if all(as_policies) {
            Looks::NamelessTenants
        } else {
            Looks::Exports
        }
    }
}

/// Whether one of the folders below has an `organization.json`.
fn holds_tenants(files: &[SourceFile]) -> bool {
    files.iter().any(|file| match names(&file.path).as_slice() {
        [folder, rest @ ..] => {
            // `organization/organization.json` is in a tenant's folder.
            Kind::named(folder).is_none() && kind_of_name(rest) == Some(Kind::Organization)
        }
        [] => false,
    })
}

const NO_ORGANIZATION: &str =
    "found no organization.json, expected one that says which tenant this is";

/// The kind that a path within a tenant's folder says: `partners.json`, or anything in `partners/`.
fn kind_of_name(rest: &[impl AsRef<str>]) -> Option<Kind> {
    let (first, below) = rest.split_first()?;
    match below.is_empty() {
        true => stem(first.as_ref()).and_then(Kind::named),
        false => Kind::named(first.as_ref()),
    }
}

/// The same of exports in the wild, which write `namedLocations.json` or `Named Locations.json`.
fn kind_nearly_named(name: &str) -> Option<Kind> {
    Kind::nearly_named(stem(name)?)
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
