//! `crosstrust init`: the sample policies and a commented configuration file, for an installed binary's first minute.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::output::Output;
use crate::config::{KEYS, Key};

/// Write sample policies and a commented configuration file, and overwrite nothing
///
/// DIR/policies holds four organisations (its README.md lists who is who, and questions to ask), DIR/crosstrust.toml
/// every key with its default, commented out.
///
/// Exit code: 0 = written; 2 = one of them is there already, or could not be written.
#[derive(Args)]
pub(super) struct InitArguments {
    /// The folder; it is made where it is missing
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
                "found {}, which is not overwritten; `crosstrust init DIR` writes to another folder",
                path.display()
            );
        }
    }
    let cannot = |path: &Path| format!("cannot write {}", path.display());
    write_policies(directory, &policies).with_context(|| cannot(&policies))?;
    write_new(&file, configuration().as_bytes()).with_context(|| cannot(&file))?;

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

/// What to run next; the question is the README's.
const NEXT: [&str; 3] = [
    "crosstrust serve --config crosstrust.toml",
    "crosstrust authorize --home Fabrikam --resource contoso.com --app \"Office 365 SharePoint Online\" \\",
    "  --user 2101ca1f-53eb-4c73-aac7-6f02ee5f1af0 --mfa --policies policies --explain",
];

/// Writes beside the folder first: a folder that is half written is never served.
fn write_policies(directory: &Path, policies: &Path) -> io::Result<()> {
    let beside = directory.join(format!(".policies-{}", std::process::id()));
    let written = SAMPLES.iter().try_for_each(|(name, text)| {
        let path = beside.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        write_new(&path, text.as_bytes())
    });
    let moved = written.and_then(|()| fs::rename(&beside, policies));
    if moved.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&beside);
    }
    moved
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)
}

/// Every key with what it does and its default, as comments; tables as examples.
fn configuration() -> String {
    let mut text = String::from(HEAD);
    let mut section = "";
    // The folder of policies is a line of its section too, where it cannot meet the section's name.
    let is_folder = |key: &&Key| key.name == "policies";
    let at_the_top = KEYS
        .iter()
        .filter(|key| !key.name.contains('.') && !is_folder(key));
    for key in at_the_top {
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

fn setting(key: &Key, name: &str) -> String {
    let range = key.bound.map(|bound| format!(" ({bound})"));
    let range = range.unwrap_or_default();
    let value = match key.default {
        "" if key.many => format!("[\"{}\"]", key.takes),
        "" => format!("\"{}\"", key.takes),
        number if key.bound.is_some() => number.to_owned(),
        text => format!("\"{text}\""),
    };
    format!("# {}{range}\n#{name} = {value}\n", key.help)
}

const HEAD: &str = "\
# The configuration of `crosstrust serve --config crosstrust.toml`. Every key is also a flag (--limits-groups) and a
# variable (CROSSTRUST_LIMITS_GROUPS). Lines that begin with `#` and a name hold the default, or a placeholder in
# capitals where there is none. docs/configuration.md describes each of them.

";

const TABLES: &str = "
# Whose tokens are believed. Without an issuer, requests with a token are refused.
#[[issuer]]
#preset = \"entra-v2\"
#issuer = \"https://login.microsoftonline.com/{tenantid}/v2.0\"
#keys_url = \"https://login.microsoftonline.com/common/discovery/v2.0/keys\"
#audiences = [\"1a01899f-ffd3-4659-9c8b-641314fe61f2\"]
#tenants = [\"1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f\"]

# Where to listen besides, or in place of, `listen = \"127.0.0.1:50051\"`.
#[[listener]]
#address = \"unix:crosstrust.sock\"
#services = [\"check\", \"health\"]
";

include!(concat!(env!("OUT_DIR"), "/sample_policies.rs"));
