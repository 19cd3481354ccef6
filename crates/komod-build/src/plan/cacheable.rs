//! Does a plan stay the same as long as the makefiles do?
//!
//! A makefile that runs programs or looks at files elsewhere can say something else each time; its
//! plan is made anew with each build.

use std::fs;
use std::path::{Path, PathBuf};

use crate::recipe::Recipe;

/// Programs whose answer does not change between two builds for the same kernel tree.
const STEADY: [&str; 6] = ["uname -r", "uname -m", "pwd", "pwd -P", "uname", "uname -s"];

/// Looks at the makefiles that are not the kernel's.
pub fn is(makefiles: &[PathBuf], folder: &Path, recipe: &Recipe) -> bool {
    let sources = recipe.scripts.parent().unwrap_or(&recipe.scripts);
    makefiles
        .iter()
        .filter(|path| {
            path.starts_with(folder)
                || !(path.starts_with(sources) || path.starts_with(&recipe.directory))
        })
        .all(|path| fs::read_to_string(path).is_ok_and(|text| is_steady(&text)))
}

fn is_steady(text: &str) -> bool {
    let text = without_comments(text);
    let elsewhere =
        |call: &str| call.starts_with('/') || call.contains("..") || call.contains(" /");
    calls(&text, "shell").all(|command| STEADY.contains(&command))
        && calls(&text, "wildcard").all(|pattern| !elsewhere(pattern))
        && calls(&text, "file").next().is_none()
        && !text.contains("!=")
}

fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The arguments of `$(NAME ...)`, up to the bracket that closes.
fn calls<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(name).filter_map(move |(at, _)| {
        let before = text.get(..at)?.trim_end_matches([' ', '\t']);
        let rest = text.get(at + name.len()..)?;
        let call =
            (before.ends_with("$(") || before.ends_with("${")) && rest.starts_with([' ', '\t']);
        call.then(|| rest.get(..closing(rest)).unwrap_or_default().trim())
    })
}

/// Where the bracket that is open before `rest` closes.
fn closing(rest: &str) -> usize {
    let mut depth = 1_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::is_steady;

    #[test]
    fn makefiles_that_look_around() {
        for steady in [
            "KDIR := /lib/modules/$(shell uname -r)/build\nobj-m := x.o\n",
            "PWD := $(shell pwd)\nshell := x\n",
            "x-y := $(patsubst %.c,%.o,$(notdir $(wildcard $(src)/*.c)))\n",
            "# $(shell git describe)\nobj-m := x.o",
        ] {
            assert!(is_steady(steady), "{steady}");
        }
        for other in [
            "V := $(shell git describe)\n",
            "V != date\n",
            "ifneq ($(wildcard /usr/include/x.h),)\nendif\n",
            "ifneq (${wildcard $(src)/../x.h},)\nendif\n",
            "X := $(file < /etc/hostname)\n",
        ] {
            assert!(!is_steady(other), "{other}");
        }
    }
}
