//! B-46: the kernel does not load modules
//!
//! # What
//! The kernel was configured without loadable modules.
//!
//! # Why
//! `CONFIG_MODULES` is not set. Such kernels are made for appliances and some virtual machines; everything
//! they need is built in. No module can be built for one, and none could be loaded.
//!
//! # Example
//! ```text
//! The present kernel configuration has modules disabled.
//! Type 'make config' and enable loadable module support.
//! Then build a kernel with module support enabled.
//! ```
//!
//! # Way out
//! Another kernel: `komod kernel list`, `komod kernel fetch`.

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let texts = ["has modules disabled", "enable loadable module support", "disabled CONFIG_MODULES"];
    let said = outcome.said("kbuild", &texts).filter(|_| !outcome.succeeded());
    let Some(said) = said else { return Vec::new() };
    let title = format!("kernel {} cannot load modules", outcome.tree.release);
    let diagnostic = error("B-46", title)
        .with_evidence(Evidence::fact("CONFIG_MODULES", "is not set"))
        .with_explanation("It was built without support for modules.");
    let hints = vec!["choose another kernel: komod kernel list".to_owned()];
    vec![complete(diagnostic, Some(said), hints).into()]
}
