//! B-11: objtool is missing or cannot run
//!
//! # What
//! After compiling kbuild runs `tools/objtool/objtool`, which checks the object and adds tables
//! for stack traces. It is not there, or a library it needs is not.
//!
//! # Why
//! Same causes as B-08. If the program is there, it is usually `libelf.so.1` that is missing.
//!
//! # Example
//! ```text
//! /bin/sh: 1: ./tools/objtool/objtool: not found
//! ./tools/objtool/objtool: error while loading shared libraries: libelf.so.1: cannot open shared object file
//! ```
//!
//! # Way out
//! `komod kernel fetch RELEASE` gets the tree with its programs and libelf; or install the
//! packages (Debian: `linux-kbuild-X.Y`, `libelf1`). Another kernel's objtool is no substitute.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FILE: &str = "tools/objtool/objtool";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let library = outcome.said("the loader", &["error while loading shared libraries"]);
    if let Some(said) = library.filter(|_| outcome.log.contains("objtool")) {
        let diagnostic = error("B-11", "objtool, one of kbuild's own programs, lacks a library")
            .with_evidence(said)
            .with_hint(packages::install(&["libelf1"]));
        return vec![diagnostic.into()];
    }
    let Some(said) = outcome.said("kbuild", &[FILE]).filter(|_| !outcome.tree.has(FILE)) else {
        return Vec::new();
    };
    let diagnostic = error("B-11", "the kernel tree lacks objtool, one of kbuild's own programs")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"));
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
