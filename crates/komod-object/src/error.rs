//! What can be wrong with a file, with the place where it is wrong.

use alloc::string::String;
use core::fmt;

/// A section by index and, where it could be read, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionId {
    /// Index in the section header table.
    pub index: usize,
    /// Name, empty if there is none or it is not readable.
    pub name: String,
}

impl fmt::Display for SectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "section {}", self.index)
        } else {
            write!(f, "section {} ({})", self.index, self.name)
        }
    }
}

/// Why a file is not a readable x86-64 kernel module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Shorter than an ELF header.
    #[error("file of {len} bytes is too short for an ELF header")]
    TooShort {
        /// Length of the file.
        len: usize,
    },
    /// No ELF magic at the start.
    #[error("not an ELF file: starts with {found:02x?}")]
    NotElf {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// The file is compressed; decompress it first.
    #[error("file is compressed ({format}), not an ELF file")]
    Compressed {
        /// Name of the compression.
        format: &'static str,
    },
    /// 32-bit or big-endian.
    #[error("{what} ELF file for {machine}; only 64-bit little-endian modules are supported")]
    ForeignFormat {
        /// `32-bit` or `big-endian`.
        what: &'static str,
        /// Name of the machine the file is for.
        machine: String,
    },
    /// Not `ET_REL`.
    #[error("ELF type {e_type} ({name}) is not a relocatable object")]
    NotRelocatable {
        /// The `e_type` field.
        e_type: u16,
        /// What that type is.
        name: &'static str,
    },
    /// The section header table is not inside the file, or its entries have a foreign size.
    #[error(
        "section header table at offset {offset:#x} ({count} entries of {entry_size} bytes) \
         does not fit the file of {len} bytes"
    )]
    SectionTable {
        /// `e_shoff`.
        offset: u64,
        /// `e_shnum`.
        count: u16,
        /// `e_shentsize`.
        entry_size: u16,
        /// Length of the file.
        len: usize,
    },
    /// `e_shstrndx` names no usable string table.
    #[error("section name table index {index} is not a string table (of {count} sections)")]
    SectionNames {
        /// `e_shstrndx`.
        index: u16,
        /// `e_shnum`.
        count: u16,
    },
    /// A section's contents lie outside the file.
    #[error("{section}: {size:#x} bytes at offset {offset:#x} lie outside the file of {len} bytes")]
    SectionBounds {
        /// The section.
        section: SectionId,
        /// `sh_offset`.
        offset: u64,
        /// `sh_size`.
        size: u64,
        /// Length of the file.
        len: usize,
    },
    /// A string index points outside its string table, or the string is not terminated.
    #[error("{section}: no terminated string at offset {offset:#x}")]
    StringOffset {
        /// The string table.
        section: SectionId,
        /// The offset into it.
        offset: u64,
    },
    /// A field of the file names a section, symbol or entry that does not exist.
    #[error("{section}: {what} {value} is out of range (limit {limit})")]
    Index {
        /// Where the index stands.
        section: SectionId,
        /// What is indexed.
        what: &'static str,
        /// The index.
        value: u64,
        /// First value that is too large.
        limit: u64,
    },
    /// A section that every module has is missing.
    #[error("no {name} section: not a kernel module{hint}")]
    Missing {
        /// Name of the section.
        name: &'static str,
        /// What may have happened, with a leading space, or empty.
        hint: &'static str,
    },
    /// The signature trailer is there, but contradicts the file.
    #[error("signature trailer: {source}")]
    Signature {
        /// What is wrong.
        #[from]
        source: crate::signature::SignatureError,
    },
}
