//! B-12: objtool does not know for which architecture
//!
//! # What
//! objtool ends with "SRCARCH variable not defined".
//!
//! # Why
//! In Debian's trees (6.12) `tools/objtool/objtool` is a small program that runs one of several,
//! by the environment variable `SRCARCH`. kbuild sets it; a makefile that says `unexport`, or a
//! command of kbuild's run by hand, does not.
//!
//! # Example
//! ```text
//! objtool: SRCARCH variable not defined
//! ```
//!
//! # Way out
//! Remove the `unexport` line from the makefile, or run the command with `SRCARCH=x86`.

use super::{Finding, Outcome, complete, error};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let said = outcome.said("objtool", &["SRCARCH variable not defined"]);
    let Some(said) = said.filter(|_| !outcome.succeeded()) else { return Vec::new() };
    let diagnostic = error("B-12", "objtool was not told the architecture")
        .with_explanation("kbuild exports SRCARCH to it; the makefile seems to prevent that.");
    let hints = vec!["remove `unexport` from the makefile".to_owned()];
    vec![complete(diagnostic, Some(said), hints).into()]
}
