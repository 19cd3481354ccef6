//! L-26: the module is on the kernel's blacklist
//!
//! # What
//! `Module NAME is blacklisted`, EPERM.
//!
//! # Why
//! `module_blacklist=` on the kernel's command line names it.
//!
//! # Example
//! ```text
//! Module hello is blacklisted
//! ```
//!
//! # Way out
//! Boot without it.

pub(crate) use super::way_out as hints;
