//! The in-process kernel: a distribution's real kernel code, relocated into an unprivileged
//! process. See `DESIGN.md`, "The idea that sets it apart".
//!
//! This is the only crate of the workspace where `unsafe` is at home.

pub mod bound_child;
mod child;
pub mod client;
pub mod device;
mod inside;
pub mod kmsg;
pub mod protocol;
pub mod random;
mod sandbox;
pub mod signals;
mod spawn;
mod zygote;

pub use child::child_main;

/// Whether an address is that of something the in-process kernel has allocated, other than a module
/// or per-CPU data: an object, the `struct page` of a page, a task's stack.
pub fn is_allocated(address: u64) -> bool {
    use inside::region::{ARENA, ARENA_LEN, STACKS, STACKS_LEN, VMEMMAP, VMEMMAP_LEN};
    let inside = |base: u64, len: u64| address.wrapping_sub(base) < len;
    inside(ARENA, ARENA_LEN) || inside(STACKS, STACKS_LEN) || inside(VMEMMAP, VMEMMAP_LEN)
}
