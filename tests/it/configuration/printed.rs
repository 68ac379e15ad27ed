//! `--print-config`: the effective configuration and the errors that it reports.

use super::*;

fn print_with(variables: &[(&str, &str)]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .args(["serve", "--print-config"])
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(printed).unwrap())
}

#[test]
fn an_unknown_variable_is_rejected_with_the_nearest_names() {
    let (is_good, printed) = print_with(&[("CROSSTRUST_LIMIT_GROUPS", "7")]);
    assert!(!is_good, "{printed}");
    assert!(
        printed.contains("unknown variable `CROSSTRUST_LIMIT_GROUPS`")
            && printed.contains("CROSSTRUST_LIMITS_GROUPS"),
        "{printed}"
    );
    for name in ["CROSSTRUST_PORTS", "CROSSTRUST_ADMIN_SERVICE_HOST"] {
        let (is_good, printed) = print_with(&[(name, "x")]);
        assert!(!is_good && printed.contains(name), "{printed}");
    }
}

#[test]
fn the_effective_configuration_shows_tables_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let listener = r#"[[listener]]
address = "127.0.0.1:1"
identity = ["bearer", "jwt_authn"]
jwt_authn = { payload = "entra" }
[listener.tls]
certificate = "server.pem"
key = "server.key"
client_ca = "ca.pem"
peers = ["spiffe://contoso.example/envoy"]
[listener.assume]
sign_in_risk = "none"
"#;
    let text = format!("{ISSUER}{ROUTE}{listener}");
    let (is_good, printed) = print(folder.path(), &text);
    assert!(is_good, "{printed}");
    for expected in [
        "issuer.audiences",
        "c.toml:4",
        "route.hosts",
        "wiki.example",
        "bearer, jwt_authn",
        "envoy.filters.http.jwt_authn",
        "spiffe://contoso.example/envoy",
        "listener.assume.sign_in_risk",
        "c.toml:21",
        "keys.refresh",
        "default",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}

/// Printing the configuration also rejects what `serve` would reject only when it builds its components.
#[test]
fn an_unusable_configuration_is_rejected_before_serving() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (
            ISSUER.replace("entra-v2", "entra"),
            "expected entra-v1, entra-v2, okta or keycloak",
        ),
        (ISSUER.replace("1000d6f0", "contoso"), "GUID"),
        (
            format!("{ISSUER}algorithms = [\"HS256\"]"),
            "expected RS256, PS256, ES256 or EdDSA",
        ),
        (format!("{ISSUER}[issuer.claims]\nmffa = \"amr\""), "mffa"),
        (
            format!(
                "{ISSUER}[issuer.claims]\ngroups = {{ claim = \"g\", values = {{ staff = \"staff\" }} }}"
            ),
            "groups: `values` maps `staff` to `staff`, expected a GUID",
        ),
        (
            format!(
                "{ISSUER}[issuer.claims]\nroles = {{ claim = \"r\", values = {{ admin = \"\u{9}\" }} }}"
            ),
            "expected a GUID",
        ),
        (
            format!(
                "{ISSUER}[issuer.claims]\nauthentication_methods = {{ claim = \"amr\", values = {{ hwk = \"fid02\" }} }}"
            ),
            "`values` maps `hwk` to `fid02`, expected an authentication method",
        ),
        (
            format!(
                "{ISSUER}[issuer.claims]\nexternal_user_type = {{ claim = \"k\", values = {{ Guest = \"guest\" }} }}"
            ),
            "`values` maps `Guest` to `guest`, expected a type of external user",
        ),
        (format!("{ISSUER}{ISSUER}"), "already set at"),
        (
            format!(
                "{ISSUER}{}",
                ISSUER.replace("{tenantid}", "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f")
            ),
            "already set at",
        ),
        (
            ISSUER.replace("keys = \"", "keys_url = \"ftp://x/"),
            "issuer.keys_url = `ftp://x/keys.json`",
        ),
        (
            "[[listener]]\naddress = \"localhost:1\"".to_owned(),
            "listener localhost:1",
        ),
        (
            "[[listener]]\naddress = \"unix:x\"\nservices = [\"chekc\"]".to_owned(),
            "found the service `chekc`",
        ),
        ("cache = \"of\"".to_owned(), "cache = `of`"),
        ("[keys]\nrefresh = 0".to_owned(), "keys.refresh = `0`"),
        (
            "[limits]\ntoken_lifetime = \"28 h\"".to_owned(),
            "limits.token_lifetime = `28 h`",
        ),
        (ROUTE.replace("1a01899f", "launcher"), "GUID"),
        (
            format!("{ROUTE}[route.assume]\nmfa = true"),
            "route.assume.mfa",
        ),
        (
            format!("{ROUTE}[route.assume]\nplatform = \"amiga\""),
            "route.assume.platform",
        ),
        (
            format!("{ROUTE}[route.assume]\ncountry_source = \"clientIpAddress\""),
            "found it without `country`",
        ),
        (
            format!("{ROUTE}[route.assume]\ncountry = \"DE\"\ncountry_source = \"gps\""),
            "route.assume.country_source",
        ),
        (
            format!("{APPLICATION}bundles = [\"Office 365\"]"),
            "expected one of Office365, AllMicrosoftApps, MicrosoftAdminPortals",
        ),
        (
            format!("{APPLICATION}agent = true\n{APPLICATION}bundles = []"),
            "already set at",
        ),
    ] {
        let (is_good, printed) = print(folder.path(), &text);
        assert!(!is_good && printed.contains(expected), "{text}\n{printed}");
    }
}

const APPLICATION: &str = "[[application]]\nid = \"1a01899f-ffd3-4659-9c8b-641314fe61f2\"\n";

#[test]
fn stated_applications_are_shown_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let facts = "bundles = [\"Office365\"]\nagent = false\n";
    let assumed = "[route.assume]\ncountry = \"DE\"\ncountry_source = \"authenticatorAppGps\"\n";
    let (is_good, printed) = print(
        folder.path(),
        &format!("{APPLICATION}{facts}{ROUTE}{assumed}"),
    );
    assert!(is_good, "{printed}");
    for expected in [
        "application.bundles",
        "application.agent",
        "route.assume.country_source",
        "c.toml:3",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}

/// Possible secrets are never printed, even in errors.
#[test]
fn a_password_in_an_address_is_rejected_and_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let text = ISSUER.replace("keys = \"", "keys_url = \"https://me:hunter2@x/");
    let (is_good, printed) = print(folder.path(), &text);
    assert!(
        !is_good && printed.contains("without user and password"),
        "{printed}"
    );
    assert!(!printed.contains("hunter2"), "{printed}");
}
