//! `[[route]]` and `[[application]]`: the application of a request, for gateways that do not state it.
//!
//! The first matching route is used. A route that can never match, because an earlier one matches all its requests, is an
//! error.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::DeValue;

use super::ConfigError;
use super::file::{ConfigFile, TomlTable};
use super::value::{Assumption, ConfigValue, EffectiveValue, ValueOrigin, list_value};

/// A `[[route]]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteConfig {
    /// The first line of the table.
    pub origin: ValueOrigin,
    /// The hosts to match, in lower case and without port; empty: any host.
    pub hosts: Vec<ConfigValue<String>>,
    /// The path to match, including all paths below it.
    pub path: Option<ConfigValue<String>>,
    /// Whether the path is compared ignoring ASCII case, for back ends that do so.
    pub case_insensitive: ConfigValue<bool>,
    /// The destination principal to match.
    pub principal: Option<ConfigValue<String>>,
    /// The tenant of the application.
    pub resource_tenant: ConfigValue<String>,
    /// The application.
    pub app: ConfigValue<String>,
    /// `direct_connect` or `collaboration`.
    pub access_type: Option<ConfigValue<String>>,
    /// The shared channel.
    pub channel: Option<ConfigValue<String>>,
    /// Whether only members of the channel are allowed.
    pub require_channel: ConfigValue<bool>,
    /// The tenant that restricts access from this network (tenant restrictions).
    pub restricting_tenant: Option<ConfigValue<String>>,
    /// Whether a denial includes its reason.
    pub detail: ConfigValue<bool>,
    /// Facts that are assumed if a request does not state them.
    pub assume: Vec<Assumption>,
}

/// An `[[application]]` table: at least one of the three facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationConfig {
    /// The application.
    pub app: ConfigValue<String>,
    /// Accepted `aud` values of its tokens, in addition to its id.
    pub audiences: Vec<ConfigValue<String>>,
    /// Microsoft's application bundles that contain it; an empty list: none.
    pub bundles: Option<Vec<ConfigValue<String>>>,
    /// Whether it is an agent resource.
    pub agent: Option<ConfigValue<bool>>,
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
    file: ConfigFile<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<RouteConfig>, ConfigError> {
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

/// The routes read so far, indexed by path, host and principal. A route is compared only with those that may cover it, so
/// that reading thousands of routes takes about linear time.
struct EarlierRoutes<'a> {
    /// A tree of path segments in lower case. The first node is `/`.
    nodes: Vec<PathNode<'a>>,
    count: usize,
}

#[derive(Default)]
struct PathNode<'a> {
    /// Indices in `nodes`, by the next segment.
    children: HashMap<String, usize>,
    /// The routes whose path ends here, with their numbers. A route with several hosts is listed for each.
    routes: HashMap<HostAndPrincipal<'a>, Vec<(usize, &'a RouteConfig)>>,
}

/// `None` matches any.
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
    fn insert(&mut self, route: &'a RouteConfig) {
        let mut at = 0;
        for segment in route.segments() {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                break;
            };
            at = *node.children.entry(segment).or_insert(next);
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

    /// The first route that covers `later`. A covering route has no host or all hosts of `later`, including its first, and
    /// has the same path or a parent of it.
    fn first_that_covers(&self, later: &RouteConfig) -> Option<&'a RouteConfig> {
        let hosts = [None, later.hosts.first().map(|host| host.value.as_str())];
        let principals = [None, later.principal_text()];
        let mut node = self.nodes.first();
        let mut segments = later.segments();
        let mut found: Option<(usize, &RouteConfig)> = None;
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
            node = next.and_then(|segment| self.nodes.get(*here.children.get(&segment)?));
        }
        found.map(|(_, route)| route)
    }
}

pub(super) fn read_applications<'a>(
    file: ConfigFile<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<ApplicationConfig>, ConfigError> {
    let keys = ["id", "app", "audiences", "bundles", "agent"];
    let tables = file.tables("application", value, &keys)?;
    tables.iter().map(application).collect()
}

fn application(table: &TomlTable<'_>) -> Result<ApplicationConfig, ConfigError> {
    let app = match (table.text("id")?, table.text("app")?) {
        (Some(_), Some(_)) => {
            return Err(table.incompatible(
                "`id` and `app`",
                "one of them: both mean the application's id",
            ));
        }
        (Some(app), None) | (None, Some(app)) => app,
        (None, None) => return Err(table.missing("id", "the id of an application")),
    };
    let application = ApplicationConfig {
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
            "additional `aud` values of its tokens, or `bundles` or `agent`",
        ));
    }
    Ok(application)
}

fn route(table: &TomlTable<'_>) -> Result<RouteConfig, ConfigError> {
    let route = RouteConfig {
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
        return Err(table.incompatible(
            "`require_channel` without `channel`",
            "the channel that is required",
        ));
    }
    if route.case_insensitive.value && route.path.is_none() {
        return Err(table.incompatible(
            "`case_insensitive` without `path`",
            "the path that is compared without case",
        ));
    }
    route.hosts.iter().try_for_each(check_host)?;
    route.path.iter().try_for_each(check_path)?;
    route.principal.iter().try_for_each(check_principal)?;
    Ok(route)
}

