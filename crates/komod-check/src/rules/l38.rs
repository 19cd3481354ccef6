//! L-38: exported symbols have no checksums
//!
//! # What
//! The module exports symbols without checksums, on a kernel with symbol versions that does
//! not load by force: ENOEXEC.
//!
//! # Why
//! It was built for a kernel without CONFIG_MODVERSIONS.
//!
//! # Example
//! ```text
//! $ objcopy --remove-section=__kcrctab hello.ko
//! $ insmod hello.ko
//! insmod: ERROR: could not insert module hello.ko: Invalid module format
//! ```
//!
//! # Way out
//! Build the module with `komod build --kernel RELEASE` for the kernel it shall run in, or
//! run it in the kernel it was built for (`komod info` shows which).

pub(crate) use super::way_out as hints;
