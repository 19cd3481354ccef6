//! B-25: the source of an object is missing
//!
//! # What
//! The makefile lists an object, such as `test.o`, and there is no `test.c` to make it from.
//!
//! # Why
//! kbuild makes `X.o` from `X.c` (or `X.S`) in the same folder. Usually one of the two names is
//! misspelt, or the file is in another folder.
//!
//! # Example
//! ```text
//! make[2]: *** No rule to make target '/home/me/test/test.o', needed by '/home/me/test/'.  Stop.
//! ```
//!
//! # Way out
//! Give the file the name the makefile says, or the other way round. For a module of several
//! files: `obj-m := NAME.o` and `NAME-y := a.o b.o`.

use std::path::{Path, PathBuf};

use komod_diag::{Applicability, Evidence, Fix, Span};

use super::{Finding, Outcome, error};
use crate::c_source;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let mut found: Vec<(PathBuf, Finding)> = Vec::new();
    for line in outcome.log.matching("No rule to make target '") {
        let Some(target) = line.split('\'').nth(1).map(Path::new) else { continue };
        let ours = target.strip_prefix(&outcome.location.path).ok();
        let object = ours.filter(|path| {
            path.extension().is_some_and(|e| e == "o") && !path.to_string_lossy().ends_with(".mod.o")
        });
        if let Some(object) = object
            && !found.iter().any(|(known, _)| known == object)
        {
            found.push((object.to_owned(), missing(outcome, object, line)));
        }
    }
    found.into_iter().map(|(_, finding)| finding).collect()
}

fn missing(outcome: &Outcome<'_>, object: &Path, line: &str) -> Finding {
    let source = object.with_extension("c");
    let title = format!("there is no {} to make {} from", source.display(), object.display());
    let mut diagnostic = error("B-25", title);
    let folder = object.parent().unwrap_or(Path::new(""));
    let sources = outcome.sources();
    let beside: Vec<&Path> = sources
        .iter()
        .map(|(path, _)| path.as_path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .filter(|path| path.parent() == outcome.project.show(&source).parent())
        .collect();
    let stem = object.file_stem().unwrap_or_default().to_string_lossy();
    let near = beside
        .iter()
        .filter_map(|path| Some((distance(&stem, path.file_stem()?.to_str()?), *path)))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 3 || beside.len() == 1)
        .map(|(_, path)| path);
    let makefile = ["Kbuild", "Makefile", "makefile"]
        .iter()
        .map(|name| folder.join(name))
        .find(|path| outcome.project.root.join(path).is_file());
    if let Some(makefile) = makefile
        && let Ok(text) = std::fs::read_to_string(outcome.project.root.join(&makefile))
        && let Some(word) = c_source::find_word(&text, &format!("{stem}.o"), 0)
    {
        let shown = outcome.project.show(&makefile);
        let (line, column) = c_source::place(&text, word.start);
        let width = u32::try_from(word.len()).unwrap_or(0);
        let span = Span::columns(line, column, column.saturating_add(width));
        diagnostic =
            diagnostic.with_evidence(Evidence::source_in(&shown, &text, span, "is listed here"));
        if let Some(stem) = near.and_then(|path| path.file_stem()) {
            let name = format!("{}.o", stem.to_string_lossy());
            let title = format!("make {name} instead");
            let fix = Fix::new(title, Applicability::Unsafe).replace(&shown, &text, word, name);
            diagnostic = diagnostic.with_fix(fix);
        }
    }
    diagnostic = diagnostic.with_evidence(Evidence::output("make", [line]));
    let hint = match near {
        Some(path) => format!("did you mean {}?", path.display()),
        None => format!("write {}, or list the sources there are", source.display()),
    };
    diagnostic.with_hint(hint).into()
}

/// Number of single-letter changes from `a` to `b` (Levenshtein). Names are short.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, &across), &up) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(0);
            next.push((across + usize::from(x != *y)).min(up + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances() {
        for (a, b, n) in [("", "", 0), ("test", "tset", 2), ("a", "", 1), ("printk", "prinkt", 2)] {
            assert_eq!(distance(a, b), n, "{a} {b}");
        }
    }
}
