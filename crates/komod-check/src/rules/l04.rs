//! L-04: there is no version magic
//!
//! # What
//! `.modinfo` has no `vermagic`, and this kernel does not load by force.
//!
//! # Why
//! The module was not linked by the kernel's build system, or the field was stripped.
//!
//! # Example
//! ```text
//! $ objcopy --remove-section=.modinfo hello.ko
//! $ insmod hello.ko
//! insmod: ERROR: could not insert module hello.ko: Invalid module format
//! ```
//!
//! # Way out
//! Build the module again, with the kernel's own build system, and copy it whole. strip,
//! objcopy and downloads damage modules (`strip --strip-debug` is safe).

pub(crate) use super::way_out as hints;
