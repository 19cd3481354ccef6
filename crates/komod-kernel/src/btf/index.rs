//! Where each type begins, and which types and enumerators have a given name.
//!
//! Like the symbol table, the index is its own file format and every access is checked:
//!
//! ```text
//! 0   magic "komodBTF"               8 bytes
//! 8   format version                 u32
//! 12  number of types            n   u32
//! 16  number of hash slots       h   u32, a power of two
//! 20  size of the indexed BTF        u32
//! 24  n × offset in the type section u32
//!     h × { type number, 0 for an empty slot: u32;
//!           enumerator index + 1, or 0 for the type's own name: u32 }
//! ```

use super::{Btf, BtfError, Kind, Type, TypeId};
use crate::le;
use crate::map::Bytes;
use crate::symbols::hash;

const MAGIC: &[u8; 8] = b"komodBTF";
const VERSION: u32 = 1;
const HEADER: usize = 24;
const SLOT: usize = 8;

#[derive(Debug, Clone)]
pub(super) struct Index {
    bytes: Bytes,
    count: u32,
    slots: u32,
}

impl Default for Index {
    fn default() -> Self {
        Self { bytes: Vec::new().into(), count: 0, slots: 0 }
    }
}

impl Index {
    /// Uses an index made earlier for the same bytes.
    pub fn open(bytes: Bytes, btf: &Btf) -> Result<Self, BtfError> {
        let field = |at| le::u32(&bytes, at).ok_or(BtfError::Index);
        let (count, slots) = (field(12)?, field(16)?);
        let wanted = HEADER as u64 + u64::from(count) * 4 + u64::from(slots) * SLOT as u64;
        let fits = bytes.get(..8) == Some(MAGIC)
            && field(8)? == VERSION
            && field(20)? as usize == btf.data.len()
            && slots.is_power_of_two()
            && bytes.len() as u64 == wanted;
        if fits { Ok(Self { bytes, count, slots }) } else { Err(BtfError::Index) }
    }

    /// Walks all types once.
    pub fn build(btf: &Btf) -> Result<Self, BtfError> {
        let section = btf.type_section();
        let mut offsets = Vec::with_capacity(section.len() / 24);
        let mut named: Vec<(u32, TypeId, u32)> = Vec::with_capacity(section.len() / 24);
        let mut id = btf.first_id;
        let mut offset = 0;
        while offset < section.len() {
            let (found, next) = Type::read(btf, id, offset)?;
            offsets.push(offset as u32);
            let name = found.name_bytes();
            // A declaration tag is not what anyone looks up by its text.
            if !name.is_empty() && !matches!(found.kind(), Kind::DeclTag | Kind::TypeTag) {
                named.push((hash(name), id, 0));
            }
            for item in 0.. {
                let Some(name) = found.enumerator_name(item) else { break };
                named.push((hash(btf.string_bytes(name)), id, item + 1));
            }
            offset = next;
            id = id.checked_add(1).ok_or(BtfError::TypeCut { id, offset })?;
        }
        let slots = named.len().saturating_mul(2).max(1).next_power_of_two();
        let mask = slots - 1;
        let mut table = vec![(0u32, 0u32); slots];
        for (hash, id, item) in named {
            let mut slot = hash as usize & mask;
            // Ends: there are at least twice as many slots as names.
            while let Some(taken) = table.get_mut(slot) {
                if taken.0 == 0 {
                    *taken = (id, item);
                    break;
                }
                slot = (slot + 1) & mask;
            }
        }
        let mut bytes = Vec::with_capacity(HEADER + offsets.len() * 4 + slots * SLOT);
        bytes.extend_from_slice(MAGIC);
        for field in [VERSION as usize, offsets.len(), slots, btf.data.len()] {
            bytes.extend_from_slice(&(field as u32).to_le_bytes());
        }
        for offset in &offsets {
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        for (id, item) in table {
            bytes.extend_from_slice(&id.to_le_bytes());
            bytes.extend_from_slice(&item.to_le_bytes());
        }
        Ok(Self { bytes: bytes.into(), count: offsets.len() as u32, slots: slots as u32 })
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> u32 {
        self.count
    }

    /// Offset of the `n`th type of this BTF in its type section.
    pub fn offset(&self, n: u32) -> Option<usize> {
        if n >= self.count {
            return None;
        }
        le::u32(&self.bytes, HEADER + n as usize * 4).map(|offset| offset as usize)
    }

    /// Types (and enumerators in them) whose name may be `name`: the caller compares.
    pub fn candidates(&self, name: &str) -> impl Iterator<Item = (TypeId, Option<u32>)> {
        let start = hash(name.as_bytes());
        let table = HEADER + self.count as usize * 4;
        let mask = self.slots.wrapping_sub(1);
        (0..self.slots).map_while(move |step| {
            let slot = start.wrapping_add(step) & mask;
            let at = table + slot as usize * SLOT;
            let id = le::u32(&self.bytes, at).filter(|&id| id != 0)?;
            Some((id, le::u32(&self.bytes, at + 4)?.checked_sub(1)))
        })
    }
}
