//! Tasks as coroutines: a stack and a saved stack pointer each, switched by hand.

use super::ptr::Ptr;
use super::region::{PAGE, STACKS, STACKS_LEN};
use std::arch::naked_asm;

/// Bytes of a task's stack. The kernel believes in `THREAD_SIZE` (16 KiB) at the top of it; the
/// rest is for Rust natives, which need more than the kernel's own frames.
pub const STACK: u64 = 512 * 1024;
const SLOT: u64 = STACK + PAGE;

/// Saves the callee-saved registers and the stack pointer at `save`, and takes up those at `load`.
///
/// # Safety
/// `load` is a stack pointer saved by this function or made by [`prepare`], and nothing else runs
/// on that stack.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(save: *mut u64, load: u64) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Lays out a fresh stack so that the first [`switch`] to it enters `entry`.
pub fn prepare(stack: Ptr, entry: extern "C" fn() -> !) -> u64 {
    // The kernel keeps room for a `struct pt_regs` at the top of a task's stack.
    let top = stack.0 + STACK - 512;
    let frame = [0, 0, 0, 0, 0, 0, entry as usize as u64, 0];
    let sp = top - 8 * frame.len() as u64;
    for (i, word) in frame.iter().enumerate() {
        Ptr(sp + 8 * i as u64).write(*word);
    }
    sp
}

/// The stack region as slots with a guard page below each.
#[derive(Default)]
pub struct Stacks {
    free: Vec<u64>,
    used: u64,
}

impl Stacks {
    /// The lowest usable address of a stack, or `None` when 8,000 tasks live already.
    pub fn take(&mut self) -> Option<Ptr> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if (self.used + 1) * SLOT <= STACKS_LEN => {
                self.used += 1;
                self.used - 1
            }
            None => return None,
        };
        let low = STACKS + slot * SLOT + PAGE;
        super::memory_map::guard(low - PAGE, PAGE);
        Some(Ptr(low))
    }

    pub fn give_back(&mut self, stack: Ptr) {
        super::memory_map::forget(stack.0, STACK);
        self.free.push((stack.0 - PAGE - STACKS) / SLOT);
    }
}

/// The stack (its lowest address) that an address belongs to, guard page included.
pub fn stack_of(address: u64) -> Option<Ptr> {
    let offset = address.checked_sub(STACKS).filter(|o| *o < STACKS_LEN)?;
    Some(Ptr(STACKS + offset / SLOT * SLOT + PAGE))
}
