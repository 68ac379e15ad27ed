//! The programs under test: built or installed by the ordinary clients, at pinned versions, into `target/tools`.
//!
//! What cannot be had here is skipped, and one line says so, at once and in the report.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::artifacts::repository;
use crate::options::{Name, Options};

const CERBOS: &str = "0.51.0";
/// The longest build.
const SECONDS: &str = "1500";

/// A program and what it says of its version.
#[derive(Debug)]
pub struct Tool {
    pub program: PathBuf,
    pub version: String,
}

/// Those that were to be had.
#[derive(Debug, Default)]
pub struct Tools {
    pub opa: Option<Tool>,
    pub opa_envoy: Option<Tool>,
    pub cerbos: Option<Tool>,
    /// A line for each that was not.
    pub skipped: Vec<String>,
}

impl Tools {
    /// Gets what the wanted suites need.
    pub fn get(options: &Options) -> Result<Tools> {
        let mut tools = Tools::default();
        if options.wants(Name::Peers) {
            tools.opa = tools.available("OPA", opa());
            tools.cerbos = tools.available("Cerbos", cerbos());
            // Whoever names a program wants that row.
            tools.opa_envoy = options.opa_envoy.as_deref().map(opa_at).transpose()?;
        }
        Ok(tools)
    }

    fn available(&mut self, name: &str, tool: Result<Tool>) -> Option<Tool> {
        match tool {
            Ok(tool) => Some(tool),
            Err(error) => {
                let line = format!("{name} is skipped: {error:#}");
                eprintln!("{line}");
                self.skipped.push(line);
                None
            }
        }
    }
}

fn tools() -> Result<PathBuf> {
    let tools = repository().join("target/tools");
    fs::create_dir_all(&tools)?;
    Ok(tools.canonicalize()?)
}

/// OPA of Go modules, with the plugin of opa/main.go.
fn opa() -> Result<Tool> {
    let program = tools()?.join("opa-ext-authz");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/peers/opa");
    let arguments = [
        "build",
        "-buildvcs=false",
        "-trimpath",
        "-ldflags",
        "-s -w",
        "-o",
    ];
    let arguments = arguments.into_iter().map(OsStr::new);
    let arguments = arguments.chain([program.as_os_str(), OsStr::new(".")]);
    run("go", arguments, &source).context("OPA cannot be built of Go modules")?;
    opa_at(&program)
}

/// A program of OPA's that is there already.
fn opa_at(program: &Path) -> Result<Tool> {
    let version = first_line(Command::new(program).arg("version"))?;
    Ok(Tool {
        program: program.canonicalize()?,
        version: version.replace("Version:", "OPA"),
    })
}

/// Cerbos of the npm registry.
fn cerbos() -> Result<Tool> {
    let prefix = tools()?.join("cerbos");
    fs::create_dir_all(&prefix)?;
    let package = format!("cerbos@{CERBOS}");
    let arguments = [
        "install",
        "--no-audit",
        "--no-fund",
        "--prefix",
        ".",
        &package,
    ];
    run("npm", arguments, &prefix).context("Cerbos cannot be had of npm")?;
    let mut packages = fs::read_dir(prefix.join("node_modules/@cerbos"))?;
    let package = packages.next().context("no Cerbos for this platform")??;
    let program = package.path().join(package.file_name());
    let version = first_line(Command::new(&program).arg("--version"))?;
    Ok(Tool {
        program,
        version: format!("Cerbos {version}"),
    })
}

fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
    folder: &Path,
) -> Result<()> {
    let mut command = Command::new("timeout");
    command
        .arg(SECONDS)
        .arg(program)
        .args(arguments)
        .current_dir(folder);
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or("it says nothing");
    ensure!(output.status.success(), "{program}: {last}");
    Ok(())
}

fn first_line(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().next().unwrap_or_default().to_owned())
}