fn check_host(host: &ConfigValue<String>) -> Result<(), ConfigError> {
    let text = host.value.as_str();
    let port_free = text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(text);
    let bracketed = port_free.len() != text.len();
    let why = if text.contains('*') {
        "wildcards are not supported: expected complete host names, or no `hosts` for any host"
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

fn check_path(path: &ConfigValue<String>) -> Result<(), ConfigError> {
    let text = path.value.as_str();
    let why = if !text.starts_with('/') {
        "expected a path that begins with `/`"
    } else if text.contains(['*', '{', '}']) {
        "wildcards are not supported: expected a path such as /docs, which includes all paths below it"
    } else if text.contains(['[', ']', '<', '>', '|', '^', '"', '`']) {
        "expected a literal path, not a pattern: no URI has this character (RFC 3986)"
    } else if text.contains(['?', '#']) {
        "expected a path without a query"
    } else if text.contains('%') {
        "expected a path without percent escapes: requests that have them match no path"
    } else if text.contains("//") {
        "expected a path without `//`"
    } else if text
        .split('/')
        .any(|segment| [".", ".."].contains(&segment))
    {
        "expected a path without `.` and `..`"
    } else if text.len() > 1 && text.ends_with('/') {
        "expected a path without `/` at its end: it includes all paths below it anyway"
    } else if !text.chars().all(|c| c.is_ascii_graphic() && c != '\\') {
        "expected a path of visible ASCII characters without `\\`"
    } else {
        return Ok(());
    };
    Err(path.refuse(why))
}

/// Refuses patterns: they would be compared literally and never match, so later routes would get the requests.
fn check_principal(principal: &ConfigValue<String>) -> Result<(), ConfigError> {
    if principal.value.contains('*') {
        return Err(principal
            .refuse("wildcards are not supported: expected the exact destination principal"));
    }
    Ok(())
}

impl RouteConfig {
    /// Whether this route matches every request that `later` matches.
    fn covers(&self, later: &RouteConfig) -> bool {
        let hosts = self.hosts.is_empty()
            || (!later.hosts.is_empty()
                && later.hosts.iter().all(|host| {
                    let mut hosts = self.hosts.iter();
                    hosts.any(|one| one.value == host.value)
                }));
        let path = match (&self.path, &later.path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(path), Some(other)) => self.covers_path(&path.value, later, &other.value),
        };
        let principal = match (&self.principal, &later.principal) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(principal), Some(other)) => principal.value == other.value,
        };
        hosts && path && principal
    }

    /// The segments of its path in lower case; none without a path.
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

    /// Whether this route's `path` matches every path that `other`, the path of `later`, matches.
    fn covers_path(&self, path: &str, later: &RouteConfig, other: &str) -> bool {
        if self.case_insensitive.value {
            return is_below(&other.to_ascii_lowercase(), &path.to_ascii_lowercase());
        }
        // A later route that ignores case also matches paths that differ from `path` in case.
        let differs_in_case = later.case_insensitive.value && has_letters(path);
        is_below(other, path) && !differs_in_case
    }

    /// The lines of `--print-config`.
    pub(super) fn effective_values(&self) -> Vec<EffectiveValue> {
        let texts = [
            &self.path,
            &self.principal,
            &Some(self.resource_tenant.clone()),
            &Some(self.app.clone()),
            &self.access_type,
            &self.channel,
            &self.restricting_tenant,
        ];
        let texts = texts
            .into_iter()
            .flatten()
            .map(ConfigValue::effective_value);
        let flags = [
            self.case_insensitive.effective_value(),
            self.require_channel.effective_value(),
            self.detail.effective_value(),
        ];
        let facts = self.assume.iter().map(|fact| fact.value.effective_value());
        let hosts = list_value(&self.hosts).unwrap_or_else(|| EffectiveValue {
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

/// Whether `path` equals `above` or is below it, by complete segments.
fn is_below(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn has_letters(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_alphabetic())
}

impl ApplicationConfig {
    /// The lines of `--print-config`.
    pub(super) fn effective_values(&self) -> Vec<EffectiveValue> {
        let audiences = list_value(&self.audiences);
        let bundles = self.bundles.as_deref().map(|bundles| {
            list_value(bundles).unwrap_or_else(|| EffectiveValue {
                key: "application.bundles".to_owned(),
                value: "(none)".to_owned(),
                origin: self.app.origin.clone(),
            })
        });
        let agent = self.agent.as_ref().map(ConfigValue::effective_value);
        std::iter::once(self.app.effective_value())
            .chain(audiences)
            .chain(bundles)
            .chain(agent)
            .collect()
    }
}
