//! The header of an ELF file and those of its sections, of every word size and byte order: what
//! depmod and modinfo look at may be for another machine.
//!
//! Sources: System V ABI, generic part (2013 draft), chapter 4; for 32 bits the older edition 4.1.

/// `SHT_NOBITS`: no contents in the file.
const SHT_NOBITS: u32 = 8;
/// The longest header, that of 64 bits.
pub const LONGEST: usize = 64;

/// Word size and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub wide: bool,
    pub big: bool,
}

impl Layout {
    /// The number of `len` bytes at a place; 0 if it is not there.
    pub fn number(self, bytes: &[u8], at: usize, len: usize) -> u64 {
        let bytes = bytes.get(at..at.saturating_add(len)).unwrap_or_default();
        let join = |number, byte: &u8| number << 8 | u64::from(*byte);
        if self.big { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
    }

    pub fn half(self, bytes: &[u8], at: usize) -> u64 {
        self.number(bytes, at, 2)
    }

    pub fn word(self, bytes: &[u8], at: usize) -> u32 {
        match bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(bytes) if self.big => u32::from_be_bytes(*bytes),
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => 0,
        }
    }

    /// A number at `wide` or `narrow`, of the file's word size.
    pub fn long(self, bytes: &[u8], wide: usize, narrow: usize) -> u64 {
        if self.wide { self.number(bytes, wide, 8) } else { u64::from(self.word(bytes, narrow)) }
    }

    /// The size of a section's header.
    pub fn section_size(self) -> usize {
        if self.wide { 64 } else { 40 }
    }

    /// The size of a symbol.
    pub fn symbol_size(self) -> usize {
        if self.wide { 24 } else { 16 }
    }

    /// Where a section's name stands in the table of names, by its header.
    pub fn section_name(self, header: &[u8]) -> usize {
        self.word(header, 0) as usize
    }

    /// A section by its header, if it has contents in the file.
    pub fn section(self, header: &[u8]) -> Option<Section> {
        (self.word(header, 4) != SHT_NOBITS)
            .then(|| Section { offset: self.long(header, 24, 16), size: self.long(header, 32, 20) })
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

/// Where the sections are described.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub layout: Layout,
    /// Offset of the table of sections.
    pub table: u64,
    /// Its size.
    pub table_size: u64,
    /// The section with the names of sections.
    pub names: usize,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not begin as ELF files do.
    NotElf,
    /// It has so many bytes and needs more.
    Short { len: usize, size: usize },
    /// A value cannot be.
    Field { field: &'static str, offset: usize, value: u64, why: &'static str },
}

impl Header {
    /// Reads and checks a header, from the first [`LONGEST`] bytes of a file or all it has.
    pub fn parse(start: &[u8]) -> Result<Header, Fault> {
        if start.is_empty() {
            return Err(Fault::Short { len: 0, size: LONGEST });
        }
        if !start.starts_with(b"\x7fELF") {
            return Err(Fault::NotElf);
        }
        let bad = |field, offset, value, why| Err(Fault::Field { field, offset, value, why });
        let identity = |at: usize| start.get(at).copied().unwrap_or_default();
        let (class, order) = (identity(4), identity(5));
        if !matches!(class, 1 | 2) {
            return bad("EI_CLASS", 4, class.into(), "neither 32 nor 64 bits");
        }
        if !matches!(order, 1 | 2) {
            return bad("EI_DATA", 5, order.into(), "no byte order");
        }
        let layout = Layout { wide: class == 2, big: order == 2 };
        let size = if layout.wide { 64 } else { 52 };
        if start.len() < size {
            return Err(Fault::Short { len: start.len(), size });
        }
        let table = layout.long(start, 40, 32);
        let at = if layout.wide { 58 } else { 46 };
        let [entry, count, names] = [at, at + 2, at + 4].map(|at| layout.half(start, at));
        if entry != layout.section_size() as u64 {
            return bad("e_shentsize", at, entry, "not the size of a section header");
        }
        if count == 0 {
            return bad("e_shnum", at + 2, count, "there are no sections");
        }
        if names == 0 || names >= count {
            return bad("e_shstrndx", at + 4, names, "no section");
        }
        // Both have 16 bits.
        let names = usize::try_from(names).unwrap_or_default();
        Ok(Header { layout, table, table_size: entry * count, names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module_file::samples::elf;

    #[test]
    fn faults_have_their_places() {
        for (wide, size, at) in [(true, 64, 58), (false, 52, 46)] {
            for big in [false, true] {
                let layout = Layout { wide, big };
                let whole = elf(layout, &[(".text", b"x")]);
                assert_eq!(Header::parse(&whole).unwrap().layout, layout);
                for len in 4..size {
                    assert!(Header::parse(&whole[..len]).is_err(), "{len}");
                }
                for (field, offset) in [("EI_CLASS", 4), ("EI_DATA", 5), ("e_shentsize", at)] {
                    let mut bytes = whole.clone();
                    bytes[offset] = 9;
                    let fault = Header::parse(&bytes).unwrap_err();
                    let Fault::Field { field: told, offset: place, .. } = fault else {
                        panic!("{fault:?}");
                    };
                    assert_eq!((told, place), (field, offset));
                }
            }
        }
        assert_eq!(Header::parse(b"").unwrap_err(), Fault::Short { len: 0, size: 64 });
        assert_eq!(Header::parse(b"MZ").unwrap_err(), Fault::NotElf);
    }
}
