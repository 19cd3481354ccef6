//! A kernel made ready once: unpacked, relocated, decoded and indexed, kept in the user's cache.
//!
//! Unpacking a kernel takes half a second; opening what [`prepare`] left takes a millisecond,
//! because every file in the directory is used as it lies:
//!
//! ```text
//! images/<key>/image      the flat image relocated to its base, whole pages, for MAP_PRIVATE
//!              symbols    SymbolTable, at relocated addresses
//!              exports    ExportTable
//!              btf        the section .BTF
//!              btf.index  where types begin, and their names
//!              facts.json release, banner, compiler, sections, … and where each was learnt
//! images/known/…          which file (path, size, time, inode) had which digest
//! ```
//!
//! The key is a SHA-256 of the image's bytes, the base address and this format's version, so a
//! changed kernel or a changed komod never meets stale data. A directory appears by one rename:
//! whoever sees it sees all of it.

mod build;
mod facts;
mod key;

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::btf::{Btf, BtfError};
use crate::exports::{ExportError, ExportTable, ExportTableError};
use crate::image::{ImageError, PerCpu, Section};
use crate::kallsyms::KallsymsError;
use crate::map::Bytes;
use crate::symbols::{SymbolTable, SymbolTableError};

pub use build::{Step, prepare, prepare_to_read};
pub use facts::{ImageFacts, Provenance};

/// Raised whenever a file of the directory changes its form or meaning.
const FORMAT: u32 = 1;

const IMAGE: &str = "image";
const SYMBOLS: &str = "symbols";
const EXPORTS: &str = "exports";
const BTF: &str = "btf";
const BTF_INDEX: &str = "btf.index";
const FACTS: &str = "facts.json";

/// Why a kernel could not be made ready or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Image { path: PathBuf, source: ImageError },
    #[error("{}: {source}", path.display())]
    Kallsyms { path: PathBuf, source: KallsymsError },
    #[error("{}: {source}", path.display())]
    Exports { path: PathBuf, source: ExportError },
    #[error("{}: {source}", path.display())]
    Btf { path: PathBuf, source: BtfError },
    #[error("{}: the kernel carries no {missing} (needs {config})", path.display())]
    Missing { path: PathBuf, missing: &'static str, config: &'static str },
    #[error("{}: Linux {release} is too old: komod reads images since 5.4", path.display())]
    TooOld { path: PathBuf, release: String },
    #[error("{}: damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
}

impl PrepareError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// An opened directory of a prepared kernel.
#[derive(Debug)]
pub struct Prepared {
    dir: PathBuf,
    facts: ImageFacts,
    symbols: SymbolTable,
    exports: ExportTable,
    btf: Btf,
}

impl Prepared {
    /// Opens what [`prepare`] wrote: maps the tables and reads the facts.
    pub fn open(dir: &Path) -> Result<Self, PrepareError> {
        let map = |name: &str| {
            let path = dir.join(name);
            let bytes = Bytes::map(&path).map_err(PrepareError::io("map", &path))?;
            Ok::<_, PrepareError>((path, bytes))
        };
        let damaged = |path: PathBuf, reason: String| PrepareError::Damaged { path, reason };

        let facts_path = dir.join(FACTS);
        let text = std::fs::read(&facts_path).map_err(PrepareError::io("read", &facts_path))?;
        let facts: ImageFacts = serde_json::from_slice(&text)
            .map_err(|error| damaged(facts_path.clone(), error.to_string()))?;
        if facts.format != FORMAT {
            let reason = format!("format {} where {FORMAT} is wanted", facts.format);
            return Err(damaged(facts_path, reason));
        }
        let image = dir.join(IMAGE);
        let size = std::fs::metadata(&image).map_err(PrepareError::io("look at", &image))?.len();
        if size != facts.image_len {
            let reason = format!("{size} bytes where {} were written", facts.image_len);
            return Err(damaged(image, reason));
        }
        let (path, bytes) = map(SYMBOLS)?;
        let symbols = SymbolTable::from_bytes(bytes)
            .map_err(|error: SymbolTableError| damaged(path, error.to_string()))?;
        let (path, bytes) = map(EXPORTS)?;
        let exports = ExportTable::from_bytes(bytes)
            .map_err(|error: ExportTableError| damaged(path, error.to_string()))?;
        let (path, bytes) = map(BTF)?;
        let (_, index) = map(BTF_INDEX)?;
        let btf =
            Btf::with_index(bytes, index).map_err(|error| damaged(path, error.to_string()))?;
        Ok(Self { dir: dir.to_owned(), facts, symbols, exports, btf })
    }

    /// The directory itself; its name is the key.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The flat image, to be mapped privately at [`Prepared::base`].
    pub fn image_path(&self) -> PathBuf {
        self.dir.join(IMAGE)
    }

    /// Its size: a whole number of pages.
    pub fn image_len(&self) -> u64 {
        self.facts.image_len
    }

    /// The address it is relocated to.
    pub fn base(&self) -> u64 {
        self.facts.base
    }

    /// All symbols at relocated addresses (per-CPU symbols as offsets).
    pub fn symbols(&self) -> &SymbolTable {
        &self.symbols
    }

    /// What modules may link against.
    pub fn exports(&self) -> &ExportTable {
        &self.exports
    }

    /// The kernel's types.
    pub fn btf(&self) -> &Btf {
        &self.btf
    }

    /// A section of the image by name, at its relocated address.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.facts.sections.iter().find(|section| section.name == name)
    }

    /// What a section holds, after relocation; `None` if the image has no such section, or not in
    /// the part that is loaded.
    pub fn section_bytes(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(section) = self.section(name) else { return Ok(None) };
        let start = section.address.checked_sub(self.base());
        let end = start.and_then(|start| start.checked_add(section.size));
        let (Some(start), Some(_)) = (start, end.filter(|end| *end <= self.image_len())) else {
            return Ok(None);
        };
        // No longer than the image, whose length has been compared with its file.
        let mut bytes = vec![0; usize::try_from(section.size).unwrap_or_default()];
        std::fs::File::open(self.image_path())?.read_exact_at(&mut bytes, start)?;
        Ok(Some(bytes))
    }

    /// The initial per-CPU data in the image.
    pub fn percpu(&self) -> PerCpu {
        self.facts.percpu
    }

    /// Everything known about the image, with where it was learnt.
    pub fn facts(&self) -> &ImageFacts {
        &self.facts
    }
}
