//! B-41: "Skipping BTF generation" is no error
//!
//! # What
//! kbuild says that it skips BTF generation for the module, because there is no `vmlinux`.
//!
//! # Why
//! The kernel's own modules carry BTF, a compact description of their types. To make one, kbuild needs
//! the kernel's own, from a `vmlinux` in the build tree, which most header packages do not have. The
//! module is complete all the same; only BPF programs miss it.
//!
//! # Example
//! ```text
//! Skipping BTF generation for /home/me/test/test.ko due to unavailability of vmlinux
//! ```
//!
//! # Way out
//! Nothing to do.

use komod_diag::{Diagnostic, Severity};

use super::{Finding, Outcome, complete};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    // Of interest to somebody who sees kbuild's words.
    let said = outcome.said("kbuild", &["Skipping BTF generation"]);
    let Some(said) = said.filter(|_| outcome.succeeded()) else { return Vec::new() };
    let title = "built without BTF type information: the kernel tree has no vmlinux";
    let diagnostic = Diagnostic::new("B-41", Severity::Note, title)
        .with_explanation("This is no error: the kernel loads the module all the same.");
    vec![complete(diagnostic, Some(said), Vec::new()).into()]
}
