//! The parts of a relocatable ELF file that depmod needs, of every word size and byte order: a tree
//! of modules may be for another machine.
//!
//! Sources: System V ABI, generic part (2013 draft), chapter 4; for 32 bits the older edition 4.1.

use super::contents::Contents;
use super::module_file::ModuleFileError;

/// No contents in the file.
const SHT_NOBITS: u32 = 8;

/// Where the sections are described.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    layout: Layout,
    /// Offset of the table of sections.
    pub table: u64,
    /// Its size.
    pub table_size: u64,
    names_index: u64,
}

/// Word size and byte order.
#[derive(Clone, Copy, Debug)]
struct Layout {
    wide: bool,
    big: bool,
}

impl Layout {
    fn number(self, bytes: &[u8], at: usize, len: usize) -> u64 {
        let end = at.saturating_add(len);
        let bytes = bytes.get(at..end).unwrap_or_default();
        let join = |number, byte: &u8| number << 8 | u64::from(*byte);
        if self.big { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
    }

    fn half(self, bytes: &[u8], at: usize) -> u64 {
        self.number(bytes, at, 2)
    }

    fn word(self, bytes: &[u8], at: usize) -> u32 {
        match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(bytes) if self.big => u32::from_be_bytes(*bytes),
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => 0,
        }
    }

    /// A number at `wide` or `narrow`, of the file's word size.
    fn long(self, bytes: &[u8], wide: usize, narrow: usize) -> u64 {
        if self.wide { self.number(bytes, wide, 8) } else { u64::from(self.word(bytes, narrow)) }
    }

    fn section_size(self) -> usize {
        if self.wide { 64 } else { 40 }
    }

    fn symbol_size(self) -> usize {
        if self.wide { 24 } else { 16 }
    }
}

impl Header {
    /// Reads and checks the file's header.
    pub fn read(contents: &Contents<'_>, scratch: &mut Vec<u8>) -> Result<Header, ModuleFileError> {
        let ident = contents.piece("ELF header", 0, contents.len().min(64), scratch)?;
        if !ident.starts_with(b"\x7fELF") {
            return Err(match ident.is_empty() {
                true => {
                    ModuleFileError::Outside { what: "ELF header", offset: 0, size: 64, len: 0 }
                }
                false => ModuleFileError::NotElf,
            });
        }
        let identity = |at: usize| ident.get(at).copied().unwrap_or_default();
        let (class, order) = (identity(4), identity(5));
        let bad = |field, value, why| Err(ModuleFileError::Header { field, value, why });
        if !matches!(class, 1 | 2) {
            return bad("EI_CLASS", class.into(), "neither 32 nor 64 bits");
        }
        if !matches!(order, 1 | 2) {
            return bad("EI_DATA", order.into(), "no byte order");
        }
        let layout = Layout { wide: class == 2, big: order == 2 };
        let size = if layout.wide { 64 } else { 52 };
        let header = contents.piece("ELF header", 0, size, scratch)?;
        let table = layout.long(header, 40, 32);
        let tail = if layout.wide { 58 } else { 46 };
        let (entry, count, names) = (
            layout.half(header, tail),
            layout.half(header, tail + 2),
            layout.half(header, tail + 4),
        );
        if entry != layout.section_size() as u64 {
            return bad("e_shentsize", entry, "not the size of a section header");
        }
        if count == 0 {
            return bad("e_shnum", count, "there are no sections");
        }
        if names == 0 || names >= count {
            return bad("e_shstrndx", names, "no section");
        }
        Ok(Header { layout, table, table_size: entry * count, names_index: names })
    }
}

/// A part of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Where it begins.
    pub offset: u64,
    /// Its size.
    pub size: u64,
}

/// The sections that depmod reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sections {
    /// `.symtab`
    pub symtab: Option<Section>,
    /// `.strtab`
    pub strtab: Option<Section>,
    /// `.modinfo`
    pub modinfo: Option<Section>,
    /// `__versions`
    pub versions: Option<Section>,
    /// `__ksymtab_strings`
    pub ksymtab_strings: Option<Section>,
}

