//! B-06: the kernel tree's `Module.symvers` is empty
//!
//! # What
//! The list of the kernel's exported symbols is there, but holds nothing. kbuild calls every function
//! of the kernel undefined.
//!
//! # Why
//! A copy that ran out of disk space, a `make modules` interrupted in a tree of your own, or a tool
//! that made the file so that it exists. See also B-05.
//!
//! # Example
//! ```text
//! ERROR: modpost: "_printk" [test.ko] undefined!
//! ERROR: modpost: "__fentry__" [test.ko] undefined!
//! ```
//!
//! # Way out
//! Nothing to do if the kernel's image, its modules or another tree of the same release are at hand:
//! komod makes the list anew, in an overlay of its own. Otherwise `komod kernel fetch RELEASE`, or
//! reinstall the headers.

use komod_diag::Evidence;

use super::{Finding, Outcome, b05, complete, error};
use crate::packages;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let file = outcome.tree.file(b05::FILE);
    if outcome.succeeded() || !b05::is_missing(outcome) || !file.exists() {
        return Vec::new();
    }
    let Some(said) = outcome.said("modpost", &["undefined!"]) else { return Vec::new() };
    let diagnostic = error("B-06", "the list of the kernel's symbols is empty")
        .with_evidence(Evidence::file(file, "is empty"))
        .with_explanation("Without it kbuild takes every function of the kernel for undefined.");
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
