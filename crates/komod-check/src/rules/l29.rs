//! L-29: a section is both writable and executable
//!
//! # What
//! The kernel logs the section's name and answers ENOEXEC (CONFIG_STRICT_MODULE_RWX).
//!
//! # Why
//! Hand-written assembly or a section attribute asks for both flags, or data and code share a
//! section.
//!
//! # Example
//! ```text
//! hello: section .text (index 1) has invalid WRITE|EXEC flags
//! ```
//!
//! # Way out
//! Give code "ax" and data "aw", in sections of their own.

pub(crate) use super::way_out as hints;
