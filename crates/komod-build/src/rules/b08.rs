//! B-08: the kernel tree has no `scripts/mod/modpost`
//!
//! # What
//! The sources compile, then kbuild cannot find `modpost`, the program that checks a module's
//! symbols and writes its version information.
//!
//! # Why
//! It is a program of the build machine. Distributions ship it with the headers or in a package of
//! its own (Debian: `linux-kbuild-X.Y`); in a tree of your own `make modules_prepare` builds it. It
//! is missing when that package is not installed, or when a tree was copied without its programs.
//!
//! # Example
//! ```text
//! /bin/sh: 1: scripts/mod/modpost: not found
//! make[2]: *** No rule to make target 'scripts/mod/modpost', needed by '...'.  Stop.
//! ```
//!
//! # Way out
//! Nothing to do: komod takes the program from another tree of the same release, or does modpost's work
//! itself, in an overlay of its own. For builds without komod install the package; or, in a tree of your
//! own with sources, run `make modules_prepare`.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FILE: &str = "scripts/mod/modpost";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() || outcome.tree.has(FILE) {
        return Vec::new();
    }
    let Some(said) = outcome.said("kbuild", &[FILE]) else { return Vec::new() };
    let diagnostic = error("B-08", "the kernel tree lacks modpost, one of kbuild's own programs")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"))
        .with_explanation("modpost checks a module's symbols and writes its version information.");
    let mut hints = packages::headers(&outcome.tree.release);
    if outcome.tree.has("scripts/mod/modpost.c") {
        let tree = outcome.tree.path.display();
        hints.push(format!("or build it from the tree's sources: make -C {tree} modules_prepare"));
    }
    vec![complete(diagnostic, Some(said), hints).into()]
}
