//! `--config`: policy settings of the configuration apply in `check` and `authorize` as in `serve`.

use std::fs;
use std::process::Command;

use super::{CONTOSO, FABRIKAM, check_in, folder, organization};

const NON_DECIDING: &str =
    "[policies]\nfolder = \"policies\"\nundecisive_members = [\"newInGraph\"]\n";

fn with_a_new_member() -> tempfile::TempDir {
    let partner = format!(
        r#"{{"tenantId": "{FABRIKAM}", "newInGraph": {{"users": {{"accessType": "allowed"}}}}}}"#
    );
    folder(&[
        ("policies/contoso/organization.json", &organization(CONTOSO)),
        ("policies/contoso/partners.json", &partner),
        ("c.toml", NON_DECIDING),
    ])
}

#[test]
fn a_member_is_a_warning_if_the_configuration_accepts_it_and_an_error_otherwise() {
    let root = with_a_new_member();
    let refused = check_in(root.path(), &["policies"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.out.contains("error[CT004]"), "{}", refused.out);
    let accepted = check_in(root.path(), &["--config", "c.toml", "policies"]);
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
    assert!(accepted.out.contains("warning[CT004]"), "{}", accepted.out);
}

#[test]
fn the_flag_of_serve_overrides_the_list_in_the_file() {
    let root = with_a_new_member();
    let flag = "--policies-undecisive-members";
    let accepted = check_in(root.path(), &[flag, "other,newInGraph", "policies"]);
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
    let other = [flag, "other", "--config", "c.toml", "policies"];
    assert_eq!(check_in(root.path(), &other).code, Some(1));
}

#[test]
fn control_characters_in_a_file_name_do_not_reach_the_terminal() {
    let root = with_a_new_member();
    let run = check_in(root.path(), &["--config", "c\u{1b}[31m.toml", "policies"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("c\\u{001b}[31m.toml"), "{}", run.err);
    assert!(!run.err.contains('\u{1b}'), "{}", run.err);
}

#[test]
fn authorize_reads_the_same_configuration_file() {
    let root = with_a_new_member();
    let ask = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_crosstrust"))
            .args(["authorize", "--policies", "policies", "--home", FABRIKAM])
            .args(["--resource", CONTOSO, "--user", FABRIKAM, "--app", CONTOSO])
            .args(arguments)
            .current_dir(root.path())
            .output()
            .unwrap()
    };
    assert_eq!(ask(&[]).status.code(), Some(2));
    let answered = ask(&["--config", "c.toml"]);
    assert_eq!(answered.status.code(), Some(1), "{answered:?}");
}

#[test]
fn a_member_known_to_affect_decisions_cannot_be_accepted() {
    let root = with_a_new_member();
    fs::write(
        root.path().join("c.toml"),
        NON_DECIDING.replace("newInGraph", "inboundTrust"),
    )
    .unwrap();
    let run = check_in(root.path(), &["--config", "c.toml", "policies"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.err.contains("`inboundTrust` affects decisions"),
        "{}",
        run.err
    );
}
