//! B-49: nothing was built
//!
//! # What
//! kbuild is content, but there is no module.
//!
//! # Why
//! kbuild makes modules from what the makefile assigns to `obj-m`. With `obj-y` it would link the
//! object into the kernel, which is not possible here, and it says nothing about it. An assignment
//! may also be skipped by a condition, such as `obj-$(CONFIG_FOO)` with an option the kernel does
//! not have, or stand in a folder the makefile does not mention.
//!
//! # Example
//! ```text
//! obj-y := test.o
//! ```
//!
//! # Way out
//! Write `obj-m := NAME.o`, or name the folder whose makefile does.

use komod_diag::{Diagnostic, Evidence, Span};

use super::{Finding, Outcome, error};
use crate::project::Project;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let order = outcome.location.path.join("modules.order");
    let empty = std::fs::read_to_string(order).is_ok_and(|text| text.trim().is_empty());
    if outcome.succeeded() && empty {
        vec![nothing_built(outcome.project).into()]
    } else {
        Vec::new()
    }
}

/// The diagnostic for this project.
pub(crate) fn nothing_built(project: &Project) -> Diagnostic {
    let mut diagnostic = error("B-49", "nothing was built: the makefile lists no module");
    let Some(path) = project.makefile() else { return diagnostic };
    let shown = project.show(path.strip_prefix(&project.root).unwrap_or(&path));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut number: u32 = 0;
    let mut listed = false;
    for line in text.lines() {
        number = number.saturating_add(1);
        let name = line.trim_start();
        if name.starts_with("obj-") {
            listed = true;
            let label = if name.starts_with("obj-y") {
                "obj-y is for code linked into the kernel"
            } else {
                "came out empty"
            };
            diagnostic = diagnostic.with_evidence(Evidence::source(&shown, Span::line(number), line, label));
        }
    }
    if !listed {
        diagnostic = diagnostic.with_evidence(Evidence::file(&shown, "has no line `obj-m := NAME.o`"));
    }
    for folder in std::fs::read_dir(&project.root).into_iter().flatten().flatten() {
        let makefile = ["Kbuild", "Makefile"].iter().map(|name| folder.path().join(name));
        let lists = makefile.filter_map(|path| std::fs::read_to_string(path).ok());
        if lists.into_iter().any(|text| text.contains("obj-m")) {
            let shown = project.show(folder.file_name().as_ref());
            diagnostic = diagnostic.with_hint(format!("there is a module in {0}: komod build {0}", shown.display()));
        }
    }
    diagnostic.with_hint("list the module in the makefile: obj-m := NAME.o")
}
