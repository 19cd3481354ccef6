//! The indexes of a module directory: `modules.dep.bin`, `modules.alias.bin`, `modules.symbols.bin`,
//! `modules.builtin.bin` and `modules.builtin.alias.bin`, as depmod writes them.
//!
//! Each is a trie: [`node`] reads one node, [`search`] finds a key or the patterns that match one,
//! [`walk`] goes over everything in order of keys.
//!
//! The format (depmod 3 to 34; all numbers big endian):
//!
//! ```text
//! file:  u32 magic B007F457   u32 version, 2 in the upper half   u32 reference to the root
//! reference: offset of a node in the lower 28 bits, and what the node has in the upper ones:
//!   8  prefix    bytes, NUL
//!   2  children  u8 first, u8 last, then a reference for each byte from first to last; 0: none
//!   4  values    u32 count, then so many times: u32 priority, bytes, NUL
//! ```
//!
//! A node stands for the key that leads to it: the bytes chosen among children, and the prefixes.
//! depmod writes a node behind its children up to version 33 and before them since 34; both are
//! read. Nothing in a file is trusted: what points outside of it, goes in circles or is more than
//! the file has room for is an [`IndexError`] that says where.

mod error;
mod node;
mod search;
mod walk;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use error::{IndexError, Problem};

use crate::map::Bytes;
use node::Reference;
use std::path::{Path, PathBuf};

/// The first four bytes.
const MAGIC: u32 = 0xB007_F457;
/// The upper half of the version that is read.
const MAJOR: u32 = 2;

/// An index that was opened.
#[derive(Debug, Clone)]
pub struct Index {
    path: PathBuf,
    bytes: Bytes,
    root: Reference,
}

/// What stands in an index under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'i> {
    /// Lower ones come first.
    pub priority: u32,
    pub text: &'i [u8],
}

impl Index {
    /// Maps an index. Only its header is looked at.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let bytes = Bytes::map(path)
            .map_err(|error| IndexError::Unreadable { path: path.to_owned(), error })?;
        Self::new(path, bytes)
    }

    /// An index from its bytes; `path` is for errors.
    pub fn new(path: &Path, bytes: Bytes) -> Result<Self, IndexError> {
        let damaged =
            |offset, problem| IndexError::Damaged { path: path.to_owned(), offset, problem };
        let word = |offset| {
            node::word(&bytes, offset).ok_or_else(|| damaged(bytes.len(), Problem::PastEnd))
        };
        let magic = word(0)?;
        if magic != MAGIC {
            return Err(damaged(0, Problem::Magic(magic)));
        }
        let version = word(4)?;
        if version >> 16 != MAJOR {
            return Err(damaged(4, Problem::Version(version)));
        }
        let root = Reference::new(word(8)?);
        Ok(Self { path: path.to_owned(), bytes, root })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error at a place of this file.
    fn damaged(&self, (offset, problem): (usize, Problem)) -> IndexError {
        IndexError::Damaged { path: self.path.clone(), offset, problem }
    }
}
