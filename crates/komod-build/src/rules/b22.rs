//! B-22: the path has characters that make cannot take
//!
//! # What
//! The folder's path contains a space, a colon, a percent sign or the like. kbuild refuses to
//! build there.
//!
//! # Why
//! make separates names by spaces and has no way to quote them; a colon separates a target from
//! what it is made of. komod builds in a folder with a plainer path instead.
//!
//! # Example
//! ```text
//! Makefile:1234: *** building multiple external modules is not supported.  Stop.
//! Makefile:1237: *** module directory path cannot contain ':'.  Stop.
//! ```
//!
//! # Way out
//! Nothing to do: the module is in the folder named in the message. `KOMOD_TARGET_DIR` chooses
//! another one.

use komod_diag::{Diagnostic, Evidence, Severity};

use super::{Finding, Outcome, b23};
use crate::location::Displaced;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let Some(Displaced::Character { path, character }) = &outcome.location.displaced else {
        return Vec::new();
    };
    if b23::is_separator(*character) {
        return Vec::new();
    }
    let title = format!("built in {}", outcome.location.path.display());
    let label = format!("has a {character:?} in its path, which kbuild cannot take");
    let diagnostic = Diagnostic::new("B-22", Severity::Note, title)
        .with_evidence(Evidence::file(path, label))
        .with_hint("to choose the folder: KOMOD_TARGET_DIR=DIR komod build");
    vec![diagnostic.into()]
}
