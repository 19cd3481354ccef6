//! The symbols a module exports.
//!
//! `EXPORT_SYMBOL()` leaves an entry in `__ksymtab` or `__ksymtab_gpl`. On x86-64 an entry is three
//! 32-bit place-relative references (`struct kernel_symbol`, `include/linux/export-internal.h` and
//! `kernel/module/internal.h`, Linux 6.1 and 6.12): to the symbol, to its name, to its namespace.
//! In the file these are still relocations, so that is what is read. The checksums stand in
//! `__kcrctab*`, in the same order.

use crate::bytes::u32_at;
use crate::elf::{Elf, Rela, SHN_ABS, Section};
use crate::{ParseError, Text};
use alloc::vec;
use alloc::vec::Vec;

/// Size of one entry of an export table: three 32-bit references.
pub const ENTRY_SIZE: usize = 12;

/// The export tables, with the table of checksums that belongs to each and whether it is GPL-only.
pub const TABLES: [(&str, &str, bool); 2] =
    [("__ksymtab", "__kcrctab", false), ("__ksymtab_gpl", "__kcrctab_gpl", true)];

/// One exported symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export<'a> {
    /// Name.
    pub name: Text<'a>,
    /// Namespace, if it is in one.
    pub namespace: Option<Text<'a>>,
    /// Only for modules under a GPL-compatible licence.
    pub gpl_only: bool,
    /// Checksum, if the module was built with `CONFIG_MODVERSIONS`.
    pub crc: Option<u32>,
    /// Section and offset of what is exported, if the module itself defines it.
    pub location: Option<(usize, u64)>,
}

/// Reads the export tables, plain exports first, in table order.
pub fn exports<'a>(elf: &Elf<'a>) -> Result<Vec<Export<'a>>, ParseError> {
    let mut exports = Vec::new();
    for (table, crc_table, gpl_only) in TABLES {
        if let Some(section) = elf.section_by_name(table) {
            let crcs = elf.section_by_name(crc_table).map(|s| crcs(elf, &s));
            read_table(elf, &section, crcs.as_deref(), gpl_only, &mut exports)?;
        }
    }
    Ok(exports)
}

fn read_table<'a>(
    elf: &Elf<'a>,
    section: &Section<'a>,
    crcs: Option<&[u32]>,
    gpl_only: bool,
    exports: &mut Vec<Export<'a>>,
) -> Result<(), ParseError> {
    // One slot for each 32-bit field of the table.
    let mut fields: Vec<Option<Rela>> = vec![None; section.data().len() / 4];
    for rela in elf.relas_for(section.index) {
        let slot = usize::try_from(rela.offset / 4).ok().and_then(|slot| fields.get_mut(slot));
        match slot {
            Some(slot) if rela.offset.is_multiple_of(4) => *slot = Some(rela),
            _ => {
                return Err(ParseError::Index {
                    section: section.id(),
                    what: "relocation offset",
                    value: rela.offset,
                    limit: section.header.size,
                });
            }
        }
    }
    for (index, entry) in fields.chunks_exact(3).enumerate() {
        let name = string(elf, section, entry[1])?.unwrap_or_default();
        let namespace = string(elf, section, entry[2])?.filter(|ns| !ns.is_empty());
        let location = match entry[0] {
            Some(rela) => target(elf, section, rela)?,
            None => None,
        };
        let crc = crcs.and_then(|crcs| crcs.get(index)).copied();
        exports.push(Export { name, namespace, gpl_only, crc, location });
    }
    Ok(())
}

fn string<'a>(
    elf: &Elf<'a>,
    section: &Section<'a>,
    rela: Option<Rela>,
) -> Result<Option<Text<'a>>, ParseError> {
    let Some(rela) = rela else { return Ok(None) };
    let symbol = symbol(elf, section, rela)?;
    elf.string_at(&symbol, rela.addend).map(Some).ok_or_else(|| ParseError::StringOffset {
        section: elf.id(usize::from(symbol.shndx)),
        offset: symbol.value.wrapping_add_signed(rela.addend),
    })
}

fn target(
    elf: &Elf<'_>,
    section: &Section<'_>,
    rela: Rela,
) -> Result<Option<(usize, u64)>, ParseError> {
    let symbol = symbol(elf, section, rela)?;
    let index = usize::from(symbol.shndx);
    let defined = index != 0 && index < elf.section_count();
    Ok(defined.then(|| (index, symbol.value.wrapping_add_signed(rela.addend))))
}

fn symbol<'a>(
    elf: &Elf<'a>,
    section: &Section<'a>,
    rela: Rela,
) -> Result<crate::elf::Symbol<'a>, ParseError> {
    let table = elf.symbols();
    table.and_then(|table| table.get(rela.symbol as usize)).ok_or_else(|| ParseError::Index {
        section: section.id(),
        what: "symbol of a relocation",
        value: rela.symbol.into(),
        limit: table.map_or(0, |table| table.len() as u64),
    })
}

/// The checksums: plain numbers, or (older kernels) references to absolute `__crc_` symbols.
fn crcs(elf: &Elf<'_>, section: &Section<'_>) -> Vec<u32> {
    let mut crcs: Vec<u32> =
        section.data().chunks_exact(4).map(|word| u32_at(word, 0).unwrap_or(0)).collect();
    for rela in elf.relas_for(section.index) {
        let symbol = elf.symbols().and_then(|table| table.get(rela.symbol as usize));
        let slot = usize::try_from(rela.offset / 4).ok().and_then(|slot| crcs.get_mut(slot));
        if let (Some(symbol), Some(slot)) = (symbol, slot)
            && symbol.shndx == SHN_ABS
        {
            *slot = symbol.value.wrapping_add_signed(rela.addend) as u32;
        }
    }
    crcs
}
