//! Code patching: jump labels, static calls and text pokes, written at once instead of through
//! breakpoints and temporary mappings.

use super::natives;
use crate::inside::patching::{unmap, unseal, write_code};
use crate::inside::ptr::Ptr;
use crate::inside::region;
use crate::inside::single::Single;
use std::collections::{HashMap, VecDeque};

const NOP5: [u8; 5] = [0x0f, 0x1f, 0x44, 0x00, 0x00];
const NOP2: [u8; 2] = [0x66, 0x90];

fn jump(from: u64, to: u64, opcode: u8) -> [u8; 5] {
    let distance = to.wrapping_sub(from + 5) as i32;
    let d = distance.to_le_bytes();
    [opcode, d[0], d[1], d[2], d[3]]
}

/// `struct jump_entry` (arch/x86/include/asm/jump_label.h via include/linux/jump_label.h, 6.1):
/// code and target relative to their own fields.
fn patch_jump_label(entry: Ptr, enable: bool) {
    let code = entry.0.wrapping_add(entry.read::<i32>() as u64);
    let target = (entry.0 + 4).wrapping_add(entry.at(4u64).read::<i32>() as u64);
    let now = [Ptr(code).read::<u8>(), Ptr(code).at(1u64).read::<u8>()];
    let short = now[0] == 0xeb || now == NOP2;
    match (enable, short) {
        (true, true) => write_code(Ptr(code), &[0xeb, target.wrapping_sub(code + 2) as u8]),
        (true, false) => write_code(Ptr(code), &jump(code, target, 0xe9)),
        (false, true) => write_code(Ptr(code), &NOP2),
        (false, false) => write_code(Ptr(code), &NOP5),
    }
}

/// The module area: memory for modules (of both loaders) and for BPF programs.
#[derive(Default)]
struct ModuleArea {
    top: u64,
    live: HashMap<u64, u64>,
    /// Freed runs by size.
    free: HashMap<u64, Vec<u64>>,
    /// Runs freed lately: nothing is mapped there, so whoever still uses one meets a page fault.
    quarantine: VecDeque<(u64, u64)>,
}

/// So many freed runs stay unmapped before the first of them is used again.
const QUARANTINE: usize = 64;

static MODULE_AREA: Single<ModuleArea> = Single::new();

pub fn setup() {
    MODULE_AREA.set(ModuleArea { top: region::MODULES, ..ModuleArea::default() });
}

/// Zeroed, page-aligned memory in reach of the image's 32-bit relocations, or null.
pub fn module_memory(size: u64) -> Ptr {
    let size = size.next_multiple_of(region::PAGE);
    let (at, used_before) = MODULE_AREA.with(|area| {
        if let Some(at) = area.free.get_mut(&size).and_then(Vec::pop) {
            area.live.insert(at, size);
            return (Ptr(at), true);
        }
        // A page between two areas stays unused: running off the end of one shows.
        let end = area.top.saturating_add(size + region::PAGE);
        if end > region::MODULES + region::MODULES_LEN {
            return (Ptr::NULL, false);
        }
        let at = std::mem::replace(&mut area.top, end);
        area.live.insert(at, size);
        (Ptr(at), false)
    });
    if used_before {
        unseal(at.0, at.0 + size);
    }
    at
}

pub fn free_module_memory(at: Ptr) {
    let size = MODULE_AREA.with(|area| {
        let size = area.live.remove(&at.0)?;
        area.quarantine.push_back((at.0, size));
        if area.quarantine.len() > QUARANTINE
            && let Some((at, size)) = area.quarantine.pop_front()
        {
            area.free.entry(size).or_default().push(at);
        }
        Some(size)
    });
    if let Some(size) = size {
        unmap(at.0, at.0 + size);
    }
}

/// Whether an address lies in memory of a module that has gone.
pub fn is_unmapped(address: u64) -> bool {
    region::is_module_address(address)
        && MODULE_AREA.with(|area| {
            let inside = |at: u64, size: u64| address.wrapping_sub(at) < size;
            area.quarantine.iter().any(|(at, size)| inside(*at, *size))
                || area.free.iter().any(|(size, all)| all.iter().any(|at| inside(*at, *size)))
        })
}

natives! {
    ["arch_jump_label_transform"]
    fn jump_label_transform(entry: Ptr, kind: u32) { patch_jump_label(entry, kind == 1) }

    ["arch_jump_label_transform_queue"]
    fn jump_label_transform_queue(entry: Ptr, kind: u32) -> bool {
        patch_jump_label(entry, kind == 1);
        true
    }

    ["arch_jump_label_transform_apply"]
    fn jump_label_transform_apply() {}

    /// A static call's trampoline is `jmp func` (or `ret`), a site `call func` (or a nop), a tail
    /// site `jmp func` (or `ret`): arch/x86/kernel/static_call.c, 6.1.
    ["arch_static_call_transform"]
    fn static_call_transform(site: Ptr, trampoline: Ptr, function: Ptr, tail: bool) {
        if !trampoline.is_null() {
            if function.is_null() {
                write_code(trampoline, &[0xc3]);
            } else {
                write_code(trampoline, &jump(trampoline.0, function.0, 0xe9));
            }
        }
        if !site.is_null() {
            match (function.is_null(), tail) {
                (true, true) => write_code(site, &[0xc3]),
                (true, false) => write_code(site, &NOP5),
                (false, tail) => {
                    write_code(site, &jump(site.0, function.0, if tail { 0xe9 } else { 0xe8 }))
                }
            }
        }
    }

    ["text_poke", "text_poke_kgdb", "text_poke_copy"]
    fn text_poke(at: Ptr, code: Ptr, len: u64) -> Ptr {
        write_code(at, &code.read_bytes(len as usize));
        at
    }

    ["text_poke_set"]
    fn text_poke_set(at: Ptr, byte: i32, len: u64) -> Ptr {
        write_code(at, &vec![byte as u8; len as usize]);
        at
    }

    ["text_poke_bp", "text_poke_queue"]
    fn text_poke_bp(at: Ptr, code: Ptr, len: u64, _emulate: Ptr) {
        write_code(at, &code.read_bytes(len as usize));
    }

    ["text_poke_finish", "text_poke_sync"]
    fn text_poke_finish() {}

    ["module_alloc"]
    fn module_alloc(size: u64) -> Ptr { module_memory(size) }

    ["execmem_alloc"]
    fn execmem_alloc(_kind: u32, size: u64) -> Ptr { module_memory(size) }

    ["module_memfree", "execmem_free"]
    fn module_memfree(at: Ptr) { free_module_memory(at) }
}
