//! B-53: built by kbuild
//!
//! # What
//! The module was built by the kernel's own build system, kbuild, not by komod itself.
//!
//! # Why
//! komod builds without kbuild, which is faster, where it is sure to make the same file byte for
//! byte: modules from C and assembly sources. Rules of one's own in a makefile, programs that run
//! on the build machine, generated headers and other languages are left to kbuild. So is a kernel
//! tree for which komod's build of a probe module came out differently from kbuild's.
//!
//! # Example
//! ```text
//! $ komod build -v
//! note[B-53]: built by kbuild: the makefile makes gen.h in a way of its own (cmd_gen)
//! ```
//!
//! # Way out
//! Nothing to do: the module is the same.

use komod_diag::{Diagnostic, Severity};

use super::{Finding, Outcome};
use crate::doubt::Doubt;

pub(crate) fn look(_: &Outcome<'_>) -> Vec<Finding> {
    // Said by the one who decides, not found in a log.
    Vec::new()
}

/// Why kbuild did the work; nothing if the user wanted it so.
pub(crate) fn by_kbuild(doubt: &Doubt) -> Option<Diagnostic> {
    let title = format!("built by kbuild: {doubt}");
    (!matches!(doubt, Doubt::Asked)).then(|| Diagnostic::new("B-53", Severity::Note, title))
}
