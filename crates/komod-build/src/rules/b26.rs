//! B-26: the makefile's name is in the wrong case
//!
//! # What
//! The folder has a `makefile` (or `KBUILD`, ...), which kbuild does not look at.
//!
//! # Why
//! make itself accepts `makefile`, kbuild only `Kbuild` and `Makefile`. komod accepts it and shows
//! it to kbuild under the right name.
//!
//! # Example
//! ```text
//! scripts/Makefile.build:44: /home/me/test/Makefile: No such file or directory
//! ```
//!
//! # Way out
//! Rename it: `mv makefile Makefile`.

use komod_diag::{Diagnostic, Evidence, Severity};

use super::{Finding, Outcome};
use crate::project::Kind;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let Kind::Makefile(name) = &outcome.project.kind else { return Vec::new() };
    let right = if name.eq_ignore_ascii_case("kbuild") { "Kbuild" } else { "Makefile" };
    if name == right {
        return Vec::new();
    }
    let path = outcome.project.show(name.as_ref());
    let label = format!("is not seen by kbuild, which looks for {right}");
    let diagnostic = Diagnostic::new("B-26", Severity::Note, format!("{name} is taken for {right}"))
        .with_evidence(Evidence::file(&path, label))
        .with_hint(format!(
            "rename it: mv {} {}",
            path.display(),
            outcome.project.show(right.as_ref()).display()
        ));
    vec![diagnostic.into()]
}
