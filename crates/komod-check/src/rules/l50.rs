//! L-50: the file is broken in a way the kernel does not check
//!
//! # What
//! komod refuses, with ENOEXEC. The kernel's own loader would take the file, or read and
//! write outside of what it has allocated; it logs nothing.
//!
//! # Why
//! The kernel trusts much of a module's ELF structure, as loading needs root: indices,
//! offsets, the class byte of the header. komod checks them, for it must not go wrong on any
//! file.
//!
//! # Example
//! ```text
//! $ printf '\001' | dd of=hello.ko bs=1 seek=4 conv=notrunc     # the class byte: ELF32
//! $ komod load hello.ko
//! error: cannot load hello: Invalid module format (ENOEXEC) [L-50]: …
//! ```
//!
//! # Way out
//! Build the module again, with the kernel's own build system, and copy it whole. strip,
//! objcopy and downloads damage modules (`strip --strip-debug` is safe).

pub(crate) use super::way_out as hints;
