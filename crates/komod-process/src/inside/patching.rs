//! Protection of kernel pages, and writing into code that is mapped read-only.

use super::memory_map;
use super::ptr::Ptr;
use super::region::PAGE;
use super::single::Single;
use std::collections::{BTreeMap, BTreeSet};

/// What a page allows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Access {
    write: bool,
    exec: bool,
}

const ALL: Access = Access { write: true, exec: true };

/// Pages that do not allow everything.
static PROTECTED: Single<BTreeMap<u64, Access>> = Single::new();
/// Function entries that lead to natives; the kernel's own patching must leave them alone (a
/// jump label may be the first instruction of a function).
static REDIRECTED: Single<BTreeSet<u64>> = Single::new();

pub fn setup() {
    PROTECTED.set(BTreeMap::new());
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

/// Changes what the pages of a range allow; `None` leaves it as it is.
pub fn protect(start: u64, end: u64, write: Option<bool>, exec: Option<bool>) {
    let (start, end) = (start.next_multiple_of(PAGE), end / PAGE * PAGE);
    let pages: Vec<(u64, Access)> = PROTECTED.with(|pages| {
        let change = |page: u64| {
            let old = pages.get(&page).copied().unwrap_or(ALL);
            let new = Access { write: write.unwrap_or(old.write), exec: exec.unwrap_or(old.exec) };
            pages.insert(page, new);
            (page, new)
        };
        (start..end).step_by(PAGE as usize).map(change).collect()
    });
    for run in pages.chunk_by(|a, b| a.1 == b.1) {
        let access = run[0].1;
        memory_map::set_access(run[0].0, run.len() as u64 * PAGE, access.write, access.exec);
    }
}

/// Write-protects a range, as `mark_rodata_ro` does.
pub fn seal(start: u64, end: u64, exec: bool) {
    protect(start, end, Some(false), Some(exec));
}

/// Takes a range that is given back away: it is empty, and every access to it faults.
pub fn unmap(start: u64, end: u64) {
    PROTECTED.with(|pages| pages.retain(|page, _| *page < start || *page >= end));
    memory_map::forget(start, end - start);
    memory_map::guard(start, end - start);
}

/// Makes a range that is used anew writable (and executable) again.
pub fn unseal(start: u64, end: u64) {
    PROTECTED.with(|pages| pages.retain(|page, _| *page < start || *page >= end));
    memory_map::set_access(start, end - start, true, true);
}

/// Writes code, lifting the protection for the moment where there is one.
pub fn write_code(at: Ptr, code: &[u8]) {
    let last = at.0 + code.len() as u64;
    let first = (at.0 + 1).saturating_sub(JUMP);
    if REDIRECTED.with(|r| r.range(first..last).next().is_some()) {
        return;
    }
    let pages = at.0 / PAGE * PAGE..last;
    let sealed: Vec<(u64, Access)> = PROTECTED
        .with(|p| p.range(pages).filter(|(_, a)| !a.write).map(|(p, a)| (*p, *a)).collect());
    for (page, _) in &sealed {
        memory_map::set_access(*page, PAGE, true, true);
    }
    at.write_bytes(code);
    for (page, access) in &sealed {
        memory_map::set_access(*page, PAGE, access.write, access.exec);
    }
}
