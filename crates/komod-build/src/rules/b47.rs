//! B-47: a file that `KBUILD_EXTRA_SYMBOLS` names is missing
//!
//! # What
//! The makefile names the `Module.symvers` of another module, and it is not there.
//!
//! # Why
//! The other module was not built yet, or elsewhere: komod puts products into `target/komod/RELEASE`.
//!
//! # Example
//! ```text
//! FATAL: modpost: /home/me/other/Module.symvers: No such file or directory
//! ```
//!
//! # Way out
//! Build the other module first, and name the file that build has made.

use std::path::Path;

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let line = outcome
        .log
        .lines
        .iter()
        .find(|line| line.contains("Module.symvers") && line.contains("No such file or directory"));
    let Some(line) = line.filter(|_| !outcome.succeeded()) else { return Vec::new() };
    let named = line.split([' ', '\'', '"']).find(|word| word.contains("Module.symvers"));
    let Some(file) = named.map(|word| Path::new(word.trim_end_matches(':'))) else { return Vec::new() };
    if file == outcome.tree.file("Module.symvers") || file == Path::new("Module.symvers") {
        return Vec::new();
    }
    let said = Evidence::output("modpost", [line.as_str()]);
    let diagnostic = error("B-47", "the symbols of another module are missing")
        .with_evidence(Evidence::file(file, "is named by KBUILD_EXTRA_SYMBOLS, and is missing"));
    let mut hints = Vec::new();
    if let Some(folder) = file.parent() {
        let own = folder.join("target/komod").join(&outcome.tree.release).join("Module.symvers");
        if own.exists() {
            hints.push(format!("name the one that komod has made: KBUILD_EXTRA_SYMBOLS := {}", own.display()));
        } else if folder.is_dir() {
            hints.push(format!("build that module first: komod build {}", folder.display()));
        }
    }
    if hints.is_empty() {
        hints.push("build the other module, and name its Module.symvers".into());
    }
    vec![complete(diagnostic, Some(said), hints).into()]
}
