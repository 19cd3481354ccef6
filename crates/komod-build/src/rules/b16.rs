//! B-16: the kernel tree does not state its release
//!
//! # What
//! `include/generated/utsrelease.h`, which says for which kernel a module is, is missing.
//!
//! # Why
//! `make prepare` writes it; a tree of your own was configured, but not prepared. Or headers were
//! installed half.
//!
//! # Example
//! ```text
//! include/linux/vermagic.h:6:10: fatal error: generated/utsrelease.h: No such file or directory
//! ```
//!
//! # Way out
//! Nothing to do: komod knows the release and makes the file anew, in an overlay of its own. In a tree of
//! your own, run `make modules_prepare`.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

const FILE: &str = "include/generated/utsrelease.h";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() || outcome.tree.has(FILE) {
        return Vec::new();
    }
    let Some(at) = outcome.messages.iter().position(|m| m.text.contains("utsrelease.h: No such file"))
    else {
        return Vec::new();
    };
    let said = outcome.said("the compiler", &["utsrelease.h: No such file"]);
    let diagnostic = error("B-16", "the kernel tree does not state its release")
        .with_evidence(Evidence::file(outcome.tree.file(FILE), "is missing"));
    let diagnostic = complete(diagnostic, said, packages::headers(&outcome.tree.release));
    vec![Finding { diagnostic, claims: vec![at] }]
}
