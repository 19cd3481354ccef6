//! L-52: indirect calls are not protected
//!
//! # What
//! The module loads. `.modinfo` has no `retpoline=Y` and the kernel is built with retpolines.
//!
//! # Why
//! The module calls through pointers without the thunks that keep the processor from speculating
//! (Spectre v2). The kernel then reports itself as vulnerable as a whole.
//!
//! # Example
//! ```text
//! $ cat /sys/devices/system/cpu/vulnerabilities/spectre_v2
//! ... vulnerable module loaded
//! ```
//!
//! # Way out
//! Build the module again with the kernel's own build system, whose flags ask for retpolines.
