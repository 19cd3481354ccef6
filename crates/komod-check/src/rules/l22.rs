//! L-22: the signature is of a wrong kind, revoked or does not match
//!
//! # What
//! The signature was checked, by a trusted key or by a certificate that comes with it, and is not
//! good. The kernel refuses the module also where it does not demand signatures.
//!
//! # Why
//! The module was changed after signing, it carries another file's signature, it is signed with
//! attributes (`openssl cms` without -noattr), or the key is on the kernel's blacklist.
//!
//! # Example
//! ```text
//! $ insmod edited-after-signing.ko
//! insmod: ERROR: could not insert module edited-after-signing.ko: Key was rejected by service
//! ```
//!
//! # Way out
//! Sign it again, with a valid key, as the last step.

pub(crate) use super::way_out as hints;
