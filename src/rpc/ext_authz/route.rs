//! Which application a request is for: from Envoy's own route configuration, or from our route table.
//!
//! `context_extensions` come from the configuration of Envoy's route and beat the table, whole: facts are never
//! put together from two sources. A name that is not known is refused, since a misspelt restriction would
//! otherwise be none.

use super::path;
use crate::id::{AppId, TenantId};
use crate::request::{AccessType, ChannelId};
use crate::rpc::assumed::Assumed;

/// What a route says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteFacts {
    /// The tenant where the application lives.
    pub resource: TenantId,
    /// The application.
    pub app: AppId,
    /// How users have to cross, where that is said.
    pub access: Option<AccessType>,
    /// The shared channel that is reached.
    pub channel: Option<ChannelId>,
    /// Without a channel nobody is let in.
    pub require_channel: bool,
    /// The tenant whose network the request comes from.
    pub restricting_tenant: Option<TenantId>,
    /// Callers are told the reason of a denial.
    pub detail: bool,
}

/// A row of the route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Host names in lower case without port; none: any.
    pub hosts: Vec<String>,
    /// What the path has to begin with, by whole segments.
    pub path: Option<String>,
    /// Whether the path is compared without ASCII case.
    pub case_insensitive: bool,
    /// The principal of the destination, exactly.
    pub principal: Option<String>,
    /// What is then known.
    pub facts: RouteFacts,
    /// What is then assumed where the request is silent.
    pub assumed: Assumed,
}

/// The routes of the configuration; the first that matches counts.
#[derive(Debug, Clone, Default)]
pub struct RouteTable(Vec<Route>);

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The `:authority`.
    pub host: &'a str,
    /// The path, without its query and unambiguous.
    pub path: &'a str,
    /// Who the destination is, where the mesh knows (`destination.principal`).
    pub principal: &'a str,
}

impl RouteTable {
    /// A table of these rows.
    pub fn new(routes: Vec<Route>) -> Self {
        RouteTable(routes)
    }

    /// The first row that matches. None where the host is no plain name, also if a row is for any host, and where
    /// the path without its escapes would be another row's: whoever serves it may read it so.
    pub fn find(&self, destination: Destination<'_>) -> Option<&Route> {
        let host = host_name(destination.host)?;
        let decoded = path::decoded(destination.path);
        let found = self.position(&host, destination.path, destination.principal);
        let also = self.position(&host, &decoded, destination.principal);
        self.0.get(found.filter(|_| found == also)?)
    }

    fn position(&self, host: &String, path: &str, principal: &str) -> Option<usize> {
        self.0.iter().position(|route| {
            let below = |prefix: &String| {
                if route.case_insensitive {
                    path::is_below_ignoring_case(path, prefix)
                } else {
                    path::is_below(path, prefix)
                }
            };
            let is_principal = |named: &String| named == principal;
            (route.hosts.is_empty() || route.hosts.contains(host))
                && route.path.as_ref().is_none_or(below)
                && route.principal.as_ref().is_none_or(is_principal)
        })
    }
}

/// The name in lower case without its port; `None` for what is no plain name.
fn host_name(authority: &str) -> Option<String> {
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (authority, ""),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    // A dot at the end makes it another text for the same host.
    let is_named = !name.is_empty() && !name.ends_with('.') && name.bytes().all(is_plain);
    let has_port = port.bytes().all(|byte| byte.is_ascii_digit());
    (is_named && has_port).then(|| name.to_ascii_lowercase())
}

/// Reads `context_extensions`; `None` where there are none, a sentence where they are malformed.
pub fn stated(extensions: &[(&str, &str)]) -> Option<Result<RouteFacts, String>> {
    (!extensions.is_empty()).then(|| read(extensions))
}

