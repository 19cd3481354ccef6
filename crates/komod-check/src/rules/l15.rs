//! L-15: there is no symbol table
//!
//! # What
//! The kernel logs `module has no symbols (stripped?)` and answers ENOEXEC.
//!
//! # Why
//! `strip` without options removes the symbols that the loader needs.
//!
//! # Example
//! ```text
//! $ strip hello.ko
//! $ insmod hello.ko
//! hello: module has no symbols (stripped?)
//! ```
//!
//! # Way out
//! Build it again, or strip with `--strip-debug` only.

pub(crate) use super::way_out as hints;
