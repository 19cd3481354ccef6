//! Writing into code that is mapped read-only.

use super::memory_map;
use super::ptr::Ptr;
use super::region::PAGE;
use super::single::Single;
use std::collections::BTreeSet;

/// Address ranges that were made read-only and executable: (start, end).
static SEALED: Single<Vec<(u64, u64)>> = Single::new();
/// Function entries that lead to natives; the kernel's own patching must leave them alone (a
/// jump label may be the first instruction of a function).
static REDIRECTED: Single<BTreeSet<u64>> = Single::new();

pub fn setup() {
    SEALED.set(Vec::new());
    REDIRECTED.set(BTreeSet::new());
}

/// Writes `jmp target` at a function's entry, behind `endbr64` if there is one.
pub fn redirect(entry: Ptr, target: u64) {
    const ENDBR64: u32 = 0xfa1e_0ff3;
    let at = if entry.read::<u32>() == ENDBR64 { entry.at(4u64) } else { entry };
    let distance = target.wrapping_sub(at.0 + JUMP) as i64;
    let distance = i32::try_from(distance).expect("stubs lie within 2 GiB of the image");
    at.write(0xe9u8);
    at.at(1u64).write(distance);
    REDIRECTED.with(|r| r.insert(at.0));
}

/// Length of `jmp rel32`.
const JUMP: u64 = 5;

/// Write-protects a page-aligned range, as `mark_rodata_ro` does.
pub fn seal(start: u64, end: u64, exec: bool) {
    let (start, end) = (start.next_multiple_of(PAGE), end / PAGE * PAGE);
    if start < end {
        memory_map::set_access(start, end - start, false, exec);
        if exec {
            SEALED.with(|s| s.push((start, end)));
        }
    }
}

/// Makes a range that is given back writable (and executable) again.
pub fn unseal(start: u64, end: u64) {
    SEALED.with(|s| s.retain(|(a, b)| *b <= start || *a >= end));
    memory_map::set_access(start, end - start, true, true);
}

/// Writes code, lifting the protection for the moment where there is one.
pub fn write_code(at: Ptr, code: &[u8]) {
    let last = at.0 + code.len() as u64;
    let first = (at.0 + 1).saturating_sub(JUMP);
    if REDIRECTED.with(|r| r.range(first..last).next().is_some()) {
        return;
    }
    let sealed = SEALED.with(|s| s.iter().any(|(a, b)| at.0 < *b && last > *a));
    if !sealed {
        at.write_bytes(code);
        return;
    }
    let start = at.0 / PAGE * PAGE;
    let len = last.next_multiple_of(PAGE) - start;
    memory_map::set_access(start, len, true, true);
    at.write_bytes(code);
    memory_map::set_access(start, len, false, true);
}
