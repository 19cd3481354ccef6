//! L-22: the signature is of a wrong kind, revoked or does not match
//!
//! # What
//! The signature was checked and is not good.
//!
//! # Why
//! The module was changed after signing, or the key is on the kernel's blacklist.
//!
//! # Example
//! ```text
//! $ insmod edited-after-signing.ko
//! insmod: ERROR: could not insert module edited-after-signing.ko: Key was rejected by service
//! ```
//!
//! # Way out
//! Sign it again, with a valid key.

pub(crate) use super::way_out as hints;
