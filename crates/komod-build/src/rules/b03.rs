//! B-03: the kernel tree has lost its configuration in both languages
//!
//! # What
//! kbuild says "Kernel configuration is invalid": neither `include/config/auto.conf`, the
//! configuration in make's language, nor `include/generated/autoconf.h`, the one in C, is there.
//!
//! # Why
//! As for B-01 and B-02. That both are gone points to a tree that was copied or packaged before
//! `make prepare`, or to header packages installed half.
//!
//! # Example
//! ```text
//! ERROR: Kernel configuration is invalid.
//!        include/generated/autoconf.h or include/config/auto.conf are missing.
//! ```
//!
//! # Way out
//! Nothing to do if the tree still has its `.config`: komod makes both files anew, in an overlay of
//! its own, and builds. Otherwise get a complete tree: `komod kernel fetch RELEASE`, or reinstall the
//! headers.

use komod_diag::Evidence;

use super::{Finding, Outcome, b01, complete, error};
use crate::packages;

const FILES: [&str; 2] = ["include/config/auto.conf", "include/generated/autoconf.h"];

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() || !both_are_missing(outcome) || !outcome.tree.has("Makefile") {
        return Vec::new();
    }
    let Some(said) = outcome.said("kbuild", &b01::TEXTS) else { return Vec::new() };
    let mut diagnostic = error("B-03", "the kernel tree has lost its configuration");
    for file in FILES {
        diagnostic = diagnostic.with_evidence(Evidence::file(outcome.tree.file(file), "is missing"));
    }
    if !outcome.tree.has(".config") {
        let what = "is missing too: nothing to make them from";
        diagnostic = diagnostic.with_evidence(Evidence::file(outcome.tree.file(".config"), what));
    }
    let diagnostic = diagnostic.with_explanation(
        "The headers are installed incompletely. kbuild's own advice, `make oldconfig && make \
         prepare`, cannot work in a header tree.",
    );
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}

pub(crate) fn both_are_missing(outcome: &Outcome<'_>) -> bool {
    FILES.iter().all(|file| !outcome.tree.has(file))
}
