//! Key sets in files: ConfigMap swaps, renames, overwrites and removals.

use super::*;

/// A folder as Kubernetes mounts a ConfigMap: `keys.json` → `..data/keys.json`, `..data` → the current version.
struct ConfigMap(tempfile::TempDir);

impl ConfigMap {
    fn with(signers: &[&Signer]) -> Self {
        let map = ConfigMap(tempfile::tempdir().unwrap());
        symlink("..data/keys.json", map.file()).unwrap();
        map.swap("..1", signers);
        map
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("keys.json")
    }

    /// Switches to the next version atomically.
    fn swap(&self, name: &str, signers: &[&Signer]) {
        let root = self.0.path();
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("keys.json"), jwks(signers)).unwrap();
        symlink(name, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    }
}

#[test]
fn each_swap_of_a_config_map_is_loaded() {
    let signers = [signer("a"), signer("b"), signer("c")];
    let map = ConfigMap::with(&[&signers[0]]);
    let followed = follow(KeySource::File(map.file()), options(&[]));
    assert!(followed.verifies(&signers[0]));
    assert_eq!(followed.status().good_until, None);
    for count in [2, 3] {
        let now: Vec<&Signer> = signers[..count].iter().collect();
        map.swap(&format!("..{count}"), &now);
        followed.wait_until(|status| status.keys == count);
        assert!(now.iter().all(|signer| followed.verifies(signer)));
    }
}

#[test]
fn a_file_is_reloaded_after_each_kind_of_write_and_its_keys_stay_if_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("entra.jwks");
    let (a, b) = (signer("a"), signer("b"));
    let followed = follow(KeySource::File(file.clone()), options(&[]));
    assert!(!followed.verifies(&a));
    assert!(
        followed.error().contains("entra.jwks"),
        "{}",
        followed.error()
    );

    fs::write(&file, jwks(&[&a])).unwrap();
    followed.wait_until(|status| status.keys == 1 && status.last_error.is_none());
    assert!(followed.verifies(&a));

    let failed = |status: &IssuerStatus| status.keys == 1 && status.last_error.is_some();
    let good = |keys: usize| {
        move |status: &IssuerStatus| status.keys == keys && status.last_error.is_none()
    };
    fs::write(&file, "{").unwrap();
    followed.wait_until(failed);
    assert!(followed.verifies(&a));

    let other = folder.path().join("entra.new");
    fs::write(&other, jwks(&[&a, &b])).unwrap();
    fs::rename(&other, &file).unwrap();
    followed.wait_until(good(2));

    fs::remove_file(&file).unwrap();
    followed.wait_until(|status| status.last_error.is_some());
    assert!(followed.verifies(&b), "a removed file removes no key");
    fs::write(&file, jwks(&[&b])).unwrap();
    followed.wait_until(good(1));
    assert!(!followed.verifies(&a));

    fs::write(&file, vec![b' '; (256 << 10) + 1]).unwrap();
    followed.wait_until(failed);
    assert!(followed.verifies(&b));
}

#[test]
fn a_file_is_checked_periodically_and_at_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let key = signer("a");
    fs::write(&file, jwks(&[&key])).unwrap();
    let often = FollowOptions {
        rescan: Duration::from_millis(10),
        ..options(&[])
    };
    let followed = follow(KeySource::File(file.clone()), often);
    let attempts = followed.status().attempts;
    followed.wait_until(|status| status.attempts > attempts + 2);

    let epoch = followed.epoch();
    let hinted = follow(KeySource::File(file), options(&[]));
    assert_eq!(hinted.refresh().keys, 1);
    assert_eq!(followed.epoch(), epoch);
}

/// Kills the process on drop.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_log_warns_of_an_unusable_key_once_and_not_at_each_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let mut small = signer("small key").jwk();
    small["x"] = json!("AAAA");
    let write = |good: &[&Signer]| {
        let good = good.iter().map(|signer| signer.jwk());
        let keys: Vec<Value> = std::iter::once(small.clone()).chain(good).collect();
        let new = folder.path().join("new");
        fs::write(&new, json!({ "keys": keys }).to_string()).unwrap();
        fs::rename(&new, &file).unwrap();
    };
    let (a, b) = (signer("a"), signer("b"));
    write(&[&a]);
    let configuration = folder.path().join("c.toml");
    let text = format!(
        "[log]\nmode = \"off\"\n[reload]\nrescan = 0.01\n[[issuer]]\npreset = \"entra-v2\"\nissuer = \"{ISS}\"\n\
         audiences = [\"a\"]\ntenants = \"any\"\nkeys = \"keys.json\"\n"
    );
    fs::write(&configuration, text).unwrap();
    let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "off"])
        .args([
            "--policies",
            concat!(env!("CARGO_MANIFEST_DIR"), "/policies"),
        ])
        .arg("--config")
        .arg(&configuration)
        .env_clear()
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let log = io::BufReader::new(process.stderr.take().unwrap());
    let _process = Process(process);
    let mut warnings = Vec::new();
    let mut in_force = 0;
    for line in io::BufRead::lines(log) {
        let line = line.unwrap();
        if line.contains("cannot be used and is skipped") {
            warnings.push(line);
        } else if line.contains("keys in force") {
            in_force += 1;
            match in_force {
                1 => write(&[&a, &b]),
                2 => write(&[&b]),
                _ => break,
            }
        }
    }
    let [warning] = warnings.as_slice() else {
        panic!("{warnings:?}")
    };
    for part in ["WARN", ISS, "small key", "`x`: missing, or not as RFC 7517"] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
}
