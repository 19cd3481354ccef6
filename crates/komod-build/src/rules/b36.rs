//! B-36: the compiler is too old for this kernel
//!
//! # What
//! The compiler does not know an option that the kernel's configuration asks for.
//!
//! # Why
//! The kernel was configured for the compiler it was built with. An older one lacks options, such
//! as `-ftrivial-auto-var-init=zero` (gcc 12). Another minor release of the same compiler is no
//! problem, and a newer one seldom is.
//!
//! # Example
//! ```text
//! warning: the compiler differs from the one used to build the kernel
//! gcc-11: error: unrecognized command-line option '-ftrivial-auto-var-init=zero'
//! ```
//!
//! # Way out
//! Install the compiler that `CONFIG_CC_VERSION_TEXT` of the kernel's configuration names.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let texts =
        ["unrecognized command-line option", "unrecognized command line option", "unknown argument:"];
    if outcome.succeeded() {
        return Vec::new();
    }
    let Some(said) = outcome.said("the compiler", &texts) else { return Vec::new() };
    let mut diagnostic = error("B-36", "the compiler does not suit this kernel").with_evidence(said);
    let mut hints = Vec::new();
    if let Some(wanted) = outcome.tree.config("CONFIG_CC_VERSION_TEXT") {
        hints.push(format!("use the compiler the kernel was built with: {wanted}"));
        diagnostic = diagnostic.with_evidence(Evidence::fact("CONFIG_CC_VERSION_TEXT", wanted));
    }
    let differs = outcome.said("kbuild", &["the compiler differs", "The kernel was built by"]);
    vec![complete(diagnostic, differs, hints).into()]
}
