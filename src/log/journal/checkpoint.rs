//! Checkpoints: signatures over the hash chain. With the public key and one checkpoint, a reader can verify that no
//! record before it was changed.
//!
//! A checkpoint is a record. The last one is also in `head.json`, so that a truncated log is detected. The signature
//! covers a constant, the log's id, and the sequence number and hash of the previous record. Ed25519, RFC 8032.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::line::{Head, RecordHash};

/// The signing key and its file.
pub struct Signer {
    key: Ed25519KeyPair,
    path: PathBuf,
}

impl Signer {
    /// Reads the PKCS#8 key from this file. Creates the file with mode 0600 if it does not exist.
    pub fn load_or_create(path: &Path) -> io::Result<Signer> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_key(path)?,
            read => read?,
        };
        let key = read_key(path, &bytes)?;
        let path = path.to_owned();
        Ok(Signer { key, path })
    }

    /// Writes the key file again if it is missing, because the next start cannot continue the log without it. Fails if the
    /// file holds another key.
    pub(super) fn restore(&self) -> io::Result<()> {
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = self.key.to_pkcs8();
                let key = key.map_err(|_| io::Error::other("the key cannot be encoded"))?;
                return write_key(&self.path, key.as_ref());
            }
            read => read?,
        };
        let found = read_key(&self.path, &bytes)?;
        if found.public_key().as_ref() == self.key.public_key().as_ref() {
            return Ok(());
        }
        let path = self.path.display();
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{path}: found another key than the one that signs this log"),
        ))
    }

    /// The public key in base64, as in checkpoints and in the output of `log verify`.
    pub fn public_key(&self) -> String {
        STANDARD.encode(self.key.public_key().as_ref())
    }

    pub(super) fn sign(&self, log: Uuid, head: Head) -> Checkpoint {
        let signature = self.key.sign(&signed_bytes(log, head.seq, head.hash));
        Checkpoint {
            log,
            seq: head.seq,
            hash: head.hash.to_string(),
            key: self.public_key(),
            signature: STANDARD.encode(signature.as_ref()),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never print the private key.
        out.debug_tuple("Signer").field(&self.public_key()).finish()
    }
}

fn read_key(path: &Path, bytes: &[u8]) -> io::Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_pkcs8(bytes).map_err(|_| {
        let expected = format!("{}: expected an Ed25519 key in PKCS#8", path.display());
        io::Error::new(io::ErrorKind::InvalidData, expected)
    })
}

fn create_key(path: &Path) -> io::Result<Vec<u8>> {
    let key = Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8());
    let key = key.map_err(|_| io::Error::other("cannot generate a key"))?;
    write_key(path, key.as_ref())?;
    Ok(key.as_ref().to_vec())
}

/// Writes the file atomically, by rename.
fn write_key(path: &Path, key: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("half");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // Without this sync, a power loss could remove the key but leave records that it has signed.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The body of a checkpoint record, and the content of `head.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The log's id.
    pub log: Uuid,
    /// The sequence number of the signed record.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
    /// The public key, base64.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
}

impl Checkpoint {
    /// Whether the signature is valid for this public key.
    pub fn is_signed_by(&self, key: &str) -> bool {
        let decoded = (STANDARD.decode(key), STANDARD.decode(&self.signature));
        let (Ok(key), Ok(signature)) = decoded else {
            return false;
        };
        let Some(hash) = RecordHash::parse(self.hash.as_bytes()) else {
            return false;
        };
        let signed = signed_bytes(self.log, self.seq, hash);
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(&signed, &signature).is_ok()
    }

    /// The signed record; `None` if the hash is malformed.
    pub fn head(&self) -> Option<Head> {
        Some(Head {
            seq: self.seq,
            hash: RecordHash::parse(self.hash.as_bytes())?,
        })
    }
}

fn signed_bytes(log: Uuid, seq: u64, hash: RecordHash) -> Vec<u8> {
    [
        DOMAIN,
        log.as_bytes().as_slice(),
        &seq.to_be_bytes(),
        &hash.0,
    ]
    .concat()
}

const DOMAIN: &[u8] = b"crosstrust-checkpoint-v1\n";
