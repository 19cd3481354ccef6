//! L-27: a live patch that this kernel cannot take
//!
//! # What
//! ENOEXEC where the kernel has no live patching. EINVAL where it has, and a section of relocations
//! that is marked as a live patch's, or a symbol in it, is not called as it must be; or the module
//! is called `vmlinux`.
//!
//! # Why
//! The kernel is built without CONFIG_LIVEPATCH, or the tool that made the patch wrote wrong names.
//! The mark counts (SHF_RELA_LIVEPATCH), whether the module says `livepatch=Y` or not. Whether the
//! kernel has the symbols that a patch is for, `komod check` does not look up.
//!
//! # Example
//! ```text
//! patch: module is marked as livepatch module, but livepatch support is disabled
//! livepatch: section .klp.rela..text has an incorrectly formatted name
//! livepatch: symbol ksize is not marked as a livepatch symbol
//! ```
//!
//! # Way out
//! Use a kernel with live patching; make the patch with a tool for this kernel (kpatch-build,
//! klp-build). Names: `.klp.rela.vmlinux..text`, `.klp.sym.vmlinux.ksize,0`.

pub(crate) use super::way_out as hints;
