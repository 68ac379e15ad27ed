//! A tree of policy files is read in one consistent state, within limits, and no omission is silent.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crosstrust::files::{FilesError, TreeLimits, list, read};
use tempfile::tempdir;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn paths(root: &Path) -> Vec<String> {
    let tree = read(root, &TreeLimits::default()).unwrap();
    tree.files.into_iter().map(|file| file.path).collect()
}

#[test]
fn json_files_at_any_depth_are_read_and_dot_names_are_not() {
    let root = tempdir().unwrap();
    write(
        root.path(),
        &[
            ("b/default.json", "1"),
            ("a/conditional-access/x/y.json", "2"),
            ("a/Default.JSON", "3"),
            ("a/README.md", "4"),
            ("a/.hidden.json", "5"),
            (".git/x.json", "6"),
            ("..data/x.json", "7"),
        ],
    );
    let tree = read(root.path(), &TreeLimits::default()).unwrap();
    let files: Vec<_> = tree
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.bytes.as_ref()))
        .collect();
    assert_eq!(
        files,
        [
            ("a/Default.JSON", b"3".as_slice()),
            ("a/conditional-access/x/y.json", b"2"),
            ("b/default.json", b"1"),
        ]
    );
}

#[test]
fn files_that_do_not_end_in_json_are_listed_and_change_listing_and_digest() {
    let root = tempdir().unwrap();
    write(root.path(), &[("a/default.json", "1")]);
    let read = || read(root.path(), &TreeLimits::default()).unwrap();
    let before = read();
    assert!(before.listing.unread.is_empty());
    write(
        root.path(),
        &[("a/default.json.bak", "2"), ("b", "3"), (".c", "4")],
    );
    let after = read();
    assert_eq!(after.listing.unread, ["a/default.json.bak", "b"]);
    assert_eq!(after.files.len(), 1);
    assert_ne!(before.listing.unread, after.listing.unread);
    assert_ne!(before.digest, after.digest);
    write(
        root.path(),
        &[(".crosstrustignore", "b\n"), ("a/.crosstrustignore", "x")],
    );
    let ignoring = read();
    assert_eq!(ignoring.ignore.as_ref().unwrap().bytes, b"b\n".as_slice());
    assert_ne!(ignoring.digest, after.digest);
    fs::remove_file(root.path().join("b")).unwrap();
    assert_ne!(read().digest, ignoring.digest);
    let limits = TreeLimits {
        files: 3,
        ..TreeLimits::default()
    };
    assert!(crosstrust::files::read(root.path(), &limits).is_ok());
    write(root.path(), &[("d", ""), ("e", "")]);
    let error = crosstrust::files::read(root.path(), &limits).unwrap_err();
    assert!(
        matches!(error, FilesError::TooManyFiles { limit: 3, .. }),
        "{error:?}"
    );
}

#[test]
fn a_single_file_is_read_under_the_given_name() {
    let root = tempdir().unwrap();
    write(root.path(), &[("policy.txt", "{}")]);
    let path = root.path().join("policy.txt");
    assert_eq!(paths(&path), [path.to_str().unwrap()]);
}

#[test]
fn links_to_files_and_directories_are_followed() {
    let root = tempdir().unwrap();
    let policies = root.path().join("policies");
    write(
        root.path(),
        &[
            ("shared/default.json", "1"),
            ("policies/a/organization.json", "2"),
        ],
    );
    symlink("../../shared/default.json", policies.join("a/default.json")).unwrap();
    symlink("a", policies.join("b")).unwrap();
    assert_eq!(
        paths(&policies),
        [
            "a/default.json",
            "a/organization.json",
            "b/default.json",
            "b/organization.json"
        ]
    );
    let listing = list(&policies, &TreeLimits::default()).unwrap();
    let real = |path: &str| root.path().canonicalize().unwrap().join(path);
    let directories: Vec<_> = listing.directories.into_iter().map(|d| d.path).collect();
    assert_eq!(
        directories,
        [real("policies"), real("policies/a"), real("shared")]
    );
}

