//! B-31: a symbol that no module and no kernel exports
//!
//! # What
//! The module uses a function or variable that is declared somewhere, so the compiler is content,
//! but that neither the kernel nor the module itself provides.
//!
//! # Why
//! A module may use what the kernel or another module *exports* (`EXPORT_SYMBOL`); the kernel has
//! many more functions than that. Other causes: a misspelt name declared by hand, a source file
//! that the makefile does not list, or another module of yours whose `Module.symvers` kbuild was
//! not told about.
//!
//! # Example
//! ```text
//! ERROR: modpost: "my_function" [/home/me/test/test.ko] undefined!
//! ```
//!
//! # Way out
//! List the file that defines it; or name the other module's symbols:
//! `KBUILD_EXTRA_SYMBOLS := /path/Module.symvers` in the makefile; or use an exported function.

use std::path::{Path, PathBuf};

use komod_diag::{Evidence, Span};

use super::{Finding, Outcome, b05, error};
use crate::c_source;

/// modpost names ten at most; the rest follow from the same cause.
const MOST: usize = 5;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if b05::is_missing(outcome) || outcome.succeeded() {
        return Vec::new();
    }
    let sources = outcome.sources();
    let mut names: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in outcome.log.matching("undefined!") {
        let Some(name) = line.split('"').nth(1).filter(|name| !names.contains(name)) else {
            continue;
        };
        names.push(name);
        if found.len() < MOST {
            found.push(undefined(outcome, &sources, name, line).into());
        }
    }
    found
}

fn undefined(
    outcome: &Outcome<'_>,
    sources: &[(PathBuf, String)],
    name: &str,
    line: &str,
) -> komod_diag::Diagnostic {
    let mut diagnostic = error("B-31", format!("{name} is used, and nobody exports it"));
    let mut defined = None;
    for (path, text) in sources {
        let masked = c_source::mask(text);
        let Some(word) = last_word(&masked, name) else { continue };
        let (row, column) = c_source::place(text, word.start);
        let width = u32::try_from(word.len()).unwrap_or(0);
        let span = Span::columns(row, column, column.saturating_add(width));
        let definition = ["int", "void"].iter().any(|result| {
            c_source::functions(&masked, name, result).iter().any(|f| f.body.is_some())
        });
        let label = if definition { "is defined here" } else { "" };
        if definition {
            defined = Some(path);
        }
        diagnostic = diagnostic.with_evidence(Evidence::source_in(path, text, span, label));
    }
    diagnostic = diagnostic.with_evidence(Evidence::output("modpost", [line]));
    if let Some(path) = defined {
        return diagnostic
            .with_hint(format!(
                "list {} in the makefile: NAME-y := ... {}",
                path.display(),
                path.with_extension("o").file_name().unwrap_or_default().to_string_lossy()
            ))
            .with_hint(format!("or, if it is a module of its own, export it there: EXPORT_SYMBOL({name});"));
    }
    if let Some(symvers) = exporter_nearby(outcome, name) {
        let path = symvers.display();
        return diagnostic
            .with_evidence(Evidence::file(&symvers, format!("lists {name}")))
            .with_hint(format!("add to the makefile: KBUILD_EXTRA_SYMBOLS := {path}"));
    }
    if let Some(near) = nearest(outcome, name) {
        return diagnostic.with_hint(format!("did you mean {near}, which the kernel exports?"));
    }
    diagnostic.with_hint(format!(
        "kernel {} does not export it: look for an exported function that does the same",
        outcome.tree.release
    ))
}

/// The last place a name stands at: a use, if it is declared at all.
fn last_word(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let mut found = None;
    let mut at = 0;
    while let Some(word) = c_source::find_word(text, name, at) {
        at = word.end;
        found = Some(word);
    }
    found
}

/// The symbol's name in a line of a `Module.symvers`: checksum, name, module, kind, namespace,
/// separated by tabs (`Documentation/kbuild/modules.rst`).
fn symbol(line: &str) -> Option<&str> {
    line.split('\t').nth(1)
}

/// A `Module.symvers` in a neighbouring folder that lists the symbol.
fn exporter_nearby(outcome: &Outcome<'_>, name: &str) -> Option<PathBuf> {
    let root = &outcome.project.root;
    let above = root.parent()?;
    let folders = std::fs::read_dir(above).ok()?.flatten().map(|entry| entry.path());
    let own = Path::new("target/komod").join(&outcome.tree.release);
    let places = folders.filter(|folder| folder != root).flat_map(|folder| {
        [folder.join("Module.symvers"), folder.join(&own).join("Module.symvers")]
    });
    let lists = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .is_ok_and(|text| text.lines().any(|line| symbol(line) == Some(name)))
    };
    places.take(2_000).find(lists)
}

/// The exported symbol whose name is nearest, if it is near enough to be meant.
fn nearest(outcome: &Outcome<'_>, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(outcome.tree.file("Module.symvers")).ok()?;
    let near = text
        .lines()
        .filter_map(symbol)
        .filter(|known| known.len().abs_diff(name.len()) <= 2)
        .map(|known| (super::b25::distance(known, name), known))
        .min()?;
    let most = if name.len() < 6 { 1 } else { 2 };
    (near.0 <= most).then(|| near.1.to_owned())
}
