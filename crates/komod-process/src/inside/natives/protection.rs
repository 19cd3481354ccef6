//! Page protections (arch/x86/mm/pat/set_memory.c, 6.1). Those of modules, of either loader, and
//! of other code in the module area are real; data elsewhere stays writable.

use super::natives;
use crate::inside::patching::protect;
use crate::inside::region::{PAGE, is_module_address};

fn set(start: u64, pages: i32, write: Option<bool>, exec: Option<bool>) -> i32 {
    let end = start.saturating_add(pages.max(0) as u64 * PAGE);
    if pages > 0 && is_module_address(start) && is_module_address(end - 1) {
        protect(start, end, write, exec);
    }
    0
}

natives! {
    ["set_memory_ro"]
    fn set_memory_ro(start: u64, pages: i32) -> i32 { set(start, pages, Some(false), None) }

    ["set_memory_rox"]
    fn set_memory_rox(start: u64, pages: i32) -> i32 { set(start, pages, Some(false), Some(true)) }

    ["set_memory_rw"]
    fn set_memory_rw(start: u64, pages: i32) -> i32 { set(start, pages, Some(true), None) }

    ["set_memory_x"]
    fn set_memory_x(start: u64, pages: i32) -> i32 { set(start, pages, None, Some(true)) }

    ["set_memory_nx"]
    fn set_memory_nx(start: u64, pages: i32) -> i32 { set(start, pages, None, Some(false)) }
}
