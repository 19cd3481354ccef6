//! L-06: the checksum of `module_layout` is missing
//!
//! # What
//! The module has checksums of symbols, but none of `module_layout`, which every module built
//! with symbol versions has.
//!
//! # Why
//! It was linked against an incomplete Module.symvers.
//!
//! # Example
//! ```text
//! hello: no symbol version for module_layout
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