fn read(extensions: &[(&str, &str)]) -> Result<RouteFacts, String> {
    let mut values = [None; NAMES.len()];
    for (name, value) in extensions {
        let place = NAMES.iter().position(|known| known == name);
        let Some(place) = place.and_then(|place| values.get_mut(place)) else {
            let names = NAMES.join(", ");
            return Err(format!("found `{name}`, expected one of {names}"));
        };
        if place.replace(*value).is_some() {
            return Err(format!("found `{name}` twice"));
        }
    }
    let text = |name: &str| {
        let place = NAMES.iter().position(|known| *known == name)?;
        *values.get(place)?
    };
    Ok(RouteFacts {
        resource: required(RESOURCE_TENANT, text(RESOURCE_TENANT))?,
        app: required(APP, text(APP))?,
        access: text(ACCESS_TYPE).map(access_type).transpose()?,
        channel: text(CHANNEL).map(channel).transpose()?,
        require_channel: switch(REQUIRE_CHANNEL, text(REQUIRE_CHANNEL))?,
        restricting_tenant: text(RESTRICTING_TENANT)
            .map(|text| id(RESTRICTING_TENANT, text))
            .transpose()?,
        detail: switch(DETAIL, text(DETAIL))?,
    })
}

fn required<T: std::str::FromStr>(name: &str, text: Option<&str>) -> Result<T, String> {
    id(name, text.ok_or_else(|| format!("{name} is missing"))?)
}

fn id<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    let id = text.parse();
    id.map_err(|_| format!("{name}: found `{text}`, expected a GUID"))
}

fn access_type(text: &str) -> Result<AccessType, String> {
    match text {
        "direct_connect" => Ok(AccessType::DirectConnect),
        "collaboration" => Ok(AccessType::Collaboration),
        _ => Err(format!(
            "{ACCESS_TYPE}: found `{text}`, expected direct_connect or collaboration"
        )),
    }
}

fn channel(text: &str) -> Result<ChannelId, String> {
    if text.is_empty() || text.len() > MOST_CHANNEL_BYTES || text.chars().any(char::is_control) {
        return Err(format!("{CHANNEL}: expected the id of a channel"));
    }
    Ok(ChannelId(text.to_owned()))
}

fn switch(name: &str, text: Option<&str>) -> Result<bool, String> {
    match text {
        None => Ok(false),
        Some(text) => text
            .parse()
            .map_err(|_| format!("{name}: found `{text}`, expected true or false")),
    }
}

const RESOURCE_TENANT: &str = "resource_tenant";
const APP: &str = "app";
const ACCESS_TYPE: &str = "access_type";
const CHANNEL: &str = "channel";
const REQUIRE_CHANNEL: &str = "require_channel";
const RESTRICTING_TENANT: &str = "restricting_tenant";
const DETAIL: &str = "detail";
const NAMES: &[&str] = &[
    RESOURCE_TENANT,
    APP,
    ACCESS_TYPE,
    CHANNEL,
    REQUIRE_CHANNEL,
    RESTRICTING_TENANT,
    DETAIL,
];

