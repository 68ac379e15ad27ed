//! What the configuration states about policies, for every command that reads them: `serve`, `check` and
//! `authorize --policies` agree when they are given the same file.

mod applications;

use std::path::Path;

use anyhow::Context;

use crate::config::{Config, ConfigError, Given};
use crate::graph::is_deciding_member;
use crate::policy_settings::PolicySettings;

/// The statements of a configuration.
pub(super) fn settings(config: &Config) -> Result<PolicySettings, ConfigError> {
    let undecisive_members = config.list(UNDECISIVE);
    if let Some(member) = undecisive_members
        .iter()
        .find(|name| is_deciding_member(name))
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

/// The statements of a configuration file; without one, nothing is stated. Flags and variables of `serve`
/// do not count here.
pub(super) fn settings_of_file(path: Option<&Path>) -> anyhow::Result<PolicySettings> {
    let Some(path) = path else {
        return Ok(PolicySettings::NONE);
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration {}", path.display()))?;
    let config = Config::read(Some((path.to_owned(), text)), Given::default())?;
    Ok(settings(&config)?)
}

const UNDECISIVE: &str = "policies.undecisive_members";
