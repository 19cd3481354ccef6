//! L-28: the module was compiled without retpolines
//!
//! # What
//! The module loads. The kernel warns that it may open the machine to Spectre v2.
//!
//! # Why
//! The kernel mitigates Spectre v2 with retpolines (CONFIG_RETPOLINE, since 6.9
//! CONFIG_MITIGATION_RETPOLINE), and .modinfo has no `retpoline=Y`: indirect calls in the module
//! are not protected. It was built for a kernel without, or by a compiler that lacks them.
//!
//! # Example
//! ```text
//! hello: loading module not compiled with retpoline compiler.
//! ```
//!
//! # Way out
//! Build the module again, against this kernel's own build tree and with its compiler flags.
