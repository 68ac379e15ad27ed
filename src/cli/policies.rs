//! The policy settings of the configuration, for every command that reads policies: `serve`, `check` and
//! `authorize --policies` agree if they get the same file.

mod applications;

use std::path::Path;

use anyhow::Context;
use clap::Args;

use crate::config::{self, Config, ConfigError, ConfigOverrides, ValueOrigin};
use crate::graph::is_known_deciding_member;
use crate::policy_settings::PolicySettings;

/// The policy settings of a configuration.
pub(super) fn settings(config: &Config) -> Result<PolicySettings, ConfigError> {
    let undecisive_members = config.list(UNDECISIVE);
    if let Some(member) = undecisive_members
        .iter()
        .find(|name| is_known_deciding_member(name))
    {
        let expected = format!(
            "`{member}` affects decisions; expected members that this version does not know"
        );
        return Err(config.refuse(UNDECISIVE, &expected));
    }
    Ok(PolicySettings {
        undecisive_members,
        applications: applications::facts(&config.applications)?,
    })
}

/// The same flag and environment variable as those of `serve`.
#[derive(Args)]
pub(super) struct UndecisiveMembers {
    /// Unknown Graph members that do not affect decisions, comma-separated
    #[arg(
        long = "policies-undecisive-members",
        value_name = "NAMES",
        env = "CROSSTRUST_POLICIES_UNDECISIVE_MEMBERS"
    )]
    undecisive_members: Option<String>,
}

/// The policy settings that `serve` would have with the same file, flag and environment variable: undecisive members
/// from the arguments override the file's.
pub(super) fn settings_of_file(
    path: Option<&Path>,
    undecisive: &UndecisiveMembers,
) -> anyhow::Result<PolicySettings> {
    Ok(settings(&config_of_file(path, undecisive)?)?)
}

/// The configuration of a file; undecisive members from the arguments override the file's.
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
    let given = names.map(|names| (UNDECISIVE, names.clone(), ValueOrigin::Flag));
    let given = ConfigOverrides {
        values: given.collect(),
        listen: Vec::new(),
    };
    Ok(Config::read(file, given)?)
}

const UNDECISIVE: &str = "policies.undecisive_members";
