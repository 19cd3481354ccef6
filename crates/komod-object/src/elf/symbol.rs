//! The symbol table.

use super::{SHN_UNDEF, STB_WEAK};
use crate::bytes::{self, u16_at, u32_at, u64_at};
use crate::{ParseError, SectionId, Text};

/// Size of one 64-bit symbol.
pub const SYMBOL_SIZE: usize = 24;

/// One symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Index in the table.
    pub index: usize,
    /// Name, empty for section symbols.
    pub name: Text<'a>,
    /// Offset of the name in the string table, 0 for none.
    pub name_offset: u32,
    /// Binding and type.
    pub info: u8,
    /// Visibility.
    pub other: u8,
    /// Section the symbol is defined in, or `SHN_*`.
    pub shndx: u16,
    /// Offset in that section, or the value itself for `SHN_ABS`.
    pub value: u64,
    /// Size of what it names.
    pub size: u64,
}

impl Symbol<'_> {
    /// `STB_*`.
    pub fn binding(&self) -> u8 {
        self.info >> 4
    }

    /// `STT_*`.
    pub fn kind(&self) -> u8 {
        self.info & 0xf
    }

    /// True if another object must define it.
    pub fn is_undefined(&self) -> bool {
        self.shndx == SHN_UNDEF
    }

    /// True if it may stay undefined.
    pub fn is_weak(&self) -> bool {
        self.binding() == STB_WEAK
    }
}

/// The symbol table with its strings.
#[derive(Clone, Copy, Debug)]
pub struct SymbolTable<'a> {
    /// Index of the table's section.
    pub section: usize,
    /// Index of the string table's section.
    pub string_section: usize,
    data: &'a [u8],
    strings: &'a [u8],
}

impl<'a> SymbolTable<'a> {
    pub(super) fn new(
        section: usize,
        string_section: usize,
        data: &'a [u8],
        strings: &'a [u8],
    ) -> Self {
        SymbolTable { section, string_section, data, strings }
    }

    /// Number of symbols, the null symbol included.
    pub fn len(&self) -> usize {
        self.data.len() / SYMBOL_SIZE
    }

    /// True if there is not even a null symbol.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The raw table.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The raw string table.
    pub fn strings(&self) -> &'a [u8] {
        self.strings
    }

    /// The symbol with this index.
    pub fn get(&self, index: usize) -> Option<Symbol<'a>> {
        let entry = self.data.get(index.checked_mul(SYMBOL_SIZE)?..)?.get(..SYMBOL_SIZE)?;
        let name_offset = u32_at(entry, 0)?;
        Some(Symbol {
            index,
            name: bytes::c_str(self.strings, name_offset.into()).unwrap_or_default(),
            name_offset,
            info: entry[4],
            other: entry[5],
            shndx: u16_at(entry, 6)?,
            value: u64_at(entry, 8)?,
            size: u64_at(entry, 16)?,
        })
    }

    /// All symbols, the null symbol first.
    pub fn iter(&self) -> impl Iterator<Item = Symbol<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The first symbol with this name.
    pub fn by_name(&self, name: &str) -> Option<Symbol<'a>> {
        self.iter().find(|symbol| symbol.name == name)
    }

    /// Checks that every name is a terminated string.
    ///
    /// If the string table ends in NUL, every offset inside it is terminated, so this is one
    /// comparison for each symbol. Section indices are not checked here: whoever uses one asks
    /// [`Elf::section`](super::Elf::section), which answers `None` for those out of range.
    pub(super) fn check(&self, strings: &SectionId) -> Result<(), ParseError> {
        let terminated = self.strings.last() == Some(&0);
        for entry in self.data.chunks_exact(SYMBOL_SIZE) {
            let name = u32_at(entry, 0).unwrap_or(u32::MAX);
            let inside = (name as usize) < self.strings.len();
            if !(inside && terminated || bytes::c_str(self.strings, name.into()).is_some()) {
                return Err(ParseError::StringOffset {
                    section: strings.clone(),
                    offset: name.into(),
                });
            }
        }
        Ok(())
    }
}
