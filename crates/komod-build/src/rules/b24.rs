//! B-24: the makefile uses `SUBDIRS=`
//!
//! # What
//! The makefile calls kbuild with `SUBDIRS=$(PWD)`, which Linux 5.3 has removed.
//!
//! # Why
//! `M=` has done the same since Linux 2.6. komod does not need the line, it only reads which modules
//! the makefile lists; plain `make` stops, or worse, runs kbuild in the kernel tree itself (B-04).
//!
//! # Example
//! ```text
//! Makefile:223: ================= WARNING ================
//! Makefile:224: 'SUBDIRS' will be removed after Linux 5.3
//! ```
//!
//! # Way out
//! `komod build --fix` writes `M=` instead.

use komod_diag::{Applicability, Diagnostic, Evidence, Fix, Severity, Span};

use super::{Finding, Outcome};

const OLD: &str = "SUBDIRS=";

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    found(outcome).map(Finding::from).into_iter().collect()
}

fn found(outcome: &Outcome<'_>) -> Option<Diagnostic> {
    let path = outcome.project.makefile()?;
    let text = std::fs::read_to_string(&path).ok()?;
    let shown = outcome.project.show(path.strip_prefix(&outcome.project.root).ok()?);
    let mut fix = Fix::new("say M= instead of SUBDIRS=", Applicability::Safe);
    let mut place = None;
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let code = line.split('#').next().unwrap_or_default();
        for (at, _) in code.match_indices(OLD) {
            let before = code.get(..at).and_then(|head| head.chars().next_back());
            if before.is_some_and(char::is_whitespace) {
                fix = fix.replace(&shown, &text, start + at..start + at + OLD.len(), "M=");
                place.get_or_insert((u32::try_from(index + 1).ok()?, u32::try_from(at + 1).ok()?));
            }
        }
        start += line.len();
    }
    let (line, column) = place?;
    let end = column + u32::try_from(OLD.len()).unwrap_or(0);
    let title = "the makefile uses SUBDIRS=, which kbuild no longer knows";
    Some(
        Diagnostic::new("B-24", Severity::Warning, title)
            .with_evidence(Evidence::source_in(&shown, &text, Span::columns(line, column, end), "removed in Linux 5.3"))
            .with_explanation("komod builds all the same; plain `make` does not.")
            .with_fix(fix)
            .with_hint("let komod write M=: komod build --fix"),
    )
}
