//! B-38: the compiler is of another family than the kernel's
//!
//! # What
//! The compiler does not know options that the kernel was built with: it is clang and the kernel was built
//! by gcc, or the other way round.
//!
//! # Why
//! The configuration of a kernel names options that only its own compiler knows
//! (`CONFIG_CC_IS_GCC`, `CONFIG_CC_IS_CLANG`). Modules are built with the same ones.
//!
//! # Example
//! ```text
//! clang: error: unknown argument: '-mfunction-return=thunk-extern'
//! gcc: error: unrecognized command-line option '-mstack-alignment=8'
//! ```
//!
//! # Way out
//! Leave `CC` and `LLVM` alone: komod takes gcc for a kernel built by gcc, and clang (with lld, if the
//! kernel was linked by it) for one built by clang.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let is = |name: &str| outcome.tree.config(name).as_deref() == Some("y");
    let (texts, wrong, hints) = if is("CONFIG_CC_IS_GCC") {
        let texts = ["clang: error: unknown argument", "clang: error: unsupported option"];
        let hint = "build with the kernel's compiler: without CC= and LLVM=".to_owned();
        (texts, "clang", vec![hint])
    } else if is("CONFIG_CC_IS_CLANG") {
        let texts = ["gcc: error: unrecognized command", "unrecognized command-line option '-mstack-alignment"];
        let hint = "build with the kernel's compiler: without CC=, komod takes clang".to_owned();
        (texts, "gcc", vec![hint, packages::install(&["clang", "lld"])])
    } else {
        return Vec::new();
    };
    let Some(said) = outcome.said("the compiler", &texts) else { return Vec::new() };
    let text = outcome.tree.config("CONFIG_CC_VERSION_TEXT").unwrap_or_default();
    let diagnostic = error("B-38", format!("{wrong} does not know the options of this kernel"))
        .with_evidence(Evidence::fact("CONFIG_CC_VERSION_TEXT", text))
        .with_explanation("A module is compiled with the options of its kernel, and so by the same compiler.");
    vec![complete(diagnostic, Some(said), hints).into()]
}
