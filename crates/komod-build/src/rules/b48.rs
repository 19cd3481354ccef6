//! B-48: the compiler refuses the code
//!
//! # What
//! The source has an error that no other rule knows.
//!
//! # Why
//! The message is the compiler's. Some have a reason that is special to the kernel: there is no C
//! library, so `<stdio.h>` and its like do not exist; floating point is not available; and checks
//! made at compile time (`BUILD_BUG_ON`) show up as odd errors such as "negative width in
//! bit-field".
//!
//! # Example
//! ```text
//! test.c:1:10: fatal error: stdio.h: No such file or directory
//! ```
//!
//! # Way out
//! Correct the line shown. Kernel code includes `<linux/...>` and `<asm/...>` only.

use super::{Finding, Outcome, error};
use crate::messages::Level;

/// What is special to the kernel about a message.
const REASONS: [(&str, &str); 5] = [
    (
        ".h: No such file or directory",
        "The kernel has no C library: a module can include the kernel's own headers (<linux/...>, \
         <asm/...>) and those beside it, not the system's.",
    ),
    (
        "negative width in bit-field",
        "A check at compile time failed, such as that of module_param's permissions: others must \
         not be able to write (0777 is refused, 0644 is fine).",
    ),
    (
        "SSE register",
        "Kernel code must not use floating point: the user's registers are not saved.",
    ),
    (
        "incompatible pointer type",
        "The type of a function or structure of the kernel is another than the code expects; it \
         may have changed with the kernel's version.",
    ),
    (
        "has no member named",
        "The structure has no such field in this kernel: it may have been renamed or removed.",
    ),
];

/// More errors than this are consequences of the first ones.
const MOST: usize = 5;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if outcome.succeeded() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, message) in outcome.messages.iter().enumerate() {
        if message.level != Level::Error || found.len() >= MOST {
            continue;
        }
        let mut diagnostic =
            error("B-48", &message.text).with_evidence(outcome.place(message, ""));
        let notes = outcome.messages.iter().skip(index + 1);
        for note in notes.take_while(|note| note.level == Level::Note).take(2) {
            diagnostic = diagnostic.with_evidence(outcome.place(note, &note.text));
        }
        if let Some((_, reason)) = REASONS.iter().find(|(text, _)| message.text.contains(text)) {
            diagnostic = diagnostic.with_explanation(*reason);
        }
        found.push(Finding { diagnostic, claims: vec![index] });
    }
    found
}
