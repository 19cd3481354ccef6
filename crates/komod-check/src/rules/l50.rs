//! L-50: the file is broken in a way the kernel does not check
//!
//! # What
//! komod refuses, with ENOEXEC. The kernel's own loader would take the file, or read and
//! write outside of what it has allocated; it logs nothing.
//!
//! # Why
//! The kernel trusts much of a module's ELF structure, as loading needs root: indices, offsets,
//! alignments. komod checks them, for it must not go wrong on any file.
//!
//! # Example
//! ```text
//! $ komod load hello.ko          # a relocation's symbol is not in the table
//! error: cannot load hello: Invalid module format (ENOEXEC) [L-50]: …
//! ```
//!
//! # Way out
//! Build the module again, with the kernel's own build system, and copy it whole. strip,
//! objcopy and downloads damage modules (`strip --strip-debug` is safe).

pub(crate) use super::way_out as hints;
