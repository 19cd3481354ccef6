//! Files mapped into memory: the only place in this crate with `unsafe` code.
#![allow(unsafe_code, reason = "memmap2's map is unsafe; this file is the fence around it")]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are either owned or mapped from a file; cheap to clone.
#[derive(Debug, Clone)]
pub struct Bytes(Kind);

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
        // SAFETY: the mapping is private and read-only, and only files of komod's own cache are
        // mapped: they are written to a temporary name, renamed into place once and never changed
        // or truncated afterwards (removing one leaves the mapping intact).
        let mapping = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file)? };
        Ok(Self(Kind::Mapped(Arc::new(mapping))))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kind::Owned(bytes) => bytes,
            Kind::Mapped(mapping) => mapping,
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Owned(Arc::new(bytes)))
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}
