//! The configuration file: accepted and rejected input, the error messages, and the examples of the documentation.

mod page;
mod printed;
mod ranges;

use std::path::{Path, PathBuf};
use std::process::Command;

use crosstrust::config::{Config, ConfigOverrides, ValueOrigin};

fn read(text: &str) -> Result<Config, String> {
    let file = Some((PathBuf::from("c.toml"), text.to_owned()));
    Config::read(file, ConfigOverrides::default()).map_err(|error| error.to_string())
}

const ISSUER: &str = r#"[[issuer]]
preset = "entra-v2"
issuer = "https://login.example/{tenantid}/v2.0"
audiences = ["a"]
tenants = ["1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f"]
keys = "keys.json"
"#;

const ROUTE: &str = r#"[[route]]
hosts = ["wiki.example"]
resource_tenant = "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f"
app = "1a01899f-ffd3-4659-9c8b-641314fe61f2"
"#;

#[test]
fn policies_is_a_path_or_a_table_with_ignored_members() {
    let config = read("policies = \"a\"\n").unwrap();
    assert_eq!(config.text("policies"), "a");
    let config = read("[policies]\nfolder = \"b\"\nundecisive_members = [\"x\", \"y\"]\n").unwrap();
    assert_eq!(config.text("policies"), "b");
    assert_eq!(config.list("policies.undecisive_members"), ["x", "y"]);
    let error = read("[policies]\nfoldr = \"b\"\n").unwrap_err();
    assert!(error.contains("policies.undecisive_members"), "{error}");
}

