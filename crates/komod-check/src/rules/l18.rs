//! L-18: the file is compressed in a way the kernel does not take
//!
//! # What
//! finit_module(2) was given a compressed file; the kernel knows one kind of compression
//! (CONFIG_MODULE_COMPRESS_*), or none.
//!
//! # Why
//! The file was compressed for another kernel.
//!
//! # Example
//! ```text
//! not an xz compressed module
//! ```
//!
//! # Way out
//! Unpack it (xz -d, zstd -d, gunzip), or use insmod or komod, which do.

pub(crate) use super::way_out as hints;
