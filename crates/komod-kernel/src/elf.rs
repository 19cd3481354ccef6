//! The few things komod asks of a `vmlinux`: its loadable segments, its named sections and where
//! the ELF file ends. Parsing is the `object` crate's; this file only narrows it down.

use object::LittleEndian;
use object::elf::{EM_X86_64, FileHeader64, PT_LOAD, SHT_NOBITS};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

use crate::image::ImageError;

/// A `PT_LOAD` program header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub offset: u64,
    pub vaddr: u64,
    pub paddr: u64,
    pub file_size: u64,
    pub mem_size: u64,
}

/// A named section header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ElfSection {
    pub name: String,
    pub address: u64,
    pub offset: u64,
    pub size: u64,
    pub has_bytes: bool,
}

/// A parsed view of a little-endian x86-64 ELF file.
pub(crate) struct Elf<'a> {
    data: &'a [u8],
    pub segments: Vec<Segment>,
    pub sections: Vec<ElfSection>,
    /// One past the last byte of the section header table, which the kernel's link puts last.
    pub end: usize,
}

impl<'a> Elf<'a> {
    pub fn parse(data: &'a [u8]) -> Result<Self, ImageError> {
        let bad = |what| ImageError::Elf { what };
        let header = FileHeader64::<LittleEndian>::parse(data)
            .map_err(|_| bad("no valid 64-bit ELF header"))?;
        let endian = header.endian().map_err(|_| bad("not little-endian"))?;
        if header.e_machine(endian) != EM_X86_64 {
            return Err(ImageError::Machine { machine: header.e_machine(endian).0 });
        }
        let segments = header
            .program_headers(endian, data)
            .map_err(|_| bad("program headers outside the file"))?
            .iter()
            .filter(|segment| segment.p_type(endian) == PT_LOAD)
            .map(|segment| Segment {
                offset: segment.p_offset(endian),
                vaddr: segment.p_vaddr(endian),
                paddr: segment.p_paddr(endian),
                file_size: segment.p_filesz(endian),
                mem_size: segment.p_memsz(endian),
            })
            .collect();
        let table =
            header.sections(endian, data).map_err(|_| bad("section headers outside the file"))?;
        let mut sections = Vec::new();
        for section in table.iter() {
            let name = table
                .section_name(endian, section)
                .map_err(|_| bad("a section name outside the string table"))?;
            if name.is_empty() {
                continue;
            }
            sections.push(ElfSection {
                name: String::from_utf8_lossy(name).into_owned(),
                address: section.sh_addr(endian),
                offset: section.sh_offset(endian),
                size: section.sh_size(endian),
                has_bytes: section.sh_type(endian) != SHT_NOBITS,
            });
        }
        let table_size = u64::from(header.e_shentsize(endian))
            .checked_mul(u64::try_from(table.len()).unwrap_or(u64::MAX))
            .and_then(|size| size.checked_add(header.e_shoff(endian)))
            .and_then(|end| usize::try_from(end).ok())
            .filter(|&end| end <= data.len())
            .ok_or_else(|| bad("section header table outside the file"))?;
        Ok(Self { data, segments, sections, end: table_size })
    }

    pub fn section(&self, name: &str) -> Option<&ElfSection> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes of a section, if it has any and they lie inside the file.
    pub fn section_bytes(&self, name: &str) -> Option<&'a [u8]> {
        let section = self.section(name).filter(|section| section.has_bytes)?;
        let start = usize::try_from(section.offset).ok()?;
        let end = start.checked_add(usize::try_from(section.size).ok()?)?;
        self.data.get(start..end)
    }
}
