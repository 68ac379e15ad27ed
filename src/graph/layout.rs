//! Files → tenants: which file belongs to whom, and what its name says it holds (semantics §2).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::document::TenantDocuments;
use super::documents::{Documents, Key, Pool};
use super::file::{self, Contents, Told};
use super::finding::{Code, Finding, Place};
use super::kind::Kind;
use super::{DocumentCount, Reading, SourceFile};
use crate::policy_settings::PolicySettings;

/// Reads a policies folder as it is served: a folder a tenant, in it a file or a folder a kind. A name that
/// is none of these is an error: a misspelt file would take its protection away.
pub fn read_policies_folder(files: Vec<SourceFile>, settings: &PolicySettings) -> Reading {
    let mut run = Run::default();
    let mut tenants: BTreeMap<String, Vec<(SourceFile, Kind)>> = BTreeMap::new();
    for file in files {
        let names = names(&file.path);
        if names.iter().any(|name| is_hidden(name)) {
            continue;
        }
        match names.split_first() {
            Some((tenant, rest)) if !rest.is_empty() => {
                let files = tenants.entry((*tenant).to_owned()).or_default();
                match kind_of_name(rest) {
                    Some(kind) => files.push((file, kind)),
                    None => run.unnamed(file, "expected a file or folder named"),
                }
            }
            Some(_) | None => {
                run.unnamed(file, "expected a folder for each tenant, with files named")
            }
        }
    }
    if tenants.is_empty() {
        let message = "found no tenant, expected a folder for each, with an organization.json";
        run.error(Place::of_file("."), Code::NoTenant, message);
    }
    for (tenant, files) in tenants {
        run.served_tenant(tenant, files, settings);
    }
    run.finish()
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
/// a file holds is told by its contents, else by its name; what belongs to no organization is a tenant
/// without one.
pub fn read_anything(files: Vec<SourceFile>, settings: &PolicySettings) -> Reading {
    if is_policies_folder(&files) {
        return read_policies_folder(files, settings);
    }
    let mut run = Run::default();
    let roots = Roots::of(&files);
    let mut rooted: BTreeMap<Vec<String>, Vec<Contents>> = BTreeMap::new();
    let mut loose: BTreeMap<Vec<String>, Vec<Contents>> = BTreeMap::new();
    for file in files {
        let names = owned_names(&file.path);
        match roots.root_of(&names) {
            Some(root) => {
                let contents = run.rooted_file(file, &names, root, &roots, settings);
                rooted.entry(root.to_vec()).or_default().push(contents);
            }
            None => {
                let named = names.last().and_then(|name| kind_nearly_named(name));
                let contents = file::read(file, Told::ByContent(named), settings);
                loose.entry(names).or_default().push(contents);
            }
        }
    }
    for (root, contents) in rooted {
        run.rooted_tenant(&root, contents);
    }
    run.loose_tenants(loose);
    run.finish()
}

/// What a run over files collects.
#[derive(Debug, Default)]
struct Run {
    tenants: Vec<TenantDocuments>,
    findings: Vec<Finding>,
    documents: Vec<DocumentCount>,
}

impl Run {
    fn error(&mut self, place: Place, code: Code, message: impl Into<String>) {
        self.findings.push(Finding::error(place, code, message));
    }

    /// A file whose name says nothing, where names have to.
    fn unnamed(&mut self, file: SourceFile, expected: &str) {
        let message = format!(
            "found a name that says no kind of document, {expected} one of {}",
            Kind::names()
        );
        let place = Place::of_file(file.path.as_str());
        self.error(place, Code::UnknownDocument, message);
        self.documents.push(DocumentCount {
            file: file.path,
            kind: None,
            objects: 0,
            refused: 0,
            unread: true,
        });
    }

    fn served_tenant(
        &mut self,
        tenant: String,
        files: Vec<(SourceFile, Kind)>,
        settings: &PolicySettings,
    ) {
        let place = Place::of_file(tenant);
        if !files.iter().any(|(_, kind)| *kind == Kind::Organization) {
            let message = "found no organization.json, expected one that says which tenant this is";
            self.error(place.clone(), Code::NoTenant, message);
        }
        let mut documents = Documents::default();
        for (file, kind) in files {
            let path = file.path.clone();
            let contents = file::read(file, Told::ByName(kind), settings);
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
        settings: &PolicySettings,
    ) -> Contents {
        let rest: Vec<&str> = names.iter().skip(root.len()).map(String::as_str).collect();
        let named = kind_of_name(&rest);
        if named.is_none() && roots.of_organizations.contains(root) {
            let message = format!(
                "found a name that a policies folder may not have: checked by its contents, but refused \
                 where it is served; expected one of {}",
                Kind::names()
            );
            let place = Place::of_file(file.path.as_str());
            self.findings
                .push(Finding::warning(place, Code::UnknownDocument, message));
        }
        file::read(file, Told::ByContent(named), settings)
    }

    fn rooted_tenant(&mut self, root: &[String], contents: Vec<Contents>) {
        let place = folder_place(root);
        let has_organization = contents
            .iter()
            .any(|contents| contents.count.kind == Some(Kind::Organization));
        if !has_organization {
            let message =
                "found no organization.json: checked as a tenant without a name, not to be served";
            self.findings
                .push(Finding::warning(place.clone(), Code::NoTenant, message));
        }
        let mut documents = Documents::default();
        for contents in contents {
            documents.append(self.take(contents));
        }
        self.tenant(place, documents);
    }

    /// Exports that no folder tells apart: one tenant without a name, as long as nothing in it stands in two
    /// files. Then the files are exports of their own, which may name each other's locations and strengths.
    fn loose_tenants(&mut self, files: BTreeMap<Vec<String>, Vec<Contents>>) {
        let mut times: HashMap<Key, usize> = HashMap::new();
        let mut layers: Vec<(Place, Documents)> = Vec::new();
        for (file, contents) in files {
            let mut documents = Documents::default();
            for contents in contents {
                documents.append(self.take(contents));
            }
            let keys: HashSet<Key> = documents.keys().collect();
            let layer = keys.iter().filter_map(|key| times.get(key)).max();
            let layer = layer.copied().unwrap_or(0);
            times.extend(keys.into_iter().map(|key| (key, layer + 1)));
            match layers.get_mut(layer) {
                Some((_, known)) => known.append(documents),
                None => layers.push((folder_place(&file), documents)),
            }
        }
        let pool = Pool::of(layers.iter().map(|(_, documents)| documents));
        for (place, mut documents) in layers {
            documents.borrow(&pool);
            if !documents.is_empty() {
                self.tenant(place, documents);
            }
        }
    }

    /// Keeps what is to be told of a file, and gives what was read.
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
        }
    }
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
                roots.of_organizations.insert(folder.to_vec());
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

/// Whether the folders below are tenants: one of them has an `organization.json`, and this one has none.
fn is_policies_folder(files: &[SourceFile]) -> bool {
    let mut is_any = false;
    for file in files {
        let names = names(&file.path);
        let is_organization =
            names.last().and_then(|name| kind_of_name(&[name])) == Some(Kind::Organization);
        match names.len() {
            1 if is_organization => return false,
            2 if is_organization => is_any = true,
            _ => {}
        }
    }
    is_any
}

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
    let squash = |name: &str| -> String {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.collect::<String>().to_ascii_lowercase()
    };
    let wanted = squash(stem(name)?);
    let same = |kind: &Kind| squash(kind.name()) == wanted;
    Kind::ALL.iter().copied().find(same)
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

fn folder_place(folder: &[String]) -> Place {
    match folder.is_empty() {
        true => Place::of_file("."),
        false => Place::of_file(folder.join("/")),
    }
}
