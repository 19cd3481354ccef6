//! L-21: the signature is malformed
//!
//! # What
//! The file ends like a signed module, but what stands before is no signature the kernel can read:
//! the trailer, the PKCS#7 message in front of it, or a certificate in that message. Mostly the
//! error is EBADMSG; EINVAL and others mean a message of a form the kernel does not take.
//!
//! # Why
//! It was cut, edited or stripped after signing, or signed by a tool that writes other messages
//! than scripts/sign-file does: ones around their contents, say, or with certificates whose keys
//! the kernel cannot use.
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
