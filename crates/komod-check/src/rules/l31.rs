//! L-31: the module is too large
//!
//! # What
//! Its sections do not fit in the address space of modules, ENOMEM or ENOEXEC.
//!
//! # Why
//! A huge static array, or a damaged section size.
//!
//! # Example
//! ```text
//! static char huge[1UL << 31];     /* 2 GiB in .bss */
//! ```
//!
//! # Way out
//! Allocate large memory at run time (vmalloc).

pub(crate) use super::way_out as hints;
