//! The parts of a relocatable ELF file that depmod needs, of every word size and byte order: a tree
//! of modules may be for another machine.
//!
//! Sources: System V ABI, generic part (2013 draft), chapter 4; for 32 bits the older edition 4.1.

use super::contents::Contents;
use super::module_file::ModuleFileError;
use crate::module_file::header::{Header, LONGEST, Layout, Section};

/// Reads and checks the file's header.
pub fn header(contents: &Contents<'_>, scratch: &mut Vec<u8>) -> Result<Header, ModuleFileError> {
    let size = contents.len().min(LONGEST as u64);
    Ok(Header::parse(contents.piece("ELF header", 0, size, scratch)?)?)
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
    pub section: usize,
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
        if let Some(section) = elf.numbered(header.names) {
            elf.names = contents.piece("section names", section.offset, section.size, names)?;
        }
        Ok(elf)
    }

    /// The section of this number, if it has contents.
    pub fn numbered(&self, number: usize) -> Option<Section> {
        self.layout.section(self.table.chunks_exact(self.layout.section_size()).nth(number)?)
    }

    /// The sections that depmod reads: of each name the first, if it has contents.
    pub fn sections(&self) -> Sections {
        let mut found = Sections::default();
        for header in self.table.chunks_exact(self.layout.section_size()).skip(1) {
            let at = self.layout.section_name(header);
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
                *slot = self.layout.section(header);
            }
        }
        found
    }

    /// The symbols of a symbol table.
    pub fn symbols<'t>(&self, table: &'t [u8]) -> impl Iterator<Item = Symbol> + use<'t> {
        let layout = self.layout;
        table.chunks_exact(layout.symbol_size()).map(move |entry| Symbol {
            name: layout.word(entry, 0),
            section: layout.half(entry, if layout.wide { 6 } else { 14 }) as usize,
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