/// A file, a text in it, its replacement, and the expected error.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        ISSUER,
        "preset",
        "pre_set",
        "c.toml:2: unknown key `issuer.pre_set`; known keys: name, preset, issuer",
    ),
    (
        ISSUER,
        "audiences = [\"a\"]",
        "audiences = []",
        "c.toml:4: issuer.audiences = `[]`: expected at least one string",
    ),
    (
        ISSUER,
        "audiences = [\"a\"]\n",
        "",
        "c.toml:1: issuer: found no `audiences`",
    ),
    (
        ISSUER,
        "keys = \"keys.json\"\n",
        "",
        "found none of `keys`, `keys_url` and `discovery`, expected exactly one of",
    ),
    (
        ISSUER,
        "keys = ",
        "keys_url = \"https://x\"\nkeys = ",
        "found `keys` and `keys_url`",
    ),
    (
        ISSUER,
        "tenants = ",
        "tenant = \"1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f\"\ntenants = ",
        "found both `tenants` and `tenant`",
    ),
    (
        ROUTE,
        "wiki.example",
        "Wiki.example",
        "expected a host in lower case",
    ),
    (
        ROUTE,
        "wiki.example",
        "wiki.example:80",
        "expected a host without a port",
    ),
    (
        ROUTE,
        "wiki.example",
        "*.example",
        "wildcards are not supported",
    ),
    (
        ROUTE,
        "app = ",
        "path = \"docs\"\napp = ",
        "expected a path that begins with `/`",
    ),
    (
        ROUTE,
        "app = ",
        "path = \"/a/../b\"\napp = ",
        "expected a path without `.` and `..`",
    ),
    (
        ROUTE,
        "app = ",
        "path = \"/%61\"\napp = ",
        "without percent escapes",
    ),
    (
        ROUTE,
        "app = ",
        "path = \"/admin/*\"\napp = ",
        "c.toml:4: route.path = `/admin/*`: wildcards are not supported",
    ),
    (
        ROUTE,
        "app = ",
        "path = \"/users/{id}\"\napp = ",
        "wildcards are not supported",
    ),
    (
        ROUTE,
        "app = ",
        "principal = \"spiffe://contoso.example/*\"\napp = ",
        "c.toml:4: route.principal = `spiffe://contoso.example/*`: wildcards are not supported",
    ),
    (
        ROUTE,
        "app = ",
        "case_insensitive = true\napp = ",
        "c.toml:1: route: found `case_insensitive` without `path`",
    ),
    (
        ROUTE,
        "app = ",
        "require_channel = true\napp = ",
        "`require_channel` without `channel`",
    ),
    (
        ROUTE,
        "app = ",
        "detail = \"yes\"\napp = ",
        "c.toml:4: route.detail = `\"yes\"`: expected true or false",
    ),
    (
        "[limits]\ngroups = [1]",
        "",
        "",
        "c.toml:2: limits.groups = `[1]`: expected NUMBER",
    ),
    (
        "[limits]\ngruops = 1",
        "",
        "",
        "c.toml:2: unknown key `limits.gruops`; known keys: limits.token_bytes",
    ),
    (
        "[limit]\ngroups = 1",
        "",
        "",
        "c.toml:2: unknown key `limit.groups`; known keys: policies, admin",
    ),
    (
        "[[listener]]\naddress = \"unix:x\"\nservice = [\"check\"]",
        "",
        "",
        "c.toml:3: unknown key `listener.service`; known keys: address, plaintext, services, identity, jwt_authn, \
         restriction_header, uids, operator, own_claims, tls, assume",
    ),
    (
        "[[listener]]\naddress = \"unix:x\"\nuids = [-1]",
        "",
        "",
        "c.toml:3: listener.uids = `[-1]`: expected a list of user ids such as [101]",
    ),
    (
        "[[listener]]\naddress = \"unix:x\"\nidentity = [\"header\"]",
        "",
        "",
        "c.toml:3: listener.identity = `header`: expected one of bearer, jwt_authn",
    ),
    (
        "[[listener]]\naddress = \"a\"\nplaintext = true\ntls = { certificate = \"c\", key = \"k\" }",
        "",
        "",
        "c.toml:1: listener: found `tls` and `plaintext = true`, expected one of them",
    ),
    (
        "[[listener]]\naddress = \"a\"\n[listener.tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"x\"\n\
         peers = [\"spiffe://x/*\"]",
        "",
        "",
        "c.toml:7: listener.tls.peers = `spiffe://x/*`: expected exact URIs",
    ),
    (
        ISSUER,
        "keys = ",
        "claims = { mfa = { claim = \"amr\", contains = \"mfa\", equals = true } }\nkeys = ",
        "found more than one of `contains`, `equals`, `values`, expected at most one of them",
    ),
    (
        ISSUER,
        "keys = ",
        "claims = { mfa = 1 }\nkeys = ",
        "c.toml:6: issuer.claims.mfa = `1`: expected a string in quotes",
    ),
    (
        ISSUER,
        "tenants = [\"1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f\"]\n",
        "",
        "found neither `tenants` nor `tenant`",
    ),
    (
        ROUTE,
        "app = ",
        "path = \"/docs/\"\napp = ",
        "expected a path without `/` at its end",
    ),
    (
        ROUTE,
        "app = ",
        "path = \"/docs?x\"\napp = ",
        "expected a path without a query",
    ),
    (
        ROUTE,
        "app = ",
        "path = \"//docs\"\napp = ",
        "expected a path without `//`",
    ),
    (
        "listener = 1",
        "",
        "",
        "expected tables, each under [[listener]]",
    ),
    (
        "[[listener]]\naddress = \"unix:x\"\nidentity = [\"jwt_authn\"]",
        "",
        "",
        "`jwt_authn` in `identity` without the table `jwt_authn`",
    ),
    (
        "[[listener]]\naddress = \"unix:x\"\njwt_authn = { payload = \"p\" }",
        "",
        "",
        "the table `jwt_authn` without `jwt_authn` in `identity`",
    ),
    (
        "[[listener]]\naddress = \"unix:x\"\nrestriction_header = true",
        "",
        "",
        "`restriction_header` on a listener that does not authenticate its peers",
    ),
    (
        "[[listener]]\naddress = \"a\"\ntls = { certificate = \"c\", key = \"k\", peers = [\"spiffe://x\"] }",
        "",
        "",
        "`peers` without `client_ca`",
    ),
    (
        "[[listener]]\naddress = \"a\"\ntls = { certificate = \"c\", key = \"k\", client_ca = \"x\" }",
        "",
        "",
        "`client_ca` without `peers`",
    ),
    (
        "[[listener]]\naddress = \"a\"\ntls = { certificate = \"c\" }",
        "",
        "",
        "found no `key`",
    ),
    (
        "[[listener]]\nservices = [\"check\"]",
        "",
        "",
        "c.toml:1: listener: found no `address`",
    ),
];

