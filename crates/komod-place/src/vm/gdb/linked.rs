//! A module's file as gdb wants it: with its sections, symbols and debug information at the
//! addresses that the kernel has given them. gdb itself moves a relocatable object's debug
//! information by one distance for all sections (`add-symbol-file`, gdb 13), which is wrong for
//! `.init.text`.

use std::ops::Range;

/// elf(5), and the x86-64 psABI's relocations of debug sections.
const ET_EXEC: u64 = 2;
const SHT_SYMTAB: u64 = 2;
const SHT_RELA: u64 = 4;
const SHF_ALLOC: u64 = 2;
const SECTION: usize = 64;
const SYMBOL: usize = 24;
const RELOCATION: usize = 24;
const R_X86_64_64: u64 = 1;
const R_X86_64_32: u64 = 10;
const R_X86_64_32S: u64 = 11;

/// The file, its sections at these addresses; `None` if it is no sound 64-bit object.
pub fn linked(module: &[u8], places: &[(String, u64)]) -> Option<Vec<u8>> {
    let mut file = File(module.to_vec());
    if !module.starts_with(b"\x7fELF\x02\x01") || file.get(0x3a, 2)? != SECTION as u64 {
        return None;
    }
    let (table, count) = (file.size(0x28, 8)?, file.size(0x3c, 2)?);
    let section = |n: usize| table.checked_add(n.checked_mul(SECTION)?);
    let names = file.size(section(file.size(0x3e, 2)?)?.checked_add(24)?, 8)?;
    let mut addresses = Vec::new();
    for n in 0..count {
        let header = section(n)?;
        let name = file.text(names.checked_add(file.size(header, 4)?)?)?;
        let address = places.iter().find(|(place, _)| *place == name).map_or(0, |(_, at)| *at);
        file.put(header + 16, 8, address)?;
        addresses.push(address);
    }
    for n in 0..count {
        if file.get(section(n)? + 4, 4)? != SHT_SYMTAB {
            continue;
        }
        for symbol in entries(&file, section(n)?, SYMBOL)? {
            let home = file.size(symbol + 6, 2)?;
            if let Some(address) = addresses.get(home).filter(|_| home != 0) {
                let value = file.get(symbol + 8, 8)?.wrapping_add(*address);
                file.put(symbol + 8, 8, value)?;
            }
        }
    }
    for n in 0..count {
        let header = section(n)?;
        if file.get(header + 4, 4)? != SHT_RELA {
            continue;
        }
        let (symbols, target) =
            (section(file.size(header + 40, 4)?)?, section(file.size(header + 44, 4)?)?);
        // What is loaded, gdb reads from the machine.
        if file.get(target + 8, 8)? & SHF_ALLOC == 0 {
            let (start, len) = (file.size(target + 24, 8)?, file.size(target + 32, 8)?);
            let symbols = file.size(symbols + 24, 8)?;
            for relocation in entries(&file, header, RELOCATION)? {
                let info = file.get(relocation + 8, 8)?;
                let symbol = usize::try_from(info >> 32).ok()?.checked_mul(SYMBOL)?;
                let value = file.get(symbols.checked_add(symbol)?.checked_add(8)?, 8)?;
                let value = value.wrapping_add(file.get(relocation + 16, 8)?);
                let width = match info & 0xffff_ffff {
                    R_X86_64_64 => 8,
                    R_X86_64_32 | R_X86_64_32S => 4,
                    _ => continue,
                };
                let at = file.size(relocation, 8)?;
                if at.checked_add(width)? <= len {
                    file.put(start.checked_add(at)?, width, value)?;
                }
            }
        }
        // Done.
        file.put(header + 4, 4, 0)?;
    }
    file.put(0x10, 2, ET_EXEC)?;
    Some(file.0)
}

/// Where the entries of a section are.
fn entries(file: &File, header: usize, size: usize) -> Option<std::iter::StepBy<Range<usize>>> {
    let (start, len) = (file.size(header + 24, 8)?, file.size(header + 32, 8)?);
    let end = start.checked_add(len - len % size)?;
    (end <= file.0.len()).then(|| (start..end).step_by(size))
}

struct File(Vec<u8>);

impl File {
    fn get(&self, at: usize, len: usize) -> Option<u64> {
        let bytes = self.0.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn size(&self, at: usize, len: usize) -> Option<usize> {
        usize::try_from(self.get(at, len)?).ok()
    }

    fn put(&mut self, at: usize, len: usize, value: u64) -> Option<()> {
        let bytes = value.to_le_bytes();
        self.0.get_mut(at..at.checked_add(len)?)?.copy_from_slice(bytes.get(..len)?);
        Some(())
    }

    fn text(&self, at: usize) -> Option<String> {
        let bytes = self.0.get(at..)?.split(|b| *b == 0).next()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object with code, debug information that names a function in it, and what belongs to
    /// that.
    fn object() -> Vec<u8> {
        let names = b"\0.init.text\0.debug\0";
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let mut sections = vec![[0u64; 10]];
        let mut add = |file: &mut Vec<u8>, name, kind, flags, link, info, data: &[u8]| {
            sections.push([
                name,
                kind,
                flags,
                0,
                file.len() as u64,
                data.len() as u64,
                link,
                info,
                1,
                0,
            ]);
            file.extend(data);
        };
        add(&mut file, 1, 1, SHF_ALLOC, 0, 0, &[0x90; 8]);
        add(&mut file, 12, 1, 0, 0, 0, &[0; 12]);
        let mut symbols = vec![0; SYMBOL * 2];
        symbols[SYMBOL + 6] = 1;
        symbols[SYMBOL + 8] = 4;
        add(&mut file, 0, SHT_SYMTAB, 0, 0, 0, &symbols);
        let mut relocations = Vec::new();
        for (at, kind, addend) in
            [(0u64, R_X86_64_64, 2u64), (8, R_X86_64_32, 0), (10, R_X86_64_64, 0)]
        {
            for word in [at, 1 << 32 | kind, addend] {
                relocations.extend(word.to_le_bytes());
            }
        }
        add(&mut file, 0, SHT_RELA, 0, 3, 2, &relocations);
        add(&mut file, 0, 3, 0, 0, 0, names);
        let table = file.len() as u64;
        let count = sections.len();
        for section in sections {
            for (at, value) in section.into_iter().enumerate() {
                let len = if [0, 1, 6, 7].contains(&at) { 4 } else { 8 };
                file.extend(&value.to_le_bytes()[..len]);
            }
        }
        file[0x28..0x30].copy_from_slice(&table.to_le_bytes());
        file[0x3a] = 64;
        file[0x3c] = count as u8;
        file[0x3e] = count as u8 - 1;
        file
    }

    #[test]
    fn debug_information_has_the_kernels_addresses() {
        let at = 0xffff_ffff_c020_7000u64;
        let file = File(linked(&object(), &[(".init.text".into(), at)]).unwrap());
        assert_eq!(file.get(0x10, 2), Some(ET_EXEC));
        // Behind the header and the code.
        let debug = 64 + 8;
        assert_eq!(file.get(debug, 8), Some(at + 4 + 2));
        assert_eq!(file.get(debug + 8, 4), Some((at + 4) & 0xffff_ffff), "nothing beyond the end");
    }

    #[test]
    fn cut_off_files_are_none_or_whole() {
        let whole = object();
        let places = [(".init.text".to_owned(), 1)];
        for len in 0..whole.len() {
            if let Some(file) = linked(&whole[..len], &places) {
                assert_eq!(file.len(), len);
            }
        }
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0xff;
            linked(&bad, &places);
        }
    }
}
