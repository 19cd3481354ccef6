//! The table of sections of a module's file, and notes.

use super::ModuleFileError;
use super::header::{Fault, Header, Layout, Section};
use super::source::Source;
use std::io;
use std::path::Path;

/// `NT_GNU_BUILD_ID`
const NT_GNU_BUILD_ID: u64 = 3;

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

    /// Of a header, which begins like this.
    fn of_header(fault: Fault, start: &[u8]) -> Self {
        match fault {
            Fault::NotElf => Problem::NoElf(start.iter().take(8).copied().collect()),
            Fault::Short { size, .. } => Problem::Outside { offset: 0, size: size as u64 },
            Fault::Field { field, offset, value, .. } => {
                Problem::Value { what: field, offset: offset as u64, value }
            }
        }
    }
}

/// The sections of a file.
#[derive(Debug)]
pub struct Sections {
    pub layout: Layout,
    list: Vec<Listed>,
    names: Vec<u8>,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// Offset of its header.
    pub header: u64,
    /// Place of its name among the names.
    name: usize,
    /// `None` if it has no contents in the file.
    pub contents: Option<Section>,
}

impl Sections {
    pub fn read(source: &Source) -> Result<Self, Problem> {
        let start = source.start();
        let header = Header::parse(start).map_err(|fault| Problem::of_header(fault, start))?;
        let layout = header.layout;
        let size = layout.section_size();
        let table = source.read(header.table, header.table_size)?;
        let list: Vec<Listed> = (0_u64..)
            .zip(table.chunks_exact(size))
            .map(|(index, bytes)| Listed {
                header: header.table.saturating_add(index * size as u64),
                name: layout.section_name(bytes),
                contents: layout.section(bytes),
            })
            .collect();
        let named = list.get(header.names).and_then(|names| Some((names.header, names.contents?)));
        let Some((at, names)) = named else {
            let value = header.names as u64;
            return Err(Problem::Value { what: "e_shstrndx", offset: 0, value });
        };
        if names.size > super::MAX_SECTION {
            let what = "the size of the section of names";
            return Err(Problem::Value { what, offset: at, value: names.size });
        }
        let names = source.read(names.offset, names.size)?;
        Ok(Sections { layout, list, names })
    }

    /// The first section of this name. A name without an end is none.
    pub fn named(&self, name: &[u8]) -> Option<&Listed> {
        self.list.iter().find(|section| {
            let rest = self.names.get(section.name..).unwrap_or_default();
            rest.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
        })
    }
}

/// The identifier in a note: `namesz`, `descsz`, `type`, the name "GNU", then it. Empty ones and
/// what does not fit are none.
pub fn build_id(note: &[u8], layout: Layout) -> Option<Vec<u8>> {
    let mut rest = note;
    while rest.len() >= 12 {
        let [name_size, size, kind] = [0, 4, 8].map(|at| layout.number(rest, at, 4));
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