#[test]
fn each_error_contains_its_line_and_the_expected_value() {
    for (text, replaced, by, expected) in REFUSED {
        let text = if replaced.is_empty() {
            (*text).to_owned()
        } else {
            text.replacen(replaced, by, 1)
        };
        let error = read(&text).expect_err(&text);
        assert!(error.contains(expected), "{text}\n{error}\n{expected}");
    }
    for complete in [ISSUER, ROUTE] {
        assert!(read(complete).is_ok());
    }
}

#[test]
fn application_facts_may_have_audiences() {
    let id = "1a01899f-ffd3-4659-9c8b-641314fe61f2";
    for facts in [
        "audiences = \"wiki\"",
        "bundles = [\"Office365\", \"AllMicrosoftApps\"]",
        "bundles = []",
        "agent = false",
        "audiences = [\"wiki\"]\nbundles = \"Office365\"\nagent = true",
    ] {
        for key in ["id", "app"] {
            let text = format!("[[application]]\n{key} = \"{id}\"\n{facts}");
            let config = read(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
            assert_eq!(config.applications[0].app.value, id);
        }
    }
    for (facts, expected) in [
        (
            "audiences = \"wiki\"",
            "c.toml:1: application: found no `id`",
        ),
        ("id = \"x\"", "or `bundles` or `agent`"),
        ("id = \"x\"\napp = \"x\"\nagent = true", "`id` and `app`"),
        ("id = \"x\"\naudiences = []", "at least one string"),
        ("id = \"x\"\nagent = \"yes\"", "expected true or false"),
        ("id = \"x\"\nbundle = \"Office365\"", "application.bundle"),
    ] {
        let error = read(&format!("[[application]]\n{facts}")).expect_err(facts);
        assert!(error.contains(expected), "{facts}\n{error}\n{expected}");
    }
}

#[test]
fn a_route_covered_by_an_earlier_one_is_an_error() {
    let later = ROUTE.replace("app = ", "path = \"/docs\"\napp = ");
    let error = read(&format!("{ROUTE}{later}")).unwrap_err();
    assert!(
        error.contains("never matches") && error.contains("c.toml:1"),
        "{error}"
    );
    assert!(read(&format!("{later}{ROUTE}")).is_ok());
}

#[test]
fn a_case_insensitive_route_covers_any_case_and_is_covered_only_by_paths_without_letters() {
    let at = |path: &str, ignores_case: bool| {
        let keys = format!("path = \"{path}\"\ncase_insensitive = {ignores_case}\napp = ");
        ROUTE.replace("app = ", &keys)
    };
    // (earlier, later, whether the later one is unreachable)
    for (earlier, later, is_shadowed) in [
        (at("/Docs", true), at("/docs/a", false), true),
        (at("/Docs", true), at("/DOCS", true), true),
        (at("/docs", true), at("/docsx", false), false),
        (at("/docs", false), at("/Docs", false), false),
        (at("/docs", false), at("/docs", true), false),
        (at("/docs", false), at("/docs/a", true), false),
        (at("/", false), at("/docs", true), true),
        (at("/2026", false), at("/2026/a", true), true),
        (ROUTE.to_owned(), at("/docs", true), true),
    ] {
        let read = read(&format!("{earlier}{later}"));
        let error = read.err().unwrap_or_default();
        assert_eq!(
            error.contains("never matches"),
            is_shadowed,
            "{earlier}{later}{error}"
        );
    }
}

#[test]
fn paths_are_relative_to_the_file_and_lists_are_read() {
    let text = format!("[keys]\norigins = [\"https://a\", \"http://b:1\"]\n{ISSUER}");
    let file = Some((PathBuf::from("/etc/crosstrust/c.toml"), text));
    let config = Config::read(file, ConfigOverrides::default()).unwrap();
    assert_eq!(config.list("keys.origins"), ["https://a", "http://b:1"]);
    let lines = config.effective_values();
    let keys = lines.iter().find(|line| line.key == "issuer.keys").unwrap();
    assert_eq!(keys.value, "/etc/crosstrust/keys.json");

    let given = ConfigOverrides {
        values: vec![(
            "keys.origins",
            "https://c, https://d".into(),
            ValueOrigin::Flag,
        )],
        ..ConfigOverrides::default()
    };
    let config = Config::read(None, given).unwrap();
    assert_eq!(config.list("keys.origins"), ["https://c", "https://d"]);
}

#[test]
fn flags_override_variables_which_override_the_file_which_overrides_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    std::fs::write(
        &file,
        "[limits]\ngroups = 0x10\nstreams = 2\nconnections = 3\n[keys]\nca = \"ca.pem\"\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .args(["serve", "--print-config", "--limits-connections", "5"])
        .args(["--keys-origins", "https://a,https://b"])
        .env_clear()
        .env("CROSSTRUST_CONFIG", &file)
        .env("CROSSTRUST_LIMITS_STREAMS", "4")
        .env("CROSSTRUST_LIMITS_CONNECTIONS", "4")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let line = |key: &str| {
        let mut lines = printed.lines().map(|line| line.split_whitespace());
        let found = lines.find(|cells| cells.clone().next() == Some(key));
        let cells: Vec<&str> = found.unwrap().skip(1).collect();
        cells.join(" ")
    };
    let of_file = |line: usize| format!("{}:{line}", file.display());
    assert_eq!(line("limits.groups"), format!("16 {}", of_file(2)));
    assert_eq!(line("limits.streams"), "4 environment");
    assert_eq!(line("limits.connections"), "5 flag");
    assert_eq!(line("limits.in_flight"), "512 default");
    assert_eq!(line("keys.origins"), "https://a,https://b flag");
    let text = std::fs::read_to_string(&file).unwrap();
    let config = Config::read(Some((file, text)), ConfigOverrides::default()).unwrap();
    assert_eq!(config.path("keys.ca"), Some(folder.path().join("ca.pem")));
}

fn print(folder: &Path, text: &str) -> (bool, String) {
    let file = folder.join("c.toml");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .args(["serve", "--print-config", "--config"])
        .arg(&file)
        .env_clear()
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(printed).unwrap())
}

