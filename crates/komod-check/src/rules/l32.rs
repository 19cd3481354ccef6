//! L-32: there are common symbols
//!
//! # What
//! `please compile with -fno-common`, ENOEXEC.
//!
//! # Why
//! A variable without value and without `extern` in several files, compiled with -fcommon.
//!
//! # Example
//! ```text
//! hello: please compile with -fno-common
//! ```
//!
//! # Way out
//! Define it in one file and declare it `extern` in a header; leave the kernel's compiler
//! flags alone.

pub(crate) use super::way_out as hints;
