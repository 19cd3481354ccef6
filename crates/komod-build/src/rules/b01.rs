//! B-01: the kernel tree has no `include/config/auto.conf`
//!
//! # What
//! kbuild says "Kernel configuration is invalid": the file with the kernel's configuration in
//! make's language is missing from the kernel build tree.
//!
//! # Why
//! Every build reads it first. It is made when the kernel is built, and distributions ship it with
//! the headers. It vanishes when a header package is installed half, or when kbuild was once run
//! as root with an empty `M=` (`sudo make` with `M=$(PWD)`: sudo removes `PWD`): kbuild then takes
//! the header tree for a kernel to configure, fails, and has already removed the file. The advice
//! in kbuild's message, `make oldconfig && make prepare`, does not work in a header tree: the
//! sources it needs are not there.
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
//! fetch RELEASE` (no root needed), or reinstall the headers. Never run kbuild with sudo.

use komod_diag::Evidence;

use super::{Finding, Outcome, b03, complete, error};
use crate::packages;

pub(crate) const TEXTS: [&str; 3] =
    ["Kernel configuration is invalid", "autoconf.h or include", "auto.conf: No such file"];
const FILE: &str = "include/config/auto.conf";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() || outcome.tree.has(FILE) || !outcome.tree.has("Makefile") || b03::both_are_missing(outcome) {
        return Vec::new();
    }
    let Some(said) = outcome.said("kbuild", &TEXTS) else { return Vec::new() };
    let diagnostic = error("B-01", "the kernel tree has lost its configuration")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"));
    let diagnostic = diagnostic.with_explanation(
        "The headers are installed incompletely, or kbuild was run as root with an empty M= and \
         removed it. kbuild's own advice, `make oldconfig && make prepare`, cannot work in a \
         header tree.",
    );
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
