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
//! `include/linux/module.h`; which one is right is the author's decision. `komod build --fix` adds the
//! line for the licence that the source's `SPDX-License-Identifier` names, or for the GPL, and shows
//! what it does.

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
            let licence = licence(text);
            let addition = format!("{newline}MODULE_LICENSE(\"{licence}\");\n");
            let title = format!("say that its licence is {licence}");
            let fix = Fix::new(title, Applicability::Safe).replace(path, text, end, addition);
            diagnostic = diagnostic.with_fix(fix);
        }
        diagnostic.with_hint("add a line MODULE_LICENSE(\"...\"); with the licence you chose").into()
    })
    .collect()
}

/// The kernel's word (`include/linux/module.h`) for what the source says of itself.
fn licence(text: &str) -> &'static str {
    let spdx = text.lines().take(10).find_map(|line| line.split("SPDX-License-Identifier:").nth(1));
    let spdx = spdx.unwrap_or_default();
    match (spdx.contains("GPL"), spdx.contains("MIT"), spdx.contains("BSD"), spdx.contains("MPL")) {
        (true, true, ..) => "Dual MIT/GPL",
        (true, _, true, _) => "Dual BSD/GPL",
        (true, _, _, true) => "Dual MPL/GPL",
        _ => "GPL",
    }
}

#[cfg(test)]
mod tests {
    use super::licence;

    #[test]
    fn the_sources_own_words() {
        assert_eq!(licence("// SPDX-License-Identifier: GPL-2.0 OR MIT\n"), "Dual MIT/GPL");
        assert_eq!(licence("/* SPDX-License-Identifier: (GPL-2.0 OR BSD-3-Clause) */\n"), "Dual BSD/GPL");
        assert_eq!(licence("// SPDX-License-Identifier: GPL-2.0-only\n"), "GPL");
        assert_eq!(licence("#include <linux/module.h>\n"), "GPL");
    }
}
