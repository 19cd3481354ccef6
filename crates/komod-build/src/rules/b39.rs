//! B-39: built without type information (BTF)
//!
//! # What
//! The kernel's own modules carry BTF, a compact description of their types. This one does not.
//!
//! # Why
//! It is added by `pahole` (package `dwarves`) and by a program of the kernel tree. One of them is
//! missing. kbuild would fail and delete the finished module; komod leaves the step out instead.
//! The kernel loads modules without BTF as well; only BPF programs miss it.
//!
//! # Example
//! ```text
//! BTF [M] test.ko
//! /bin/sh: 1: pahole: not found
//! make[2]: *** Deleting file 'test.ko'
//! ```
//!
//! # Way out
//! Nothing to do. To have it all the same: `apt-get install dwarves`.

use komod_diag::{Diagnostic, Severity};

use super::{Finding, Outcome, b40};
use crate::packages;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let Some(reason) = outcome.without_btf.as_ref().filter(|_| outcome.succeeded() && !b40::applies(outcome)) else {
        return Vec::new();
    };
    let title = format!("built without BTF type information: {reason}");
    let mut diagnostic = Diagnostic::new("B-39", Severity::Note, title)
        .with_explanation("The kernel loads the module all the same.");
    if reason.contains("pahole") {
        diagnostic = diagnostic.with_hint(packages::install(&["dwarves"]));
    }
    vec![diagnostic.into()]
}
