//! The kernel's own module list, read from its memory: the one truth about what is loaded, for
//! both loaders.

use super::super::kernel;
use super::super::machine;
use super::super::ptr::Ptr;
use komod_load::{Notices, State, Taint};

/// An exported symbol of a loaded module.
pub struct Exported {
    pub name: String,
    pub address: u64,
    pub crc: Option<u32>,
    pub gpl_only: bool,
    pub namespace: Option<String>,
}

/// A loaded module.
pub struct Listed {
    pub name: String,
    pub state: State,
    pub taints: Taint,
    pub exports: Vec<Exported>,
}

/// `MODULE_STATE_COMING` and `MODULE_STATE_UNFORMED` (include/linux/module.h).
const COMING: u64 = 1;
const UNFORMED: u64 = 3;

/// More modules than any system has: a list longer than this is corrupt.
const MOST: usize = 20_000;

fn field(module: Ptr, path: &str) -> Option<Ptr> {
    kernel::prepared().btf().field("module", path).map(|f| module.at(f.offset))
}

fn word(module: Ptr, path: &str) -> u64 {
    field(module, path).map_or(0, |p| p.read())
}

fn number(module: Ptr, path: &str) -> u64 {
    field(module, path).map_or(0, |p| u64::from(p.read::<u32>()))
}

/// `struct module` of a loaded module.
pub fn find(name: &str) -> Option<Ptr> {
    walk().into_iter().find(|m| name_of(*m) == name)
}

/// Whether a module's init has not come back yet.
pub fn is_starting(name: &str) -> bool {
    find(name).is_some_and(|m| matches!(number(m, "state"), COMING | UNFORMED))
}

fn name_of(module: Ptr) -> String {
    field(module, "name").map_or_else(String::new, |p| p.read_string(64))
}

fn walk() -> Vec<Ptr> {
    let (Some(head), Some(link)) =
        (kernel::function("modules"), kernel::prepared().btf().field("module", "list"))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut at = head.read::<Ptr>();
    while at != head && !at.is_null() && found.len() < MOST {
        found.push(Ptr(at.0 - u64::from(link.offset)));
        at = at.read();
    }
    found
}

/// Every loaded module, most recent first, as the kernel's list has them.
pub fn loaded() -> Vec<Listed> {
    walk()
        .into_iter()
        .map(|module| {
            let state = match number(module, "state") {
                0 => State::Live,
                1 => State::Coming,
                2 => State::Going,
                _ => State::Unformed,
            };
            let mut exports = table(module, "syms", "num_syms", "crcs", false);
            exports.extend(table(module, "gpl_syms", "num_gpl_syms", "gpl_crcs", true));
            let taints = Taint(word(module, "taints"));
            Listed { name: name_of(module), state, taints, exports }
        })
        .collect()
}

/// `struct kernel_symbol` with relative references: value, name, namespace
/// (CONFIG_HAVE_ARCH_PREL32_RELOCATIONS, kernel/module/internal.h, 6.1).
fn table(module: Ptr, syms: &str, count: &str, crcs: &str, gpl_only: bool) -> Vec<Exported> {
    const ENTRY: u64 = 12;
    let (base, crcs) = (word(module, syms), word(module, crcs));
    let relative = |at: u64| match Ptr(at).read::<i32>() {
        0 => None,
        distance => Some(Ptr(at.wrapping_add(distance as u64))),
    };
    (0..number(module, count))
        .filter_map(|i| {
            let entry = base + i * ENTRY;
            let namespace = relative(entry + 8).map(|p| p.read_string(128));
            Some(Exported {
                name: relative(entry + 4)?.read_string(512),
                address: relative(entry)?.0,
                crc: (crcs != 0).then(|| Ptr(crcs + 4 * i).read()),
                gpl_only,
                namespace: namespace.filter(|n| !n.is_empty()),
            })
        })
        .collect()
}

/// 1 while the kernel checks its locks (lib/debug_locks.c).
const DEBUG_LOCKS: &str = "debug_locks";

/// What a load has changed for good, whether it succeeded or not.
pub fn note(taint: Taint, notices: Notices) {
    if let Some(mask) = kernel::function("tainted_mask") {
        mask.write(mask.read::<u64>() | taint.0);
    }
    if notices.lock_debugging {
        kernel::set_variable(DEBUG_LOCKS, 0u32);
    }
}

/// Lines the kernel prints only once: it has, if it carries the taint they go with.
pub fn notices() -> Notices {
    let taint = machine::taint();
    Notices {
        unsigned: taint & Taint::UNSIGNED.0 != 0,
        livepatch: taint & Taint::LIVEPATCH.0 != 0,
        lock_debugging: kernel::function(DEBUG_LOCKS).is_some_and(|p| p.read::<u32>() == 0),
    }
}
