//! B-18: the kernel tree's Makefile leads nowhere
//!
//! # What
//! The kernel build tree is there, but its `Makefile` is missing or includes one that is.
//!
//! # Why
//! Debian splits headers in two packages: `linux-headers-X-amd64` holds a Makefile of one line
//! that includes the one of `linux-headers-X-common`. Copied or unpacked elsewhere, the absolute
//! path in that line no longer leads anywhere.
//!
//! # Example
//! ```text
//! Makefile:1: /usr/src/linux-headers-6.1.0-56-common/Makefile: No such file or directory
//! ```
//!
//! # Way out
//! Install the matching `-common` package, or `komod kernel fetch RELEASE`, which adjusts the path.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let tree = outcome.tree;
    if outcome.succeeded() || !tree.path.is_dir() {
        return Vec::new();
    }
    let makefile = tree.file("Makefile");
    let evidence = match std::fs::read_to_string(&makefile) {
        Err(_) => Evidence::file(&makefile, "is missing"),
        Ok(_) => match tree.included_makefile() {
            Some(path) if !path.exists() => {
                let what = format!("includes {}, which is missing", path.display());
                Evidence::file(&makefile, what)
            }
            _ => return Vec::new(),
        },
    };
    let said = outcome.said("make", &["No such file or directory", "No rule to make target"]);
    let diagnostic = error("B-18", "the kernel tree is incomplete").with_evidence(evidence);
    vec![complete(diagnostic, said, packages::headers(&tree.release)).into()]
}
