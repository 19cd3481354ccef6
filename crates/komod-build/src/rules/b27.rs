//! B-27: a module has the same name as one of its sources
//!
//! # What
//! The makefile makes `test.o` of several objects, and one of them is called `test.o` as well.
//!
//! # Why
//! `test-y := test.o other.o` says: link `test.o` and `other.o` into `test.o`. make drops the circle,
//! and the linker is asked to write the file it reads.
//!
//! # Example
//! ```text
//! make[2]: Circular /home/me/test/test.o <- /home/me/test/test.o dependency dropped.
//! ld: error: input file '/home/me/test/test.o' is the same as output file
//! ```
//!
//! # Way out
//! Give the module another name: `obj-m := NAME.o` and `NAME-y := test.o other.o`. If `test.o` is the
//! only object, the line with `test-y` is not needed at all. `komod build --fix` does either.

use komod_diag::{Applicability, Evidence, Fix, Span};

use super::{Finding, Outcome, complete, error};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let texts = ["dependency dropped", "is the same as output file", "linker input file unused"];
    let Some(said) = outcome.said("kbuild", &texts) else { return Vec::new() };
    let Some(line) = outcome.log.matching("dependency dropped").next() else { return Vec::new() };
    let target = line.split("Circular ").nth(1).and_then(|rest| rest.split(" <- ").next());
    let Some(name) = target.and_then(|t| t.rsplit('/').next()).and_then(|t| t.strip_suffix(".o"))
    else {
        return Vec::new();
    };
    let diagnostic = error("B-27", format!("module {name} is made of an object of the same name"));
    let mut diagnostic = complete(diagnostic, Some(said), Vec::new());
    if let Some((place, fix)) = fix(outcome, name) {
        diagnostic = diagnostic.with_evidence(place).with_fix(fix);
        diagnostic = diagnostic.with_hint("let komod change the makefile: komod build --fix");
    } else {
        diagnostic = diagnostic
            .with_hint(format!("name it differently: obj-m := {name}_mod.o and {name}_mod-y := {name}.o ..."));
    }
    vec![diagnostic.into()]
}

/// Drops the line if the object is the only one, else renames the module.
fn fix(outcome: &Outcome<'_>, name: &str) -> Option<(Evidence, Fix)> {
    let path = outcome.project.makefile()?;
    let text = std::fs::read_to_string(&path).ok()?;
    let shown = outcome.project.show(path.strip_prefix(&outcome.project.root).ok()?);
    let mut start = 0;
    let mut listed = None;
    let mut composite = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = u32::try_from(index + 1).ok()?;
        let left = line.split('=').next().unwrap_or_default().trim_end_matches([' ', ':', '+', '?']);
        let left = left.trim();
        if left == "obj-m" {
            let at = line.find(&format!("{name}.o"))?;
            listed = Some(start + at..start + at + name.len());
        } else if ["-y", "-objs"].iter().any(|end| left.strip_suffix(end) == Some(name)) {
            let at = line.find(name)?;
            composite = Some((number, start, line, start + at..start + at + name.len()));
        }
        start += line.len();
    }
    let (number, from, line, word) = composite?;
    let place = Evidence::source_in(&shown, &text, Span::line(number), "names itself");
    let members: Vec<&str> = line.split('=').nth(1)?.split_whitespace().collect();
    if members == [format!("{name}.o")] {
        let title = format!("leave out the line: {name}.o alone needs none");
        let fix = Fix::new(title, Applicability::Safe);
        return Some((place, fix.replace(&shown, &text, from..from + line.len(), "")));
    }
    let other = format!("{name}_mod");
    let fix = Fix::new(format!("call the module {other}"), Applicability::Safe)
        .replace(&shown, &text, listed?, &other)
        .replace(&shown, &text, word, &other);
    Some((place, fix))
}
