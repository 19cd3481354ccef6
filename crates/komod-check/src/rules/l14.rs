//! L-14: there is no usable `.gnu.linkonce.this_module`
//!
//! # What
//! That section is the module's `struct module`. It is missing, there twice or of a wrong
//! kind. The answer is ENOEXEC.
//!
//! # Why
//! The file is a plain object (`x.o`), not a module: `x.ko` is linked from it and from what
//! modpost makes.
//!
//! # Example
//! ```text
//! $ insmod hello.o
//! hello: No module found in object                      (6.1)
//! Only one .gnu.linkonce.this_module section must exist.  (6.12)
//! ```
//!
//! # Way out
//! Load the .ko, built by the kernel's build system.

pub(crate) use super::way_out as hints;
