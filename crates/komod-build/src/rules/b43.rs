//! B-43: products of an earlier build belong to another user
//!
//! # What
//! A file in komod's product folder cannot be replaced: permission denied.
//!
//! # Why
//! An earlier build was run with sudo, so its products belong to root.
//!
//! # Example
//! ```text
//! /bin/sh: 1: cannot create /home/me/test/.test.o.cmd: Permission denied
//! ```
//!
//! # Way out
//! Take the folder back: `sudo chown -R $USER target`. Building never needs root.

use std::path::Path;

use komod_diag::{Diagnostic, Evidence};

use super::{Finding, Outcome, error};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let said = outcome.said("kbuild", &["Permission denied"]);
    said.map(|said| diagnostic(&outcome.location.path, said).into()).into_iter().collect()
}

/// The diagnostic for this folder.
pub(crate) fn diagnostic(path: &Path, said: Evidence) -> Diagnostic {
    error("B-43", "the products of an earlier build belong to another user")
        .with_evidence(said)
        .with_hint(format!("take the folder back: sudo chown -R $USER {}", path.display()))
        .with_hint("building never needs root: leave out sudo")
}
