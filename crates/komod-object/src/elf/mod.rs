//! A thin, checked view of a 64-bit little-endian ELF object.
//!
//! [`Elf::parse`] checks everything a reader relies on: the header, the section header table, each
//! section's place in the file, the name table and the symbol table. After that the accessors
//! cannot fail for well-formed indices and return `None` for others. Symbols and relocations are
//! decoded on the fly; a module with a million relocations costs no allocation.
//!
//! Field layout: System V ABI, "ELF-64 Object File Format" 1.5.

mod constants;
mod header;
mod machine;
mod rela;
mod section;
mod symbol;

pub use constants::*;
pub use header::{Class, Encoding, HEADER_SIZE, Header};
pub use machine::machine_name;
pub use rela::{RELA_SIZE, Rela, Relas};
pub use section::{SECTION_HEADER_SIZE, Section, SectionHeader};
pub use symbol::{SYMBOL_SIZE, Symbol, SymbolTable};

use crate::error::{ParseError, SectionId};
use crate::{Text, bytes};
use alloc::string::ToString;
use alloc::vec::Vec;

/// A relocatable ELF object whose tables have been checked.
#[derive(Clone, Debug)]
pub struct Elf<'a> {
    data: &'a [u8],
    header: Header,
    headers: Vec<SectionHeader>,
    names: &'a [u8],
    symbols: Option<SymbolTable<'a>>,
}

impl<'a> Elf<'a> {
    /// Checks `data` and takes a view of it.
    ///
    /// `data` may be longer than the ELF file proper: an appended signature is no concern of ELF.
    pub fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        Elf::with_header(data, Header::parse(data, true)?)
    }

    /// As [`Elf::parse`], but as Linux reads a module: whatever class and byte order the file says it
    /// has, it is taken as a 64-bit little-endian one (`elf_validity_check()`,
    /// `kernel/module/main.c`, Linux 6.1).
    pub fn parse_as_kernel(data: &'a [u8]) -> Result<Self, ParseError> {
        Elf::with_header(data, Header::parse(data, false)?)
    }

    fn with_header(data: &'a [u8], header: Header) -> Result<Self, ParseError> {
        let headers = section::read_headers(data, &header)?;
        let count = header.shnum;
        let bad_names = ParseError::SectionNames { index: header.shstrndx, count };
        let name_header = headers.get(usize::from(header.shstrndx)).ok_or(bad_names.clone())?;
        // Of which type a string table is nobody looks at in Linux up to 6.3.
        if header.shstrndx == 0 || name_header.sh_type == SHT_NOBITS {
            return Err(bad_names);
        }
        let names = bytes::slice(data, name_header.offset, name_header.size).ok_or(bad_names)?;
        let mut elf = Elf { data, header, headers, names, symbols: None };
        elf.check_sections()?;
        elf.symbols = elf.find_symbols()?;
        Ok(elf)
    }

    fn check_sections(&self) -> Result<(), ParseError> {
        for section in self.sections() {
            let header = section.header;
            if header.sh_type == SHT_NULL {
                continue;
            }
            if bytes::c_str(self.names, header.name.into()).is_none() {
                return Err(ParseError::StringOffset {
                    section: self.id(usize::from(self.header.shstrndx)),
                    offset: header.name.into(),
                });
            }
            if header.sh_type != SHT_NOBITS
                && bytes::slice(self.data, header.offset, header.size).is_none()
            {
                return Err(ParseError::SectionBounds {
                    section: section.id(),
                    offset: header.offset,
                    size: header.size,
                    len: self.data.len(),
                });
            }
        }
        Ok(())
    }

    fn find_symbols(&self) -> Result<Option<SymbolTable<'a>>, ParseError> {
        let Some(table) = self.sections().find(|s| s.header.sh_type == SHT_SYMTAB) else {
            return Ok(None);
        };
        let link = table.header.link;
        let strings = self
            .section(link as usize)
            .filter(|s| link != 0 && s.header.sh_type != SHT_NOBITS)
            .ok_or_else(|| ParseError::Index {
                section: table.id(),
                what: "string table section",
                value: link.into(),
                limit: self.headers.len() as u64,
            })?;
        let symbols = SymbolTable::new(table.index, strings.index, table.data(), strings.data());
        symbols.check(&strings.id())?;
        Ok(Some(symbols))
    }

    /// The whole input.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The ELF header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Number of section headers, the null section included.
    pub fn section_count(&self) -> usize {
        self.headers.len()
    }

    /// The section with this index.
    pub fn section(&self, index: usize) -> Option<Section<'a>> {
        let header = *self.headers.get(index)?;
        let name = bytes::c_str(self.names, header.name.into()).unwrap_or_default();
        Some(Section { index, name, header, file: self.data })
    }

    /// All sections in file order, the null section first.
    pub fn sections(&self) -> impl Iterator<Item = Section<'a>> + '_ {
        (0..self.headers.len()).filter_map(|index| self.section(index))
    }

    /// The first section with this name.
    pub fn section_by_name(&self, name: &str) -> Option<Section<'a>> {
        self.sections().find(|section| section.name == name)
    }

    /// The symbol table, if the object has one.
    pub fn symbols(&self) -> Option<&SymbolTable<'a>> {
        self.symbols.as_ref()
    }

    /// The relocations in section `index`; empty for sections that hold none.
    pub fn relas(&self, index: usize) -> Relas<'a> {
        match self.section(index) {
            Some(section) if section.header.sh_type == SHT_RELA => Relas::new(section.data()),
            _ => Relas::new(&[]),
        }
    }

    /// The relocations that apply to section `target`, over all relocation sections.
    pub fn relas_for(&self, target: usize) -> impl Iterator<Item = Rela> + '_ {
        self.sections()
            .filter(move |s| s.header.sh_type == SHT_RELA && s.header.info as usize == target)
            .flat_map(|s| Relas::new(s.data()))
    }

    /// The string that `symbol` plus `addend` points at, if it lies in a section with contents.
    pub fn string_at(&self, symbol: &Symbol<'_>, addend: i64) -> Option<Text<'a>> {
        let section = self.section(usize::from(symbol.shndx))?;
        bytes::c_str(section.data(), symbol.value.checked_add_signed(addend)?)
    }

    /// Index and name of a section, for messages.
    pub fn id(&self, index: usize) -> SectionId {
        let name = self.section(index).map(|s| s.name.to_string()).unwrap_or_default();
        SectionId { index, name }
    }
}
