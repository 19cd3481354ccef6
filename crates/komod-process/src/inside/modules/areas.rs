//! The memory of a module, for whoever wants to compare it byte by byte.

use super::super::kernel;
use super::super::ptr::Ptr;
use super::super::region::{PERCPU, is_kernel_memory};
use super::super::single::Single;
use super::list;
use crate::protocol::MemoryArea;
use std::collections::HashMap;

/// `enum mod_mem_type` in its order (include/linux/module.h, 6.12), which is that of `mem[]`.
const KINDS: [&str; 7] =
    ["text", "data", "rodata", "ro_after_init", "init_text", "init_data", "init_rodata"];

type Memory = (Vec<MemoryArea>, Vec<u8>);

/// Copies of modules' memory from the moment they were formed; `None`: nobody wants them.
static FORMED: Single<Option<HashMap<String, Memory>>> = Single::new();

pub fn setup() {
    FORMED.set(None);
}

/// From now on keeps a copy of every module as it is when it has been formed.
pub fn keep_formed() {
    FORMED.with(|f| {
        f.get_or_insert_default();
    });
}

/// Called when a module has been formed.
pub fn note_formed(name: &str, module: Ptr) {
    if FORMED.with(|f| f.is_some()) {
        let memory = copy(module);
        FORMED.with(|f| f.as_mut().map(|all| all.insert(name.to_string(), memory)));
    }
}

/// A module's areas and their bytes; `None` if there is no such module (or no such copy).
pub fn memory(name: &str, formed: bool) -> Option<Memory> {
    if formed {
        return FORMED.with(|f| f.as_ref()?.get(name).cloned());
    }
    list::find(name).map(copy)
}

fn copy(module: Ptr) -> Memory {
    let areas = areas(module);
    let bytes = areas.iter().flat_map(|a| Ptr(a.address).read_bytes(a.len as usize)).collect();
    (areas, bytes)
}

fn areas(module: Ptr) -> Vec<MemoryArea> {
    let btf = kernel::prepared().btf();
    let at = |field: &str| btf.field("module", field).map(|f| module.at(f.offset));
    let mut areas = Vec::new();
    let mut add = |name: &str, base: Option<Ptr>, size: Option<Ptr>| {
        let (Some(base), Some(size)) = (base, size) else { return };
        let (address, len) = (base.read::<u64>(), u64::from(size.read::<u32>()));
        areas.push(MemoryArea { name: name.to_string(), address, len });
    };
    for name in ["core", "init"] {
        add(name, at(&format!("{name}_layout.base")), at(&format!("{name}_layout.size")));
    }
    if let (Some(mem), Some(size)) = (at("mem"), btf.struct_size("module_memory")) {
        let field = |name: &str| btf.field("module_memory", name).map(|f| f.offset);
        for (name, kind) in KINDS.iter().zip(0..) {
            let area = mem.at(kind * size);
            add(name, field("base").map(|f| area.at(f)), field("size").map(|f| area.at(f)));
        }
    }
    add("percpu", at("percpu"), at("percpu_size"));
    if let Some(percpu) = areas.last_mut().filter(|a| a.name == "percpu" && a.len > 0) {
        percpu.address += PERCPU;
    }
    areas.retain(|a| a.len > 0 && is_kernel_memory(a.address, a.len));
    areas
}
