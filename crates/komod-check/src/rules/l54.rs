//! L-54: its functions have no type hashes
//!
//! # What
//! The module loads. The kernel is built with CONFIG_CFI_CLANG, the module without.
//!
//! # Why
//! The kernel compares a hash before each function that it calls through a pointer. Without one
//! the call ends in a fault, or in a warning if the kernel is permissive (CONFIG_CFI_PERMISSIVE).
//!
//! # Example
//! ```text
//! CFI failure at do_one_initcall+0x50/0x200 (target: init_module+0x0/0x10 [hello]; expected type:
//!   0x36b1c5a6)
//! ```
//!
//! # Way out
//! Build the module with clang and the kernel's own build system.
