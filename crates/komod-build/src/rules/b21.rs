//! B-21: a recipe begins with spaces
//!
//! # What
//! A line below a rule of the makefile is indented with spaces. make wants a tab.
//!
//! # Why
//! make tells recipes from everything else by the tab. Editors and web pages turn tabs into
//! spaces, so makefiles copied from a tutorial often stop with "missing separator". komod builds
//! such a project all the same, from a repaired copy; plain `make` does not.
//!
//! # Example
//! ```text
//! Makefile:6: *** missing separator (did you mean TAB instead of 8 spaces?).  Stop.
//! ```
//!
//! # Way out
//! `komod build --fix` puts the tabs in.

use komod_diag::{Applicability, Diagnostic, Evidence, Fix, Severity, Span};

use super::{Finding, Outcome, error};
use crate::makefile;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = of_makefile(outcome).map(Finding::from).into_iter().collect();
    if !outcome.succeeded() {
        found.extend(said_by_make(outcome).map(Finding::from));
    }
    found
}

/// The lines komod repairs by itself in its copy.
fn of_makefile(outcome: &Outcome<'_>) -> Option<Diagnostic> {
    let path = outcome.project.makefile()?;
    let text = std::fs::read_to_string(&path).ok()?;
    let lines = makefile::spaced_recipe_lines(&text);
    let first = lines.first()?;
    let shown = outcome.project.show(path.strip_prefix(&outcome.project.root).ok()?);
    let width = u32::try_from(first.indent.len()).unwrap_or(0);
    let mut fix = Fix::new("begin recipes with a tab", Applicability::Safe);
    for line in &lines {
        fix = fix.replace(&shown, &text, line.indent.clone(), "\t");
    }
    let span = Span::columns(first.line, 1, width.saturating_add(1));
    let title = "a recipe begins with spaces: make wants a tab";
    Some(
        Diagnostic::new("B-21", Severity::Warning, title)
            .with_evidence(Evidence::source_in(&shown, &text, span, "spaces"))
            .with_explanation(
                "komod builds from a repaired copy. Plain `make` stops here with \"missing \
                 separator\".",
            )
            .with_fix(fix)
            .with_hint("let komod put the tabs in: komod build --fix"),
    )
}

/// A separator is missing where komod did not see why.
fn said_by_make(outcome: &Outcome<'_>) -> Option<Diagnostic> {
    let line = outcome.log.matching("*** missing separator").next()?;
    let mut diagnostic = error("B-21", "make cannot read the makefile: missing separator");
    let place = line.split(": ***").next().and_then(|place| place.rsplit_once(':'));
    if let Some((path, number)) = place
        && let Ok(number) = number.parse()
    {
        let text = outcome.read(path.as_ref()).unwrap_or_default();
        let label = "neither a rule nor an assignment";
        diagnostic =
            diagnostic.with_evidence(Evidence::source_in(path, &text, Span::line(number), label));
    }
    Some(
        diagnostic
            .with_evidence(Evidence::output("make", [line]))
            .with_hint("begin each line of a recipe with a tab; write assignments as NAME := value"),
    )
}
