//! What `komod run` does once there are modules and a kernel: load, wait, unload, look for
//! leaks, judge.

mod report;
mod session;
mod sink;
mod verdict;

pub use report::{ModuleReport, Problem, Report};
pub use session::{Plan, Session};
pub use sink::Sink;
pub use verdict::{print_leaks, print_verdict};
