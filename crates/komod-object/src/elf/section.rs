//! Section headers and sections.

use super::{Header, SHF_ALLOC, SHT_NOBITS};
use crate::bytes::{self, u32_at, u64_at};
use crate::{ParseError, SectionId, Text};
use alloc::string::ToString;
use alloc::vec::Vec;

/// Size of one 64-bit section header.
pub const SECTION_HEADER_SIZE: usize = 64;

/// One entry of the section header table, as it stands in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectionHeader {
    /// Offset of the name in the section name table.
    pub name: u32,
    /// `SHT_*`.
    pub sh_type: u32,
    /// `SHF_*`.
    pub flags: u64,
    /// Address; zero in relocatable objects.
    pub addr: u64,
    /// Place of the contents in the file.
    pub offset: u64,
    /// Size of the contents.
    pub size: u64,
    /// Index of a related section.
    pub link: u32,
    /// Further information; for relocations the section they apply to.
    pub info: u32,
    /// Alignment, a power of two or 0.
    pub align: u64,
    /// Size of one entry in sections that are tables.
    pub entsize: u64,
}

impl SectionHeader {
    /// Reads the header at `offset`.
    pub fn read(data: &[u8], offset: usize) -> Option<Self> {
        let at = |field: usize| offset.checked_add(field);
        Some(SectionHeader {
            name: u32_at(data, offset)?,
            sh_type: u32_at(data, at(4)?)?,
            flags: u64_at(data, at(8)?)?,
            addr: u64_at(data, at(16)?)?,
            offset: u64_at(data, at(24)?)?,
            size: u64_at(data, at(32)?)?,
            link: u32_at(data, at(40)?)?,
            info: u32_at(data, at(44)?)?,
            align: u64_at(data, at(48)?)?,
            entsize: u64_at(data, at(56)?)?,
        })
    }

    /// True if the section takes memory in the loaded module.
    pub fn is_alloc(&self) -> bool {
        self.flags & SHF_ALLOC != 0
    }
}

/// Reads the whole table, which must lie inside the file.
pub(super) fn read_headers(data: &[u8], header: &Header) -> Result<Vec<SectionHeader>, ParseError> {
    let error = ParseError::SectionTable {
        offset: header.shoff,
        count: header.shnum,
        entry_size: header.shentsize,
        len: data.len(),
    };
    let size = u64::from(header.shnum) * SECTION_HEADER_SIZE as u64;
    let table = bytes::slice(data, header.shoff, size);
    let (true, Some(table)) = (usize::from(header.shentsize) == SECTION_HEADER_SIZE, table) else {
        return Err(error);
    };
    (0..usize::from(header.shnum))
        .map(|index| SectionHeader::read(table, index * SECTION_HEADER_SIZE))
        .collect::<Option<Vec<_>>>()
        .ok_or(error)
}

/// A section: its header, its name and its contents.
#[derive(Clone, Copy)]
pub struct Section<'a> {
    /// Index in the section header table.
    pub index: usize,
    /// Name.
    pub name: Text<'a>,
    /// Header.
    pub header: SectionHeader,
    pub(super) file: &'a [u8],
}

impl<'a> Section<'a> {
    /// The contents in the file; empty for `SHT_NOBITS` (`.bss`).
    pub fn data(&self) -> &'a [u8] {
        if self.header.sh_type == SHT_NOBITS {
            return &[];
        }
        bytes::slice(self.file, self.header.offset, self.header.size).unwrap_or_default()
    }

    /// Index and name, for messages.
    pub fn id(&self) -> SectionId {
        SectionId { index: self.index, name: self.name.to_string() }
    }
}

impl core::fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Section")
            .field("index", &self.index)
            .field("name", &self.name)
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}
