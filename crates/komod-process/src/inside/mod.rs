//! Inside the kernel process: the machine, the natives, the boot, and serving requests.
//!
//! [`region`] says where everything lives; [`natives`] stand in for hardware-bound functions;
//! [`sched`] is the CPU; [`traps`], [`exceptions`] and [`emulate`] are its exceptions; [`boot`]
//! starts the kernel and [`serve`] answers requests.

mod abi;
pub mod boot;
mod bootlist;
pub mod builtin;
mod calls;
mod clock;
mod console;
mod cpu_facts;
mod emulate;
mod exceptions;
mod files;
mod heap;
mod interrupts;
pub mod kernel;
mod leaks;
mod machine;
mod memory_map;
mod module_events;
mod modules;
mod natives;
mod offsets;
pub mod out;
mod patching;
mod ptr;
pub mod region;
mod sched;
pub mod serve;
mod signal;
mod single;
mod softirq;
mod start;
mod stubs;
mod task;
mod task_struct;
mod traps;
pub mod watchdog;

pub use start::start;
