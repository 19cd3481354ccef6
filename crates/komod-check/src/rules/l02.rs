//! L-02: there is nothing to load
//!
//! # What
//! The file has no bytes. The kernel answers EINVAL and logs nothing.
//!
//! # Why
//! A build that was interrupted, or a copy to a full disk.
//!
//! # Example
//! ```text
//! $ touch empty.ko
//! $ insmod empty.ko
//! insmod: ERROR: could not insert module empty.ko: Invalid parameters
//! ```
//!
//! # Way out
//! Build or copy it again.

pub(crate) use super::way_out as hints;
