//! Statistics of this process from /proc; none if the system has no /proc.

use std::fs;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ProcessStats {
    pub(super) cpu_seconds: f64,
    /// Resident memory.
    pub(super) memory_bytes: u64,
    pub(super) open_files: Option<u64>,
    /// Seconds since the epoch.
    pub(super) started_at: Option<f64>,
}

impl ProcessStats {
    pub(super) fn read() -> Option<ProcessStats> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let boot = fs::read_to_string("/proc/stat").ok();
        let mut process = parse(&stat, boot.as_deref())?;
        process.open_files = fs::read_dir("/proc/self/fd")
            .ok()
            .and_then(|files| u64::try_from(files.count()).ok());
        Some(process)
    }
}

/// The limit on open files.
pub(super) fn max_open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Parses /proc/self/stat and /proc/stat (proc_pid_stat(5)). The name is in parentheses and may contain any character,
/// so fields are counted from the last parenthesis.
fn parse(stat: &str, system: Option<&str>) -> Option<ProcessStats> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first field of `rest` is field 3, the state.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    let boot = system.and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse::<f64>().ok()
    });
    Some(ProcessStats {
        cpu_seconds: (field(14)? + field(15)?) as f64 / ticks,
        memory_bytes: field(24)?.saturating_mul(page),
        open_files: None,
        started_at: boot
            .zip(field(22))
            .map(|(boot, since)| boot + since as f64 / ticks),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_fields() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 200 100 13 14 15 16 17 18 5000 20 3 22";
        let process = parse(stat, Some("cpu 1\nbtime 1700000000\n")).unwrap();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(process.cpu_seconds, 300.0 / ticks);
        assert_eq!(process.memory_bytes, 3 * rustix::param::page_size() as u64);
        assert_eq!(process.started_at, Some(1_700_000_000.0 + 5000.0 / ticks));
    }

    #[test]
    fn this_process_has_statistics() {
        let process = ProcessStats::read().unwrap();
        assert!(process.memory_bytes > 1 << 20, "{process:?}");
        assert!(process.open_files.unwrap() >= 3, "{process:?}");
    }
}
