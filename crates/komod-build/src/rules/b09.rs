//! B-09: a part of Debian's `modpost` is missing
//!
//! # What
//! kbuild stops at `Module.symvers` with "Error 255" and says nothing more.
//!
//! # Why
//! In Debian's trees `scripts/mod/modpost` is a small program that looks at the object and then runs
//! the real one beside it, `modpost.real-lsb-64` for x86-64. That one is not there: the package
//! `linux-kbuild-X` was unpacked half, or only the first was copied.
//!
//! # Example
//! ```text
//! make[2]: *** [scripts/Makefile.modpost:126: /home/me/test/Module.symvers] Error 255
//! ```
//!
//! # Way out
//! `komod kernel fetch RELEASE` gets a complete tree, and komod then takes the program from there by
//! itself. Or reinstall the package (Debian: `linux-kbuild-X`).

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FILE: &str = "scripts/mod/modpost.real-lsb-64";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let debian = outcome.tree.has("scripts/mod/modpost") && outcome.tree.file(".kernelvariables").exists();
    if outcome.succeeded() || !debian || outcome.tree.has(FILE) {
        return Vec::new();
    }
    let Some(said) = outcome.said("make", &["Error 255"]) else { return Vec::new() };
    let diagnostic = error("B-09", "the kernel tree lacks the program behind modpost")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"))
        .with_explanation("Debian's modpost only starts this program; if it cannot, it ends without a word.");
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
