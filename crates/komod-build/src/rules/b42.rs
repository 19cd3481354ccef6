//! B-42: the folder cannot be written
//!
//! # What
//! The sources are on a read-only file system, or in a folder that you may not write. kbuild, run
//! there, fails before it compiles anything.
//!
//! # Why
//! kbuild writes its products beside the sources. komod writes them to `target/komod` in the
//! folder, and if that cannot be made, to your cache.
//!
//! # Example
//! ```text
//! mkdir: cannot create directory '/mnt/test/.tmp_123': Read-only file system
//! ```
//!
//! # Way out
//! Nothing to do: the module is in the folder named in the message. `KOMOD_TARGET_DIR` chooses
//! another one.

use std::path::Path;

use komod_diag::{Diagnostic, Evidence, Severity};

use super::{Finding, Outcome, error};
use crate::location::Displaced;
use crate::project::Project;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let Some(Displaced::Unwritable { path, reason }) = &outcome.location.displaced else {
        return Vec::new();
    };
    let title = format!("built in {}", outcome.location.path.display());
    let diagnostic = Diagnostic::new("B-42", Severity::Note, title)
        .with_evidence(Evidence::file(path, format!("cannot be used: {reason}")))
        .with_hint("to choose the folder: KOMOD_TARGET_DIR=DIR komod build");
    vec![diagnostic.into()]
}

/// `compile_commands.json` cannot be written into the project's folder.
pub(crate) fn no_commands(root: &Path, cause: &std::io::Error) -> Diagnostic {
    let title = "compile_commands.json cannot be written beside the sources";
    Diagnostic::new("B-42", Severity::Warning, title)
        .with_evidence(Evidence::file(root, format!("cannot be used: {cause}")))
        .with_hint("name the products' folder to clangd: clangd --compile-commands-dir=DIR")
}

/// No folder can be written at all.
pub(crate) fn nowhere(project: &Project, cause: &std::io::Error) -> Diagnostic {
    error("B-42", format!("there is no folder to build {} in", project.name()))
        .with_evidence(Evidence::output("the system", [cause.to_string()]))
        .with_hint("name a folder that can be written: KOMOD_TARGET_DIR=DIR komod build")
}
