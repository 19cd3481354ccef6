//! L-16: not a relocatable ELF object for this machine, or cut off
//!
//! # What
//! The ELF header is not that of a relocatable x86-64 object, or the file ends before its
//! section headers. The answer is ENOEXEC; some kernels log nothing about it.
//!
//! # Why
//! It is no module, one for another processor, or only a part of the file arrived.
//!
//! # Example
//! ```text
//! $ head -c 4000 hello.ko >cut.ko
//! $ insmod cut.ko
//! Invalid ELF section header overflow
//! ```
//!
//! # Way out
//! `file X.ko` says what it is. Build it for this machine, or copy it again.

pub(crate) use super::way_out as hints;
