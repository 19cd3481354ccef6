//! The table of sections of an ELF file (System V ABI, "ELF-64 Object File Format" 1.5, and
//! "Tool Interface Standard ELF" 1.2 for 32 bits).

use super::ModuleFileError;
use super::source::Source;
use std::io;
use std::path::Path;

/// Sections in a table, at most: more than e_shnum can say.
const MAX_SECTIONS: u64 = u16::MAX as u64;
/// `SHT_NOBITS`: takes no room in the file.
const SHT_NOBITS: u64 = 8;
/// `NT_GNU_BUILD_ID`
const NT_GNU_BUILD_ID: u64 = 3;

/// The order of the bytes in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    /// The number of `size` bytes (at most 8) at an offset.
    pub fn number(self, bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
        let bytes = bytes.get(offset..offset.checked_add(size)?)?;
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(match self {
            Order::Little => bytes.iter().rev().fold(0, join),
            Order::Big => bytes.iter().fold(0, join),
        })
    }
}

/// What is wrong, before the file's name is known.
#[derive(Debug)]
pub enum Problem {
    Read(io::Error),
    Outside { offset: u64, size: u64 },
    NoElf(Vec<u8>),
    Value { what: &'static str, offset: u64, value: u64 },
}

impl Problem {
    pub fn in_file(self, path: &Path, size: u64) -> ModuleFileError {
        let path = path.to_owned();
        match self {
            Problem::Read(source) => ModuleFileError::Read { path, source },
            Problem::NoElf(start) => ModuleFileError::NoElf { path, start },
            Problem::Value { what, offset, value } => {
                ModuleFileError::Damaged { path, what, offset, value, size }
            }
            Problem::Outside { offset, size: value } => {
                let what = "the size of what should be";
                ModuleFileError::Damaged { path, what, offset, value, size }
            }
        }
    }
}

/// A section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Offset of its header.
    pub header: u64,
    /// Offset of its name in the table of names.
    pub name: u64,
    /// Offset of its contents.
    pub offset: u64,
    /// Size of its contents.
    pub size: u64,
    /// It has contents in the file.
    pub in_file: bool,
}

/// Offsets of fields: of the header, then of a section's header.
struct Layout {
    word: usize,
    header: usize,
    shoff: usize,
    shentsize: usize,
    sh_offset: usize,
    sh_size: usize,
}

const ELF32: Layout =
    Layout { word: 4, header: 52, shoff: 32, shentsize: 46, sh_offset: 16, sh_size: 20 };
const ELF64: Layout =
    Layout { word: 8, header: 64, shoff: 40, shentsize: 58, sh_offset: 24, sh_size: 32 };

/// The sections of a file, and their names' table.
pub fn sections(source: &Source) -> Result<(Vec<Section>, Vec<u8>), Problem> {
    let start = source.start();
    let no_elf = || Problem::NoElf(start.iter().take(8).copied().collect());
    if !start.starts_with(b"\x7fELF") {
        return Err(no_elf());
    }
    let value = |what, offset: usize, value| Problem::Value { what, offset: offset as u64, value };
    let layout = match start.get(4) {
        Some(1) => ELF32,
        Some(2) => ELF64,
        other => return Err(value("the ELF class", 4, other.map_or(0, |class| (*class).into()))),
    };
    let order = match start.get(5) {
        Some(1) => Order::Little,
        Some(2) => Order::Big,
        other => return Err(value("the byte order", 5, other.map_or(0, |order| (*order).into()))),
    };
    let field = |offset, size| {
        order.number(start, offset, size).ok_or(value("the header's end", 0, layout.header as u64))
    };
    let table = field(layout.shoff, layout.word)?;
    let entry = field(layout.shentsize, 2)?;
    let count = field(layout.shentsize + 2, 2)?.min(MAX_SECTIONS);
    let names = field(layout.shentsize + 4, 2)?;
    let least = layout.sh_size + layout.word;
    if entry < least as u64 {
        return Err(value("the size of a section's header", layout.shentsize, entry));
    }
    if names == 0 || names >= count {
        return Err(value("the section of names", layout.shentsize + 4, names));
    }
    let headers = source.read(table, entry * count)?;
    let size = usize::try_from(entry).unwrap_or(usize::MAX);
    let read = |(index, header): (u64, &[u8])| {
        let number = |offset, size| order.number(header, offset, size);
        Some(Section {
            header: table.saturating_add(index * entry),
            name: number(0, 4)?,
            offset: number(layout.sh_offset, layout.word)?,
            size: number(layout.sh_size, layout.word)?,
            in_file: number(4, 4)? != SHT_NOBITS,
        })
    };
    let sections: Vec<Section> = (0..).zip(headers.chunks_exact(size)).filter_map(read).collect();
    let named = usize::try_from(names).ok().and_then(|names| sections.get(names));
    let named = named.filter(|section| section.in_file);
    let named = named.ok_or(value("the section of names", layout.shentsize + 4, names))?;
    if named.size > super::MAX_SECTION {
        let what = "the size of the section of names";
        return Err(Problem::Value { what, offset: named.header, value: named.size });
    }
    let names = source.read(named.offset, named.size)?;
    Ok((sections, names))
}

/// Is this the section's name? A name without an end is none.
pub fn is_named(names: &[u8], section: &Section, name: &[u8]) -> bool {
    let at = usize::try_from(section.name).unwrap_or(usize::MAX);
    let rest = names.get(at..).unwrap_or_default();
    rest.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
}

/// The identifier in a note: `namesz`, `descsz`, `type`, the name "GNU", then it. Empty ones and
/// what does not fit are none.
pub fn build_id(note: &[u8], order: Order) -> Option<Vec<u8>> {
    let mut rest = note;
    while let (Some(name_size), Some(size), Some(kind)) =
        (order.number(rest, 0, 4), order.number(rest, 4, 4), order.number(rest, 8, 4))
    {
        let padded = |size: u64| usize::try_from(size.checked_add(3)? & !3).ok();
        let start = 12_usize.checked_add(padded(name_size)?)?;
        let name = rest.get(12..start)?;
        let id = rest.get(start..start.checked_add(usize::try_from(size).ok()?)?)?;
        if kind == NT_GNU_BUILD_ID && name == b"GNU\0" && !id.is_empty() {
            return Some(id.to_vec());
        }
        rest = rest.get(start.checked_add(padded(size)?)?..)?;
    }
    None
}
