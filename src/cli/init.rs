//! `crosstrust init`: writes the sample policies and a commented configuration file.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::output::Output;
use crate::config::{ConfigKey, KEYS};

/// Write sample policies and a commented configuration file without overwriting anything
///
/// DIR/policies has the policies of four organisations; its README.md describes them and lists sample requests.
/// DIR/crosstrust.toml has every key with its default, commented out.
///
/// Exit code: 0 = written; 2 = one of them exists already, or could not be written.
#[derive(Args)]
pub(super) struct InitArguments {
    /// The folder to write to; created if it does not exist
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

pub(super) fn run(arguments: &InitArguments) -> anyhow::Result<ExitCode> {
    let directory = &arguments.directory;
    let policies = directory.join("policies");
    let file = directory.join("crosstrust.toml");
    for path in [&policies, &file] {
        if path.symlink_metadata().is_ok() {
            bail!(
                "{} exists and is not overwritten; `crosstrust init DIR` writes to another folder",
                path.display()
            );
        }
    }
    let context = |path: &Path| format!("cannot write {}", path.display());
    write_policies(directory, &policies).with_context(|| context(&policies))?;
    write_new(&file, configuration().as_bytes()).with_context(|| context(&file))?;

    let mut out = Output::new();
    out.line(format_args!(
        "wrote {} ({} files) and {}",
        policies.display(),
        SAMPLES.len(),
        file.display()
    ));
    out.line("\nnext:");
    if directory != Path::new(".") {
        out.line(format_args!("  cd {}", directory.display()));
    }
    for line in NEXT {
        out.line(format_args!("  {line}"));
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Commands to run next; the request is the one in the README.
const NEXT: [&str; 3] = [
    "crosstrust serve --config crosstrust.toml",
    "crosstrust authorize --home Fabrikam --resource contoso.com --app \"Office 365 SharePoint Online\" \\",
    "  --user 2101ca1f-53eb-4c73-aac7-6f02ee5f1af0 --mfa --policies policies --explain",
];

/// Writes to a temporary folder and renames it: `serve` never reads a partly written folder.
fn write_policies(directory: &Path, policies: &Path) -> io::Result<()> {
    let temporary = directory.join(format!(".policies-{}", std::process::id()));
    let written = SAMPLES.iter().try_for_each(|(name, text)| {
        let path = temporary.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        write_new(&path, text.as_bytes())
    });
    let renamed = written.and_then(|()| fs::rename(&temporary, policies));
    if renamed.is_err() {
        // The caller reports the first error.
        let _ = fs::remove_dir_all(&temporary);
    }
    renamed
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)
}

/// Every key with its help and default, commented out, and examples of the tables.
fn configuration() -> String {
    let mut text = String::from(HEAD);
    let mut section = "";
    // The key `policies` is written as `folder` in `[policies]`, because a file cannot have both.
    let is_folder = |key: &&ConfigKey| key.name == "policies";
    let top_level = KEYS
        .iter()
        .filter(|key| !key.name.contains('.') && !is_folder(key));
    for key in top_level {
        text.push_str(&setting(key, key.name));
    }
    text.push_str("\n[policies]\n");
    for key in KEYS.iter().filter(is_folder) {
        text.push_str(&setting(key, "folder"));
    }
    for key in KEYS {
        let Some((of, name)) = key.name.split_once('.') else {
            continue;
        };
        if of != section {
            section = of;
            if of != "policies" {
                text.push_str(&format!("\n[{of}]\n"));
            }
        }
        text.push_str(&setting(key, name));
    }
    text.push_str(TABLES);
    text
}

fn setting(key: &ConfigKey, name: &str) -> String {
    let range = key.range.map(|range| format!(" ({range})"));
    let range = range.unwrap_or_default();
    let value = match key.default {
        "" if key.is_list => format!("[\"{}\"]", key.value_name),
        "" => format!("\"{}\"", key.value_name),
        number if key.range.is_some() => number.to_owned(),
        text => format!("\"{text}\""),
    };
    format!("# {}{range}\n#{name} = {value}\n", key.help)
}

const HEAD: &str = "\
# The configuration of `crosstrust serve --config crosstrust.toml`. Every key is also a flag (--limits-groups) and an
# environment variable (CROSSTRUST_LIMITS_GROUPS). Commented keys show the default, or a placeholder in capitals if there
# is no default. docs/configuration.md describes every key.

";

const TABLES: &str = "
# Trusted token issuers. Without an issuer, requests with a token are refused.
#[[issuer]]
#preset = \"entra-v2\"
#issuer = \"https://login.microsoftonline.com/{tenantid}/v2.0\"
#keys_url = \"https://login.microsoftonline.com/common/discovery/v2.0/keys\"
#audiences = [\"1a01899f-ffd3-4659-9c8b-641314fe61f2\"]
#tenants = [\"1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f\"]

# Listeners, in addition to or instead of `listen = \"127.0.0.1:50051\"`.
#[[listener]]
#address = \"unix:crosstrust.sock\"
#services = [\"check\", \"health\"]
";

include!(concat!(env!("OUT_DIR"), "/sample_policies.rs"));
