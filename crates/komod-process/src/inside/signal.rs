//! The one signal that tasks get here: the deadly one, when whoever made a call does not want to
//! wait for it any longer.

use super::offsets::offsets;
use super::ptr::Ptr;
use super::sched::{self, TaskId};

/// `TIF_SIGPENDING` of arch/x86/include/asm/thread_info.h (6.1, 6.12); `thread_info` is the first
/// member of `task_struct` (CONFIG_THREAD_INFO_IN_TASK) and `flags` its first.
const SIGPENDING: u64 = 1 << 2;
/// SIGKILL's bit in a `sigset_t`: what a signal that ends a process becomes
/// (`complete_signal` of kernel/signal.c, 6.1).
const SIGKILL: u64 = 1 << 8;
/// `TASK_INTERRUPTIBLE` and `TASK_WAKEKILL` of include/linux/sched.h (6.1, 6.12).
const INTERRUPTIBLE: u32 = 1;
const WAKEKILL: u32 = 0x100;

/// Sends a task a deadly signal: waits that signals may end return.
pub fn kill(id: TaskId) {
    let Some(task) = sched::struct_of(id) else { return };
    let set = task.at(offsets().task_signals);
    set.write(set.read::<u64>() | SIGKILL);
    task.write(task.read::<u64>() | SIGPENDING);
    sched::wake(task, INTERRUPTIBLE | WAKEKILL);
}

pub fn is_pending(task: Ptr) -> bool {
    task.read::<u64>() & SIGPENDING != 0
}

/// A task is about to wait: with a signal that ends this wait it stays running
/// (`signal_pending_state` of include/linux/sched/signal.h, 6.1).
pub fn before_wait(task: Ptr) {
    let state = task.at(offsets().task_state);
    if state.read::<u32>() & (INTERRUPTIBLE | WAKEKILL) != 0 && is_pending(task) {
        state.write(0u32);
    }
}
