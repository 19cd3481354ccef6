//! What a kernel and its modules export, with who exports it, in a form that is used where it lies.
//!
//! ```text
//! 0   magic "komodOWN"            8 bytes
//! 8   format version              u32
//! 12  number of exports        n  u32
//! 16  number of hash slots     h  u32, a power of two
//! 20  number of owners         m  u32
//! 24  size of the string pool  s  u32
//! 28  0                           u32
//! 32  h × export number + 1, 0 for an empty slot: u32
//!     n × { name offset u32, namespace offset u32, crc u32, owner number + 1 or 0 for the kernel
//!           itself: u32, name length u16, namespace length u16, flags u32: 1 GPL only, 2 has a
//!           crc }, in the order in which they were given
//!     m × { name offset u32, name length u32 }
//!     s × bytes of names and namespaces (UTF-8)
//! ```

use rustc_hash::FxHashMap;

use crate::le;
use crate::map::Bytes;
use crate::symbols::hash;

const MAGIC: &[u8; 8] = b"komodOWN";
const VERSION: u32 = 1;
const HEADER: usize = 32;
const SLOT: usize = 4;
const ENTRY: usize = 24;
const OWNER: usize = 8;
const GPL: u32 = 1;
const CRC: u32 = 2;

/// A symbol that modules may link against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnedExport<'a> {
    pub name: &'a str,
    /// The module that exports it, by the kernel's name for it; `None` for the kernel itself.
    pub owner: Option<&'a str>,
    /// Only for modules with a GPL-compatible licence.
    pub gpl_only: bool,
    pub namespace: Option<&'a str>,
    pub crc: Option<u32>,
}

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnedExportsError {
    #[error("not a komod table of exports with owners of format {VERSION}")]
    Format,
    #[error("table of exports of {found} bytes where its header wants {wanted}")]
    Size { found: usize, wanted: u64 },
}

/// All exports by name.
#[derive(Debug, Clone)]
pub struct OwnedExports {
    bytes: Bytes,
    count: u32,
    slots: u32,
    owners: u32,
}

/// Strings one behind the other; an owner or a namespace is stored once.
#[derive(Default)]
struct Pool<'a> {
    bytes: Vec<u8>,
    known: FxHashMap<&'a str, u32>,
}

impl<'a> Pool<'a> {
    fn add(&mut self, text: &str) -> u32 {
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        offset
    }

    fn add_once(&mut self, text: &'a str) -> u32 {
        if let Some(offset) = self.known.get(text) {
            return *offset;
        }
        let offset = self.add(text);
        self.known.insert(text, offset);
        offset
    }
}

