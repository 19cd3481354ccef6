//! The end of the machine: a panic leads here, because `panic_timeout` says so.

use super::natives;
use crate::inside::{machine, sched};

natives! {
    ["emergency_restart", "machine_emergency_restart"]
    fn emergency_restart() {
        machine::halt();
        sched::exit(None)
    }
}
