//! Whether a file is still the one that was read: size, times and inode without its bytes.
//!
//! Reading a whole kernel again takes longer than everything else komod does with it. As long as
//! none of these change, the file is taken to be the same.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A file as it was at some moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    path: PathBuf,
    size: u64,
    mtime: i64,
    mtime_nsec: i64,
    ctime: i64,
    ctime_nsec: i64,
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// With what is known about the file.
    pub fn new(path: &Path, metadata: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            size: metadata.size(),
            mtime: metadata.mtime(),
            mtime_nsec: metadata.mtime_nsec(),
            ctime: metadata.ctime(),
            ctime_nsec: metadata.ctime_nsec(),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// As it is now; `None` if there is none.
    pub fn of(path: &Path) -> Option<Self> {
        Some(Self::new(path, &std::fs::metadata(path).ok()?))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
