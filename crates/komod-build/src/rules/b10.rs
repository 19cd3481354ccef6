//! B-10: the kernel tree has no `scripts/basic/fixdep`
//!
//! # What
//! After the first compilation kbuild cannot find `fixdep`, the program that notes which headers
//! an object was made from.
//!
//! # Why
//! As with modpost (B-08): the package with the build programs is not installed, or a tree was
//! copied without them, or `make modules_prepare` was never run.
//!
//! # Example
//! ```text
//! /bin/sh: 1: scripts/basic/fixdep: not found
//! ```
//!
//! # Way out
//! Nothing to do: komod has a stand-in of its own. For builds without komod install the package
//! (Debian: `linux-kbuild-X.Y`), or run `make modules_prepare` in a tree of your own.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FILE: &str = "scripts/basic/fixdep";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() || outcome.tree.has(FILE) {
        return Vec::new();
    }
    let Some(said) = outcome.said("kbuild", &[FILE]) else { return Vec::new() };
    let diagnostic = error("B-10", "the kernel tree lacks fixdep, one of kbuild's own programs")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"));
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
