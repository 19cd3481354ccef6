//! B-23: the path has a colon or a percent sign
//!
//! # What
//! The folder's path contains a `:` or a `%`. kbuild refuses to build there.
//!
//! # Why
//! In a makefile a colon separates a target from what it is made of, and a percent sign stands for
//! any text; neither can be quoted in a file's name. komod builds in a folder with a plainer path
//! instead.
//!
//! # Example
//! ```text
//! Makefile:1237: *** module directory path cannot contain ':'.  Stop.
//! ```
//!
//! # Way out
//! Nothing to do: the module is in the folder named in the message. `KOMOD_TARGET_DIR` chooses
//! another one.

use komod_diag::{Diagnostic, Evidence, Severity};

use super::{Finding, Outcome};
use crate::location::Displaced;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let Some(Displaced::Character { path, character }) = &outcome.location.displaced else {
        return Vec::new();
    };
    if !is_separator(*character) {
        return Vec::new();
    }
    let title = format!("built in {}", outcome.location.path.display());
    let label = format!("has a {character:?} in its path, which make takes for a sign of its own");
    let diagnostic = Diagnostic::new("B-23", Severity::Note, title)
        .with_evidence(Evidence::file(path, label))
        .with_hint("to choose the folder: KOMOD_TARGET_DIR=DIR komod build");
    vec![diagnostic.into()]
}

pub(crate) fn is_separator(character: char) -> bool {
    matches!(character, ':' | '%')
}