/// A symbol.
#[derive(Clone, Copy, Debug)]
pub struct Symbol {
    /// Place of its name.
    pub name: u32,
    /// `st_shndx`.
    pub section: u64,
    /// `st_value`.
    pub value: u64,
}

/// The table of sections and their names.
pub struct Elf<'a> {
    layout: Layout,
    table: &'a [u8],
    names: &'a [u8],
}

impl<'a> Elf<'a> {
    /// Reads the table and the names.
    pub fn read(
        contents: &'a Contents<'_>,
        header: &Header,
        table: &'a mut Vec<u8>,
        names: &'a mut Vec<u8>,
    ) -> Result<Elf<'a>, ModuleFileError> {
        let table = contents.piece("section headers", header.table, header.table_size, table)?;
        let layout = header.layout;
        let mut elf = Elf { layout, table, names: &[] };
        if let Some(section) = elf.numbered(header.names_index) {
            elf.names = contents.piece("section names", section.offset, section.size, names)?;
        }
        Ok(elf)
    }

    /// The section of this number, if it has contents.
    pub fn numbered(&self, number: u64) -> Option<Section> {
        let number = usize::try_from(number).ok()?;
        self.described(self.table.chunks_exact(self.layout.section_size()).nth(number)?)
    }

    fn described(&self, header: &[u8]) -> Option<Section> {
        (self.layout.word(header, 4) != SHT_NOBITS).then(|| Section {
            offset: self.layout.long(header, 24, 16),
            size: self.layout.long(header, 32, 20),
        })
    }

    /// The sections that depmod reads: of each name the first, if it has contents.
    pub fn sections(&self) -> Sections {
        let mut found = Sections::default();
        for header in self.table.chunks_exact(self.layout.section_size()).skip(1) {
            let at = self.layout.word(header, 0) as usize;
            let name = self.names.get(at..).unwrap_or_default();
            let named = |whole: &[u8]| {
                let rest = name.strip_prefix(whole);
                rest.is_some_and(|rest| rest.first().is_none_or(|byte| *byte == 0))
            };
            // Most sections are others: four bytes tell.
            let (slot, whole) = match name.first_chunk() {
                Some(b".sym") => (&mut found.symtab, &b".symtab"[..]),
                Some(b".str") => (&mut found.strtab, &b".strtab"[..]),
                Some(b".mod") => (&mut found.modinfo, &b".modinfo"[..]),
                Some(b"__ve") => (&mut found.versions, &b"__versions"[..]),
                Some(b"__ks") => (&mut found.ksymtab_strings, &b"__ksymtab_strings"[..]),
                _ => continue,
            };
            if slot.is_none() && named(whole) {
                *slot = self.described(header);
            }
        }
        found
    }

    /// The symbols of a symbol table.
    pub fn symbols<'t>(&self, table: &'t [u8]) -> impl Iterator<Item = Symbol> + use<'t> {
        let layout = self.layout;
        table.chunks_exact(layout.symbol_size()).map(move |entry| Symbol {
            name: layout.word(entry, 0),
            section: layout.half(entry, if layout.wide { 6 } else { 14 }),
            value: layout.long(entry, 8, 4),
        })
    }

    /// Checksum and name of the entries of `__versions`: an unsigned long and the name, 64 bytes
    /// together (`struct modversion_info`, include/linux/module.h, Linux 6.1).
    pub fn versions<'t>(&self, table: &'t [u8]) -> impl Iterator<Item = (u64, &'t [u8])> + use<'t> {
        let layout = self.layout;
        let name_at = if layout.wide { 8 } else { 4 };
        table.chunks_exact(64).map(move |entry| {
            let name = entry.get(name_at..).unwrap_or_default();
            let end = memchr::memchr(0, name).unwrap_or(name.len());
            (layout.long(entry, 0, 0), name.get(..end).unwrap_or_default())
        })
    }

    /// A number of 32 bits.
    pub fn word(&self, bytes: &[u8]) -> u32 {
        self.layout.word(bytes, 0)
    }
}
