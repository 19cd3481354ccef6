//! The exports in a form that is used where it lies, like the symbol table.
//!
//! ```text
//! 0   magic "komodEXP"           8 bytes
//! 8   format version             u32
//! 12  number of exports  n       u32
//! 16  size of the string pool s  u32
//! 20  0                          u32
//! 24  n × { address u64, name offset u32, crc u32, namespace offset u32, name length u16,
//!           namespace length u16, flags u64: 1 GPL only, 2 has a crc }, sorted by name
//!     s × name and namespace bytes (UTF-8)
//! ```

use super::Export;
use crate::le;
use crate::map::Bytes;

const MAGIC: &[u8; 8] = b"komodEXP";
const VERSION: u32 = 1;
const HEADER: usize = 24;
const ENTRY: usize = 32;
const GPL: u64 = 1;
const CRC: u64 = 2;

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportTableError {
    #[error("not a komod export table of format {VERSION}")]
    Format,
    #[error("export table of {found} bytes where its header wants {wanted}")]
    Size { found: usize, wanted: u64 },
}

/// All exports of a kernel, sorted by name.
#[derive(Debug, Clone)]
pub struct ExportTable {
    bytes: Bytes,
    count: usize,
}

impl ExportTable {
    /// Lays out exports as a table. Of several with one name (no kernel has them) all are kept.
    pub fn build(exports: &[Export<'_>]) -> Self {
        let mut sorted: Vec<_> = exports.iter().collect();
        sorted.sort_by_key(|export| export.name);
        let mut pool: Vec<u8> = Vec::new();
        let mut namespaces: Vec<(&str, u32)> = Vec::new();
        let mut entries = Vec::with_capacity(sorted.len() * ENTRY);
        let mut count = 0usize;
        for export in sorted {
            let namespace = export.namespace.unwrap_or_default();
            let (Ok(name_length), Ok(namespace_length)) =
                (u16::try_from(export.name.len()), u16::try_from(namespace.len()))
            else {
                continue; // No C compiler makes a name of 64 KiB.
            };
            let name = pool.len() as u32;
            pool.extend_from_slice(export.name.as_bytes());
            let known = namespaces.iter().find(|(text, _)| *text == namespace);
            let namespace = known.map(|&(_, offset)| offset).unwrap_or_else(|| {
                let offset = pool.len() as u32;
                pool.extend_from_slice(namespace.as_bytes());
                namespaces.push((namespace, offset));
                offset
            });
            let flags =
                if export.gpl { GPL } else { 0 } | if export.crc.is_some() { CRC } else { 0 };
            entries.extend_from_slice(&export.address.to_le_bytes());
            for field in [name, export.crc.unwrap_or_default(), namespace] {
                entries.extend_from_slice(&field.to_le_bytes());
            }
            entries.extend_from_slice(&name_length.to_le_bytes());
            entries.extend_from_slice(&namespace_length.to_le_bytes());
            entries.extend_from_slice(&flags.to_le_bytes());
            count += 1;
        }
        let mut bytes = MAGIC.to_vec();
        for field in [VERSION as usize, count, pool.len(), 0] {
            bytes.extend_from_slice(&(field as u32).to_le_bytes());
        }
        bytes.extend(entries);
        bytes.extend(pool);
        Self { bytes: bytes.into(), count }
    }

    /// Uses bytes in the table's own format.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, ExportTableError> {
        let field = |at| le::u32(&bytes, at).ok_or(ExportTableError::Format);
        if bytes.get(..8) != Some(MAGIC) || field(8)? != VERSION {
            return Err(ExportTableError::Format);
        }
        let (count, pool) = (field(12)?, field(16)?);
        let wanted = HEADER as u64 + u64::from(count) * ENTRY as u64 + u64::from(pool);
        if wanted != bytes.len() as u64 {
            return Err(ExportTableError::Size { found: bytes.len(), wanted });
        }
        Ok(Self { count: count as usize, bytes })
    }

    /// The table's bytes, to be written to a file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The `index`th export by name.
    pub fn get(&self, index: usize) -> Option<Export<'_>> {
        if index >= self.count {
            return None;
        }
        let at = HEADER + index * ENTRY;
        let flags = le::u64(&self.bytes, at + 24)?;
        let namespace =
            self.text(le::u32(&self.bytes, at + 16)?, le::u16(&self.bytes, at + 22)?)?;
        Some(Export {
            name: self.text(le::u32(&self.bytes, at + 8)?, le::u16(&self.bytes, at + 20)?)?,
            address: le::u64(&self.bytes, at)?,
            gpl: flags & GPL != 0,
            namespace: Some(namespace).filter(|text| !text.is_empty()),
            crc: le::u32(&self.bytes, at + 12).filter(|_| flags & CRC != 0),
        })
    }

    /// All exports in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = Export<'_>> {
        (0..self.count).filter_map(|index| self.get(index))
    }

    /// An export by its name.
    pub fn lookup(&self, name: &str) -> Option<Export<'_>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.get(middle)?;
            match found.name.cmp(name) {
                std::cmp::Ordering::Equal => return Some(found),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn text(&self, offset: u32, length: u16) -> Option<&str> {
        let start = (HEADER + self.count * ENTRY).checked_add(offset as usize)?;
        let bytes = self.bytes.get(start..start.checked_add(usize::from(length))?)?;
        std::str::from_utf8(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> ExportTable {
        let export = |name, gpl, namespace, crc| Export { name, address: 7, gpl, namespace, crc };
        ExportTable::build(&[
            export("zeta", false, None, Some(1)),
            export("alpha", true, Some("USB"), None),
            export("beta", true, Some("USB"), Some(3)),
        ])
    }

    #[test]
    fn names_find_exports() {
        let table = ExportTable::from_bytes(table().as_bytes().to_vec().into()).unwrap();
        assert_eq!(table.iter().map(|e| e.name).collect::<Vec<_>>(), ["alpha", "beta", "zeta"]);
        assert_eq!(table.lookup("zeta").and_then(|export| export.crc), Some(1));
        assert_eq!(table.lookup("alpha").and_then(|export| export.crc), None);
        assert_eq!(table.lookup("beta").and_then(|export| export.namespace), Some("USB"));
        assert_eq!(table.lookup("gamma"), None);
        assert!(ExportTable::build(&[]).lookup("x").is_none());
    }

    #[test]
    fn damaged_tables_never_panic() {
        let good = table().as_bytes().to_vec();
        for length in 0..good.len() {
            assert!(ExportTable::from_bytes(good[..length].to_vec().into()).is_err());
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let Ok(table) = ExportTable::from_bytes(bad.into()) else { continue };
                let _ = table.lookup("beta");
                assert!(table.iter().count() <= table.len());
            }
        }
    }
}
