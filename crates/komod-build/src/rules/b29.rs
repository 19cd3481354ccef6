//! B-29: a function that this kernel does not have
//!
//! # What
//! The code calls a function that none of the included headers declares.
//!
//! # Why
//! Either the header is not included, or the name is misspelt, or it is a function of the C
//! library (there is none in the kernel), or the kernel's interface has changed: functions inside
//! the kernel are renamed and removed from one release to the next.
//!
//! # Example
//! ```text
//! test.c:7:9: error: implicit declaration of function 'printf' [-Werror=implicit-function-declaration]
//! ```
//!
//! # Way out
//! The message says which of the cases it is when komod knows. `grep -rw NAME` in the kernel tree's
//! `include` folder finds the header.

use std::ops::Range;
use std::path::Path;

use komod_diag::{Applicability, Evidence, Fix, Span};

use super::b25::distance;
use super::{Finding, Outcome, error};
use crate::c_source;
use crate::messages::{Level, Message};

/// Functions of the C library and what does their work in a kernel.
const LIBRARY: [(&str, &str); 14] = [
    ("printf", "pr_info(...) or printk(KERN_INFO ...)"),
    ("puts", "pr_info(\"%s\\n\", ...)"),
    ("malloc", "kmalloc(size, GFP_KERNEL), from <linux/slab.h>"),
    ("calloc", "kcalloc(n, size, GFP_KERNEL), from <linux/slab.h>"),
    ("realloc", "krealloc(p, size, GFP_KERNEL), from <linux/slab.h>"),
    ("free", "kfree(p), from <linux/slab.h>"),
    ("sleep", "ssleep(seconds), from <linux/delay.h>"),
    ("usleep", "usleep_range(min, max), from <linux/delay.h>"),
    ("exit", "return from the init function with a negative error number"),
    ("atoi", "kstrtoint(text, 10, &result), from <linux/kernel.h>"),
    ("strtol", "kstrtol(text, base, &result), from <linux/kernel.h>"),
    ("time", "ktime_get_real_seconds(), from <linux/timekeeping.h>"),
    ("fopen", "filp_open(...), from <linux/fs.h>; but reading files is a task for user space"),
    ("rand", "get_random_u32(), from <linux/random.h>"),
];

/// Functions that went, the release they went in, and what took their place.
const GONE: [(&str, &str, &str); 16] = [
    ("init_timer", "4.15", "timer_setup()"),
    ("setup_timer", "4.15", "timer_setup()"),
    ("do_gettimeofday", "5.0", "ktime_get_real_ts64()"),
    ("ioremap_nocache", "5.6", "ioremap()"),
    ("getnstimeofday", "5.6", "ktime_get_real_ts64()"),
    ("PDE_DATA", "5.17", "pde_data()"),
    ("complete_and_exit", "5.17", "kthread_complete_and_exit()"),
    ("pci_set_dma_mask", "5.18", "dma_set_mask()"),
    ("pci_alloc_consistent", "5.18", "dma_alloc_coherent()"),
    ("pci_map_single", "5.18", "dma_map_single()"),
    ("set_fs", "5.18", "kernel_read(), kernel_write() or copy_from_kernel_nofault()"),
    ("prandom_u32", "6.2", "get_random_u32()"),
    ("create_proc_entry", "3.10", "proc_create()"),
    ("strlcpy", "6.8", "strscpy()"),
    ("del_timer_sync", "6.15", "timer_delete_sync()"),
    ("del_timer", "6.15", "timer_delete()"),
];

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for (index, message) in outcome.messages.iter().enumerate() {
        let implicit = message.text.starts_with("implicit declaration of function")
            || message.text.starts_with("call to undeclared function");
        let Some(name) = message.quoted().filter(|_| implicit) else { continue };
        if message.level == Level::Note || names.contains(&name) {
            continue;
        }
        names.push(name);
        found.push(Finding { diagnostic: missing(outcome, message, name), claims: vec![index] });
    }
    found
}

