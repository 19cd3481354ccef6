//! L-44: a module that exports a needed symbol is starting or going
//!
//! # What
//! The kernel waits half a minute for it, then gives up: EBUSY (ENOENT if it is going).
//!
//! # Why
//! Its init hangs, or has requested this module and waits for it: a circle.
//!
//! # Example
//! ```text
//! user: gave up waiting for init of module provider.
//! ```
//!
//! # Way out
//! Load the other one first; do not call request_module() synchronously in init for a module
//! that needs this one.

pub(crate) use super::way_out as hints;
