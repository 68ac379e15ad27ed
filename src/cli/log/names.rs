//! The policies that `log show` takes names from: of tenants, in place of ids in flags and beside ids in tables.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;

use crate::cli::authorize::{load, names};
use crate::cli::{output, policies};
use crate::engine::Active;
use crate::id::{AppId, TenantId};
use crate::printable::printable;
use crate::snapshot::Snapshot;

#[derive(Args)]
pub(super) struct NamesArguments {
    /// A policies folder: its tenants may be named in flags, and their names are shown beside their ids in a table [default:
    /// that of --config, else `policies` where it is there]
    #[arg(long, value_name = "DIR", env = "CROSSTRUST_POLICIES")]
    policies: Option<PathBuf>,
    /// Configuration file of `serve`; what it says about policies counts
    #[arg(long, value_name = "FILE", env = "CROSSTRUST_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    undecisive: policies::UndecisiveMembers,
}

/// The policies, where they are at hand and hold.
#[derive(Default)]
pub(super) struct Names(Option<Arc<Active>>);

impl NamesArguments {
    /// Reads the policies. Records are shown without them, too, so policies with errors are a note.
    pub(super) fn read(&self) -> anyhow::Result<Names> {
        let config = policies::config_of_file(self.config.as_deref(), &self.undecisive)?;
        let folder = match &self.policies {
            Some(folder) if !folder.is_dir() => {
                bail!(
                    "--policies: found no folder {}, expected a policies folder",
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
                    "note: tenants have no names here: {}; `crosstrust check {}` lists what is wrong",
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
    /// Names by id, for a table.
    pub(super) fn by_id(&self) -> HashMap<String, String> {
        let tenants = self.snapshot().into_iter().flat_map(Snapshot::tenants);
        // A tenant without a name has its id for one.
        let named = tenants.map(|(id, name)| (id.to_string(), name.to_owned()));
        named.filter(|(id, name)| id != name).collect()
    }

    /// The tenant that a flag gives by id, display name or verified domain.
    pub(super) fn tenant(&self, flag: &str, text: &str) -> anyhow::Result<TenantId> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let Some(snapshot) = self.snapshot() else {
            bail!(
                "{flag}: found `{text}`, expected a tenant id; with the policies at hand (--policies DIR) a display \
                 name or a verified domain will do"
            );
        };
        Ok(names::tenant(flag, text, Some(snapshot))?.parse()?)
    }

    fn snapshot(&self) -> Option<&Snapshot> {
        self.0.as_ref().map(|active| &active.snapshot)
    }
}

/// The application that a flag gives by id, or by its name where it is Microsoft's own.
pub(super) fn app(flag: &str, text: &str) -> anyhow::Result<AppId> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(names::app(flag, text)?.parse()?),
    }
}