fn missing(outcome: &Outcome<'_>, message: &Message, name: &str) -> komod_diag::Diagnostic {
    let mut diagnostic = error("B-29", format!("there is no function {name} in what is included"))
        .with_evidence(outcome.place(message, "is not declared"));
    if let Some((_, instead)) = LIBRARY.iter().find(|(known, _)| *known == name) {
        return diagnostic
            .with_explanation("It is a function of the C library, which the kernel does not have.")
            .with_hint(format!("use {instead}"));
    }
    if let Some((_, release, instead)) = GONE.iter().find(|(known, _, _)| *known == name) {
        let told = format!("The kernel has not had it since Linux {release}.");
        return diagnostic.with_explanation(told).with_hint(format!("use {instead}"));
    }
    if let Some((header, evidence)) = declared_in(outcome, name) {
        return diagnostic
            .with_evidence(evidence)
            .with_hint(format!("add the line: #include <{header}>"));
    }
    let theirs = message.text.split("did you mean '").nth(1).and_then(|rest| rest.split('\'').next());
    let near = theirs.filter(|near| distance(near, name) <= 3);
    if let Some(near) = near {
        if let Some((text, word)) = word_at(outcome, message, name) {
            let fix = Fix::new(format!("call {near}"), Applicability::Unsafe);
            diagnostic = diagnostic.with_fix(fix.replace(&message.path, &text, word, near));
        }
        return diagnostic.with_hint(format!("did you mean {near}?"));
    }
    diagnostic.with_hint(format!("kernel {} does not declare it; see if the name is right, or what \
        the kernel's history says about it", outcome.tree.release))
}

/// The place of the word in the file.
fn word_at(outcome: &Outcome<'_>, message: &Message, name: &str) -> Option<(String, Range<usize>)> {
    let text = outcome.read(&message.path)?;
    let skipped = usize::try_from(message.line).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(skipped).map(str::len).sum();
    let word = c_source::find_word(&text, name, start)?;
    Some((text, word))
}

/// The header of the kernel's `include/linux` that declares a function, if one does.
fn declared_in(outcome: &Outcome<'_>, name: &str) -> Option<(String, Evidence)> {
    let folders = include_folders(outcome);
    for folder in folders {
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "h"))
            .collect();
        files.sort();
        for path in files {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            if let Some((line, shown)) = declaration(&text, name) {
                let file = path.file_name()?.to_string_lossy().into_owned();
                let evidence = Evidence::source(&path, Span::line(line), shown, "declared here");
                return Some((format!("linux/{file}"), evidence));
            }
        }
    }
    None
}

/// `include/linux` of the tree, and of the tree that its Makefile includes (Debian's `-common`).
fn include_folders(outcome: &Outcome<'_>) -> Vec<std::path::PathBuf> {
    let mut folders = vec![outcome.tree.file("include/linux")];
    if let Some(common) = outcome.tree.included_makefile().as_deref().and_then(Path::parent) {
        folders.push(common.join("include/linux"));
    }
    folders
}

/// A line that declares `name`: it begins in the first column, with a type or `#define`.
fn declaration(text: &str, name: &str) -> Option<(u32, String)> {
    if !text.contains(name) {
        return None;
    }
    let mut number: u32 = 0;
    for line in text.lines() {
        number = number.saturating_add(1);
        let starts = line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '#' || c == '_');
        let called = |word: Range<usize>| {
            let before = line.get(..word.start).unwrap_or_default();
            let defined = !before.trim().is_empty() && !before.contains(['(', '=', '"']);
            defined && line.get(word.end..).is_some_and(|rest| rest.starts_with('('))
        };
        if starts && c_source::find_word(line, name, 0).is_some_and(called) {
            let known = !line.starts_with("#") || line.starts_with("#define");
            if known {
                return Some((number, line.to_owned()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::declaration;

    #[test]
    fn declarations() {
        let text = "/* kfree(x) */\n * kfree(p)\n\tkfree(p);\nvoid kfree(const void *objp);\n\
                    #define kfree_it(p) kfree(p)\n";
        assert_eq!(declaration(text, "kfree").unwrap().0, 4);
        assert_eq!(declaration(text, "kfree_it").unwrap().0, 5);
        assert_eq!(declaration(text, "free"), None);
        assert_eq!(declaration("#if kfree(x)\n", "kfree"), None);
    }
}
