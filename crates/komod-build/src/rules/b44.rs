//! B-44: the disk is full
//!
//! # What
//! A file could not be written completely.
//!
//! # Why
//! The file system with the products (or with temporary files, `/tmp`) has no space left, or your
//! quota is used up. A build of one module needs about a megabyte.
//!
//! # Example
//! ```text
//! fixdep: not all data was written to the output
//! ld: final link failed: No space left on device
//! ```
//!
//! # Way out
//! Make space, or build on another disk: `KOMOD_TARGET_DIR=DIR komod build`.

use std::path::Path;

use komod_diag::{Diagnostic, Evidence};

use super::{Finding, Outcome, error};

const TEXTS: [&str; 3] =
    ["No space left on device", "not all data was written", "Disk quota exceeded"];

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let said = outcome.said("kbuild", &TEXTS);
    let claims = (0..outcome.messages.len()).filter(|&index| {
        let text = outcome.messages.get(index).map_or("", |message| &message.text);
        TEXTS.iter().any(|known| text.contains(known))
    });
    let found = said.map(|said| Finding {
        diagnostic: diagnostic(&outcome.location.path, said),
        claims: claims.collect(),
    });
    found.into_iter().collect()
}

/// The diagnostic for this folder.
pub(crate) fn diagnostic(path: &Path, said: Evidence) -> Diagnostic {
    let mut diagnostic = error("B-44", "the disk is full").with_evidence(said);
    if let Ok(stat) = rustix::fs::statvfs(path) {
        let free = stat.f_bavail.saturating_mul(stat.f_frsize) / 1024;
        let name = format!("free space for {}", path.display());
        diagnostic = diagnostic.with_evidence(Evidence::fact(name, format!("{free} KiB")));
    }
    diagnostic
        .with_hint("make space, or build on another disk: KOMOD_TARGET_DIR=DIR komod build")
}
