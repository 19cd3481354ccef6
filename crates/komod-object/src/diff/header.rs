//! The ELF header.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use alloc::vec::Vec;

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    let (ha, hb) = (a.elf.header(), b.elf.header());
    let fields = [
        ("e_machine", u64::from(ha.machine), u64::from(hb.machine)),
        ("e_flags", flags(a), flags(b)),
        ("e_version", version(a), version(b)),
        ("EI_OSABI", osabi(a), osabi(b)),
    ];
    for (field, a, b) in fields {
        if a != b {
            let (a, b) = (Value::Number(a), Value::Number(b));
            found.push(Difference::new(Aspect::Header, Level::Different, a, b).field(field));
        }
    }
}

// Offsets in the 64-bit header: System V ABI, "ELF-64 Object File Format" 1.5, figure 2.
const OSABI: usize = 7;
const VERSION: usize = 20;
const FLAGS: usize = 48;

fn number(side: &Side<'_>, offset: usize) -> u64 {
    crate::bytes::u32_at(side.elf.data(), offset).unwrap_or(0).into()
}

pub(super) fn flags(side: &Side<'_>) -> u64 {
    number(side, FLAGS)
}

fn version(side: &Side<'_>) -> u64 {
    number(side, VERSION)
}

fn osabi(side: &Side<'_>) -> u64 {
    side.elf.data().get(OSABI).copied().unwrap_or(0).into()
}

/// The fields that make two objects of different kinds.
pub(super) fn kind(side: &Side<'_>) -> [u64; 4] {
    [side.elf.header().machine.into(), flags(side), version(side), osabi(side)]
}
