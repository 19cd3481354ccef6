//! Two facts of an executable's ELF header (elf(5)): which dynamic linker it wants, and where the
//! part ends that is loaded.

const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;

/// The `PT_INTERP` of a 64-bit little-endian file; none in a static one.
pub fn interpreter(elf: &[u8]) -> Option<&str> {
    let (_, range) = segments(elf).find(|(kind, _)| *kind == PT_INTERP)?;
    let text = elf.get(range)?.split(|b| *b == 0).next()?;
    std::str::from_utf8(text).ok()
}

/// Cuts off what is not loaded, and the section headers with it.
pub fn without_debug_information(elf: &mut Vec<u8>) {
    let end = segments(elf).filter(|(kind, _)| *kind == PT_LOAD).map(|(_, range)| range.end).max();
    let Some(end) = end.filter(|end| *end <= elf.len()) else { return };
    elf.truncate(end);
    // e_shoff; e_shentsize, e_shnum and e_shstrndx.
    for range in [0x28..0x30, 0x3a..0x40] {
        if let Some(bytes) = elf.get_mut(range) {
            bytes.fill(0);
        }
    }
}

/// The program headers: kind, and place in the file.
fn segments(elf: &[u8]) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> + '_ {
    let usable = elf.starts_with(b"\x7fELF\x02\x01");
    let table = number(elf, 0x20, 8).unwrap_or(usize::MAX);
    let size = number(elf, 0x36, 2).unwrap_or(0);
    let count = number(elf, 0x38, 2).filter(|_| usable && size >= 56).unwrap_or(0);
    (0..count).filter_map(move |i| {
        let at = table.checked_add(i * size)?;
        let kind = u32::try_from(number(elf, at, 4)?).ok()?;
        let offset = number(elf, at.checked_add(8)?, 8)?;
        let len = number(elf, at.checked_add(32)?, 8)?;
        Some((kind, offset..offset.checked_add(len)?))
    })
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(len)?)?;
    let value = bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executable() -> Vec<u8> {
        let mut elf = vec![0; 64 + 2 * 56];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[0x20] = 64;
        elf[0x28] = 200;
        elf[0x36] = 56;
        elf[0x38] = 2;
        elf[0x3c] = 9;
        for (at, kind, offset, len) in [(64, PT_INTERP, 176u64, 7u64), (120, PT_LOAD, 0, 190)] {
            elf[at] = kind as u8;
            elf[at + 8..at + 16].copy_from_slice(&offset.to_le_bytes());
            elf[at + 32..at + 40].copy_from_slice(&len.to_le_bytes());
        }
        elf.extend(b"/ld.so\0");
        elf.resize(1000, 7);
        elf
    }

    #[test]
    fn the_linker_is_named_and_the_rest_cut_off() {
        let mut elf = executable();
        assert_eq!(interpreter(&elf), Some("/ld.so"));
        without_debug_information(&mut elf);
        assert_eq!((elf.len(), elf[0x28], elf[0x3c]), (190, 0, 0));
    }

    #[test]
    fn no_truncation_is_trouble() {
        let elf = executable();
        for len in 0..elf.len() {
            let mut cut = elf[..len].to_vec();
            interpreter(&cut);
            without_debug_information(&mut cut);
            assert!(cut.len() <= len);
        }
    }
}
