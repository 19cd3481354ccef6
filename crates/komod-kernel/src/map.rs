//! Files mapped into memory: the only place in this crate with `unsafe` code.
#![allow(unsafe_code, reason = "memmap2's map is unsafe; this file is the fence around it")]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Writes a file of komod's cache, which appears whole and at once, and its folder if need be.
pub fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    let unfinished = path.with_extension(format!("{}-{turn}", std::process::id()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let done = std::fs::write(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, path));
    if done.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    done
}

/// Bytes that are either owned or mapped from a file; cheap to clone.
#[derive(Debug, Clone)]
pub struct Bytes {
    kind: Kind,
    /// Bytes in front that do not count.
    skipped: usize,
}

#[derive(Debug, Clone)]
enum Kind {
    Owned(Arc<Vec<u8>>),
    Mapped(Arc<memmap2::Mmap>),
}

impl Bytes {
    /// Maps a whole file read-only. An empty file gives empty bytes.
    pub fn map(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Vec::new().into());
        }
        // SAFETY: the mapping is private and read-only, and only files of komod's own cache and
        // indexes of depmod are mapped: both are written to a temporary name, renamed into place
        // once and never changed or truncated afterwards (removing one leaves the mapping intact).
        let mapping = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file)? };
        Ok(Self { kind: Kind::Mapped(Arc::new(mapping)), skipped: 0 })
    }

    /// The same bytes without those before a place, if there are that many.
    pub fn behind(&self, place: usize) -> Option<Self> {
        let skipped = self.skipped.checked_add(place)?;
        (place <= self.len()).then(|| Self { kind: self.kind.clone(), skipped })
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.kind {
            Kind::Owned(bytes) => bytes,
            Kind::Mapped(mapping) => mapping,
        };
        all.get(self.skipped..).unwrap_or_default()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { kind: Kind::Owned(Arc::new(bytes)), skipped: 0 }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}
