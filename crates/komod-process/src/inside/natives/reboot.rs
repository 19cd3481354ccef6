//! The end of the machine: a panic leads here, because `panic_timeout` says so.

use super::natives;
use crate::inside::{console, kernel, machine, sched};

natives! {
    ["emergency_restart", "machine_emergency_restart"]
    fn emergency_restart() {
        // Where nothing restarts the machine, this is the last line (`panic` in kernel/panic.c).
        let text = console::panic_text();
        if !text.is_empty() {
            kernel::print(0, &format!("---[ end {text} ]---"));
        }
        machine::halt();
        sched::exit(None)
    }
}
