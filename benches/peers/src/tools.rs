//! The programs under test: built or installed by the ordinary clients, at pinned versions, into `target/tools`.
//!
//! What cannot be had here is an error with one clear line; whether that skips a peer is the caller's choice.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const CERBOS: &str = "0.51.0";
/// The longest build.
const SECONDS: &str = "1500";

/// A program and what it says of its version.
pub struct Tool {
    pub program: PathBuf,
    pub version: String,
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tools() -> Result<PathBuf> {
    let tools = root().join("target/tools");
    fs::create_dir_all(&tools)?;
    Ok(tools.canonicalize()?)
}

/// crosstrust as it is shipped.
pub fn crosstrust() -> Result<Tool> {
    let manifest = root().join("Cargo.toml");
    let arguments = [
        "build",
        "--profile",
        "dist",
        "--bin",
        "crosstrust",
        "--manifest-path",
    ];
    let arguments = arguments.map(OsStr::new);
    run(
        "cargo",
        arguments.into_iter().chain([manifest.as_os_str()]),
        &root(),
    )?;
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| root().join("target"), PathBuf::from);
    let built = crosstrust_at(target.join("dist/crosstrust"))?;
    let commit = first_line(
        Command::new("git")
            .arg("-C")
            .arg(root())
            .args(["describe", "--always", "--dirty"]),
    );
    let version = format!("{}, {}", built.version, commit.unwrap_or_default());
    Ok(Tool { version, ..built })
}

/// A crosstrust that is there already, of whatever commit.
pub fn crosstrust_at(program: PathBuf) -> Result<Tool> {
    let version = first_line(Command::new(&program).arg("--version"))?;
    Ok(Tool { program, version })
}

/// OPA of Go modules, with the plugin of opa/main.go.
pub fn opa() -> Result<Tool> {
    let program = tools()?.join("opa-ext-authz");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("opa");
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
    opa_at(program)
}

/// A program of OPA's that is there already.
pub fn opa_at(program: PathBuf) -> Result<Tool> {
    let version = first_line(Command::new(&program).arg("version"))?;
    let version = version.replace("Version:", "OPA");
    Ok(Tool { program, version })
}

/// Cerbos of the npm registry.
pub fn cerbos() -> Result<Tool> {
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

/// The version of a crate in this package's lock file.
pub fn locked(name: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.contains(&format!("name = \"{name}\"\n")));
    let version = entry.and_then(|entry| entry.split("version = \"").nth(1));
    version
        .and_then(|rest| rest.split('"').next())
        .unwrap_or("?")
}
