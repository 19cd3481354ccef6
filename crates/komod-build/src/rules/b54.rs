//! B-54: a makefile does not come to an end
//!
//! # What
//! make was still reading the makefile after minutes, or the kernel's build system had not said a
//! word for so long, or they had started hundreds of programs. komod has ended them.
//!
//! # Why
//! Mostly a `$(shell ...)` that waits for something or never ends, or a makefile that starts make
//! on itself: the usual `make -C $(KDIR) M=$(PWD)` at the top level, not inside
//! `ifneq ($(KERNELRELEASE),)`, does so when kbuild reads it.
//!
//! # Example
//! ```text
//! error[B-54]: make was still reading the makefile after 300 s
//! ```
//!
//! # Way out
//! Look for the endless step: `make -n -C TREE M=FOLDER` in your own terminal shows the last one.
//! If it just takes long, allow more time: `komod build --patience SECONDS`.

use std::time::Duration;

use komod_diag::Diagnostic;

use super::{Finding, Outcome, error};

pub(crate) fn look(_: &Outcome<'_>) -> Vec<Finding> {
    // There is no outcome to look at.
    Vec::new()
}

/// While the makefile was read.
pub(crate) fn reading(patience: Duration) -> Diagnostic {
    hints(error("B-54", format!("make was still reading the makefile after {}", shown(patience))))
}

/// While kbuild did the work.
pub(crate) fn silent(patience: Duration) -> Diagnostic {
    hints(error("B-54", format!("the kernel's build system was silent for {}", shown(patience))))
}

fn shown(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}

fn hints(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .with_explanation("It was ended, with all it had started.")
        .with_hint("look for a $(shell ...) that never ends, or a makefile that starts itself")
        .with_hint("if it just takes long, allow more time: --patience SECONDS")
}
