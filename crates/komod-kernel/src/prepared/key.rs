//! What a prepared kernel is filed under.
//!
//! Hashing a whole image takes tens of milliseconds, more than everything else on the hot path.
//! So the digest of a file is remembered under its path, with the size, modification time and
//! inode it had: as long as they stay, the file is taken to be the same.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::FORMAT;

/// A file as it was when its digest was computed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    path: PathBuf,
    size: u64,
    mtime: i64,
    mtime_nsec: i64,
    ctime: i64,
    ctime_nsec: i64,
    device: u64,
    inode: u64,
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
}

impl Known {
    pub fn new(path: &Path, metadata: &Metadata, sha256: String) -> Self {
        Self {
            path: path.to_owned(),
            size: metadata.size(),
            mtime: metadata.mtime(),
            mtime_nsec: metadata.mtime_nsec(),
            ctime: metadata.ctime(),
            ctime_nsec: metadata.ctime_nsec(),
            device: metadata.dev(),
            inode: metadata.ino(),
            sha256,
        }
    }

    /// The digest remembered for a file, if the file has not changed since.
    pub fn recall(dir: &Path, path: &Path, metadata: &Metadata) -> Option<String> {
        let known: Self =
            serde_json::from_slice(&std::fs::read(Self::file(dir, path)).ok()?).ok()?;
        let now = Self::new(path, metadata, known.sha256.clone());
        (known == now).then_some(known.sha256)
    }

    /// Remembers a digest. It is only a shortcut: failing to write it does no harm.
    pub fn remember(&self, dir: &Path) {
        let file = Self::file(dir, &self.path);
        let temporary = file.with_extension(format!("{}", std::process::id()));
        if let Ok(text) = serde_json::to_vec(self)
            && std::fs::create_dir_all(dir).is_ok()
            && std::fs::write(&temporary, text).is_ok()
            && std::fs::rename(&temporary, &file).is_err()
        {
            let _ = std::fs::remove_file(&temporary);
        }
    }

    fn file(dir: &Path, path: &Path) -> PathBuf {
        let digest = hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
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
