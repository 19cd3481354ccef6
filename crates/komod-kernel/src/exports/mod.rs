//! What modules may link against: the kernel's exported symbols.
//!
//! The linker collects every `EXPORT_SYMBOL` in `__ksymtab` and every `EXPORT_SYMBOL_GPL` in
//! `__ksymtab_gpl`. An entry is three 32-bit distances, each from its own place: to the value, to
//! the name and to the namespace (0: none). With `CONFIG_MODVERSIONS`, `__kcrctab` and
//! `__kcrctab_gpl` hold the checksums of the symbols' types in the same order.
//!
//! Source: Linux 6.1 and 6.12 `include/linux/export.h`, `include/linux/export-internal.h`,
//! `kernel/module/internal.h` (`struct kernel_symbol`), `kernel/module/main.c`
//! (`kernel_symbol_value`, `kernel_symbol_namespace`).

mod owned;
mod table;

use crate::image::FlatImage;
use crate::le;

pub use owned::{OwnedExport, OwnedExports, OwnedExportsError};
pub use table::{ExportTable, ExportTableError};

/// One exported symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export<'a> {
    pub name: &'a str,
    /// Address in the relocated image, or an offset for per-CPU variables.
    pub address: u64,
    /// Only for modules with a GPL-compatible licence.
    pub gpl: bool,
    /// What a module must declare with `MODULE_IMPORT_NS` to use it.
    pub namespace: Option<&'a str>,
    /// Checksum of the symbol's type, if the kernel has `CONFIG_MODVERSIONS`.
    pub crc: Option<u32>,
}

/// Why an image's exports could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    #[error("{section} lies outside the image")]
    SectionOutside { section: &'static str },
    #[error("{section} has {size} bytes, which is not a multiple of {entry}")]
    Size { section: &'static str, size: usize, entry: usize },
    #[error("{crcs} has {found} checksums for the {wanted} symbols of {section}")]
    CrcCount { section: &'static str, crcs: &'static str, wanted: usize, found: usize },
    #[error("{section} entry {index}: its {what} lies outside the image ({address:#x})")]
    Outside { section: &'static str, index: usize, what: &'static str, address: u64 },
}

const ENTRY: usize = 12;
const TABLES: [(&str, &str, bool); 2] =
    [("__ksymtab", "__kcrctab", false), ("__ksymtab_gpl", "__kcrctab_gpl", true)];

/// Reads all exports of a relocated image, in the order of its tables. A kernel without modules
/// has none.
pub fn read(image: &FlatImage) -> Result<Vec<Export<'_>>, ExportError> {
    let mut exports = Vec::new();
    for (section, crcs, gpl) in TABLES {
        let Some(found) = image.section(section) else { continue };
        let entries =
            image.section_bytes(section).ok_or(ExportError::SectionOutside { section })?;
        if !entries.len().is_multiple_of(ENTRY) {
            return Err(ExportError::Size { section, size: entries.len(), entry: ENTRY });
        }
        let count = entries.len() / ENTRY;
        let crc_bytes = image.section_bytes(crcs);
        if let Some(bytes) = crc_bytes.filter(|bytes| bytes.len() != count * 4) {
            let found = bytes.len() / 4;
            return Err(ExportError::CrcCount { section, crcs, wanted: count, found });
        }
        for index in 0..count {
            let at = index * ENTRY;
            // Each field holds the distance from itself.
            let pointer = |field: usize| {
                let place = found.address.wrapping_add((at + field) as u64);
                let distance = le::i32(entries, at + field).unwrap_or_default();
                (distance, place.wrapping_add_signed(i64::from(distance)))
            };
            let text = |what, address: u64| {
                string(image, address).ok_or(ExportError::Outside { section, index, what, address })
            };
            let (_, address) = pointer(0);
            let (_, name) = pointer(4);
            let namespace = match pointer(8) {
                (0, _) => None,
                (_, address) => Some(text("namespace", address)?).filter(|text| !text.is_empty()),
            };
            exports.push(Export {
                name: text("name", name)?,
                address,
                gpl,
                namespace,
                crc: crc_bytes.and_then(|bytes| le::u32(bytes, index * 4)),
            });
        }
    }
    Ok(exports)
}

fn string(image: &FlatImage, address: u64) -> Option<&str> {
    let offset = usize::try_from(address.checked_sub(image.base)?).ok()?;
    std::str::from_utf8(le::c_str(&image.bytes, offset)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{PerCpu, RelocationCounts, Section};

    const BASE: u64 = 0x1000_0000;

    /// An image with two symbols, one of them per-CPU and in a namespace.
    fn image() -> FlatImage {
        let mut bytes = vec![0; 0x1000];
        bytes[0x800..0x806].copy_from_slice(b"first\0");
        bytes[0x810..0x817].copy_from_slice(b"second\0");
        bytes[0x820..0x824].copy_from_slice(b"USB\0");
        let mut put = |at: usize, target: i64| {
            let distance = (target - (BASE as i64 + at as i64)) as i32;
            bytes[at..at + 4].copy_from_slice(&distance.to_le_bytes());
        };
        put(0x100, BASE as i64 + 0x40);
        put(0x104, BASE as i64 + 0x800);
        put(0x200, 0x20);
        put(0x204, BASE as i64 + 0x810);
        put(0x208, BASE as i64 + 0x820);
        bytes[0x300..0x304].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        let section = |name: &str, offset: u64, size| Section {
            name: name.to_owned(),
            address: BASE + offset,
            size,
        };
        FlatImage {
            bytes,
            base: BASE,
            link_base: 0xffff_ffff_8100_0000,
            percpu: PerCpu { offset: 0, len: 0, zero_based: true },
            sections: vec![
                section("__ksymtab", 0x100, 12),
                section("__ksymtab_gpl", 0x200, 12),
                section("__kcrctab", 0x300, 4),
            ],
            relocations: RelocationCounts::default(),
        }
    }

    #[test]
    fn entries_are_distances_from_themselves() {
        let image = image();
        let exports = read(&image).unwrap();
        let first = Export {
            name: "first",
            address: BASE + 0x40,
            gpl: false,
            namespace: None,
            crc: Some(0xdead_beef),
        };
        let second =
            Export { name: "second", address: 0x20, gpl: true, namespace: Some("USB"), crc: None };
        assert_eq!(exports, [first, second]);
    }

    #[test]
    fn wrong_sizes_and_pointers_are_errors() {
        let mut bad = image();
        bad.sections[0].size = 13;
        assert!(matches!(read(&bad), Err(ExportError::Size { .. })));
        let mut bad = image();
        bad.sections[2].size = 8;
        assert!(matches!(read(&bad), Err(ExportError::CrcCount { .. })));
        let mut bad = image();
        bad.bytes[0x107] = 0x7f;
        assert!(matches!(read(&bad), Err(ExportError::Outside { what: "name", .. })));
        let mut bad = image();
        bad.sections[0].address = u64::MAX;
        assert!(matches!(read(&bad), Err(ExportError::SectionOutside { .. })));
    }
}
