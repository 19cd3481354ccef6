//! The ELF file header.

use super::constants::*;
use super::machine::machine_name;
use crate::ParseError;
use crate::bytes::{u16_at, u64_at};

/// Size of the 64-bit ELF header.
pub const HEADER_SIZE: usize = 64;

/// Word size of an ELF file, `e_ident[EI_CLASS]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 32-bit.
    Elf32,
    /// 64-bit.
    Elf64,
    /// Neither.
    Unknown(u8),
}

/// Byte order of an ELF file, `e_ident[EI_DATA]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
    /// Neither.
    Unknown(u8),
}

/// The fields of the ELF header, read as a 64-bit little-endian kernel reads them.
///
/// The kernel looks neither at the class nor at the byte order, so for foreign files the numbers
/// are what the kernel would see and print, not what the file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// First four bytes.
    pub magic: [u8; 4],
    /// Word size the file claims.
    pub class: Class,
    /// Byte order the file claims.
    pub encoding: Encoding,
    /// Kind of file (`ET_REL`, …).
    pub e_type: u16,
    /// Machine (`EM_X86_64`, …).
    pub machine: u16,
    /// Offset of the section header table.
    pub shoff: u64,
    /// Size of one section header.
    pub shentsize: u16,
    /// Number of section headers.
    pub shnum: u16,
    /// Section that holds the section names.
    pub shstrndx: u16,
}

impl Header {
    /// Reads the fields without judging them; `None` if `data` is shorter than a header.
    pub fn read(data: &[u8]) -> Option<Header> {
        let ident = data.get(..HEADER_SIZE)?;
        Some(Header {
            magic: ident.first_chunk().copied()?,
            class: match ident[4] {
                ELFCLASS32 => Class::Elf32,
                ELFCLASS64 => Class::Elf64,
                other => Class::Unknown(other),
            },
            encoding: match ident[5] {
                ELFDATA2LSB => Encoding::Little,
                ELFDATA2MSB => Encoding::Big,
                other => Encoding::Unknown(other),
            },
            e_type: u16_at(data, 16)?,
            machine: u16_at(data, 18)?,
            shoff: u64_at(data, 40)?,
            shentsize: u16_at(data, 58)?,
            shnum: u16_at(data, 60)?,
            shstrndx: u16_at(data, 62)?,
        })
    }

    /// True if the file starts with the ELF magic.
    pub fn has_magic(&self) -> bool {
        self.magic == ELFMAG
    }

    /// Reads and checks: a relocatable 64-bit little-endian object, of whatever machine; on demand
    /// whether it says so of itself, too.
    pub(super) fn parse(data: &[u8], check_ident: bool) -> Result<Header, ParseError> {
        let too_short = ParseError::TooShort { len: data.len() };
        let found = data.first_chunk::<4>().copied().ok_or(too_short.clone())?;
        if found != ELFMAG {
            return Err(match compressed_name(data) {
                Some(format) => ParseError::Compressed { format },
                None => ParseError::NotElf { found },
            });
        }
        let class = data.get(4).copied().ok_or(too_short.clone())?;
        let encoding = data.get(5).copied().ok_or(too_short.clone())?;
        if check_ident && (class != ELFCLASS64 || encoding != ELFDATA2LSB) {
            let raw = u16_at(data, 18).ok_or(too_short)?;
            let machine = if encoding == ELFDATA2MSB { raw.swap_bytes() } else { raw };
            let what = if class == ELFCLASS64 { "big-endian" } else { "32-bit" };
            return Err(ParseError::ForeignFormat { what, machine: machine_name(machine) });
        }
        let header = Header::read(data).ok_or(too_short)?;
        if header.e_type != ET_REL {
            let name = match header.e_type {
                2 => "executable",
                3 => "shared object or PIE",
                4 => "core dump",
                _ => "unknown",
            };
            return Err(ParseError::NotRelocatable { e_type: header.e_type, name });
        }
        Ok(header)
    }
}

fn compressed_name(data: &[u8]) -> Option<&'static str> {
    match data {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("xz"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    }
}
