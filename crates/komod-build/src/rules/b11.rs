//! B-11: the kernel tree has no objtool
//!
//! # What
//! After compiling kbuild runs `tools/objtool/objtool`, which checks the object and adds tables
//! for stack traces. It is not there.
//!
//! # Why
//! Same causes as B-08. In Debian's trees (6.12) `objtool` is a small program that runs
//! `objtool.real-x86` beside it, which may be missing, too.
//!
//! # Example
//! ```text
//! /bin/sh: 1: ./tools/objtool/objtool: not found
//! ```
//!
//! # Way out
//! komod takes the program from another tree of the same release if there is one: `komod kernel fetch
//! RELEASE` gets it. Or install the package (Debian: `linux-kbuild-X.Y`). Another kernel's objtool is
//! no substitute.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FILE: &str = "tools/objtool/objtool";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let Some(said) = outcome.said("kbuild", &[FILE]).filter(|_| !outcome.tree.has(FILE)) else {
        return Vec::new();
    };
    let diagnostic = error("B-11", "the kernel tree lacks objtool, one of kbuild's own programs")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"));
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
