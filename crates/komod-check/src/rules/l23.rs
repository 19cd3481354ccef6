//! L-23: the module is not signed by a trusted key
//!
//! # What
//! The module loads, and the kernel logs once `module verification failed: signature and/or
//! required key missing - tainting kernel`. The module gets the taint E, and so does the kernel.
//!
//! # Why
//! The kernel checks signatures (CONFIG_MODULE_SIG) but does not demand them
//! (CONFIG_MODULE_SIG_FORCE, module.sig_enforce and lockdown are off). Where one of them is on,
//! the same module is refused: L-19, L-20.
//!
//! # Example
//! ```text
//! hello: module verification failed: signature and/or required key missing - tainting kernel
//! ```
//!
//! # Way out
//! Nothing has to be done where signatures are not demanded. Else sign the module with a key that
//! the machine trusts (on UEFI Secure Boot: a machine owner key, enrolled with mokutil).
