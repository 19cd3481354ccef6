//! Where the kernel lives in the process: fixed addresses, all of them free in a
//! position-independent executable's address space.
//!
//! Kernel and module code is compiled for the top 2 GiB (`-mcmodel=kernel`) and keeps addresses in
//! sign-extended 32 bits; in user space the low 2 GiB do the same job. Memory that the kernel
//! only reaches through 64-bit pointers lies above. Physical address equals virtual address
//! (`page_offset_base = phys_base = 0`), so the kernel's inline `virt_to_page` arithmetic holds.

/// The relocated kernel image.
pub const IMAGE: u64 = 0x1000_0000;
pub const IMAGE_MAX: u64 = 0x0c00_0000;
/// Module memory (text, data), as the kernel's module area.
pub const MODULES: u64 = 0x2000_0000;
pub const MODULES_LEN: u64 = 0x1000_0000;
/// Trampolines and assembly stubs, in reach of a 32-bit jump from image and modules.
pub const STUBS: u64 = 0x3000_0000;
pub const STUBS_LEN: u64 = 0x10_0000;
/// The one CPU's per-CPU area; the GS base.
pub const PERCPU: u64 = 0x3100_0000;
pub const PERCPU_LEN: u64 = 0x0400_0000;
/// Everything that is allocated: slab objects, pages, vmalloc areas.
pub const ARENA: u64 = 0x1_0000_0000;
pub const ARENA_LEN: u64 = 32 << 30;
/// Task stacks, each with a guard page below.
pub const STACKS: u64 = 0x20_0000_0000;
pub const STACKS_LEN: u64 = 4 << 30;
/// `struct page` of every page frame up to the arena's end.
pub const VMEMMAP: u64 = 0x1000_0000_0000;
pub const PAGE: u64 = 4096;
/// Bytes of a `struct page` (checked against BTF at start).
pub const STRUCT_PAGE: u64 = 64;
pub const VMEMMAP_LEN: u64 = (ARENA + ARENA_LEN) / PAGE * STRUCT_PAGE;
/// An address range that is not mapped: the kernel's idea of where vmalloc areas would be.
pub const VMALLOC: u64 = 0x3000_0000_0000;

/// Whether `len` bytes at `address` belong to the kernel's memory.
pub fn is_kernel_memory(address: u64, len: u64) -> bool {
    let inside = |base: u64, size: u64| address >= base && address - base <= size - len.min(size);
    inside(IMAGE, IMAGE_MAX)
        || inside(MODULES, MODULES_LEN)
        || inside(PERCPU, PERCPU_LEN)
        || inside(STUBS, STUBS_LEN)
        || inside(ARENA, ARENA_LEN)
        || inside(STACKS, STACKS_LEN)
        || inside(VMEMMAP, VMEMMAP_LEN)
}

pub fn is_module_address(address: u64) -> bool {
    address.wrapping_sub(MODULES) < MODULES_LEN
}

pub fn is_image_address(address: u64) -> bool {
    address.wrapping_sub(IMAGE) < IMAGE_MAX
}
