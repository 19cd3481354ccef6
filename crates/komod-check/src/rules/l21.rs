//! L-21: the signature trailer is malformed
//!
//! # What
//! The file ends like a signed module, but what stands before is no whole signature.
//!
//! # Why
//! It was cut, edited or stripped after signing: the signature covers all bytes.
//!
//! # Example
//! ```text
//! $ sign-file sha256 key.pem cert.pem hello.ko
//! $ truncate -s -41 hello.ko; printf '~Module signature appended~\n' >>hello.ko
//! $ insmod hello.ko
//! insmod: ERROR: could not insert module hello.ko: Bad message
//! ```
//!
//! # Way out
//! Sign it again, as the last step.

pub(crate) use super::way_out as hints;
