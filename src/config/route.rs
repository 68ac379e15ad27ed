//! `[[route]]` and `[[application]]`: what a gateway's request is for, where the gateway cannot say it.
//!
//! The first route that fits is taken, so one that an earlier route covers wholly is an error: whoever wrote it
//! believes that it does something.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::DeValue;

use super::ConfigError;
use super::file::{File, Table};
use super::value::{Assumption, At, Origin, Shown, shown_list};

/// A route as the file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// Where it begins.
    pub origin: Origin,
    /// The hosts that it fits, in lower case and without port; any where there are none.
    pub hosts: Vec<At<String>>,
    /// The path that it fits, with all that is below it.
    pub path: Option<At<String>>,
    /// Whether the path is compared without ASCII case, for back ends that fold it.
    pub case_insensitive: At<bool>,
    /// The destination principal that it fits.
    pub principal: Option<At<String>>,
    /// The tenant of the application.
    pub resource_tenant: At<String>,
    /// The application.
    pub app: At<String>,
    /// `direct_connect` or `collaboration`.
    pub access_type: Option<At<String>>,
    /// The shared channel.
    pub channel: Option<At<String>>,
    /// Whether only members of the channel come in.
    pub require_channel: At<bool>,
    /// The tenant whose network this is.
    pub restricting_tenant: Option<At<String>>,
    /// Whether callers learn the reason of a denial.
    pub detail: At<bool>,
    /// Facts that hold where a request is silent.
    pub assume: Vec<Assumption>,
}

/// What the operator states of an application: at least one of the three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationTable {
    /// The application.
    pub app: At<String>,
    /// What its tokens may have as `aud`, besides its own id.
    pub audiences: Vec<At<String>>,
    /// Microsoft's bundles that it is in; an empty list: in none.
    pub bundles: Option<Vec<At<String>>>,
    /// Whether it is a resource of agents.
    pub agent: Option<At<bool>>,
}

const KEYS: &[&str] = &[
    "hosts",
    "path",
    "case_insensitive",
    "principal",
    "resource_tenant",
    "app",
    "access_type",
    "channel",
    "require_channel",
    "restricting_tenant",
    "detail",
    "assume",
];

pub(super) fn read<'a>(
    file: File<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<RouteTable>, ConfigError> {
    let tables = file.tables("route", value, KEYS)?;
    let routes = tables.iter().map(route).collect::<Result<Vec<_>, _>>()?;
    let mut earlier = EarlierRoutes::default();
    for later in &routes {
        if let Some(first) = earlier.first_that_covers(later) {
            return Err(ConfigError::Shadowed {
                origin: later.origin.clone(),
                first: first.origin.clone(),
            });
        }
        earlier.insert(later);
    }
    Ok(routes)
}

/// The routes that were read so far, by path, host and principal: a route is compared with those only that may cover
/// it, so that a file of thousands of routes is read in about linear time.
struct EarlierRoutes<'a> {
    /// A tree of path segments in lower case; the first node is `/`.
    nodes: Vec<PathNode<'a>>,
    count: usize,
}

#[derive(Default)]
struct PathNode<'a> {
    /// Positions in `nodes`, by the next segment.
    below: HashMap<String, usize>,
    /// The routes that end here, with their numbers. A route with several hosts is listed at each.
    routes: HashMap<HostAndPrincipal<'a>, Vec<(usize, &'a RouteTable)>>,
}

/// `None` fits any.
type HostAndPrincipal<'a> = (Option<&'a str>, Option<&'a str>);

impl Default for EarlierRoutes<'_> {
    fn default() -> Self {
        EarlierRoutes {
            nodes: vec![PathNode::default()],
            count: 0,
        }
    }
}

