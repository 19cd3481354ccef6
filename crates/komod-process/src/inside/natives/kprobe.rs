//! Kprobes: breakpoints in kernel code. The code here carries redirections that they would undo, and
//! the breakpoint's trap goes to the process, not to the kernel.

use super::natives;
use crate::inside::kernel;
use crate::inside::ptr::Ptr;

const EOPNOTSUPP: i32 = 95;

natives! {
    ["register_kprobe"]
    fn register_kprobe(_probe: Ptr) -> i32 {
        kernel::print(4, "kprobes: not possible in the in-process kernel");
        -EOPNOTSUPP
    }
}
