//! What `komod run` does once there are modules and a kernel: load, wait, unload, look for
//! leaks, judge; or boot with them built in, and judge.

mod boot;
mod debugging;
mod early;
mod kept;
pub mod machine;
mod report;
mod session;
mod sink;
mod verdict;

pub use boot::Boot;
pub use debugging::Debugging;
pub use early::EarlyBoot;
pub use kept::Kept;
pub use report::{ModuleReport, Problem, Report, micros};
pub use session::{Plan, Session};
pub use sink::Sink;
pub use verdict::{print_leaks, print_verdict};
