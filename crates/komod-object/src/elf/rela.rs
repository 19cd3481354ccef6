//! Relocations with addend (`SHT_RELA`), the only kind x86-64 modules have.

use crate::bytes::u64_at;

/// Size of one 64-bit relocation with addend.
pub const RELA_SIZE: usize = 24;

/// One relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rela {
    /// Place to change, relative to the section it applies to.
    pub offset: u64,
    /// Index of the symbol.
    pub symbol: u32,
    /// `R_*`.
    pub r_type: u32,
    /// What is added to the symbol's value.
    pub addend: i64,
}

/// The relocations of one section, decoded on the fly.
#[derive(Clone, Debug)]
pub struct Relas<'a> {
    data: &'a [u8],
}

impl<'a> Relas<'a> {
    /// Reads whole entries from `data`; a torn last entry is ignored, as the kernel ignores it.
    pub fn new(data: &'a [u8]) -> Self {
        Relas { data }
    }
}

impl Iterator for Relas<'_> {
    type Item = Rela;

    fn next(&mut self) -> Option<Rela> {
        let (entry, rest) = self.data.split_at_checked(RELA_SIZE)?;
        self.data = rest;
        let info = u64_at(entry, 8)?;
        Some(Rela {
            offset: u64_at(entry, 0)?,
            symbol: (info >> 32) as u32,
            r_type: info as u32,
            addend: u64_at(entry, 16)? as i64,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.data.len() / RELA_SIZE;
        (count, Some(count))
    }
}

impl ExactSizeIterator for Relas<'_> {}
