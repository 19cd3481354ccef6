//! L-37: the place to relocate is not zero
//!
//! # What
//! `Invalid relocation target, existing value is nonzero`, ENOEXEC.
//!
//! # Why
//! The object was relocated before, or its code was patched after linking.
//!
//! # Example
//! ```text
//! Skipping invalid relocation target, existing value is nonzero for type 1, loc
//!   0000000012345678, val ffffffffc0123000
//! ```
//!
//! # Way out
//! Build the module again, with the kernel's own build system, and copy it whole. strip,
//! objcopy and downloads damage modules (`strip --strip-debug` is safe).

pub(crate) use super::way_out as hints;
