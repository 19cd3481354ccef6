//! Will a kernel accept a module? Answered from files, before anything is loaded.
//!
//! A [`Target`] is a kernel as its files describe it: the build tree (`Module.symvers`,
//! configuration) and, if it is there, the boot image (layout of `struct module`, version magic,
//! exports). A [`Checker`] gives each module to the loader core ([`komod_load::plan()`] and
//! [`komod_load::link()`]) with that kernel, and tells what comes of it as a [`Verdict`]: it loads,
//! or it is refused with this error number and these log lines.
//!
//! There are no rules of acceptance here: the loader core decides, [`rules`] only explain. A rule
//! has a file of its own, whose text on top is its page for users.
//!
//! Unless a [`Machine`] and a [`Request`] say otherwise, the kernel has just booted, root loads the
//! module, without parameters, and the modules it needs have been loaded before (as modprobe does).
//! What would change a verdict on a machine is told as [`Condition`]s.
//! Signatures are not verified: who signed the kernel's own modules is trusted.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod advice;
mod assumed;
pub mod built_with;
mod builtin_names;
mod case;
mod check;
mod condition;
mod deep;
mod image_data;
pub mod init_returns;
pub mod layouts;
mod links;
mod machine;
mod proc_modules;
pub mod rules;
mod signer;
mod symvers;
mod target;
mod verdict;

pub use case::Case;
pub use check::Checker;
pub use condition::{Condition, Depends};
pub use komod_load::{Request, State, Taint};
pub use links::{Links, order};
pub use machine::{LoadedModule, Machine};
pub use proc_modules::parse as loaded_modules;
pub use target::{Target, TargetError};
pub use verdict::{Outcome, Verdict};