#[test]
fn a_loop_of_links_is_an_error() {
    let root = tempdir().unwrap();
    write(root.path(), &[("a/default.json", "1")]);
    symlink("..", root.path().join("a/round")).unwrap();
    let error = read(root.path(), &TreeLimits::default()).unwrap_err();
    assert!(matches!(error, FilesError::TooDeep { .. }), "{error:?}");
}

#[test]
fn a_dangling_link_is_an_error() {
    for name in ["default.json", "tenant"] {
        let root = tempdir().unwrap();
        symlink("nowhere", root.path().join(name)).unwrap();
        let error = read(root.path(), &TreeLimits::default()).unwrap_err();
        assert!(matches!(error, FilesError::Unreadable { .. }), "{error:?}");
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_an_error_and_does_not_block() {
    let root = tempdir().unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(root.path().join("default.json"))
        .status();
    assert!(made.unwrap().success());
    let error = read(root.path(), &TreeLimits::default()).unwrap_err();
    assert!(matches!(error, FilesError::NotAFile { .. }), "{error:?}");
}

#[test]
fn every_limit_is_accepted_at_it_and_rejected_one_past_it() {
    let root = tempdir().unwrap();
    write(
        root.path(),
        &[("a/b/one.json", "1234"), ("a/two.json", "123")],
    );
    let exact = TreeLimits {
        file_bytes: 4,
        total_bytes: 7,
        files: 3,
        depth: 2,
    };
    assert!(read(root.path(), &exact).is_ok());
    type IsExpected = fn(&FilesError) -> bool;
    let past: [(TreeLimits, IsExpected); 4] = [
        (
            TreeLimits {
                file_bytes: 3,
                ..exact
            },
            |e| matches!(e, FilesError::FileTooLarge { limit: 3, .. }),
        ),
        (
            TreeLimits {
                total_bytes: 6,
                ..exact
            },
            |e| matches!(e, FilesError::TreeTooLarge { limit: 6, .. }),
        ),
        // Three directories, two files.
        (TreeLimits { files: 2, ..exact }, |e| {
            matches!(e, FilesError::TooManyFiles { limit: 2, .. })
        }),
        (TreeLimits { depth: 1, ..exact }, |e| {
            matches!(e, FilesError::TooDeep { limit: 1, .. })
        }),
    ];
    for (limits, is_expected) in past {
        let error = read(root.path(), &limits).unwrap_err();
        assert!(is_expected(&error), "{error:?}");
    }
}

#[test]
fn the_digest_depends_on_every_path_and_every_byte() {
    let digest = |files: &[(&str, &str)]| {
        let root = tempdir().unwrap();
        write(root.path(), files);
        read(root.path(), &TreeLimits::default()).unwrap().digest
    };
    let this = digest(&[("a.json", "x"), ("b.json", "y")]);
    assert_eq!(this, digest(&[("b.json", "y"), ("a.json", "x")]));
    for other in [
        digest(&[("a.json", "x"), ("b.json", "z")]),
        digest(&[("a.json", "y"), ("b.json", "x")]),
        digest(&[("a.json", "x"), ("c.json", "y")]),
        digest(&[("a.json", "x")]),
        digest(&[("a.json", "xb.jsony")]),
    ] {
        assert_ne!(this, other);
    }
}

#[test]
fn two_states_of_a_tree_are_never_mixed() {
    let root = tempdir().unwrap();
    let replace = |name: &str, n: u32| {
        let path = root.path().join(name);
        fs::write(path.with_extension("new"), n.to_string()).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    };
    // The first file is ahead of the second by at most one.
    let step = |n| {
        replace("a.json", n);
        replace("b.json", n);
    };
    step(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..3000 {
                step(n);
                if n % 16 == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let tree = match read(root.path(), &TreeLimits::default()) {
                Ok(tree) => tree,
                Err(FilesError::Changing { .. } | FilesError::Unreadable { .. }) => continue,
                Err(error) => panic!("{error:?}"),
            };
            let number = |at: usize| -> u32 {
                str::from_utf8(&tree.files[at].bytes)
                    .unwrap()
                    .parse()
                    .unwrap()
            };
            assert!(number(0) == number(1) || number(0) == number(1) + 1);
        }
    });
    assert_eq!(
        read(root.path(), &TreeLimits::default()).unwrap().files[0].bytes,
        b"2999".as_slice()
    );
}
