//! `crosstrust authorize`: a flag for every field, names beside ids, and text that fits the terminal.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crosstrust::rpc::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;

const FATIMA: &str = "2101ca1f-53eb-4c73-aac7-6f02ee5f1af0";
const DESIGN_VAULT: &str = "1a04e689-3fbd-4e88-ab52-f0c1885dbd53";

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
    command
        .arg("authorize")
        .args(arguments)
        .env_remove("COLUMNS");
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// Fatima of Fabrikam opens this application of Contoso; the policies folder decides.
fn fatima(app: &str, more: &[&str]) -> Output {
    let folder = policies();
    let folder = folder.to_str().unwrap();
    let mut arguments = vec![
        "--policies",
        folder,
        "--home",
        "Fabrikam",
        "--resource",
        "contoso.com",
        "--user",
        FATIMA,
        "--app",
        app,
    ];
    arguments.extend(more);
    run(&arguments)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The fields of a protobuf message.
fn fields(message: &str) -> Vec<String> {
    let all = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut messages = all.file.iter().flat_map(|file| &file.message_type);
    let found = messages.find(|one| one.name() == message).unwrap();
    let fields = found.field.iter();
    fields.map(|field| field.name().to_owned()).collect()
}

#[test]
fn every_field_of_the_request_of_claims_and_of_context_has_a_flag_of_its_name() {
    let help = stdout(&run(&["--help"]));
    let has = |flag: &str| {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
        let mut places = help.match_indices(flag);
        places.any(|(at, _)| ends(&help[at + flag.len()..]))
    };
    let mut flags: Vec<String> = Vec::new();
    for message in ["AuthorizeRequest", "Claims", "Context"] {
        flags.extend(fields(message));
    }
    // Message fields have no flag; their own fields do.
    flags.retain(|field| !["claims", "context", "device"].contains(&field.as_str()));
    let device = fields("Device");
    flags.extend(device.iter().map(|field| format!("device_{field}")));
    assert!(flags.len() > 50, "{flags:?}");
    for field in flags {
        let flag = format!("--{}", field.replace('_', "-"));
        assert!(has(&flag), "{flag} is not in --help");
    }
}

#[test]
fn context_flags_affect_the_decision() {
    let ask = |more: &[&str]| {
        let output = fatima(
            DESIGN_VAULT,
            &[&["--explain", "--format", "json"], more].concat(),
        );
        let explanation: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        let conditions = explanation["policies"].as_array().unwrap().iter();
        let conditions = conditions.flat_map(|policy| policy["conditions"].as_array().unwrap());
        let risk = conditions
            .clone()
            .find(|one| one["name"] == "signInRiskLevels");
        let platform = conditions.clone().find(|one| one["name"] == "platforms");
        [risk, platform].map(|one| one.unwrap()["requestValue"].as_str().unwrap().to_owned())
    };
    assert_eq!(ask(&[]), ["not provided", "not provided"]);
    assert_eq!(
        ask(&["--sign-in-risk", "low", "--platform", "macos"]),
        ["low", "macOS"]
    );
}

#[test]
fn contradictory_flags_are_rejected() {
    let [one, other] = ["1301dc4d-3b13-49a7-bfce-1b4ce7098785", FATIMA];
    for (flags, named) in [
        (
            ["--guest", one, "--resource-user", other],
            "--resource-user",
        ),
        (
            ["--access-type", "direct-connect", "--guest", one],
            "--access-type",
        ),
    ] {
        let output = fatima(DESIGN_VAULT, &flags);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = stderr(&output);
        assert!(
            error.contains("--guest") && error.contains(named),
            "{error}"
        );
    }
    for flags in [
        ["--access-type", "collaboration", "--guest", one],
        ["--access-type", "direct-connect", "--resource-user", one],
    ] {
        let output = fatima(DESIGN_VAULT, &flags);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}

#[test]
fn a_denial_begins_with_the_missing_facts_and_how_to_provide_them() {
    let output = fatima(DESIGN_VAULT, &["--mfa", "--explain"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("DENY "), "{text}");
    assert!(lines[1].starts_with("  missing      "), "{text}");
    let needed = "sign_in_risk was not provided: send it, or set it under `assume` for this listener \
                  (needed by: Block the Design Vault at high sign-in risk)";
    assert!(text.contains(needed), "{text}");
    assert!(text.contains("not provided, treated as matching"), "{text}");
}

#[test]
fn tenants_and_microsofts_applications_may_be_named_and_are_shown_with_their_names() {
    let output = fatima("office 365 SharePoint Online", &["--mfa", "--explain"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    for line in [
        "home         Fabrikam (2000d417-3b6d-4dbf-977f-4b4cbba65319)",
        "resource     Contoso (1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f)",
        "app          Office 365 SharePoint Online (00000003-0000-0ff1-ce00-000000000000)",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn an_unknown_or_ambiguous_name_is_an_error_that_lists_the_candidates() {
    let output = fatima("Payroll of ours", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("app: found `Payroll of ours`"),
        "{output:?}"
    );
    let output = fatima("Microsoft Teams Web Client", &[]);
    assert_eq!(output.status.code(), Some(2));
    let ids = "5e3ce6c0-2b1f-4285-8d4b-75ee78787346, e1829006-9cf1-4d05-8b48-2e665cb48e6a";
    assert!(stderr(&output).contains(ids), "{output:?}");

    let folder = tempfile::tempdir().unwrap();
    for (number, name) in [(1, "a.example"), (2, "b.example")] {
        let tenant = folder.path().join(name);
        std::fs::create_dir(&tenant).unwrap();
        let organization = format!(
            r#"{{"id": "{number}0000000-0000-4000-8000-000000000000", "displayName": "Twin",
                "verifiedDomains": [{{"name": "{name}"}}, 5, {{"isDefault": true}}]}}"#
        );
        std::fs::write(tenant.join("organization.json"), organization).unwrap();
    }
    let ask = |home: &str| {
        let folder = folder.path().to_str().unwrap();
        run(&[
            "--policies",
            folder,
            "--home",
            home,
            "--resource",
            "B.EXAMPLE",
            "--user",
            FATIMA,
            "--app",
            DESIGN_VAULT,
        ])
    };
    let several = ask("twin");
    assert_eq!(several.status.code(), Some(2));
    for id in [
        "Twin (10000000-0000-4000-8000-000000000000)",
        "Twin (20000000-",
    ] {
        assert!(stderr(&several).contains(id), "{several:?}");
    }
    let none = ask("c.example");
    assert!(
        stderr(&none).contains("expected an id, a display name"),
        "{none:?}"
    );
    // The domains distinguish two tenants with the same name.
    let denied = ask("a.example");
    assert_eq!(denied.status.code(), Some(1), "{denied:?}");
}

#[test]
fn a_running_server_accepts_only_tenant_ids() {
    let output = run(&["--home", "Fabrikam", "--server", "unix:/nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    let error = stderr(&output);
    assert!(
        error.contains("home_tenant: found `Fabrikam`, expected a tenant id"),
        "{error}"
    );
    assert!(error.contains("--policies"), "{error}");
}

#[test]
fn text_fits_the_terminal_and_is_not_cut_without_one() {
    let folder = policies();
    let folder = folder.to_str().unwrap();
    let arguments = [
        "--policies",
        folder,
        "--home",
        "Fabrikam",
        "--resource",
        "Contoso",
        "--user",
        FATIMA,
        "--app",
        DESIGN_VAULT,
        "--explain",
    ];
    for width in [60, 100] {
        let output = command(&arguments)
            .env("COLUMNS", width.to_string())
            .output()
            .unwrap();
        let text = stdout(&output);
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest.unwrap() <= width, "{text}");
        assert!(text.contains("SHARED_CHANNEL"), "{text}");
    }
    let text = stdout(&run(&arguments));
    assert!(
        text.lines().any(|line| line.chars().count() > 150),
        "{text}"
    );
}

#[test]
fn a_name_of_seventy_thousand_characters_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    copy(&policies(), folder.path());
    let tenant = folder.path().join("contoso/conditional-access");
    let path = tenant.join("sharepoint-require-mfa-from-guests.json");
    let mut policy: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let name = "x".repeat(70_000);
    policy["displayName"] = serde_json::Value::String(name.clone());
    std::fs::write(&path, policy.to_string()).unwrap();
    let output = run(&[
        "--policies",
        folder.path().to_str().unwrap(),
        "--home",
        "Fabrikam",
        "--resource",
        "contoso.com",
        "--user",
        FATIMA,
        "--app",
        "Office 365 SharePoint Online",
        "--mfa",
        "--explain",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains(&name));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => std::fs::copy(entry.path(), to).map(drop).unwrap(),
        }
    }
}
