//! Where a module runs.
//!
//! A [`Place`] is anything that can do what a Linux machine does with modules: load, unload, list
//! them, look up symbols, read, write and control files, tell what it logs. The commands of
//! `komod` speak to this trait only, so that they work the same everywhere.
//!
//! The places so far:
//!
//! * [`process::OneShot`]: an in-process kernel for one command. It boots cold, or is forked in
//!   milliseconds from a *zygote*: a booted kernel that waits in the background.
//! * [`process::Resident`]: an in-process kernel that stays, as the one of a real machine does.
//!   A supervisor in the background owns it, keeps its log and serves any number of terminals.
//! * [`vm::Vm`]: a virtual machine with the real kernel, for one command: a copy of one that has
//!   booted before.
//! * [`real::Real`]: a kernel that was there before us: that of this host, or of a board.
//!
//! [`dependencies`] puts the modules to load into the order in which the kernel needs them.
#![forbid(unsafe_code)]

mod agent_line;
mod channel;
pub mod dependencies;
mod error;
mod hearing;
mod module_tree;
mod place;
pub mod process;
pub mod real;
pub mod vm;

pub use channel::Channel;
pub use error::PlaceError;
pub use place::{Argument, Events, Loaded, ModuleToLoad, Place, Program};
