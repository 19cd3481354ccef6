//! L-39: constructors of two kinds
//!
//! # What
//! `has both .ctors and .init_array`, EINVAL.
//!
//! # Why
//! Objects of two compilers, or of different options, are linked together.
//!
//! # Example
//! ```text
//! hello: has both .ctors and .init_array.
//! ```
//!
//! # Way out
//! Compile all of them with one compiler.

pub(crate) use super::way_out as hints;