impl<'a> EarlierRoutes<'a> {
    fn insert(&mut self, route: &'a RouteTable) {
        let mut at = 0;
        for segment in route.segments() {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                break;
            };
            at = *node.below.entry(segment).or_insert(next);
            if at == next {
                self.nodes.push(PathNode::default());
            }
        }
        let number = self.count;
        self.count += 1;
        let hosts = route.hosts.iter().map(|host| Some(host.value.as_str()));
        let hosts: Vec<Option<&str>> = match route.hosts.is_empty() {
            true => vec![None],
            false => hosts.collect(),
        };
        if let Some(node) = self.nodes.get_mut(at) {
            for host in hosts {
                let routes = node.routes.entry((host, route.principal_text()));
                routes.or_default().push((number, route));
            }
        }
    }

    /// A route that covers another has no host or each of its hosts, so also its first, and its path or one above.
    fn first_that_covers(&self, later: &RouteTable) -> Option<&'a RouteTable> {
        let hosts = [None, later.hosts.first().map(|host| host.value.as_str())];
        let principals = [None, later.principal_text()];
        let mut node = self.nodes.first();
        let mut segments = later.segments();
        let mut found: Option<(usize, &RouteTable)> = None;
        while let Some(here) = node {
            for key in hosts
                .iter()
                .flat_map(|host| principals.map(|one| (*host, one)))
            {
                let routes = here.routes.get(&key).map_or(&[][..], Vec::as_slice);
                let covers = routes.iter().find(|(_, route)| route.covers(later));
                if let Some(first) = covers
                    && found.is_none_or(|(number, _)| first.0 < number)
                {
                    found = Some(*first);
                }
            }
            let next = segments.next();
            node = next.and_then(|segment| self.nodes.get(*here.below.get(&segment)?));
        }
        found.map(|(_, route)| route)
    }
}

pub(super) fn read_applications<'a>(
    file: File<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<ApplicationTable>, ConfigError> {
    let keys = ["id", "app", "audiences", "bundles", "agent"];
    let tables = file.tables("application", value, &keys)?;
    tables.iter().map(application).collect()
}

fn application(table: &Table<'_>) -> Result<ApplicationTable, ConfigError> {
    let app = match (table.text("id")?, table.text("app")?) {
        (Some(_), Some(_)) => {
            return Err(table.together("`id` and `app`", "one of them: they are the same key"));
        }
        (Some(app), None) | (None, Some(app)) => app,
        (None, None) => return Err(table.missing("id", "the id of an application")),
    };
    let application = ApplicationTable {
        app,
        audiences: table.texts("audiences")?.unwrap_or_default(),
        bundles: table.texts_or_none("bundles")?,
        agent: table.optional_flag("agent")?,
    };
    let is_empty = application.audiences.is_empty()
        && application.bundles.is_none()
        && application.agent.is_none();
    if is_empty {
        return Err(table.missing(
            "audiences",
            "what its tokens may have as `aud`, besides its id, or `bundles` or `agent`",
        ));
    }
    Ok(application)
}

fn route(table: &Table<'_>) -> Result<RouteTable, ConfigError> {
    let route = RouteTable {
        origin: table.origin.clone(),
        hosts: table.texts("hosts")?.unwrap_or_default(),
        path: table.text("path")?,
        case_insensitive: table.flag("case_insensitive", false)?,
        principal: table.text("principal")?,
        resource_tenant: table.text("resource_tenant")?.ok_or_else(|| {
            table.missing("resource_tenant", "the id of the application's tenant")
        })?,
        app: table
            .text("app")?
            .ok_or_else(|| table.missing("app", "the id of the application"))?,
        access_type: table.text("access_type")?,
        channel: table.text("channel")?,
        require_channel: table.flag("require_channel", false)?,
        restricting_tenant: table.text("restricting_tenant")?,
        detail: table.flag("detail", false)?,
        assume: table.assume()?,
    };
    if route.require_channel.value && route.channel.is_none() {
        return Err(table.together(
            "`require_channel` without `channel`",
            "the channel that is required",
        ));
    }
    if route.case_insensitive.value && route.path.is_none() {
        return Err(table.together(
            "`case_insensitive` without `path`",
            "the path that is compared without case",
        ));
    }
    route.hosts.iter().try_for_each(check_host)?;
    route.path.iter().try_for_each(check_path)?;
    route.principal.iter().try_for_each(check_principal)?;
    Ok(route)
}

fn check_host(host: &At<String>) -> Result<(), ConfigError> {
    let text = host.value.as_str();
    let port_free = text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(text);
    let bracketed = port_free.len() != text.len();
    let why = if text.contains('*') {
        "wildcards are not supported: expected each host by its name, or no hosts for any"
    } else if text.contains(|c: char| c.is_ascii_uppercase()) {
        "expected a host in lower case"
    } else if text.contains(':') && !bracketed {
        "expected a host without a port"
    } else if port_free.is_empty()
        || text.ends_with('.')
        || !port_free
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c) || (bracketed && c == ':'))
    {
        "expected a host such as wiki.contoso.example"
    } else {
        return Ok(());
    };
    Err(host.refuse(why))
}

