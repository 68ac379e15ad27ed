//! `crosstrust log show`: flags that filter records, count them and name tenants.

use std::path::Path;

use serde_json::Value;

use super::showing::{lines, show, write_log};
use super::*;

fn stdout(folder: &Path, arguments: &str) -> String {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = show(folder, &arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code and standard error.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = show(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_event_is_found_by_the_id_of_its_decision() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    for kind in ["", "--audit"] {
        for event in lines(folder.path(), &format!("--operator {kind}")) {
            let id = event["id"].as_str().unwrap();
            for id in [id.to_owned(), id.to_uppercase()] {
                let found = lines(folder.path(), &format!("--operator {kind} --id {id}"));
                assert!(found.contains(&event), "{id}");
                assert!(found.iter().all(|found| found["id"] == event["id"]), "{id}");
            }
        }
    }
    let other = "--operator --id 01a20db3-f3d4-7ab9-bf9d-cdec4f148c1f";
    assert!(lines(folder.path(), other).is_empty());
}

#[test]
fn a_partner_is_the_other_organisation_of_a_sign_in_or_the_subject_of_a_setting() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    let count = |arguments: &str| lines(folder.path(), arguments).len();
    let resource = format!("--tenant {CONTOSO} --side resource");
    assert_eq!(count(&format!("{resource} --partner {FABRIKAM}")), 3);
    assert_eq!(count(&format!("{resource} --partner {CONTOSO}")), 1);
    let home = format!("--tenant {FABRIKAM} --side home");
    assert_eq!(count(&format!("{home} --partner {CONTOSO}")), 3);
    assert_eq!(count(&format!("{home} --partner {FABRIKAM}")), 0);
    assert_eq!(count(&format!("--operator --partner {FABRIKAM}")), 3);
    assert_eq!(count(&format!("--operator --partner {CONTOSO}")), 4);
    let audit = format!("--tenant {CONTOSO} --audit");
    assert_eq!(count(&format!("{audit} --partner {FABRIKAM}")), 1);
    assert_eq!(count(&format!("{audit} --partner {CONTOSO}")), 0);
}

#[test]
fn sign_ins_are_found_by_their_reasons() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    let count = |arguments: &str| lines(folder.path(), &format!("--operator {arguments}")).len();
    assert_eq!(count("--reason ALLOWED"), 3);
    assert_eq!(count("--reason MFA_REQUIRED"), 1);
    assert_eq!(count("--reason mfa_required"), 1);
    assert_eq!(count("--reason MFA_REQUIRED,ALLOWED"), 4);
    assert_eq!(count("--reason MFA_REQUIRED --reason CA_BLOCKED"), 1);
    assert_eq!(count("--reason CA_BLOCKED"), 0);
}

#[test]
fn a_duration_before_now_is_accepted_as_a_time() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    // The records are from 2027; a duration counts back from now.
    let now = crosstrust::clock::Clock::System.now().wall;
    let seconds = now.as_parts().0 - 1_800_000_000;
    let count = |arguments: &str| lines(folder.path(), &format!("--operator {arguments}")).len();
    match seconds {
        // Before 2027, all records are in the future.
        ..0 => {
            assert_eq!(count("--from 7d"), 4);
            assert_eq!(count("--to 7d"), 0);
        }
        _ => {
            let before = format!("{}s", seconds + 3600);
            let after = format!("{}s", seconds - 3600 * 6);
            assert_eq!(count(&format!("--from {before} --to {after}")), 4);
            assert_eq!(count(&format!("--to {before}")), 0);
        }
    }
}

