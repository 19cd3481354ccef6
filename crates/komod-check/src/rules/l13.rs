//! L-13: `struct module` has another size
//!
//! # What
//! The section `.gnu.linkonce.this_module` is not as large as this kernel's `struct module`.
//! The answer is ENOEXEC.
//!
//! # Why
//! The module was built with the headers of another kernel, or with other options.
//!
//! # Example
//! ```text
//! module hello: .gnu.linkonce.this_module section size must match the kernel's built struct
//!   module size at run time
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
