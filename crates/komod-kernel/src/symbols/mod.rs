//! The symbol table, in a form that is used where it lies.
//!
//! A kernel has 90,000 to 200,000 symbols; decoding them takes ten milliseconds, mapping them
//! takes none. So the table *is* its file format: an array sorted by address, a string pool and an
//! open-addressing hash table for names, all little-endian. [`SymbolTable`] reads it from memory
//! it owns (just decoded) or from a mapped file (the cache), and checks every index on use, so a
//! damaged file gives missing symbols, never a panic.
//!
//! ```text
//! 0   magic "komodSYM"          8 bytes
//! 8   format version            u32
//! 12  number of symbols  n      u32
//! 16  number of hash slots h    u32, a power of two
//! 20  size of the string pool s u32
//! 24  n × { address u64, name offset u32, name length u16, kind u8, 0 u8 }
//!     h × { symbol index + 1, or 0 for an empty slot: u32 }
//!     s × name bytes (UTF-8)
//! ```

mod build;

use crate::le;
use crate::map::Bytes;

pub use build::SymbolTableBuilder;

pub(crate) const MAGIC: &[u8; 8] = b"komodSYM";
pub(crate) const VERSION: u32 = 1;
const HEADER: usize = 24;
const ENTRY: usize = 16;
const SLOT: usize = 4;

/// Addresses from here up belong to the linked kernel; below are per-CPU offsets and absolute
/// values (Linux 6.12 `arch/x86/include/asm/page_64_types.h`, `__START_KERNEL_map`).
const KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;

/// One symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    pub address: u64,
    /// The letter `nm` would print: `T`/`t` text, `D`/`d` data, `A`/`a` absolute or per-CPU, …
    pub kind: u8,
    pub name: &'a str,
}

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolTableError {
    #[error("not a komod symbol table of format {VERSION}")]
    Format,
    #[error("symbol table of {found} bytes where its header wants {wanted}")]
    Size { found: usize, wanted: u64 },
}

/// All symbols of a kernel, sorted by address.
#[derive(Debug)]
pub struct SymbolTable {
    bytes: Bytes,
    count: usize,
    slots: usize,
    /// Index of the first symbol that moved with the image, after per-CPU offsets.
    first_mapped: usize,
}

impl SymbolTable {
    /// Uses bytes in the table's own format: see the module's description.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, SymbolTableError> {
        let data: &[u8] = &bytes;
        let field = |at| le::u32(data, at).ok_or(SymbolTableError::Format);
        if data.get(..8) != Some(MAGIC) || field(8)? != VERSION {
            return Err(SymbolTableError::Format);
        }
        let (count, slots, pool) = (field(12)?, field(16)?, field(20)?);
        if !slots.is_power_of_two() || slots <= count {
            return Err(SymbolTableError::Format);
        }
        let wanted = HEADER as u64
            + u64::from(count) * ENTRY as u64
            + u64::from(slots) * SLOT as u64
            + u64::from(pool);
        if wanted != data.len() as u64 {
            return Err(SymbolTableError::Size { found: data.len(), wanted });
        }
        let mut table =
            Self { count: count as usize, slots: slots as usize, first_mapped: 0, bytes };
        table.first_mapped = table.first_kernel_symbol();
        Ok(table)
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