fn check_path(path: &At<String>) -> Result<(), ConfigError> {
    let text = path.value.as_str();
    let why = if !text.starts_with('/') {
        "expected a path that begins with `/`"
    } else if text.contains(['*', '{', '}']) {
        "wildcards are not supported: expected a path such as /docs, which stands for all that is below it"
    } else if text.contains(['[', ']', '<', '>', '|', '^', '"', '`']) {
        "expected a path: a pattern would be compared as it is written, and no URI has this character (RFC 3986)"
    } else if text.contains(['?', '#']) {
        "expected a path without a query"
    } else if text.contains('%') {
        "expected a path without percent escapes: requests that have them fit no path"
    } else if text.contains("//") {
        "expected a path without `//`"
    } else if text
        .split('/')
        .any(|segment| [".", ".."].contains(&segment))
    {
        "expected a path without `.` and `..`"
    } else if text.len() > 1 && text.ends_with('/') {
        "expected a path without `/` at its end: it stands for all that is below it anyway"
    } else if !text.chars().all(|c| c.is_ascii_graphic() && c != '\\') {
        "expected a path of visible ASCII characters without `\\`"
    } else {
        return Ok(());
    };
    Err(path.refuse(why))
}

/// A pattern would be compared as it is written, fit no destination, and leave its requests to a later route.
fn check_principal(principal: &At<String>) -> Result<(), ConfigError> {
    if principal.value.contains('*') {
        return Err(principal
            .refuse("wildcards are not supported: expected the exact destination principal"));
    }
    Ok(())
}

impl RouteTable {
    /// Whether every request that fits `later` fits this route.
    fn covers(&self, later: &RouteTable) -> bool {
        let hosts = self.hosts.is_empty()
            || (!later.hosts.is_empty()
                && later.hosts.iter().all(|host| {
                    let mut ours = self.hosts.iter();
                    ours.any(|one| one.value == host.value)
                }));
        let path = match (&self.path, &later.path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => self.takes_path(&ours.value, later, &theirs.value),
        };
        let principal = match (&self.principal, &later.principal) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => ours.value == theirs.value,
        };
        hosts && path && principal
    }

    /// The segments of its path, in lower case; none where it has no path.
    fn segments(&self) -> impl Iterator<Item = String> {
        let path = self.path.as_ref().map_or("", |path| &path.value);
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        segments.map(str::to_ascii_lowercase)
    }

    fn principal_text(&self) -> Option<&str> {
        self.principal
            .as_ref()
            .map(|principal| principal.value.as_str())
    }

    /// Whether every path that is below `theirs` for `later` is below `ours` for this route.
    fn takes_path(&self, ours: &str, later: &RouteTable, theirs: &str) -> bool {
        if self.case_insensitive.value {
            return is_below(&theirs.to_ascii_lowercase(), &ours.to_ascii_lowercase());
        }
        // A later route that ignores case also fits paths whose letters differ from ours.
        let differs_in_case = later.case_insensitive.value && has_letters(ours);
        is_below(theirs, ours) && !differs_in_case
    }

    /// Its lines of `--print-config`.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let texts = [
            &self.path,
            &self.principal,
            &Some(self.resource_tenant.clone()),
            &Some(self.app.clone()),
            &self.access_type,
            &self.channel,
            &self.restricting_tenant,
        ];
        let texts = texts.into_iter().flatten().map(At::shown);
        let flags = [
            self.case_insensitive.shown(),
            self.require_channel.shown(),
            self.detail.shown(),
        ];
        let facts = self.assume.iter().map(|fact| fact.value.shown());
        let hosts = shown_list(&self.hosts).unwrap_or_else(|| Shown {
            key: "route.hosts".to_owned(),
            value: "(any)".to_owned(),
            origin: self.origin.clone(),
        });
        std::iter::once(hosts)
            .chain(texts)
            .chain(flags)
            .chain(facts)
            .collect()
    }
}

/// Whether the first path is the second or below it, by whole segments.
fn is_below(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn has_letters(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_alphabetic())
}

impl ApplicationTable {
    /// Its lines of `--print-config`.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let audiences = shown_list(&self.audiences);
        let bundles = self.bundles.as_deref().map(|bundles| {
            shown_list(bundles).unwrap_or_else(|| Shown {
                key: "application.bundles".to_owned(),
                value: "(none)".to_owned(),
                origin: self.app.origin.clone(),
            })
        });
        let agent = self.agent.as_ref().map(At::shown);
        std::iter::once(self.app.shown())
            .chain(audiences)
            .chain(bundles)
            .chain(agent)
            .collect()
    }
}
