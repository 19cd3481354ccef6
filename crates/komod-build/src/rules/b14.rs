//! B-14: the kernel tree has no `scripts/genksyms/genksyms`
//!
//! # What
//! A source exports a symbol, and kbuild cannot compute its checksum.
//!
//! # Why
//! With `CONFIG_MODVERSIONS` each exported symbol gets a checksum of its types. genksyms computes it;
//! it is only run for sources with `EXPORT_SYMBOL`. It is a program of the build machine and goes
//! missing like modpost (B-08).
//!
//! # Example
//! ```text
//! /bin/sh: 1: scripts/genksyms/genksyms: not found
//! ```
//!
//! # Way out
//! `komod kernel fetch RELEASE` gets a complete tree, and komod then takes the program from there by
//! itself. Or reinstall the package (Debian: `linux-kbuild-X`).

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FILE: &str = "scripts/genksyms/genksyms";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.tree.has(FILE) {
        return Vec::new();
    }
    // A pipe's first program may fail unnoticed: kbuild then goes on with an empty checksum.
    let Some(said) = outcome.said("kbuild", &[FILE]) else { return Vec::new() };
    let diagnostic = error("B-14", "the kernel tree lacks genksyms, one of kbuild's own programs")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"))
        .with_explanation("Without it exported symbols have no checksum, and modules that use them are refused.");
    vec![complete(diagnostic, Some(said), packages::headers(&outcome.tree.release)).into()]
}
