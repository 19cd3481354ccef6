//! L-01: loading modules is not permitted
//!
//! # What
//! init_module(2) fails with EPERM before the file is looked at. The kernel logs nothing.
//!
//! # Why
//! The caller has no CAP_SYS_MODULE, or modules were switched off for good by
//! /proc/sys/kernel/modules_disabled (or `nomodule` on the command line).
//!
//! # Example
//! ```text
//! $ insmod hello.ko
//! insmod: ERROR: could not insert module hello.ko: Operation not permitted
//! ```
//!
//! # Way out
//! On a real machine: be root; after `modules_disabled` only a reboot helps.

pub(crate) use super::way_out as hints;
