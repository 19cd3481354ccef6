//! One of the two files, with the indexes the comparisons need.

use super::places::Places;
use super::{DiffError, Which, is_debug};
use crate::Text;
use crate::elf::{Elf, Rela, Relas, SHT_NOBITS, SHT_RELA, SHT_STRTAB, SHT_SYMTAB, Section, Symbol};
use crate::signature::{self, Signature};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// A section by what both files can share: its name, and which of several of that name.
pub(super) type Key<'a> = (Text<'a>, u32);

pub(super) struct Side<'a> {
    /// The whole file.
    pub file: &'a [u8],
    pub elf: Elf<'a>,
    pub signature: Option<Signature<'a>>,
    /// The key of each section.
    keys: Vec<Key<'a>>,
    by_key: BTreeMap<Key<'a>, usize>,
    /// For each section the sections with its relocations.
    rela_sections: Vec<Vec<usize>>,
    pub places: Places<'a>,
}

impl<'a> Side<'a> {
    pub fn new(file: &'a [u8], which: Which) -> Result<Side<'a>, DiffError> {
        let parse = |source| DiffError::Parse { which, source };
        let signature = signature::split(file).map_err(|source| parse(source.into()))?;
        let payload = signature.map_or(file, |signature| signature.payload);
        let elf = Elf::parse(payload).map_err(parse)?;
        // Sections of a real file do not overlap. Without this, a small file of many overlapping
        // sections would cost the square of its size.
        let stored = elf.sections().filter(|section| section.header.sh_type != SHT_NOBITS);
        let claimed = stored.fold(0u64, |sum, section| sum.saturating_add(section.header.size));
        if claimed > payload.len() as u64 {
            return Err(DiffError::Overlap { which, claimed, len: payload.len() });
        }
        let mut side = Side {
            file,
            signature,
            keys: Vec::new(),
            by_key: BTreeMap::new(),
            rela_sections: vec![Vec::new(); elf.section_count()],
            places: Places::of(&elf),
            elf,
        };
        side.index();
        Ok(side)
    }

    fn index(&mut self) {
        let mut seen = BTreeMap::new();
        for section in self.elf.sections() {
            let count = seen.entry(section.name).or_insert(0u32);
            let key = (section.name, *count);
            *count += 1;
            self.keys.push(key);
            self.by_key.insert(key, section.index);
            if section.header.sh_type == SHT_RELA
                && let Some(list) = self.rela_sections.get_mut(section.header.info as usize)
            {
                list.push(section.index);
            }
        }
    }

    pub fn key(&self, section: usize) -> Option<Key<'a>> {
        self.keys.get(section).copied()
    }

    pub fn by_key(&self, key: Key<'_>) -> Option<Section<'a>> {
        self.elf.section(*self.by_key.get(&key)?)
    }

    pub fn by_name(&self, name: &str) -> Option<Section<'a>> {
        self.by_key((Text::from(name), 0))
    }

    /// The sections that hold something of their own: not the null section, not the tables of
    /// the ELF format, which are compared by what they say.
    pub fn contents(&self) -> impl Iterator<Item = (Key<'a>, Section<'a>)> + '_ {
        self.elf
            .sections()
            .filter(|section| section.index != 0)
            .filter(|section| {
                let is_names = section.index == usize::from(self.elf.header().shstrndx);
                let kind = section.header.sh_type;
                !is_names && kind != SHT_RELA && kind != SHT_SYMTAB && kind != SHT_STRTAB
            })
            .filter_map(|section| Some((self.key(section.index)?, section)))
    }

    /// Contents that both files have, by key.
    pub fn common<'s>(
        &'s self,
        other: &'s Side<'a>,
    ) -> impl Iterator<Item = (Section<'a>, Section<'a>)> + 's {
        self.contents().filter_map(|(key, section)| Some((section, other.by_key(key)?)))
    }

    /// The relocations that apply to a section.
    pub fn relas(&self, target: usize) -> impl Iterator<Item = Rela> + '_ {
        let sections = self.rela_sections.get(target).map(Vec::as_slice).unwrap_or_default();
        sections
            .iter()
            .filter_map(|&index| self.elf.section(index))
            .flat_map(|section| Relas::new(section.data()))
    }

    /// All symbols but the null symbol.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol<'a>> + '_ {
        self.elf.symbols().into_iter().flat_map(|table| table.iter().skip(1))
    }

    pub fn symbol(&self, index: u32) -> Option<Symbol<'a>> {
        self.elf.symbols()?.get(index as usize)
    }

    /// The section a symbol is defined in.
    pub fn section_of(&self, symbol: &Symbol<'_>) -> Option<Section<'a>> {
        self.elf.section(usize::from(symbol.shndx)).filter(|section| section.index != 0)
    }

    /// True for what `strip -g` takes away, as far as a symbol's section decides it.
    pub fn in_debug(&self, symbol: &Symbol<'_>) -> bool {
        self.section_of(symbol).is_some_and(|section| is_debug(&section.name.to_string_lossy()))
    }
}

impl crate::Text<'_> {
    /// With the number of the occurrence, if there are several.
    pub(super) fn numbered(self, occurrence: u32) -> alloc::string::String {
        match occurrence {
            0 => alloc::format!("{self}"),
            n => alloc::format!("{self}#{}", n + 1),
        }
    }
}
