//! The in-process kernel as a place: for one command, or one that stays.
//!
//! Everything that outlives a command lives in one directory of the user (see [`RuntimeDir`]):
//! sockets, their locks, and what background processes wrote to stderr. Background processes are
//! our own binary started by another `argv[0]`, [`BACKGROUND_ARGV0`]: the binary's `main` must
//! call [`background_main`] when it sees that name.

mod background;
mod keeper;
mod log_ring;
mod one_shot;
mod resident;
mod runtime_dir;
mod supervisor;
mod wire;
mod zygote;

pub use background::{BACKGROUND_ARGV0, background_main};
pub use log_ring::{LogEntry, LogLine};
pub use one_shot::{OneShot, Start};
pub use resident::{LogRequest, Resident, UpReport, down, up};
pub use runtime_dir::RuntimeDir;
pub use wire::{About, Info, What};
pub use zygote::end_zygotes;

#[cfg(test)]
mod fake_kernel;
#[cfg(test)]
mod tests;
