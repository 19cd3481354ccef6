//! The little komod reads in makefiles by itself: recipe lines that begin with spaces.
//!
//! GNU make takes a line for a recipe only if it begins with a tab (manual, "Rule Syntax"). A line
//! indented with spaces below a rule is neither a rule nor an assignment, and make stops with
//! `missing separator (did you mean TAB instead of 8 spaces?)`.

use std::ops::Range;

const DIRECTIVES: [&str; 16] = [
    "ifeq", "ifneq", "ifdef", "ifndef", "else", "endif", "include", "-include", "sinclude",
    "define", "endef", "export", "unexport", "override", "vpath", "undefine",
];

/// A recipe line that begins with spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpacedLine {
    /// Its number, from 1.
    pub line: u32,
    /// The spaces, as bytes of the whole text.
    pub indent: Range<usize>,
}

/// Finds recipe lines that begin with spaces.
pub fn spaced_recipe_lines(text: &str) -> Vec<SpacedLine> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut after_rule = false;
    let mut continued = false;
    let mut number: u32 = 0;
    for line in text.split_inclusive('\n') {
        let here = start;
        start += line.len();
        number = number.saturating_add(1);
        let body = line.trim_end();
        let continues = continued;
        continued = body.ends_with('\\');
        if continues || body.is_empty() || body.trim_start().starts_with('#') {
            continue;
        }
        if body.starts_with('\t') {
            continue;
        }
        let trimmed = body.trim_start();
        let word = trimmed.split([' ', '\t', '(']).next().unwrap_or_default();
        if DIRECTIVES.contains(&word) {
            continue;
        }
        if is_assignment(trimmed) {
            after_rule = false;
        } else if after_rule && body.starts_with(' ') {
            let indent = here..here + (body.len() - trimmed.len());
            found.push(SpacedLine { line: number, indent });
        } else {
            after_rule = is_rule(trimmed);
        }
    }
    found
}

/// The text with tabs where they belong, if it needs any.
pub fn with_tabs(text: &str) -> Option<String> {
    let lines = spaced_recipe_lines(text);
    if lines.is_empty() {
        return None;
    }
    let mut repaired = String::with_capacity(text.len());
    let mut done = 0;
    for line in lines {
        repaired.push_str(text.get(done..line.indent.start)?);
        repaired.push('\t');
        done = line.indent.end;
    }
    repaired.push_str(text.get(done..)?);
    Some(repaired)
}

/// `NAME = value`, with any of make's assignment signs.
fn is_assignment(line: &str) -> bool {
    let Some((left, _)) = line.split_once('=') else { return false };
    let name = left.trim_end_matches([':', '+', '?', '!']).trim_end();
    !name.is_empty() && !name.contains([' ', '\t', ':'])
}

/// `targets: prerequisites`, the colon outside of any `$(...)`.
fn is_rule(line: &str) -> bool {
    let mut depth = 0_u32;
    let mut dollar = false;
    for c in line.chars() {
        match c {
            '(' | '{' if dollar || depth > 0 => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return true,
            _ => {}
        }
        dollar = c == '$';
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<u32> {
        spaced_recipe_lines(text).into_iter().map(|line| line.line).collect()
    }

    #[test]
    fn the_tutorials_makefile() {
        let text = "obj-m := test.o\n\nKERNEL := /lib/modules/$(shell uname -r)/build\n\nall:\n        \
                    make -C $(KERNEL) M=$(PWD) modules\n\nclean:\n        make -C $(KERNEL) M=$(PWD) clean\n";
        assert_eq!(lines(text), [6, 9]);
        let repaired = with_tabs(text).unwrap();
        assert!(repaired.contains("all:\n\tmake -C $(KERNEL) M=$(PWD) modules\n"));
        assert_eq!(with_tabs(&repaired), None);
    }

    #[test]
    fn what_may_be_indented_with_spaces() {
        let text = "ifneq ($(KERNELRELEASE),)\n    obj-m := a.o\n    a-y := b.o \\\n        c.o\nelse\n    \
                    KDIR ?= /x\nall:\n\tmake\n    # comment\nendif\n  ifdef X\n  obj-m += y.o\n  endif\n";
        assert!(lines(text).is_empty());
    }

    #[test]
    fn recipes_with_assignments_and_colons_are_recipes() {
        assert_eq!(lines("a: b\n  X=1 ./run\n"), [] as [u32; 0], "make reads this as assignment");
        assert_eq!(lines("$(obj)/a.h: $(src)/a.sh\n    sh $< > $@\n    cp a:b c\n"), [2, 3]);
        assert!(lines("x := $(if a:b,c)\n    whatever\n").is_empty());
    }
}
