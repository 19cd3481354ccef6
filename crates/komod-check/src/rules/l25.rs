//! L-25: the name is taken by built-in code
//!
//! # What
//! /sys/module has the name already: `module is already loaded`, EINVAL.
//!
//! # Why
//! Code of this name is built into the kernel.
//!
//! # Example
//! ```text
//! loop: module is already loaded
//! ```
//!
//! # Way out
//! Use what is built in, or give the module another name (obj-m := other.o).

pub(crate) use super::way_out as hints;