impl OwnedExports {
    /// Lays out a table. Of several exports with one name the last is found, as modpost takes it.
    pub fn build<'a>(exports: impl IntoIterator<Item = OwnedExport<'a>>) -> Self {
        let mut pool = Pool::default();
        let mut owners: Vec<&str> = Vec::new();
        let mut owner_numbers: FxHashMap<&str, u32> = FxHashMap::default();
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for export in exports {
            let namespace = export.namespace.unwrap_or_default();
            let (Ok(name_length), Ok(namespace_length)) =
                (u16::try_from(export.name.len()), u16::try_from(namespace.len()))
            else {
                continue; // No C compiler makes a name of 64 KiB.
            };
            let owner = export.owner.map_or(0, |owner| {
                *owner_numbers.entry(owner).or_insert_with(|| {
                    owners.push(owner);
                    owners.len() as u32
                })
            });
            let flags =
                if export.gpl_only { GPL } else { 0 } | if export.crc.is_some() { CRC } else { 0 };
            let name = pool.add(export.name);
            for field in [name, pool.add_once(namespace), export.crc.unwrap_or_default(), owner] {
                entries.extend_from_slice(&field.to_le_bytes());
            }
            entries.extend_from_slice(&name_length.to_le_bytes());
            entries.extend_from_slice(&namespace_length.to_le_bytes());
            entries.extend_from_slice(&flags.to_le_bytes());
            names.push(export.name);
        }
        let slots = names.len().saturating_mul(2).max(1).next_power_of_two();
        let mut bytes = MAGIC.to_vec();
        let owner_table: Vec<u32> =
            owners.iter().flat_map(|name| [pool.add_once(name), name.len() as u32]).collect();
        for field in [VERSION as usize, names.len(), slots, owners.len(), pool.bytes.len(), 0] {
            bytes.extend_from_slice(&(field as u32).to_le_bytes());
        }
        for slot in hash_slots(&names, slots) {
            bytes.extend_from_slice(&slot.to_le_bytes());
        }
        bytes.extend(entries);
        for field in owner_table {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend(pool.bytes);
        let (count, owners) = (names.len() as u32, owners.len() as u32);
        Self { bytes: bytes.into(), count, slots: slots as u32, owners }
    }

    /// Uses bytes in the table's own format.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, OwnedExportsError> {
        let field = |at| le::u32(&bytes, at).ok_or(OwnedExportsError::Format);
        if bytes.get(..8) != Some(MAGIC) || field(8)? != VERSION {
            return Err(OwnedExportsError::Format);
        }
        let (count, slots, owners, pool) = (field(12)?, field(16)?, field(20)?, field(24)?);
        if !slots.is_power_of_two() || slots <= count {
            return Err(OwnedExportsError::Format);
        }
        let wanted = HEADER as u64
            + u64::from(slots) * SLOT as u64
            + u64::from(count) * ENTRY as u64
            + u64::from(owners) * OWNER as u64
            + u64::from(pool);
        if wanted != bytes.len() as u64 {
            return Err(OwnedExportsError::Size { found: bytes.len(), wanted });
        }
        Ok(Self { bytes, count, slots, owners })
    }

    /// The table's bytes, to be written to a file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// An export by its number, in the order in which they were given.
    pub fn get(&self, number: u32) -> Option<OwnedExport<'_>> {
        let at = self.entry(number)?;
        let field = |offset| le::u32(&self.bytes, at + offset);
        let flags = field(20)?;
        let namespace = self.text(field(4)?, usize::from(le::u16(&self.bytes, at + 18)?))?;
        let owner = match field(12)? {
            0 => None,
            number => Some(self.owner(number - 1)?),
        };
        Some(OwnedExport {
            name: std::str::from_utf8(self.name(at)?).ok()?,
            owner,
            gpl_only: flags & GPL != 0,
            namespace: Some(namespace).filter(|text| !text.is_empty()),
            crc: field(8).filter(|_| flags & CRC != 0),
        })
    }

    /// The number of the export with a name.
    pub fn find(&self, name: &str) -> Option<u32> {
        let mask = self.slots - 1;
        let mut slot = hash(name.as_bytes()) & mask;
        // A damaged table need not have an empty slot.
        for _ in 0..self.slots {
            let found = le::u32(&self.bytes, HEADER + slot as usize * SLOT)?.checked_sub(1)?;
            if self.name(self.entry(found)?) == Some(name.as_bytes()) {
                return Some(found);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// An export by its name.
    pub fn lookup(&self, name: &str) -> Option<OwnedExport<'_>> {
        self.get(self.find(name)?)
    }

    /// All exports in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = OwnedExport<'_>> {
        (0..self.count).filter_map(|number| self.get(number))
    }

    fn entry(&self, number: u32) -> Option<usize> {
        let start = HEADER + self.slots as usize * SLOT;
        (number < self.count).then_some(start + number as usize * ENTRY)
    }

    fn owner(&self, number: u32) -> Option<&str> {
        let start = HEADER + self.slots as usize * SLOT + self.count as usize * ENTRY;
        let at = (number < self.owners).then_some(start + number as usize * OWNER)?;
        self.text(le::u32(&self.bytes, at)?, le::u32(&self.bytes, at + 4)? as usize)
    }

    fn name(&self, entry: usize) -> Option<&[u8]> {
        let length = le::u16(&self.bytes, entry + 16)?;
        self.pool(le::u32(&self.bytes, entry)?, usize::from(length))
    }

    fn text(&self, offset: u32, length: usize) -> Option<&str> {
        std::str::from_utf8(self.pool(offset, length)?).ok()
    }

    fn pool(&self, offset: u32, length: usize) -> Option<&[u8]> {
        let start = HEADER
            + self.slots as usize * SLOT
            + self.count as usize * ENTRY
            + self.owners as usize * OWNER;
        let start = start.checked_add(offset as usize)?;
        self.bytes.get(start..start.checked_add(length)?)
    }
}

/// Linear probing; ends, because there are more slots than names.
fn hash_slots(names: &[&str], slots: usize) -> Vec<u32> {
    let mut table = vec![0u32; slots];
    for (number, name) in (0u32..).zip(names) {
        let mut slot = hash(name.as_bytes()) as usize & (slots - 1);
        while let Some(taken) = table.get_mut(slot) {
            let same = taken.checked_sub(1).map(|other| names.get(other as usize) == Some(name));
            if same != Some(false) {
                *taken = number + 1;
                break;
            }
            slot = (slot + 1) & (slots - 1);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> OwnedExports {
        let export = |name, owner, gpl_only, namespace, crc| OwnedExport {
            name,
            owner,
            gpl_only,
            namespace,
            crc,
        };
        OwnedExports::build([
            export("zeta", None, false, None, Some(1)),
            export("alpha", Some("usb_storage"), true, Some("USB"), None),
            export("beta", Some("usb_storage"), true, Some("USB"), Some(3)),
            export("zeta", Some("other"), false, None, Some(2)),
        ])
    }

    #[test]
    fn names_find_exports_and_their_owners() {
        let table = OwnedExports::from_bytes(made().as_bytes().to_vec().into()).unwrap();
        assert_eq!(
            table.iter().map(|e| e.name).collect::<Vec<_>>(),
            ["zeta", "alpha", "beta", "zeta"]
        );
        // Of two lines for one symbol the last counts.
        let zeta = table.lookup("zeta").unwrap();
        assert_eq!((zeta.owner, zeta.crc, zeta.namespace), (Some("other"), Some(2), None));
        let alpha = table.lookup("alpha").unwrap();
        assert_eq!((alpha.owner, alpha.crc), (Some("usb_storage"), None));
        assert!(alpha.gpl_only && !zeta.gpl_only);
        assert_eq!(table.lookup("beta").unwrap().namespace, Some("USB"));
        assert_eq!(table.lookup("gamma"), None);
        assert_eq!(OwnedExports::build([]).lookup("x"), None);
    }

    #[test]
    fn damaged_tables_never_panic_and_lookups_end() {
        let good = made().as_bytes().to_vec();
        for length in 0..good.len() {
            assert!(OwnedExports::from_bytes(good[..length].to_vec().into()).is_err());
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let Ok(table) = OwnedExports::from_bytes(bad.into()) else { continue };
                let _ = (table.lookup("beta"), table.lookup("gamma"));
                assert!(table.iter().count() <= table.len());
            }
        }
    }
}