#[test]
fn the_examples_of_the_documentation_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut examples = 0;
    for page in ["docs/configuration.md", "README.md"] {
        let page = std::fs::read_to_string(root.join(page)).unwrap();
        for block in page.split("```toml\n").skip(1) {
            let text = block.split("```").next().unwrap();
            let (is_good, printed) = print(folder.path(), text);
            assert!(is_good, "{text}\n{printed}");
            examples += 1;
        }
    }
    assert!(examples >= 5, "{examples}");
}

#[test]
fn only_local_callers_are_operators_unless_the_listener_grants_it() {
    let rights = |address: &str, more: &str| {
        let text = format!("[[listener]]\naddress = \"{address}\"\n{more}");
        let config = read(&text).unwrap();
        let listener = &config.listeners[0];
        (listener.operator.value, listener.own_claims.value)
    };
    for local in ["127.0.0.1:1", "[::1]:1", "unix:socket"] {
        assert_eq!(rights(local, ""), (true, true), "{local}");
    }
    for beyond in ["0.0.0.0:1", "192.0.2.1:1", "[::]:1"] {
        assert_eq!(rights(beyond, ""), (false, false), "{beyond}");
    }
    assert_eq!(rights("0.0.0.0:1", "operator = true"), (true, false));
}

#[test]
fn the_tenant_restrictions_header_is_not_trusted_from_any_certificate_of_a_ca() {
    let text = |peers: &str| {
        format!(
            "[[listener]]\naddress = \"127.0.0.1:1\"\nrestriction_header = true\n\
             tls = {{ certificate = \"c\", key = \"k\", client_ca = \"a\", peers = [\"{peers}\"] }}"
        )
    };
    assert!(read(&text("spiffe://contoso.example/envoy")).is_ok());
    assert!(read(&text("*")).unwrap_err().contains("restriction_header"));
}
