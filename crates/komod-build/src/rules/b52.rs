//! B-52: built, with warnings
//!
//! # What
//! The module is there, but the compiler or modpost has found something odd in its code.
//!
//! # Why
//! The kernel's warnings are chosen to be worth reading: most are mistakes. A "section mismatch"
//! means that code which stays refers to code or data that is freed after initialisation (`__init`).
//!
//! # Example
//! ```text
//! test.c:9:13: warning: 'answer' defined but not used [-Wunused-function]
//! WARNING: modpost: test: section mismatch in reference: ...
//! ```
//!
//! # Way out
//! Correct the place shown. Warnings come when a file is compiled, so they are not repeated by a
//! second build that has nothing to do.

use komod_diag::{Diagnostic, Evidence, Severity};

use super::{Finding, Outcome};
use crate::messages::Level;

const MOST: usize = 10;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if !outcome.succeeded() {
        return Vec::new();
    }
    let mut found: Vec<Finding> = Vec::new();
    for (index, message) in outcome.messages.iter().enumerate() {
        if message.level == Level::Warning && found.len() < MOST {
            let label = message.option.as_deref().unwrap_or_default();
            let diagnostic = Diagnostic::new("B-52", Severity::Warning, &message.text)
                .with_evidence(outcome.place(message, label));
            found.push(Finding { diagnostic, claims: vec![index] });
        }
    }
    // An undefined symbol without a list of symbols is B-05's.
    let undefined = |line: &str| line.contains("undefined!") && super::b05::is_missing(outcome);
    for line in outcome.log.matching("WARNING: modpost: ").filter(|line| !undefined(line)).take(MOST) {
        let said = line.split("WARNING: modpost: ").nth(1).unwrap_or_default();
        let diagnostic = Diagnostic::new("B-52", Severity::Warning, said)
            .with_evidence(Evidence::output("modpost", [line]));
        found.push(diagnostic.into());
    }
    found
}
