//! B-02: the kernel tree has no `include/generated/autoconf.h`
//!
//! # What
//! kbuild says "Kernel configuration is invalid": the file with the kernel's configuration in C is
//! missing from the kernel build tree, while the one for make (`auto.conf`) is there.
//!
//! # Why
//! Every C file of a kernel includes it, so nothing can be compiled. It goes missing as `auto.conf`
//! does (see B-01): half-installed headers, or kbuild run as root with an empty `M=`.
//!
//! # Example
//! ```text
//! ERROR: Kernel configuration is invalid.
//!        include/generated/autoconf.h or include/config/auto.conf are missing.
//! ```
//!
//! # Way out
//! Nothing to do if the tree still has its `.config`, or there is a copy of it in `/boot`: komod makes
//! the file anew, in an overlay of its own, and builds. Otherwise get a complete tree: `komod kernel
//! fetch RELEASE` (no root needed), or reinstall the headers.

use komod_diag::Evidence;

use super::{Finding, Outcome, b01, b04, complete, error};
use crate::packages;

const FILE: &str = "include/generated/autoconf.h";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let other_is_there = outcome.tree.has("include/config/auto.conf");
    if outcome.succeeded()
        || outcome.tree.has(FILE)
        || !other_is_there
        || b04::trace(outcome.tree).is_some() {
        return Vec::new();
    }
    let Some(said) = outcome.said("kbuild", &b01::TEXTS) else { return Vec::new() };
    let diagnostic = error("B-02", "the kernel tree has lost its configuration header")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"))
        .with_explanation(
            "The headers are installed incompletely, or kbuild was run as root with an empty M= \
             and removed it.",
        );
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
