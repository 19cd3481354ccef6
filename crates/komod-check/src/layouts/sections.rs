//! The debug sections of a module as its DWARF reader wants them: uncompressed, relocated.

use std::borrow::Cow;
use std::io::Read;

use komod_object::elf::{Elf, R_X86_64_32, R_X86_64_64, Section};

use super::LayoutError;

/// `SHF_COMPRESSED` and `ELFCOMPRESS_ZLIB` (gABI, "Section Compression").
const SHF_COMPRESSED: u64 = 1 << 11;
const ELFCOMPRESS_ZLIB: u32 = 1;
/// Size of the header before compressed contents.
const COMPRESSION_HEADER: usize = 24;
/// The largest debug section that is unpacked: the kernel's own `.debug_info` has 300 MB.
const LARGEST: u64 = 512 << 20;

/// The contents of a section, empty if the module has none of that name.
pub fn contents<'a>(elf: &Elf<'a>, name: &'static str) -> Result<Cow<'a, [u8]>, LayoutError> {
    let Some(section) = elf.section_by_name(name) else { return Ok(Cow::Borrowed(&[])) };
    let mut data = unpacked(&section, name)?;
    let Some(symbols) = elf.symbols() else { return Ok(data) };
    let mut relocations = elf.relas_for(section.index).peekable();
    if relocations.peek().is_none() {
        return Ok(data);
    }
    let bytes = data.to_mut();
    for relocation in relocations {
        let Some(symbol) = symbols.get(relocation.symbol as usize) else {
            return Err(LayoutError::Relocation { section: name, offset: relocation.offset });
        };
        let value = symbol.value.wrapping_add_signed(relocation.addend).to_le_bytes();
        let width = match relocation.r_type {
            R_X86_64_64 => 8,
            R_X86_64_32 => 4,
            // Differences of addresses: no type depends on them.
            _ => continue,
        };
        let place = usize::try_from(relocation.offset)
            .ok()
            .and_then(|start| bytes.get_mut(start..start.checked_add(width)?));
        let (Some(place), Some(value)) = (place, value.get(..width)) else {
            return Err(LayoutError::Relocation { section: name, offset: relocation.offset });
        };
        place.copy_from_slice(value);
    }
    Ok(data)
}

fn unpacked<'a>(section: &Section<'a>, name: &'static str) -> Result<Cow<'a, [u8]>, LayoutError> {
    let data = section.data();
    if section.header.flags & SHF_COMPRESSED == 0 {
        return Ok(Cow::Borrowed(data));
    }
    let bad = |why| LayoutError::Compressed { section: name, why };
    let method = data.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    if method != Some(ELFCOMPRESS_ZLIB) {
        return Err(bad("its method is not zlib"));
    }
    let size = data.get(8..).and_then(|rest| rest.first_chunk::<8>());
    let size = size.map(|bytes| u64::from_le_bytes(*bytes)).ok_or(bad("it is cut off"))?;
    if size > LARGEST {
        return Err(bad("it says it is larger than any"));
    }
    let packed = data.get(COMPRESSION_HEADER..).unwrap_or_default();
    let mut plain = Vec::new();
    let read = flate2::read::ZlibDecoder::new(packed).take(size).read_to_end(&mut plain);
    match read {
        Ok(read) if read as u64 == size => Ok(Cow::Owned(plain)),
        _ => Err(bad("its contents are damaged")),
    }
}
