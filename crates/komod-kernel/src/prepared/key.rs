//! What a prepared kernel is filed under.
//!
//! Hashing a whole image takes tens of milliseconds, more than everything else on the hot path.
//! So the digest of a file is remembered under its path, with the size, modification time and
//! inode it had: as long as they stay, the file is taken to be the same.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::FORMAT;
use crate::identity::FileIdentity;
use crate::map;

/// A file as it was when its digest was computed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    #[serde(flatten)]
    file: FileIdentity,
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
}

impl Known {
    pub fn new(file: FileIdentity, sha256: String) -> Self {
        Self { file, sha256 }
    }

    /// The digest remembered for a file, if the file has not changed since.
    pub fn recall(dir: &Path, file: &FileIdentity) -> Option<String> {
        let known = std::fs::read(Self::path(dir, file.path())).ok()?;
        let known: Self = serde_json::from_slice(&known).ok()?;
        (known.file == *file).then_some(known.sha256)
    }

    /// Remembers a digest. It is only a shortcut: failing to write it does no harm.
    pub fn remember(&self, dir: &Path) {
        if let Ok(text) = serde_json::to_vec(self) {
            let _ = map::publish(&Self::path(dir, self.file.path()), &text);
        }
    }

    fn path(dir: &Path, file: &Path) -> PathBuf {
        let digest = hex(&Sha256::digest(file.as_os_str().as_encoded_bytes()));
        dir.join(format!("{}.json", digest.get(..16).unwrap_or_default()))
    }
}

/// SHA-256 of bytes, in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The directory name for an image with this digest, relocated to `base`.
pub(super) fn key(source_sha256: &str, base: u64) -> String {
    let text = format!("komod prepared image {FORMAT}\n{source_sha256}\n{base:#x}\n");
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
