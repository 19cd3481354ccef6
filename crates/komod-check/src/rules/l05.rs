//! L-05: the module was built for another `struct module`
//!
//! # What
//! The checksum of `module_layout` in `__versions` is not the kernel's. The kernel logs
//! `disagrees about version of symbol module_layout` and answers ENOEXEC.
//!
//! # Why
//! `struct module` or something in it looks different in the kernel the module was built for,
//! even if the release reads the same (another build, other options).
//!
//! # Example
//! ```text
//! hello: disagrees about version of symbol module_layout
//! ```
//!
//! # Way out
//! Build the module with `komod build --kernel RELEASE` for the kernel it shall run in, or
//! run it in the kernel it was built for (`komod info` shows which).

use komod_load::RefusalCode;

use crate::case::Case;

pub(crate) fn hints(_code: RefusalCode, case: &Case<'_>) -> Vec<String> {
    case.rebuild()
}
