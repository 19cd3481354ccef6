//! Will a kernel accept a module? Answered from files, before anything is loaded.
//!
//! A [`Target`] is a kernel as its files describe it: the build tree (`Module.symvers`,
//! configuration) and the boot image (layout of `struct module`, version magic); without a tree the
//! image and the kernel's modules say the rest ([`from_image`]). A [`Checker`] gives each module to the loader core ([`komod_load::plan()`] and
//! [`komod_load::link()`]) with that kernel, and tells what comes of it as a [`Verdict`]: it loads,
//! or it is refused with this error number and these log lines.
//!
//! There are no rules of acceptance here: the loader core decides, [`rules`] only explain. A rule
//! has a file of its own, whose text on top is its page for users.
//!
//! Unless a [`Machine`] and a [`Request`] say otherwise, the kernel has just booted, root loads the
//! module, without parameters, and the modules it needs have been loaded before (as modprobe does).
//! What would change a verdict on a machine is told as [`Condition`]s.
//! Signatures are verified by the keys in the kernel's image, and those given to
//! [`Target::trust`].
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
pub mod from_image;
mod image_data;
pub mod init_returns;
pub mod layouts;
mod learned;
mod links;
mod machine;
pub mod parallel;
mod proc_modules;
mod remembered;
pub mod rules;
pub mod signature;
mod symvers;
mod target;
mod verdict;
mod waves;

pub use case::Case;
pub use check::{Checker, Judged};
pub use condition::{Condition, Depends};
pub use komod_load::{Request, State, Taint};
pub use links::{Links, order};
pub use machine::{LoadedModule, Machine};
pub use proc_modules::parse as loaded_modules;
pub use target::{Target, TargetError};
pub use verdict::{Outcome, Verdict};
pub use waves::waves;
