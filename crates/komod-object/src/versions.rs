//! The `__versions` section: a checksum for every symbol the module imports.
//!
//! Each entry is `struct modversion_info` (`include/linux/module.h`, Linux 6.1): the CRC as an
//! `unsigned long` and the name in the rest of 64 bytes. A name that fills its field has no NUL;
//! it ends with the field.

use crate::Text;
use crate::bytes::u64_at;

/// Size of one entry on a 64-bit machine.
pub const ENTRY_SIZE: usize = 64;

/// One imported symbol and the checksum it was built against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// The checksum; only the low 32 bits are ever set.
    pub crc: u64,
    /// The symbol.
    pub name: Text<'a>,
}

/// The entries of a `__versions` section.
#[derive(Clone, Copy, Debug, Default)]
pub struct Versions<'a> {
    data: &'a [u8],
}

impl<'a> Versions<'a> {
    /// Reads the contents of a `__versions` section; a torn last entry is ignored.
    pub fn new(data: &'a [u8]) -> Self {
        Versions { data }
    }

    /// The entries in file order (as the linker left them, not sorted).
    pub fn iter(&self) -> impl Iterator<Item = Version<'a>> + use<'a> {
        self.data.chunks_exact(ENTRY_SIZE).filter_map(|entry| {
            let name = &entry[8..];
            let len = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
            Some(Version { crc: u64_at(entry, 0)?, name: Text::new(&name[..len]) })
        })
    }

    /// The first entry for `name`.
    pub fn get(&self, name: &str) -> Option<Version<'a>> {
        self.iter().find(|version| version.name == name)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.data.len() / ENTRY_SIZE
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn entry(crc: u64, name: &[u8]) -> Vec<u8> {
        let mut bytes = crc.to_le_bytes().to_vec();
        bytes.extend_from_slice(name);
        bytes.resize(ENTRY_SIZE, 0);
        bytes
    }

    #[test]
    fn reads_entries_and_full_length_names() {
        let long = [b'n'; 56];
        let mut data = entry(0xdead_beef, b"_printk");
        data.extend(entry(1, &long));
        data.extend(b"torn");
        let versions = Versions::new(&data);
        assert_eq!(versions.len(), 2);
        assert_eq!(versions.get("_printk").unwrap().crc, 0xdead_beef);
        assert_eq!(versions.iter().nth(1).unwrap().name.as_bytes(), long);
        assert_eq!(versions.get("_print"), None);
    }
}