    /// The `index`th symbol by address.
    pub fn get(&self, index: usize) -> Option<Symbol<'_>> {
        if index >= self.count {
            return None;
        }
        let at = HEADER + index * ENTRY;
        let offset = le::u32(&self.bytes, at + 8)? as usize;
        let length = usize::from(le::u16(&self.bytes, at + 12)?);
        let start = self.pool_start().checked_add(offset)?;
        let name = self.bytes.get(start..start.checked_add(length)?)?;
        Some(Symbol {
            address: le::u64(&self.bytes, at)?,
            kind: *self.bytes.get(at + 14)?,
            name: std::str::from_utf8(name).ok()?,
        })
    }

    /// All symbols in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = Symbol<'_>> {
        (0..self.count).filter_map(|index| self.get(index))
    }

    /// The address of a symbol. Of several with the same name, the one with the lowest address.
    pub fn lookup(&self, name: &str) -> Option<u64> {
        self.symbol(name).map(|symbol| symbol.address)
    }

    /// A symbol by its name.
    pub fn symbol(&self, name: &str) -> Option<Symbol<'_>> {
        let mask = self.slots - 1;
        let mut slot = hash(name.as_bytes()) as usize & mask;
        for _ in 0..self.slots {
            let at = HEADER + self.count * ENTRY + slot * SLOT;
            let index = (le::u32(&self.bytes, at)? as usize).checked_sub(1)?;
            let symbol = self.get(index)?;
            if symbol.name == name {
                return Some(symbol);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// The symbol that `address` belongs to, and its size (the distance to the next one, as the
    /// kernel's own `%pS` counts). `None` for an address before the first or after the last
    /// symbol. Of several at one address, the first.
    pub fn nearest(&self, address: u64) -> Option<(Symbol<'_>, u64)> {
        let after = self.partition(|found| found <= address);
        let last = after.checked_sub(1)?;
        let start = self.address(last)?;
        // Per-CPU offsets and the image are two ranges: what lies between belongs to neither.
        let next = self.address(after).filter(|_| after != self.first_mapped);
        if next.is_none() && address > start {
            return None;
        }
        let first = self.partition(|found| found < start);
        Some((self.get(first)?, next.map_or(0, |next| next - start)))
    }

    /// The same table for an image that lies `delta` (modulo 2^64) further up: addresses in the
    /// kernel's range move, per-CPU offsets and absolute values stay.
    #[must_use]
    pub fn rebase(&self, delta: u64) -> Self {
        // Only addresses change: entries, hash slots and names keep their places unless the moved
        // part would overtake the part that stays.
        let mut bytes = self.bytes.to_vec();
        let entries = bytes.get_mut(HEADER..HEADER + self.count * ENTRY).unwrap_or_default();
        for entry in entries.chunks_exact_mut(ENTRY).skip(self.first_mapped) {
            if let Some(address) = entry.first_chunk_mut::<8>() {
                *address = u64::from_le_bytes(*address).wrapping_add(delta).to_le_bytes();
            }
        }
        let mut table = Self { bytes: bytes.into(), ..*self };
        if !(1..self.count).all(|index| table.address(index - 1) <= table.address(index)) {
            let mut builder = SymbolTableBuilder::with_capacity(self.count);
            for symbol in table.iter() {
                builder.push(symbol.address, symbol.kind, symbol.name.as_bytes());
            }
            table = builder.build();
        }
        table
    }

    fn address(&self, index: usize) -> Option<u64> {
        if index >= self.count {
            return None;
        }
        le::u64(&self.bytes, HEADER + index * ENTRY)
    }

    fn pool_start(&self) -> usize {
        HEADER + self.count * ENTRY + self.slots * SLOT
    }

    /// Index of the first symbol whose address does not satisfy `before` (which must hold for a
    /// prefix of the table).
    fn partition(&self, before: impl Fn(u64) -> bool) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.address(middle).is_some_and(&before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Where the image's own symbols begin: at `_text`, the lowest address the kernel links.
    fn first_kernel_symbol(&self) -> usize {
        match self.lookup("_text") {
            Some(text) => self.partition(|address| address < text),
            None => self.partition(|address| address < KERNEL_MAP),
        }
    }
}

/// The name hash of this and other file formats of komod's: eight bytes at a time, multiplied and
/// folded.
pub fn hash(name: &[u8]) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = name.len() as u64;
    let mut mix = |word: [u8; 8]| {
        state = (state.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(MULTIPLIER);
    };
    let (words, rest) = name.as_chunks::<8>();
    words.iter().copied().for_each(&mut mix);
    if !rest.is_empty() {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(rest) {
            *to = *from;
        }
        mix(word);
    }
    (state ^ (state >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> SymbolTable {
        let mut builder = SymbolTableBuilder::with_capacity(8);
        for (address, kind, name) in [
            (0, b'A', "__per_cpu_start"),
            (0x20, b'A', "cpu_number"),
            (0x40, b'A', "__per_cpu_end"),
            (0xffff_ffff_8100_0000, b'T', "_text"),
            (0xffff_ffff_8100_0000, b'T', "_stext"),
            (0xffff_ffff_8100_0100, b't', "twice"),
            (0xffff_ffff_8100_0200, b't', "twice"),
            (0xffff_ffff_8100_0300, b'B', "_end"),
        ] {
            builder.push(address, kind, name.as_bytes());
        }
        builder.build()
    }

    #[test]
    fn names_and_addresses_find_each_other() {
        let table = table();
        assert_eq!(table.len(), 8);
        for symbol in table.iter() {
            assert!(table.lookup(symbol.name).is_some(), "{}", symbol.name);
        }
        assert_eq!(table.lookup("twice"), Some(0xffff_ffff_8100_0100));
        assert_eq!(table.lookup("absent"), None);
        let (symbol, size) = table.nearest(0xffff_ffff_8100_0080).unwrap();
        assert_eq!((symbol.name, size), ("_text", 0x100));
        let (symbol, size) = table.nearest(0x21).unwrap();
        assert_eq!((symbol.name, size), ("cpu_number", 0x20));
        assert_eq!(table.nearest(0x1000), None, "between per-CPU data and the image");
        assert_eq!(table.nearest(u64::MAX), None, "after the image");
        assert_eq!(table.nearest(0xffff_ffff_8100_0300).map(|(s, _)| s.name), Some("_end"));
    }

    #[test]
    fn rebase_leaves_percpu_offsets_alone() {
        let delta = 0x1000_0000u64.wrapping_sub(0xffff_ffff_8100_0000);
        let moved = table().rebase(delta);
        assert_eq!(moved.lookup("_text"), Some(0x1000_0000));
        assert_eq!(moved.lookup("_end"), Some(0x1000_0300));
        assert_eq!(moved.lookup("cpu_number"), Some(0x20));
        assert_eq!(moved.nearest(0x5000), None);
        let reopened = SymbolTable::from_bytes(moved.as_bytes().to_vec().into()).unwrap();
        assert_eq!(reopened.nearest(0x5000), None);
        assert_eq!(reopened.nearest(0x1000_0010).map(|(s, _)| s.name), Some("_text"));
    }

    #[test]
    fn damaged_tables_never_panic() {
        let good = table().as_bytes().to_vec();
        for length in 0..good.len() {
            assert!(SymbolTable::from_bytes(good[..length].to_vec().into()).is_err());
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let Ok(table) = SymbolTable::from_bytes(bad.into()) else { continue };
                let _ = table.lookup("twice");
                let _ = table.lookup("absent");
                let _ = table.nearest(0xffff_ffff_8100_0080);
                assert!(table.iter().count() <= table.len());
            }
        }
    }
}
