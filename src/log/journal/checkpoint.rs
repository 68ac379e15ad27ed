//! Signatures over the chain: whoever has the public key and one checkpoint can tell that nothing before it was
//! changed.
//!
//! A checkpoint is a record, and the last one is also in `head.json`, so that a log whose end was cut off tells it.
//! Signed is a constant, the log's id, and number and hash of the record before. Ed25519, RFC 8032.

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

use super::line::{Hash, Head};

/// The key that signs, and the file it is in.
pub struct Signer {
    key: Ed25519KeyPair,
    path: PathBuf,
}

impl Signer {
    /// The key in this file, PKCS#8; made there where there is none, for its owner alone.
    pub fn load_or_make(path: &Path) -> io::Result<Signer> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            read => read?,
        };
        let key = read_key(path, &bytes)?;
        let path = path.to_owned();
        Ok(Signer { key, path })
    }

    /// Writes the key's file again where it is gone: the next start could not go on with the log without it. Fails
    /// where the file holds another key.
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
            format!("{path}: holds another key than the one that signs this log"),
        ))
    }

    /// The public key, as checkpoints and `log verify` write it.
    pub fn public_key(&self) -> String {
        STANDARD.encode(self.key.public_key().as_ref())
    }

    pub(super) fn sign(&self, log: Uuid, head: Head) -> Checkpoint {
        let signature = self.key.sign(&signed(log, head.seq, head.hash));
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
        // Never the private one.
        out.debug_tuple("Signer").field(&self.public_key()).finish()
    }
}

fn read_key(path: &Path, bytes: &[u8]) -> io::Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_pkcs8(bytes).map_err(|_| {
        let expected = format!("{}: expected an Ed25519 key in PKCS#8", path.display());
        io::Error::new(io::ErrorKind::InvalidData, expected)
    })
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let key = Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8());
    let key = key.map_err(|_| io::Error::other("no key could be made"))?;
    write_key(path, key.as_ref())?;
    Ok(key.as_ref().to_vec())
}

/// All of it or nothing: a crash in between leaves no half a key behind.
fn write_key(path: &Path, key: &[u8]) -> io::Result<()> {
    let half = path.with_extension("half");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&half)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&half, path)?;
    // Else a power cut takes the key, and leaves what it has signed.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The body of a checkpoint, and `head.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Which log.
    pub log: Uuid,
    /// The record that is signed …
    pub seq: u64,
    /// … and its hash.
    pub hash: String,
    /// The public key, base64.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
}

impl Checkpoint {
    /// Whether this key signed it.
    pub fn is_signed_by(&self, key: &str) -> bool {
        let decoded = (STANDARD.decode(key), STANDARD.decode(&self.signature));
        let (Ok(key), Ok(signature)) = decoded else {
            return false;
        };
        let Some(hash) = Hash::read(self.hash.as_bytes()) else {
            return false;
        };
        let signed = signed(self.log, self.seq, hash);
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(&signed, &signature).is_ok()
    }

    /// What it vouches for.
    pub fn head(&self) -> Option<Head> {
        Some(Head {
            seq: self.seq,
            hash: Hash::read(self.hash.as_bytes())?,
        })
    }
}

fn signed(log: Uuid, seq: u64, hash: Hash) -> Vec<u8> {
    [
        DOMAIN,
        log.as_bytes().as_slice(),
        &seq.to_be_bytes(),
        &hash.0,
    ]
    .concat()
}

const DOMAIN: &[u8] = b"crosstrust-checkpoint-v1\n";