/// As for every text of a request.
const MOST_CHANNEL_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "a1b2c3d4-0000-4000-8000-000000000001";

    fn facts() -> RouteFacts {
        RouteFacts {
            resource: TENANT.parse().unwrap(),
            app: TENANT.parse().unwrap(),
            access: None,
            channel: None,
            require_channel: false,
            restricting_tenant: None,
            detail: false,
        }
    }

    fn row(hosts: &[&str], path: Option<&str>, principal: Option<&str>) -> Route {
        Route {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path: path.map(str::to_owned),
            case_insensitive: false,
            principal: principal.map(str::to_owned),
            facts: facts(),
            assumed: Assumed::NOTHING,
        }
    }

    #[test]
    fn the_first_row_that_matches_in_everything_counts() {
        let table = RouteTable::new(vec![
            row(&["wiki.example"], Some("/docs"), None),
            row(&["wiki.example"], None, Some("spiffe://a/wiki")),
            row(&["other.example", "wiki.example"], Some("/x"), None),
        ]);
        let find = |host, path, principal| {
            let found = table.find(Destination {
                host,
                path,
                principal,
            });
            found.map(|route| table.0.iter().position(|one| one == route).unwrap())
        };
        assert_eq!(find("wiki.example", "/docs/a", ""), Some(0));
        assert_eq!(find("WIKI.example:8443", "/docs", ""), Some(0));
        assert_eq!(find("wiki.example", "/docsx", ""), None);
        assert_eq!(find("wiki.example", "/y", "spiffe://a/wiki"), Some(1));
        assert_eq!(find("wiki.example", "/x", "spiffe://a/wiki2"), Some(2));
        assert_eq!(find("wiki.example.", "/docs", ""), None);
        assert_eq!(find("user@wiki.example", "/docs", ""), None);
        assert_eq!(find("wiki.example:8x", "/docs", ""), None);
        assert_eq!(find("", "/docs", ""), None);
    }

    #[test]
    fn a_wider_row_does_not_take_what_a_narrower_one_may_be_meant_for() {
        let table = RouteTable::new(vec![
            row(&["wiki.example"], None, None),
            row(&[], Some("/@staff"), None),
            row(&[], None, None),
        ]);
        let find = |host, path| {
            let found = table.find(Destination {
                host,
                path,
                principal: "",
            });
            found.map(|route| table.0.iter().position(|one| one == route).unwrap())
        };
        assert_eq!(find("else.example", "/@staff/x"), Some(1));
        assert_eq!(find("else.example", "/a%20b"), Some(2));
        // Decoded it is another row's.
        assert_eq!(find("else.example", "/%40staff/x"), None);
        // It may be the wiki's name, or nobody's.
        for host in [
            "wiki.example.",
            "user@wiki.example",
            "wiki.example:8x",
            "",
            "wiki .example",
        ] {
            assert_eq!(find(host, "/"), None, "{host}");
        }
    }

    #[test]
    fn a_row_that_ignores_case_takes_a_path_in_any_case_and_the_others_do_not() {
        let mut admin = row(&[], Some("/Admin"), None);
        admin.case_insensitive = true;
        let table = RouteTable::new(vec![admin, row(&[], Some("/docs"), None)]);
        let find = |path| {
            let found = table.find(Destination {
                host: "wiki.example",
                path,
                principal: "",
            });
            found.map(|route| table.0.iter().position(|one| one == route).unwrap())
        };
        for path in ["/Admin", "/admin/x", "/ADMIN/", "/aDmIn/%20"] {
            assert_eq!(find(path), Some(0), "{path}");
        }
        assert_eq!(find("/administration"), None);
        assert_eq!(find("/docs/a"), Some(1));
        assert_eq!(find("/Docs/a"), None);
    }

    #[test]
    fn a_host_loses_case_and_port_only() {
        assert_eq!(host_name("A.b:80").as_deref(), Some("a.b"));
        assert_eq!(host_name("[::1]:80").as_deref(), Some("[::1]"));
        assert_eq!(host_name("[::1]").as_deref(), Some("[::1]"));
        assert_eq!(host_name(":80"), None);
        assert_eq!(host_name("a b"), None);
    }

    #[test]
    fn context_extensions_are_taken_whole_or_not_at_all() {
        let read = |pairs: &[(&str, &str)]| stated(pairs);
        let least = [("resource_tenant", TENANT), ("app", TENANT)];
        assert_eq!(read(&[]), None);
        assert_eq!(read(&least), Some(Ok(facts())));
        for (name, value) in [
            ("resource_tennant", TENANT),
            ("access_type", "guest"),
            ("require_channel", "yes"),
            ("restricting_tenant", "contoso"),
            ("channel", ""),
            ("detail", ""),
            ("app", "x"),
        ] {
            let mut pairs = least.to_vec();
            pairs.push((name, value));
            assert!(read(&pairs).unwrap().is_err(), "{name}");
        }
        assert!(read(&[("app", TENANT)]).unwrap().is_err());
        // Whichever of the two counted, somebody would have meant the other.
        let twice = [least[0], least[1], least[1]];
        assert_eq!(read(&twice), Some(Err("found `app` twice".to_owned())));
    }
}
