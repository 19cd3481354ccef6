//! B-15: the kernel tree has no linker script for modules
//!
//! # What
//! Everything compiles, and the last step, linking the module, fails.
//!
//! # Why
//! `module.lds` says how the sections of a module are laid out. It is made by `make modules_prepare`
//! and shipped with headers: as `scripts/module.lds`, in Debian's trees as `arch/x86/module.lds`.
//!
//! # Example
//! ```text
//! ld: cannot open linker script file arch/x86/module.lds: No such file or directory
//! ```
//!
//! # Way out
//! `komod kernel fetch RELEASE` gets a complete tree, and komod then takes the file from there by
//! itself. Or reinstall the headers; in a tree of your own, run `make modules_prepare`.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FILES: [&str; 2] = ["scripts/module.lds", "arch/x86/module.lds"];

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() || FILES.iter().any(|file| outcome.tree.has(file)) {
        return Vec::new();
    }
    let texts = ["cannot open linker script file", "module.lds"];
    let Some(said) = outcome.said("ld", &texts) else { return Vec::new() };
    let debian = outcome.tree.file(".kernelvariables").exists();
    let file = outcome.tree.file(FILES[usize::from(debian)]);
    let diagnostic = error("B-15", "the kernel tree lacks the linker script for modules")
        .with_evidence(Evidence::file(file, "is missing"));
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
