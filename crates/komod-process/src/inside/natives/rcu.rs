//! RCU on one CPU: callbacks wait for the next quiet moment, a grace period is to run them.

use super::natives;
use crate::inside::kernel;
use crate::inside::ptr::Ptr;
use crate::inside::single::Single;
use crate::inside::softirq;
use crate::inside::stubs::CALLER;
use komod_kernel::btf::Btf;
use std::collections::VecDeque;

enum Callback {
    /// Call the function with the head.
    Call { head: Ptr, function: Ptr },
    /// Free the object.
    Free(Ptr),
}

static QUEUE: Single<VecDeque<Callback>> = Single::new();
/// Offsets below this in place of a function mean `kfree_rcu` (include/linux/rcupdate.h).
const KFREE_RCU_MAX: u64 = 4096;

pub fn setup() {
    QUEUE.set(VecDeque::new());
}

fn queue(head: Ptr, function: Ptr) {
    let callback = match function.0 {
        offset if offset < KFREE_RCU_MAX => Callback::Free(Ptr(head.0 - offset)),
        _ => Callback::Call { head, function },
    };
    QUEUE.with(|q| q.push_back(callback));
}

pub fn is_pending() -> bool {
    QUEUE.with(|q| !q.is_empty())
}

/// Runs every callback, also those that callbacks add.
pub fn flush() {
    while let Some(callback) = QUEUE.with(|q| q.pop_front()) {
        match callback {
            Callback::Free(object) => super::memory::free(object, 0),
            Callback::Call { head, function } => softirq::in_softirq(|| {
                kernel::call_at(function, &[head.0]);
            }),
        }
    }
}

natives! {
    ["call_rcu", "call_rcu_hurry", "call_rcu_tasks", "call_rcu_tasks_rude", "call_rcu_tasks_trace"]
    fn call_rcu(head: Ptr, function: Ptr) { queue(head, function) }

    ["call_srcu"]
    fn call_srcu(_domain: Ptr, head: Ptr, function: Ptr) { queue(head, function) }

    ["synchronize_rcu", "synchronize_rcu_expedited", "rcu_barrier", "synchronize_rcu_tasks",
     "synchronize_rcu_tasks_rude", "synchronize_rcu_tasks_trace", "rcu_barrier_tasks",
     "rcu_barrier_tasks_rude", "rcu_barrier_tasks_trace", "kvfree_rcu_barrier"]
    fn synchronize_rcu() { flush() }

    /// Nothing waits in the kernel's own lists of objects to free: `kvfree_call_rcu` is ours.
    ["kfree_rcu_scheduler_running"]
    fn kfree_rcu_scheduler_running() {}

    ["synchronize_srcu", "synchronize_srcu_expedited", "srcu_barrier"]
    fn synchronize_srcu(_domain: Ptr) { flush() }

    /// 6.1: `(head, func)`, where the function is the offset of the head in the object, or no
    /// head and the object itself.
    ["kvfree_call_rcu"]
    fn kvfree_call_rcu(head: Ptr, function: Ptr) {
        if head.is_null() { super::memory::free(function, CALLER.read()) } else {
            queue(head, function)
        }
    }
}

/// 6.12's `kvfree_call_rcu(head, object)`: the object is named itself. Without a head the caller
/// may sleep, and waits for a grace period.
mod v612 {
    use super::*;
    natives! {
        ["kvfree_call_rcu"]
        fn kvfree_call_rcu(head: Ptr, object: Ptr) {
            if head.is_null() {
                super::super::memory::free(object, CALLER.read());
            } else {
                QUEUE.with(|q| q.push_back(Callback::Free(object)));
            }
        }
    }
}

/// The two kernels' `kvfree_call_rcu` differ only in what the second parameter is: 6.1 names it
/// `func`, later ones `ptr`.
pub fn register_for(table: &mut super::Table, btf: &Btf) {
    let second = btf.func("kvfree_call_rcu").and_then(|f| f.params.get(1).map(|p| p.0 == "ptr"));
    if second == Some(true) {
        v612::register(table);
    }
    register(table);
}