#[test]
fn records_are_counted_by_result_and_reason_or_activity() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    let folder = folder.path();
    assert_eq!(
        stdout(folder, "--operator --count"),
        "COUNT  RESULT   REASON\n    3  success  ALLOWED\n    1  failure  MFA_REQUIRED\n    4  in all\n"
    );
    assert_eq!(
        stdout(folder, "--operator --count --format csv"),
        "count,result,reason\n3,success,ALLOWED\n1,failure,MFA_REQUIRED\n"
    );
    let rows = lines(folder, "--operator --count");
    assert_eq!(
        rows,
        [
            json!({"count": 3, "result": "success", "reason": "ALLOWED"}),
            json!({"count": 1, "result": "failure", "reason": "MFA_REQUIRED"}),
        ]
    );
    let sum = |arguments: &str| -> u64 {
        let rows = lines(folder, &format!("--operator --count {arguments}"));
        rows.iter().map(|row| row["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("--result failure"), 1);
    assert_eq!(sum("--last 2"), 2);
    assert_eq!(sum("--from 2100-01-01"), 0);
    let audit = lines(folder, "--operator --audit --count");
    assert!(
        audit.iter().all(|row| row["activity"].is_string()),
        "{audit:?}"
    );
    let empty = stdout(folder, "--operator --count --from 2100-01-01");
    assert_eq!(empty, "COUNT  RESULT   REASON\n    0  in all\n");
}

#[test]
fn an_invalid_value_is_an_error_with_the_expected_form() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    for (arguments, expected) in [
        (&["--id", "7"][..], "expected a GUID"),
        (&["--reason", "MFA_REQUIERD"], "MFA_REQUIRED"),
        (&["--reason", "MFA_REQUIRED", "--audit"], "--audit"),
        (
            &["--from", "7 days"],
            "a duration before now such as 90s, 30m, 12h, 7d or 2w",
        ),
        (
            &["--to", "soon"],
            "a duration before now such as 90s, 30m, 12h, 7d or 2w",
        ),
        (
            &["--from", "1d", "--to", "2d"],
            "expected --from before --to",
        ),
        (&["--follow", "--to", "1d"], "--to"),
        (&["--follow", "--count"], "--count"),
        (
            &["--app", "payroll"],
            "--app: found `payroll`, expected an application id",
        ),
        (&["--policies", "nowhere"], "nowhere is not a folder"),
    ] {
        let arguments = [&["--operator"], arguments].concat();
        let error = refused(folder.path(), &arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

/// A policies folder that contains this tenant with this name.
fn policies(name: &str) -> tempfile::TempDir {
    let policies = tempfile::tempdir().unwrap();
    let tenant = policies.path().join("policies/fabrikam");
    std::fs::create_dir_all(&tenant).unwrap();
    let organization = format!(
        r#"{{"id": "{FABRIKAM}", "displayName": "{name}", "verifiedDomains": [{{"name": "fabrikam.example"}}]}}"#
    );
    std::fs::write(tenant.join("organization.json"), organization).unwrap();
    policies
}

/// Runs `log show --operator` in this folder.
fn show_in(place: &Path, log: &Path, arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .current_dir(place)
        .args(["log", "show", "--log-directory"])
        .arg(log)
        .args(arguments)
        .env_clear()
        .output()
        .unwrap()
}

#[test]
fn tenants_have_names_if_policies_are_available() {
    let log = tempfile::tempdir().unwrap();
    write_log(log.path(), &Pseudonyms::OFF);
    let place = policies("Fabrikam Inc");
    let elsewhere = tempfile::tempdir().unwrap();
    let text = |output: std::process::Output| {
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // The default is `policies`, if it exists.
    assert!(text(show_in(place.path(), log.path(), &["--operator"])).contains("Fabrikam Inc ("));
    assert!(!text(show_in(elsewhere.path(), log.path(), &["--operator"])).contains("Fabrikam Inc"));
    // The folder from the configuration.
    let folder = place.path().join("policies");
    let file = elsewhere.path().join("c.toml");
    std::fs::write(&file, format!("policies = {folder:?}\n")).unwrap();
    let file = file.to_str().unwrap();
    let output = show_in(
        elsewhere.path(),
        log.path(),
        &["--operator", "--config", file],
    );
    assert!(text(output).contains("Fabrikam Inc ("));
    // A name in place of an id.
    for name in ["fabrikam inc", "fabrikam.example"] {
        let arguments = [
            "--tenant",
            name,
            "--side",
            "home",
            "--partner",
            name,
            "--format",
            "json",
        ];
        assert_eq!(text(show_in(place.path(), log.path(), &arguments)), "");
        let arguments = ["--operator", "--partner", name, "--format", "json"];
        assert_eq!(
            text(show_in(place.path(), log.path(), &arguments))
                .lines()
                .count(),
            3
        );
    }
    for (place, expected) in [
        (
            place.path(),
            "--partner: found `Contosso`, expected an id, a display name or a verified domain",
        ),
        (
            elsewhere.path(),
            "--partner: found `Contosso`, expected a tenant id; a display name or a verified domain needs",
        ),
    ] {
        let output = show_in(place, log.path(), &["--operator", "--partner", "Contosso"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

/// During an incident the policies themselves may be faulty.
#[test]
fn records_are_shown_although_the_policies_have_errors() {
    let log = tempfile::tempdir().unwrap();
    write_log(log.path(), &Pseudonyms::OFF);
    let place = policies("Fabrikam Inc");
    let broken = place.path().join("policies/fabrikam/partners.json");
    std::fs::write(broken, "{").unwrap();
    let output = show_in(place.path(), log.path(), &["--operator"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("note: tenant names are not available: ")
            && error.contains("`crosstrust check policies`"),
        "{error}"
    );
}

/// `lines` parses JSON, which is the only check on a value here.
#[test]
fn every_reason_of_an_event_is_a_valid_filter() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    let reasons = crosstrust::log::view::reasons();
    for event in lines(folder.path(), "--operator") {
        let Value::String(reason) = &event["crosstrust"]["reason"] else {
            panic!("{event}");
        };
        assert!(reasons.contains(&reason.as_str()), "{reason}");
    }
    for reason in crosstrust::decision::Reason::ALL {
        assert!(reasons.contains(&reason.name()));
    }
    let mut unique = reasons.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), reasons.len());
}
