//! What the configuration states about policies, for every command that reads them: `serve`, `check` and
//! `authorize --policies` agree when they are given the same file.

mod applications;

use std::path::Path;

use anyhow::Context;
use clap::Args;

use crate::config::{self, Config, ConfigError, Given, Origin};
use crate::graph::is_known_deciding_member;
use crate::policy_settings::PolicySettings;

/// The statements of a configuration.
pub(super) fn settings(config: &Config) -> Result<PolicySettings, ConfigError> {
    let undecisive_members = config.list(UNDECISIVE);
    if let Some(member) = undecisive_members
        .iter()
        .find(|name| is_known_deciding_member(name))
    {
        let why =
            format!("`{member}` is a member that decides, expected members that are not known");
        return Err(config.refuse(UNDECISIVE, &why));
    }
    Ok(PolicySettings {
        undecisive_members,
        applications: applications::facts(&config.applications)?,
    })
}

/// The flag and the variable that `serve` has, too.
#[derive(Args)]
pub(super) struct UndecisiveMembers {
    /// Members of Graph that are not known here and decide nothing, with commas between them
    #[arg(
        long = "policies-undecisive-members",
        value_name = "NAMES",
        env = "CROSSTRUST_POLICIES_UNDECISIVE_MEMBERS"
    )]
    undecisive_members: Option<String>,
}

/// The statements of a configuration file, with undecisive members in place of the file's where they are given:
/// what `serve` would take from the same file, flag and variable.
pub(super) fn settings_of_file(
    path: Option<&Path>,
    undecisive: &UndecisiveMembers,
) -> anyhow::Result<PolicySettings> {
    Ok(settings(&config_of_file(path, undecisive)?)?)
}

/// The configuration of a file, with undecisive members in place of the file's where they are given.
pub(super) fn config_of_file(
    path: Option<&Path>,
    undecisive: &UndecisiveMembers,
) -> anyhow::Result<Config> {
    let read = |path: &Path| {
        let text = config::read_file(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        anyhow::Ok((path.to_owned(), text))
    };
    let file = path.map(read).transpose()?;
    let names = undecisive.undecisive_members.iter();
    let given = names.map(|names| (UNDECISIVE, names.clone(), Origin::Flag));
    let given = Given {
        values: given.collect(),
        listen: Vec::new(),
    };
    Ok(Config::read(file, given)?)
}

const UNDECISIVE: &str = "policies.undecisive_members";
