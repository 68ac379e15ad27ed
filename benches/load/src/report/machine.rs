//! The machine, the versions and the build, from the system and the lock file.

use std::fs;
use std::process::Command;

use crate::artifacts::repository;
use crate::options::Options;

const LOCK: &str = include_str!("../../Cargo.lock");

/// Lines at the head of the report.
pub fn lines(options: &Options, load_before: &str) -> Vec<String> {
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map(|(_, name)| name);
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let root = repository().display().to_string();
    let commit = output_of("git", &["-C", &root, "describe", "--always", "--dirty"]);
    let [tonic, prost, h2, tokio] = ["tonic", "prost", "h2", "tokio"].map(version);
    let (model, kernel) = (
        model.unwrap_or("CPU not known"),
        read("/proc/sys/kernel/osrelease"),
    );
    let (rustc, load_after, waited) =
        (output_of("rustc", &["--version"]), load_average(), waited());
    let (rounds, seconds) = (options.rounds, options.seconds);
    vec![
        format!("- {model}, {cores} cores; Linux {}", kernel.trim()),
        format!(
            "- crosstrust {commit}; {rustc}; tonic {tonic}, prost {prost}, h2 {h2}, tokio {tokio}"
        ),
        "- crosstrust and constant servers: fat LTO, one codegen unit, overflow checks, mimalloc, a current-thread runtime, TCP_NODELAY; \
         server on core 0, generator on core 1, except in *Unpinned*"
            .to_owned(),
        format!(
            "- {rounds} interleaved rounds of {seconds} s, after a warm-up round; 8×10 (connections × streams) unless stated \
             otherwise; medians, range in brackets"
        ),
        format!(
            "- Load average before {load_before}, after {load_after}; up to 2 of it is the measurement itself. *Waited* is the \
             share of time in which the server was ready but another process had its core; the generator waited \
             {waited}. If it is high, the latencies reflect the machine"
        ),
    ]
}

/// The share of time in which this thread was ready but waited for a core. This time is part of the latencies.
fn waited() -> String {
    let text = read("/proc/thread-self/schedstat");
    let mut numbers = text
        .split_whitespace()
        .filter_map(|number| number.parse::<f64>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(run), Some(wait)) => format!("{:.0} %", 100.0 * wait / (run + wait)),
        _ => "not known".to_owned(),
    }
}

/// The load average of the last minute.
pub fn load_average() -> String {
    let text = read("/proc/loadavg");
    text.split(' ').next().unwrap_or("not known").to_owned()
}

/// The version of a crate in the lock file.
pub fn version(name: &str) -> String {
    let head = format!("name = \"{name}\"\nversion = \"");
    let rest = LOCK.split_once(&head).map(|(_, rest)| rest);
    let version = rest.and_then(|rest| rest.split('"').next());
    version.unwrap_or("not known").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| format!("{program}: not known"))
}
