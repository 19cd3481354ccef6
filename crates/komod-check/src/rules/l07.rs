//! L-07: there are no checksums of symbols
//!
//! # What
//! There is no `__versions` section, and this kernel neither loads without nor by force.
//!
//! # Why
//! The module was built for a kernel without CONFIG_MODVERSIONS, or without the kernel's
//! Module.symvers.
//!
//! # Example
//! ```text
//! $ objcopy --remove-section=__versions hello.ko
//! $ insmod hello.ko
//! insmod: ERROR: could not insert module hello.ko: Invalid module format
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
