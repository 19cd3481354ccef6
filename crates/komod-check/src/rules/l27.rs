//! L-27: a live patch on a kernel without live patching
//!
//! # What
//! The module says `livepatch` in its .modinfo; the answer is ENOEXEC.
//!
//! # Why
//! The kernel is built without CONFIG_LIVEPATCH.
//!
//! # Example
//! ```text
//! patch: module is marked as livepatch module, but livepatch support is disabled
//! ```
//!
//! # Way out
//! Use a kernel with live patching.

pub(crate) use super::way_out as hints;
