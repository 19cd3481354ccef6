//! Files for tests.

use super::header::Layout;

/// 64 bits, little-endian.
pub const USUAL: Layout = Layout { wide: true, big: false };

/// An ELF file with these sections behind the table of names.
pub fn elf(layout: Layout, sections: &[(&str, &[u8])]) -> Vec<u8> {
    let Layout { wide, big } = layout;
    let number = |value: u64, size: usize| match big {
        false => value.to_le_bytes()[..size].to_vec(),
        true => value.to_be_bytes()[8 - size..].to_vec(),
    };
    let (word, header, shoff, shentsize) = if wide { (8, 64, 40, 58) } else { (4, 52, 32, 46) };
    let entry = if wide { 64 } else { 40 };
    let mut file = vec![0; header];
    file[..4].copy_from_slice(b"\x7fELF");
    file[4] = if wide { 2 } else { 1 };
    file[5] = if big { 2 } else { 1 };
    let mut names = b"\0.shstrtab\0".to_vec();
    let mut headers = vec![0; entry];
    let mut add = |file: &mut Vec<u8>, name: u64, contents: &[u8]| {
        let mut one = [number(name, 4), number(1, 4), vec![0; 2 * word]].concat();
        one.extend(number(file.len() as u64, word));
        one.extend(number(contents.len() as u64, word));
        one.resize(entry, 0);
        headers.extend(one);
        file.extend_from_slice(contents);
    };
    let mut places = Vec::new();
    for (name, _) in sections {
        places.push(names.len() as u64);
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    }
    add(&mut file, 1, &names);
    for ((_, contents), place) in sections.iter().zip(places) {
        add(&mut file, place, contents);
    }
    let table = number(file.len() as u64, word);
    file[shoff..shoff + word].copy_from_slice(&table);
    let count = sections.len() as u64 + 2;
    let last = [number(entry as u64, 2), number(count, 2), number(1, 2)].concat();
    file[shentsize..shentsize + 6].copy_from_slice(&last);
    file.extend(headers);
    file
}

/// A module that gives itself this name.
pub fn named(name: &str) -> Vec<u8> {
    elf(USUAL, &[(".modinfo", format!("license=GPL\0name={name}\0").as_bytes())])
}
