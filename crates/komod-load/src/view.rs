//! The file as the loader sees it while it works: raw headers whose flags it changes as it goes.

use crate::struct_module::NAME_LEN;
use alloc::string::String;
use alloc::vec::Vec;
use komod_object::elf::{Header, SHT_NOBITS, SectionHeader};
use komod_object::modinfo::ModInfo;
use komod_object::{SectionId, Text};

/// Section indices the loader remembers; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Indices {
    pub symbols: usize,
    pub strings: usize,
    pub modinfo: usize,
    pub this_module: usize,
    pub versions: usize,
    pub percpu: usize,
}

/// Headers, names and indices (the kernel's `struct load_info`).
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    /// The file without its signature.
    pub data: &'a [u8],
    pub header: Header,
    /// Section headers; the loader edits the flags.
    pub headers: Vec<SectionHeader>,
    pub names: &'a [u8],
    pub index: Indices,
}

impl<'a> View<'a> {
    /// Name of a section; empty if its offset is outside the name table.
    pub fn name(&self, index: usize) -> Text<'a> {
        let Some(header) = self.headers.get(index) else { return Text::default() };
        let tail = self.names.get(header.name as usize..).unwrap_or_default();
        Text::new(tail.split(|&byte| byte == 0).next().unwrap_or_default())
    }

    /// Contents of a section in the file; empty for `SHT_NOBITS` or if out of bounds.
    pub fn contents(&self, index: usize) -> &'a [u8] {
        let Some(header) = self.headers.get(index) else { return &[] };
        if header.sh_type == SHT_NOBITS {
            return &[];
        }
        let range = || {
            let start = usize::try_from(header.offset).ok()?;
            Some(start..start.checked_add(usize::try_from(header.size).ok()?)?)
        };
        range().and_then(|range| self.data.get(range)).unwrap_or_default()
    }

    /// The first section of this name that takes memory; 0 if there is none.
    pub fn find(&self, name: &str) -> usize {
        (1..self.headers.len())
            .find(|&index| self.headers[index].is_alloc() && self.name(index) == name)
            .unwrap_or(0)
    }

    /// The first section of this name, whatever its flags; 0 if there is none.
    pub fn find_any(&self, name: &str) -> usize {
        (1..self.headers.len()).find(|&index| self.name(index) == name).unwrap_or(0)
    }

    /// How many sections have this name.
    pub fn count(&self, name: &str) -> usize {
        (1..self.headers.len()).filter(|&index| self.name(index) == name).count()
    }

    pub fn id(&self, index: usize) -> SectionId {
        SectionId { index, name: self.name(index).to_string_lossy().into_owned() }
    }

    pub fn modinfo(&self) -> ModInfo<'a> {
        match self.index.modinfo {
            0 => ModInfo::default(),
            index => ModInfo::new(self.contents(index)),
        }
    }

    /// The name inside `struct module`, at `offset`.
    pub fn name_in_struct(&self, offset: u32) -> Option<String> {
        let contents = self.contents(self.index.this_module);
        let field = contents.get(offset as usize..)?;
        let field = &field[..field.len().min(NAME_LEN)];
        let name = field.split(|&byte| byte == 0).next().unwrap_or_default();
        Some(String::from_utf8_lossy(name).into_owned())
    }
}
