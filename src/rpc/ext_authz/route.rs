//! Determines the application of a request, from Envoy's route configuration or from the route table.
//!
//! `context_extensions` come from Envoy's route configuration and replace the table completely: facts from two sources
//! are never combined. An unknown name is rejected, because a misspelt restriction would otherwise be ignored.

use super::path;
use crate::id::{AppId, TenantId};
use crate::request::{AccessType, ChannelId};
use crate::rpc::assumed::AssumedFacts;

/// The facts that a route states about its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteFacts {
    /// The tenant that contains the application.
    pub resource: TenantId,
    /// The application.
    pub app: AppId,
    /// The required access type, if set.
    pub access: Option<AccessType>,
    /// The shared channel that is requested.
    pub channel: Option<ChannelId>,
    /// Whether a request without a channel is denied.
    pub require_channel: bool,
    /// The tenant that owns the network of the request.
    pub restricting_tenant: Option<TenantId>,
    /// Whether responses contain the reason of a denial.
    pub detail: bool,
}

/// A row of the route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Host names in lower case without port. Empty means any host.
    pub hosts: Vec<String>,
    /// The prefix of the path, by complete segments.
    pub path: Option<String>,
    /// Whether the path is compared without ASCII case.
    pub case_insensitive: bool,
    /// The exact principal of the destination.
    pub principal: Option<String>,
    /// The facts of the route.
    pub facts: RouteFacts,
    /// The facts that are assumed if a request does not contain them.
    pub assumed: AssumedFacts,
}

/// The routes of the configuration. The first match applies.
#[derive(Debug, Clone, Default)]
pub struct EnvoyRouteTable(Vec<Route>);

/// The destination of a request.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The `:authority`.
    pub host: &'a str,
    /// The unambiguous path, without its query.
    pub path: &'a str,
    /// The principal of the destination (`destination.principal`). Empty if unknown.
    pub principal: &'a str,
}

impl EnvoyRouteTable {
    /// Creates a table of these rows.
    pub fn new(routes: Vec<Route>) -> Self {
        EnvoyRouteTable(routes)
    }

    /// The first row that matches. `None` if the host is not a plain name, even if a row matches any host, and if the decoded
    /// path matches another row, because the application may decode it.
    pub fn find(&self, destination: Destination<'_>) -> Option<&Route> {
        let host = host_name(destination.host)?;
        let decoded = path::decoded(destination.path);
        let found = self.position(&host, destination.path, destination.principal);
        let found_decoded = self.position(&host, &decoded, destination.principal);
        self.0.get(found.filter(|_| found == found_decoded)?)
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

/// The name in lower case without its port. `None` if it is not a plain name.
fn host_name(authority: &str) -> Option<String> {
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (authority, ""),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    // A trailing dot is another spelling of the same host.
    let is_named = !name.is_empty() && !name.ends_with('.') && name.bytes().all(is_plain);
    let has_port = port.bytes().all(|byte| byte.is_ascii_digit());
    (is_named && has_port).then(|| name.to_ascii_lowercase())
}

/// Parses `context_extensions`. `None` if there are none; an error message if they are malformed.
pub fn from_context_extensions(extensions: &[(&str, &str)]) -> Option<Result<RouteFacts, String>> {
    (!extensions.is_empty()).then(|| read(extensions))
}

fn read(extensions: &[(&str, &str)]) -> Result<RouteFacts, String> {
    let mut values = [None; NAMES.len()];
    for (name, value) in extensions {
        let index = NAMES.iter().position(|known| known == name);
        let Some(slot) = index.and_then(|index| values.get_mut(index)) else {
            let names = NAMES.join(", ");
            return Err(format!("found `{name}`, expected one of {names}"));
        };
        if slot.replace(*value).is_some() {
            return Err(format!("found `{name}` twice"));
        }
    }
    let text = |name: &str| {
        let index = NAMES.iter().position(|known| *known == name)?;
        *values.get(index)?
    };
    Ok(RouteFacts {
        resource: required(RESOURCE_TENANT, text(RESOURCE_TENANT))?,
        app: required(APP, text(APP))?,
        access: text(ACCESS_TYPE).map(access_type).transpose()?,
        channel: text(CHANNEL).map(channel).transpose()?,
        require_channel: flag(REQUIRE_CHANNEL, text(REQUIRE_CHANNEL))?,
        restricting_tenant: text(RESTRICTING_TENANT)
            .map(|text| id(RESTRICTING_TENANT, text))
            .transpose()?,
        detail: flag(DETAIL, text(DETAIL))?,
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
    if text.is_empty() || text.len() > MAX_CHANNEL_BYTES || text.chars().any(char::is_control) {
        return Err(format!("{CHANNEL}: expected a channel ID"));
    }
    Ok(ChannelId(text.to_owned()))
}

fn flag(name: &str, text: Option<&str>) -> Result<bool, String> {
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

/// The limit of every text of a request.
const MAX_CHANNEL_BYTES: usize = 1024;

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
            assumed: AssumedFacts::NOTHING,
        }
    }

    #[test]
    fn the_first_row_whose_conditions_all_match_applies() {
        let table = EnvoyRouteTable::new(vec![
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
    fn a_wider_row_does_not_match_a_path_whose_decoded_form_matches_another_row() {
        let table = EnvoyRouteTable::new(vec![
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
        // The decoded path matches another row.
        assert_eq!(find("else.example", "/%40staff/x"), None);
        // Not plain host names, so they match no row, not even those for any host.
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
    fn only_a_case_insensitive_row_matches_a_path_in_any_case() {
        let mut admin = row(&[], Some("/Admin"), None);
        admin.case_insensitive = true;
        let table = EnvoyRouteTable::new(vec![admin, row(&[], Some("/docs"), None)]);
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
    fn only_case_and_port_are_removed_from_a_host() {
        assert_eq!(host_name("A.b:80").as_deref(), Some("a.b"));
        assert_eq!(host_name("[::1]:80").as_deref(), Some("[::1]"));
        assert_eq!(host_name("[::1]").as_deref(), Some("[::1]"));
        assert_eq!(host_name(":80"), None);
        assert_eq!(host_name("a b"), None);
    }

    #[test]
    fn malformed_context_extensions_are_rejected_completely() {
        let read = |pairs: &[(&str, &str)]| from_context_extensions(pairs);
        let required = [("resource_tenant", TENANT), ("app", TENANT)];
        assert_eq!(read(&[]), None);
        assert_eq!(read(&required), Some(Ok(facts())));
        for (name, value) in [
            ("resource_tennant", TENANT),
            ("access_type", "guest"),
            ("require_channel", "yes"),
            ("restricting_tenant", "contoso"),
            ("channel", ""),
            ("detail", ""),
            ("app", "x"),
        ] {
            let mut pairs = required.to_vec();
            pairs.push((name, value));
            assert!(read(&pairs).unwrap().is_err(), "{name}");
        }
        assert!(read(&[("app", TENANT)]).unwrap().is_err());
        // Neither of the two values can be preferred.
        let twice = [required[0], required[1], required[1]];
        assert_eq!(read(&twice), Some(Err("found `app` twice".to_owned())));
    }
}
