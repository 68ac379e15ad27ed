//! The real disk: its lock, file modes, and a limit on the size of files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crosstrust::log::journal::disk::{Disk, SystemDisk};

use super::world::{entry, faults, ids, open, options, records, write};

#[test]
fn a_second_process_is_refused_with_the_id_of_the_writing_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = SystemDisk::lock(folder.path()).unwrap();
    let refused = SystemDisk::lock(folder.path()).unwrap_err().to_string();
    let pid = std::process::id().to_string();
    assert!(refused.contains(&pid), "{refused}");
    drop(first);
    SystemDisk::lock(folder.path()).unwrap();
}

#[test]
fn the_folder_and_its_files_are_accessible_to_their_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk::lock(&folder).unwrap());
    let mut options = options(1000);
    options.reserve_bytes = 4096;
    let (journal, _) = open(&disk, options).unwrap();
    write(&journal, (0..10).map(|number| number.to_string()));
    journal.close();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
    assert_eq!(faults(&disk), Vec::<String>::new());
}

const LIMITED: &str = "CROSSTRUST_TEST_LIMITED_FOLDER";

/// Run by the test below in another process, whose files may have at most 8 KiB.
#[test]
#[ignore = "run by a_file_size_limit_loses_no_record, in a separate process"]
fn limited() {
    let Some(folder) = std::env::var_os(LIMITED) else {
        return;
    };
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk::lock(Path::new(&folder)).unwrap());
    let (journal, _) = open(&disk, options(1 << 20)).unwrap();
    for number in 0..100 {
        let written = journal.append(entry(&number.to_string(), 300)).unwrap();
        written.wait().unwrap();
    }
    journal.close();
    assert!(journal.status().failures > 0);
}

#[test]
fn a_file_size_limit_loses_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let this = module_path!().split_once("::").unwrap().1;
    let output = Command::new("sh")
        // 16 blocks of 512 bytes; with the signal ignored, a write fails.
        .args(["-c", r#"trap "" XFSZ; ulimit -f 16; exec "$@""#, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("{this}::limited")])
        .env(LIMITED, folder.path())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{stdout}"
    );
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk::read_only(folder.path()));
    assert_eq!(faults(&disk), Vec::<String>::new());
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(ids(&records(&disk)), expected);
    let sizes = disk.list().unwrap().into_iter().map(|(_, size)| size);
    assert!(sizes.max() <= Some(8192));
}
