//! L-36: a relocated value does not fit
//!
//! # What
//! `overflow in relocation type N`, ENOEXEC: a 32-bit place was to get an address that needs
//! more.
//!
//! # Why
//! Code not compiled with the kernel's code model (-mcmodel=kernel), or hand-written
//! assembly.
//!
//! # Example
//! ```text
//! overflow in relocation type 10 val ffffffffc0123000
//! `hello' likely not compiled with -mcmodel=kernel
//! ```
//!
//! # Way out
//! Build all objects with kbuild's flags; in assembly refer to symbols by (%rip).

pub(crate) use super::way_out as hints;
