//! Every command: help with exit codes, shell completions, manual pages.

use std::path::Path;
use std::process::{Command, Output};

pub fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .args(arguments)
        .env_clear()
        .output()
        .unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?} {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands in the help of this command, without `help` itself.
pub fn subcommands(of: &[&str]) -> Vec<String> {
    let help = stdout(&[of, &["--help"]].concat());
    let Some((_, list)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.get(2..)?.split_once(' '));
    let names = names.map(|(name, _)| name.to_owned());
    names
        .filter(|name| !name.is_empty() && name != "help")
        .collect()
}

/// The words of each command, including the subcommands of `log`.
pub fn all() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for name in subcommands(&[]) {
        let below = subcommands(&[&name]);
        found.push(vec![name.clone()]);
        found.extend(below.into_iter().map(|one| vec![name.clone(), one]));
    }
    found
}

#[test]
fn the_help_of_every_command_lists_its_exit_codes() {
    let commands = all();
    assert!(commands.len() >= 10, "{commands:?}");
    assert!(stdout(&["--help"]).contains("Exit code: 0 = "));
    for command in commands {
        let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
        words.push("--help");
        let help = stdout(&words);
        assert!(
            help.contains("Exit code: 0 = ") && help.contains("2 = "),
            "{words:?}\n{help}"
        );
    }
}

#[test]
fn completions_contain_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&["completions", shell]);
        for command in all() {
            let name = command.last().unwrap();
            assert!(script.contains(name.as_str()), "{shell}: {name}");
        }
    }
    assert_eq!(run(&["completions", "none"]).status.code(), Some(2));
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    stdout(&["man", pages.to_str().unwrap()]);
    let page = |name: &str| {
        let path = pages.join(format!("{name}.1"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    assert!(page("crosstrust").contains("crosstrust"));
    for command in all() {
        let page = page(&format!("crosstrust-{}", command.join("-")));
        assert!(
            page.contains(".SH NAME") && page.contains("Exit code"),
            "{command:?}"
        );
    }
    // A folder that cannot be created.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below: &Path = &file.join("man1");
    assert_eq!(
        run(&["man", below.to_str().unwrap()]).status.code(),
        Some(2)
    );
}
