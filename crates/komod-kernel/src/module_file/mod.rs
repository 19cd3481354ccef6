//! A module's file, of which only what is asked for is read.
//!
//! What modinfo tells stands in a few hundred bytes of a file of megabytes: the header, the table
//! of sections, one section, and the signature at the end. An uncompressed file is read in pieces;
//! what its end has (signature, section names, table) in one. Any ELF file will do, of 32 or 64
//! bits and either byte order: modules of other machines are looked at, too.

mod elf;
pub(crate) mod header;
mod names;
mod signature;
mod source;
pub(crate) mod unpacked;

pub use signature::{KeyKind, Trailer};

use elf::Sections;
use komod_object::compress::DecompressError;
use source::Source;
use std::io;
use std::path::{Path, PathBuf};

/// A larger section is not read at once. Debian's largest `.modinfo` has 70 KB.
const MAX_SECTION: u64 = 64 << 20;

/// Why a module's file does not tell.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleFileError {
    /// It cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be decompressed.
    #[error("{}: {source}", .path.display())]
    Compression {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DecompressError,
    },
    /// It has too few bytes.
    #[error("{}: {size} bytes are no module", .path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// How many it has.
        size: u64,
    },
    /// It is something else.
    #[error("{}: no ELF file: it begins with {start:02x?}", .path.display())]
    NoElf {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        start: Vec<u8>,
    },
    /// A value in it cannot be.
    #[error("{}: {what} at offset {offset:#x} is {value:#x}; the file has {size:#x} bytes", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which value.
        what: &'static str,
        /// Where it stands.
        offset: u64,
        /// The value.
        value: u64,
        /// How large the file is, uncompressed.
        size: u64,
    },
}

impl ModuleFileError {
    /// The error number that kmod's tools go by.
    pub fn errno(&self) -> i32 {
        match self {
            ModuleFileError::Read { source, .. } => source.raw_os_error().unwrap_or(libc::EIO),
            ModuleFileError::NoElf { .. } => libc::ENOEXEC,
            _ => libc::EINVAL,
        }
    }
}

/// An open module file.
#[derive(Debug)]
pub struct ModuleFile {
    path: PathBuf,
    source: Source,
    sections: Sections,
}

impl ModuleFile {
    /// Opens a file and reads its table of sections.
    pub fn open(path: &Path) -> Result<Self, ModuleFileError> {
        let source = Source::open(path)?;
        let sections = Sections::read(&source);
        let sections = sections.map_err(|problem| problem.in_file(path, source.size()))?;
        Ok(ModuleFile { path: path.to_owned(), source, sections })
    }

    /// How the file is compressed.
    pub fn compression(&self) -> Option<komod_object::compress::Format> {
        self.source.compression()
    }

    /// The contents of the first section of this name.
    pub fn section(&self, name: &str) -> Result<Option<Vec<u8>>, ModuleFileError> {
        let Some(section) = self.sections.named(name.as_bytes()) else { return Ok(None) };
        let Some(contents) = section.contents else { return Ok(Some(Vec::new())) };
        let contents = match contents.size {
            size if size > MAX_SECTION => Err(elf::Problem::Value {
                what: "a section's size",
                offset: section.header,
                value: size,
            }),
            size => self.source.read(contents.offset, size),
        };
        contents.map(Some).map_err(|problem| problem.in_file(&self.path, self.source.size()))
    }

    /// The identifier of the build, if the linker put one in (`.note.gnu.build-id`).
    pub fn build_id(&self) -> Result<Option<Vec<u8>>, ModuleFileError> {
        let note = self.section(".note.gnu.build-id")?;
        Ok(note.and_then(|note| elf::build_id(&note, self.sections.layout)))
    }

    /// The signature at the file's end, taken apart; `None` if there is none that fits the file.
    pub fn signature(&self) -> Result<Option<Trailer>, ModuleFileError> {
        Trailer::read(&self.source)
            .map_err(|problem| problem.in_file(&self.path, self.source.size()))
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
