//! B-30: the module does not say its licence
//!
//! # What
//! No source of the module has a `MODULE_LICENSE("...")` line.
//!
//! # Why
//! The kernel wants to know: symbols exported with `EXPORT_SYMBOL_GPL` are only for modules under
//! a licence compatible with the GPL, and others taint the kernel. Since Linux 5.12 modpost treats
//! a missing line as an error.
//!
//! # Example
//! ```text
//! ERROR: modpost: missing MODULE_LICENSE() in /home/me/test/test.o
//! ```
//!
//! # Way out
//! Add a line such as `MODULE_LICENSE("GPL");` to one of the sources. The known values are in
//! `include/linux/module.h`; which one is right is the author's decision.

use komod_diag::{Applicability, Evidence, Fix};

use super::{Finding, Outcome, error};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let sources = outcome.sources();
    let lines = outcome.log.matching("missing MODULE_LICENSE() in ");
    lines.map(|line| {
        let object = line.rsplit(" in ").next().unwrap_or_default();
        let name = object.rsplit('/').next().unwrap_or_default().trim_end_matches(".o");
        let mut diagnostic = error("B-30", format!("module {name} does not say its licence"))
            .with_evidence(Evidence::output("modpost", [line]));
        let own = format!("{name}.c");
        let source = sources.iter().find(|(path, _)| path.file_name().is_some_and(|n| *n == *own));
        if let Some((path, text)) = source {
            let newline = if text.ends_with('\n') { "" } else { "\n" };
            let end = text.len()..text.len();
            let addition = format!("{newline}MODULE_LICENSE(\"GPL\");\n");
            let title = "say that it is under the GPL, if it is";
            let fix = Fix::new(title, Applicability::Unsafe).replace(path, text, end, addition);
            diagnostic = diagnostic.with_fix(fix);
        }
        diagnostic.with_hint("add a line MODULE_LICENSE(\"...\"); with the licence you chose").into()
    })
    .collect()
}
