//! L-53: its functions have no landing pads
//!
//! # What
//! The module loads. Its init or exit function does not begin with `endbr64` and the kernel tracks
//! indirect branches (CONFIG_X86_KERNEL_IBT).
//!
//! # Why
//! On a processor with CET the kernel's call through a pointer to such a function raises a control
//! protection fault, and the kernel ends there (BUG), unless `ibt=warn`. Other processors do not
//! notice, and the in-process kernel is one of them.
//!
//! # Example
//! ```text
//! Missing ENDBR: init_module+0x0/0x10 [hello]
//! ```
//!
//! # Way out
//! Build the module again with the kernel's own build system (`-fcf-protection=branch`), or start
//! the kernel with `ibt=off`.
