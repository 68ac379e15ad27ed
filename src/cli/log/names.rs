//! Tenant names for `log show`, from policies: instead of ids in flags and beside ids in tables.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use crate::cli::authorize::{load, names};
use crate::cli::{output, policies};
use crate::engine::ActiveSnapshot;
use crate::id::{AppId, TenantId};
use crate::printable::printable;
use crate::snapshot::Snapshot;

#[derive(Args)]
pub(super) struct NamesArguments {
    /// A policies folder: flags accept the names of its tenants, and tables show them beside ids [default: that of
    /// --config, else `policies` if it exists]
    #[arg(long, value_name = "DIR", env = "CROSSTRUST_POLICIES")]
    policies: Option<PathBuf>,
    /// Configuration file of `serve`; its settings of policies apply
    #[arg(long, value_name = "FILE", env = "CROSSTRUST_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    undecisive: policies::UndecisiveMembers,
}

/// The policies, if they are available and valid.
#[derive(Default)]
pub(super) struct Names(Option<Arc<ActiveSnapshot>>);

impl NamesArguments {
    /// Reads the policies. Policies with errors are only a note, because records can be shown without names.
    pub(super) fn read(&self) -> anyhow::Result<Names> {
        let config = policies::config_of_file(self.config.as_deref(), &self.undecisive)?;
        let folder = match &self.policies {
            Some(folder) if !folder.is_dir() => {
                bail!(
                    "--policies: {} is not a folder, expected a policies folder",
                    folder.display()
                )
            }
            Some(folder) => folder.clone(),
            None => PathBuf::from(config.text("policies")),
        };
        if !folder.is_dir() {
            return Ok(Names(None));
        }
        match load(&folder, policies::settings(&config)?) {
            Ok(engine) => Ok(Names(engine.active())),
            Err(rejection) => {
                let note = format!(
                    "note: tenant names are not available: {}; `crosstrust check {}` lists all findings",
                    rejection.message,
                    folder.display()
                );
                output::error_line(printable(&note));
                Ok(Names(None))
            }
        }
    }
}

impl Names {
    /// Tenant names by id.
    pub(super) fn by_id(&self) -> HashMap<String, String> {
        let tenants = self.snapshot().into_iter().flat_map(Snapshot::tenants);
        // The name of an unnamed tenant is its id.
        let named = tenants.map(|(id, name)| (id.to_string(), name.to_owned()));
        named.filter(|(id, name)| id != name).collect()
    }

    /// Resolves a flag's id, display name or verified domain of a tenant.
    pub(super) fn tenant(&self, flag: &str, text: &str) -> anyhow::Result<TenantId> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let Some(snapshot) = self.snapshot() else {
            bail!(
                "{flag}: found `{text}`, expected a tenant id; a display name or a verified domain needs \
                 --policies DIR"
            );
        };
        Ok(names::tenant(flag, text, Some(snapshot))?.parse()?)
    }

    fn snapshot(&self) -> Option<&Snapshot> {
        self.0.as_ref().map(|active| &active.snapshot)
    }
}

/// Resolves a flag's id or Microsoft application name.
pub(super) fn app(flag: &str, text: &str) -> anyhow::Result<AppId> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(names::app(flag, text)?.parse()?),
    }
}
