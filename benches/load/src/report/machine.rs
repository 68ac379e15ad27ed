//! What stands next to every number: the machine, the versions, the build. Reads it from the system and the lock file.

use std::fs;
use std::process::Command;

use crate::artifacts::repository;
use crate::options::Options;

const LOCK: &str = include_str!("../../Cargo.lock");

/// Lines for the head of the report.
pub fn lines(options: &Options, load_before: &str, ghz: &str) -> Vec<String> {
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map(|(_, name)| name);
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let commit = said(
        "git",
        &[
            "-C",
            &repository().to_string_lossy(),
            "rev-parse",
            "--short",
            "HEAD",
        ],
    );
    vec![
        format!("- {}, {cores} cores; Linux {}", model.unwrap_or("CPU not known"), read("/proc/sys/kernel/osrelease").trim()),
        format!("- crosstrust {commit}; {}; tonic {}, prost {}, h2 {}, tokio {}; ghz {ghz}", said("rustc", &["--version"]), version("tonic"), version("prost"), version("h2"), version("tokio")),
        "- All servers: fat LTO, one codegen unit, overflow checks, mimalloc, one current-thread runtime, TCP_NODELAY; server on core 0, generator on core 1".to_owned(),
        format!("- {} rounds of {} s in turns, after one that is thrown away; 8×10 (connections × streams) unless said otherwise; medians, in brackets the range", options.rounds, options.seconds),
        format!("- Load average before {load_before}, after {} (the measurement itself is up to 2); *waited* is the part of the time in which the server was ready and somebody else had its core", load_average()),
    ]
}

/// Of the last minute.
pub fn load_average() -> String {
    let text = read("/proc/loadavg");
    text.split(' ').next().unwrap_or("not known").to_owned()
}

/// The version of a crate that this was built with.
fn version(name: &str) -> String {
    let head = format!("name = \"{name}\"\nversion = \"");
    let rest = LOCK.split_once(&head).map(|(_, rest)| rest);
    let version = rest.and_then(|rest| rest.split('"').next());
    version.unwrap_or("not known").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| format!("{program}: not known"))
}
