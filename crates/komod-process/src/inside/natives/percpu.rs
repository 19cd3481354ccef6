//! Per-CPU memory of the one CPU: a pointer is the offset from the GS base.

use super::natives;
use crate::inside::kernel;
use crate::inside::ptr::Ptr;
use crate::inside::region::{PAGE, PERCPU, PERCPU_LEN};
use crate::inside::single::Single;
use crate::inside::stubs::CALLER;
use std::collections::HashMap;

#[derive(Default)]
struct Area {
    /// First byte never handed out.
    top: u64,
    live: HashMap<u64, (u64, u64)>,
    free: HashMap<u64, Vec<u64>>,
}

static AREA: Single<Area> = Single::new();

/// Starts behind the image's static per-CPU variables.
pub fn setup(static_len: u64) {
    AREA.set(Area { top: (PERCPU + static_len).next_multiple_of(4096), ..Area::default() });
}

/// Gives the per-CPU pointer (an offset), or 0.
pub fn allocate(size: u64, align: u64, by: u64) -> u64 {
    let size = size.max(1).next_multiple_of(8);
    let align = align.max(8);
    AREA.with(|area| {
        let reused = area.free.get_mut(&size).and_then(|list| {
            let i = list.iter().position(|a| a % align == 0)?;
            Some(list.swap_remove(i))
        });
        let at = match reused {
            Some(at) => at,
            None => {
                let at = area.top.next_multiple_of(align);
                if at + size > PERCPU + PERCPU_LEN {
                    return 0;
                }
                area.top = at + size;
                at
            }
        };
        Ptr(at).fill(0, size);
        area.live.insert(at, (size, by));
        at - PERCPU
    })
}

pub fn release(offset: u64) {
    AREA.with(|area| {
        if let Some((size, _)) = area.live.remove(&(PERCPU + offset)) {
            area.free.entry(size).or_default().push(PERCPU + offset);
        }
    });
}

/// Live allocations whose caller `wanted` accepts: address, size, caller.
pub fn live(mut wanted: impl FnMut(u64) -> bool) -> Vec<(u64, u64, u64)> {
    AREA.with(|area| {
        let all = area.live.iter().filter(|(_, (_, by))| wanted(*by));
        let mut all: Vec<_> = all.map(|(at, (size, by))| (*at, *size, *by)).collect();
        all.sort_unstable();
        all
    })
}

/// As `pcpu_alloc` does, with its words for what it does not take (mm/percpu.c, 6.1).
fn checked(size: u64, align: u64, by: u64) -> Ptr {
    /// `PCPU_MIN_UNIT_SIZE` of include/linux/percpu.h.
    const MOST: u64 = 32 << 10;
    let align = align.max(4);
    if size == 0 || size.next_multiple_of(4) > MOST || align > PAGE || !align.is_power_of_two() {
        let size = size.next_multiple_of(4);
        let line = format!("illegal size ({size}) or align ({align}) for percpu allocation");
        kernel::print(4, &line);
        return Ptr::NULL;
    }
    Ptr(allocate(size, align, by))
}

natives! {
    ["__alloc_percpu", "__alloc_reserved_percpu"]
    fn alloc_percpu(size: u64, align: u64) -> Ptr { checked(size, align, CALLER.read()) }

    ["__alloc_percpu_gfp"]
    fn alloc_percpu_gfp(size: u64, align: u64, _gfp: u32) -> Ptr {
        checked(size, align, CALLER.read())
    }

    ["pcpu_alloc", "pcpu_alloc_noprof"]
    fn pcpu_alloc(size: u64, align: u64, _reserved: bool, _gfp: u32) -> Ptr {
        checked(size, align, CALLER.read())
    }

    ["free_percpu"]
    fn free_percpu(pointer: Ptr) {
        if !pointer.is_null() {
            release(pointer.0);
        }
    }
}
