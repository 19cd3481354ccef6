//! L-34: a module that uses GPL-only symbols would use a proprietary one's
//!
//! # What
//! The kernel logs it and treats the symbol as unknown, ENOENT.
//!
//! # Why
//! A module under a proprietary licence must not reach GPL-only symbols through another.
//!
//! # Example
//! ```text
//! user: module using GPL-only symbols uses symbols their_function from proprietary module
//!   theirs.
//! ```
//!
//! # Way out
//! Do without the proprietary module's symbols, or without the GPL-only ones.

pub(crate) use super::way_out as hints;
