//! B-33: the module uses a symbol of a namespace it does not import
//!
//! # What
//! The symbol is exported to a *namespace*, and the module does not say that it uses that.
//!
//! # Why
//! Subsystems export symbols that are meant for a few modules only with `EXPORT_SYMBOL_NS`. A module
//! that uses them has to say so with `MODULE_IMPORT_NS`, so that a reader notices.
//!
//! # Example
//! ```text
//! ERROR: modpost: module test uses symbol dma_buf_export from namespace DMA_BUF, but does not import it.
//! ```
//!
//! # Way out
//! `komod build --fix` adds the line `MODULE_IMPORT_NS(DMA_BUF);` (since Linux 6.13 with quotes:
//! `MODULE_IMPORT_NS("DMA_BUF");`).

use komod_diag::{Applicability, Evidence, Fix};

use super::{Finding, Outcome, error};
use crate::c_source;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let mut known: Vec<(&str, &str)> = Vec::new();
    let mut found = Vec::new();
    let sources = outcome.sources();
    let lines = outcome.log.matching(", but does not import it").filter(|_| !outcome.succeeded());
    for line in lines {
        let Some((head, rest)) = line.split_once(" from namespace ") else { continue };
        let namespace = rest.split(',').next().unwrap_or_default();
        let symbol = head.rsplit(' ').next().unwrap_or_default();
        let module = head.split("module ").nth(1).and_then(|m| m.split(' ').next()).unwrap_or_default();
        if known.contains(&(module, namespace)) {
            continue;
        }
        known.push((module, namespace));
        let title = format!("{symbol} is in the namespace {namespace}, which {module} does not import");
        let mut diagnostic = error("B-33", title).with_evidence(Evidence::output("modpost", [line]));
        let import = match quoted(&outcome.tree.release) {
            true => format!("MODULE_IMPORT_NS(\"{namespace}\");"),
            false => format!("MODULE_IMPORT_NS({namespace});"),
        };
        let place = sources.iter().find(|(_, text)| c_source::find_word(text, "MODULE_LICENSE", 0).is_some());
        if let Some((path, text)) = place {
            let newline = if text.ends_with('\n') { "" } else { "\n" };
            let end = text.len()..text.len();
            let fix = Fix::new(format!("import the namespace {namespace}"), Applicability::Safe);
            diagnostic = diagnostic
                .with_fix(fix.replace(path, text, end, format!("{newline}{import}\n")))
                .with_hint("let komod add the line: komod build --fix");
        } else {
            diagnostic = diagnostic.with_hint(format!("add the line {import}"));
        }
        found.push(diagnostic.into());
    }
    found
}

/// Since Linux 6.13 namespaces are string literals (`include/linux/module.h`).
fn quoted(release: &str) -> bool {
    let mut numbers = release.split(['.', '-', '+']).map(|n| n.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(13))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn by_release() {
        assert!(quoted("6.13.1") && quoted("6.18.0-rc1") && quoted("7.0"));
        assert!(!quoted("6.12.117+deb12-amd64") && !quoted("6.1.0-56-amd64") && !quoted("5.15"));
    }
}
