//! L-28: the module was compiled without retpolines
//!
//! # What
//! The module loads. On a machine that mitigates Spectre v2 the kernel warns; on others it logs
//! nothing.
//!
//! # Why
//! The kernel mitigates Spectre v2 with retpolines (CONFIG_RETPOLINE, since 6.9
//! CONFIG_MITIGATION_RETPOLINE), and .modinfo has no `retpoline=Y`: indirect calls in the module
//! are not protected. It was built for a kernel without, or by a compiler that lacks them. Whether
//! the kernel mitigates depends on the processor and on spectre_v2= and mitigations=; see
//! /sys/devices/system/cpu/vulnerabilities/spectre_v2, where `Vulnerable` without a colon, or `Not
//! affected`, means that it does not.
//!
//! # Example
//! ```text
//! Spectre V2 : System may be vulnerable to spectre v2
//! hello: loading module not compiled with retpoline compiler.
//! ```
//!
//! # Way out
//! Build the module again, against this kernel's own build tree and with its compiler flags.
