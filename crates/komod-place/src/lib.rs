//! Where a module runs.
//!
//! A [`Place`] is anything that can do what a Linux machine does with modules: load, unload, list
//! them, look up symbols, read, write and control files, tell what it logs. The commands of
//! `komod` speak to this trait only, so that they work the same everywhere.
//!
//! One kind of place exists so far, in two shapes:
//!
//! * [`process::OneShot`]: an in-process kernel for one command. It boots cold, or is forked in
//!   milliseconds from a *zygote*: a booted kernel that waits in the background.
//! * [`process::Resident`]: an in-process kernel that stays, as the one of a real machine does.
//!   A supervisor in the background owns it, keeps its log and serves any number of terminals.
//!
//! [`dependencies`] puts the modules to load into the order in which the kernel needs them.
#![forbid(unsafe_code)]

mod channel;
pub mod dependencies;
mod error;
mod module_tree;
mod place;
pub mod process;

pub use channel::Channel;
pub use error::PlaceError;
pub use place::{Argument, Events, Loaded, ModuleToLoad, Place};
