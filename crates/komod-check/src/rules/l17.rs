//! L-17: the ELF structure is damaged
//!
//! # What
//! A section, a name or an index points outside of the file or of its table. The kernel logs
//! which and answers ENOEXEC.
//!
//! # Why
//! The file was damaged or edited.
//!
//! # Example
//! ```text
//! Invalid ELF section header size
//! ```
//!
//! # Way out
//! Build the module again, with the kernel's own build system, and copy it whole. strip,
//! objcopy and downloads damage modules (`strip --strip-debug` is safe).

pub(crate) use super::way_out as hints;
