//! L-20: lockdown demands a signature
//!
//! # What
//! Loading fails with EPERM, the kernel names lockdown(7).
//!
//! # Why
//! The kernel is locked down (UEFI Secure Boot, or `lockdown=` on the command line).
//!
//! # Example
//! ```text
//! Lockdown: insmod: unsigned module loading is restricted; see man kernel_lockdown.7
//! ```
//!
//! # Way out
//! Sign the module with a key the machine owner has enrolled (mokutil), or switch Secure Boot
//! off.

pub(crate) use super::way_out as hints;
