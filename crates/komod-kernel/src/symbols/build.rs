//! Putting a symbol table together.

use super::{ENTRY, HEADER, MAGIC, SLOT, SymbolTable, VERSION, hash};

/// Collects symbols in any order and lays them out as a [`SymbolTable`].
#[derive(Debug, Default)]
pub struct SymbolTableBuilder {
    entries: Vec<Entry>,
    pool: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    address: u64,
    name: u32,
    length: u16,
    kind: u8,
}

impl SymbolTableBuilder {
    pub fn with_capacity(symbols: usize) -> Self {
        Self {
            entries: Vec::with_capacity(symbols),
            pool: Vec::with_capacity(symbols.saturating_mul(24)),
        }
    }

    /// Adds a symbol. Names of more than 64 KiB, and names that would make the pool larger than
    /// 4 GiB, are left out: no kernel has either.
    pub fn push(&mut self, address: u64, kind: u8, name: &[u8]) {
        let (Ok(offset), Ok(length)) = (u32::try_from(self.pool.len()), u16::try_from(name.len()))
        else {
            return;
        };
        self.pool.extend_from_slice(name);
        self.entries.push(Entry { address, name: offset, length, kind });
    }

    /// Sorts by address (keeping the order of those that share one) and writes the table.
    pub fn build(mut self) -> SymbolTable {
        if !self.entries.is_sorted_by_key(|entry| entry.address) {
            self.entries.sort_by_key(|entry| entry.address);
        }
        let count = self.entries.len();
        let slots = count.saturating_mul(2).max(1).next_power_of_two();
        let mut bytes = Vec::with_capacity(HEADER + count * ENTRY + slots * SLOT + self.pool.len());
        bytes.extend_from_slice(MAGIC);
        for field in [VERSION as usize, count, slots, self.pool.len()] {
            bytes.extend_from_slice(&(field as u32).to_le_bytes());
        }
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.address.to_le_bytes());
            bytes.extend_from_slice(&entry.name.to_le_bytes());
            bytes.extend_from_slice(&entry.length.to_le_bytes());
            bytes.extend_from_slice(&[entry.kind, 0]);
        }
        for slot in self.hash_slots(slots) {
            bytes.extend_from_slice(&slot.to_le_bytes());
        }
        bytes.extend_from_slice(&self.pool);
        SymbolTable::from_bytes(bytes.into())
            .unwrap_or_else(|error| unreachable!("a table just built is well-formed: {error}"))
    }

    /// Linear probing in the order of addresses, so that of several symbols with one name the
    /// lowest is met first.
    fn hash_slots(&self, slots: usize) -> Vec<u32> {
        let mut table = vec![0u32; slots];
        let mask = slots - 1;
        for (index, entry) in (1u32..).zip(&self.entries) {
            let start = entry.name as usize;
            let name = self.pool.get(start..start + usize::from(entry.length)).unwrap_or_default();
            let mut slot = hash(name) as usize & mask;
            // Ends: there are at least twice as many slots as symbols.
            while let Some(taken) = table.get_mut(slot) {
                if *taken == 0 {
                    *taken = index;
                    break;
                }
                slot = (slot + 1) & mask;
            }
        }
        table
    }
}
