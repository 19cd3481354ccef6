//! L-19: the kernel demands a signature
//!
//! # What
//! Loading fails with EKEYREJECTED: `loading of unsigned module is rejected` or one with an
//! unknown key.
//!
//! # Why
//! CONFIG_MODULE_SIG_FORCE or `module.sig_enforce` is on.
//!
//! # Example
//! ```text
//! Loading of unsigned module is rejected
//! ```
//!
//! # Way out
//! Sign the module with a key the kernel trusts (scripts/sign-file), or boot without
//! `module.sig_enforce`. `komod check --key CERT` takes a key that the machine has enrolled.

pub(crate) use super::way_out as hints;
