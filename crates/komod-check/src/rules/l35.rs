//! L-35: a relocation of unknown type
//!
//! # What
//! `Unknown rela relocation: N`, ENOEXEC.
//!
//! # Why
//! Compiler flags the kernel does not use (-fPIC, another code model), or a foreign object
//! linked in.
//!
//! # Example
//! ```text
//! module: Unknown rela relocation: 42
//! ```
//!
//! # Way out
//! Build all objects with kbuild's flags.

pub(crate) use super::way_out as hints;
