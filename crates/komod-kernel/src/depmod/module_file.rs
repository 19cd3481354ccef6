//! One module's file → its [`Facts`].

use super::contents::{Buffers, Contents};
use super::elf::{Elf, Symbol, header};
use super::error::errno_text;
use super::facts::{Facts, Gathering, List, Strings};
use super::folder::Folder;
use super::stamp::Stamp;
use super::walk::ModuleFile;
use crate::module_file::header::{Fault, Section};
use rustc_hash::FxHashMap;
use std::io;

/// Why a module's file says nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleFileError {
    /// The system refuses.
    #[error("{}", errno_text(.0))]
    Io(#[from] io::Error),
    /// No regular file.
    #[error("not a regular file")]
    NotAFile,
    /// The compressed data is damaged, or expands too far.
    #[error("{0}")]
    Compressed(#[from] komod_object::compress::DecompressError),
    /// It does not begin as ELF files do.
    #[error("Exec format error (not an ELF file)")]
    NotElf,
    /// A field of the header is wrong.
    #[error("Invalid argument ({field} is {value}, {why})")]
    Header {
        /// The field's name.
        field: &'static str,
        /// What it is.
        value: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A part that is beyond the end of the file.
    #[error("Invalid argument ({what} of {size} bytes at {offset:#x} is outside of {len} bytes)")]
    Outside {
        /// The part.
        what: &'static str,
        /// Where it begins.
        offset: u64,
        /// Its size.
        size: u64,
        /// The file's size.
        len: u64,
    },
    /// A part that no module has in this size.
    #[error("File too large ({what} of {size} bytes)")]
    TooLarge {
        /// The part.
        what: &'static str,
        /// Its size.
        size: u64,
    },
}

impl From<Fault> for ModuleFileError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotElf => Self::NotElf,
            Fault::Short { len, size } => {
                Self::Outside { what: "ELF header", offset: 0, size: size as u64, len: len as u64 }
            }
            Fault::Field { field, value, why, .. } => Self::Header { field, value, why },
        }
    }
}

/// Reads modules one after another, in the same memory.
#[derive(Debug, Default)]
pub struct ModuleReader {
    buffers: Buffers,
    gathering: Gathering,
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Scratch {
    table: Vec<u8>,
    names: Vec<u8>,
    symbols: Vec<u8>,
    strings: Vec<u8>,
    texts: Vec<u8>,
    other: Vec<u8>,
}

impl ModuleReader {
    /// The facts of a file; checksums only if they are wanted.
    pub fn read(
        &mut self,
        folder: &Folder,
        module: &ModuleFile,
        checksums: bool,
    ) -> Result<(Facts<'static>, Stamp), ModuleFileError> {
        let out = &mut self.gathering;
        out.clear();
        let Scratch { table, names, symbols, strings, texts, other } = &mut self.scratch;
        let file = folder.file(module).map_err(io::Error::from)?;
        let mut contents = Contents::of(file, &mut self.buffers)?;
        let header = header(&contents, other)?;
        contents.prepare(header.table, header.table_size)?;
        let elf = Elf::read(&contents, &header, table, names)?;

        let sections = elf.sections();

        let mut undefined = Vec::new();
        if let (Some(table), Some(text)) = (sections.symtab, sections.strtab) {
            let (table, text) = (("symbol table", table), ("string table", text));
            let [symbols, text] = contents.pieces(table, text, [symbols, strings])?;
            for symbol in elf.symbols(symbols) {
                let name = text.get(symbol.name as usize..).unwrap_or_default();
                if symbol.section == 0 && name.first().is_some_and(|byte| *byte != 0) {
                    undefined.push(until_nul(name));
                }
                if let Some(export) = name.strip_prefix(b"__crc_") {
                    out.push(until_nul(export));
                    if checksums {
                        out.checksums.exports.push(checksum(&contents, &elf, &symbol)?);
                    }
                }
            }
        }
        if out.is_empty()
            && let Some(list) = sections.ksymtab_strings
        {
            let list = contents.piece("exported names", list.offset, list.size, other)?;
            for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
                out.push(name);
                out.checksums.exports.extend(checksums.then_some(0));
            }
        }
        out.end(List::Exports);

        let none = Section { offset: 0, size: 0 };
        let versions = ("__versions", sections.versions.unwrap_or(none));
        let modinfo = (".modinfo", sections.modinfo.unwrap_or(none));
        let [versions, modinfo] = contents.pieces(versions, modinfo, [other, texts])?;
        let mut sums: FxHashMap<&[u8], u64> = FxHashMap::default();
        if checksums {
            // The first entry of a name counts.
            for (sum, name) in elf.versions(versions) {
                sums.entry(name).or_insert(sum);
            }
        }
        out.expect_distinct(undefined.len() + versions.len() / 64);
        let named = elf.versions(versions).map(|(_, name)| name).filter(|name| !name.is_empty());
        for name in undefined.into_iter().chain(named) {
            if out.push_distinct(name) && checksums {
                out.checksums.needs.push(sums.get(name).copied().unwrap_or_default());
            }
        }
        out.end(List::Needs);

        for (key, list) in [
            (&b"alias="[..], List::Aliases),
            (b"softdep=", List::Softdeps),
            (b"weakdep=", List::Weakdeps),
        ] {
            for value in Strings::of(modinfo).filter_map(|field| field.strip_prefix(key)) {
                out.push(value);
            }
            out.end(list);
        }
        Ok((out.facts(), contents.stamp))
    }
}

/// The checksum of an export: the symbol's value or, since Linux 4.13 (CONFIG_MODULE_REL_CRCS, and
/// for all since 5.19), what stands at its place.
fn checksum(
    contents: &Contents<'_>,
    elf: &Elf<'_>,
    symbol: &Symbol,
) -> Result<u64, ModuleFileError> {
    let Some(holder) = elf.numbered(symbol.section).filter(|_| symbol.section != 0) else {
        return Ok(symbol.value);
    };
    let offset = holder.offset.saturating_add(symbol.value);
    let mut word = Vec::new();
    Ok(elf.word(contents.piece("checksum", offset, 4, &mut word)?).into())
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.get(..memchr::memchr(0, text).unwrap_or(text.len())).unwrap_or_default()
}
